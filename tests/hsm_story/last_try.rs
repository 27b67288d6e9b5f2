//! The warnings of a token about its PIN, on modules that really give them: the last try is never spent
//! without a consent that is typed, and a blocked PIN is exit code 6.

use breakglass::ports::{PinStatus, TokenProvider};

use crate::make::{Bench, KRYOPTIC, Make, OPENCRYPTOKI, SOFTHSM, WRONG_PIN, with_token};
use crate::scene::Seen;
use crate::{Holder, Vault};

const PROMPT: &str = "(not shown): ";
const LAST: &str = "Type its serial number to use the last try";

struct Story<'b> {
    bench: &'b Bench<'b>,
    vault: Vault,
    holder: Holder,
}

impl Story<'_> {
    fn generate(&self, answers: &[(&str, &str)]) -> Seen {
        self.vault
            .ask(&["token", "generate", &self.holder.uri], answers)
    }

    /// What the token says of its PIN, past the binary.
    fn status(&self) -> PinStatus {
        let provider = self.bench.under(|_| {});
        provider
            .open(&self.holder.uri)
            .unwrap()
            .pin_status()
            .unwrap()
    }

    fn serial(&self) -> String {
        let seen = self
            .vault
            .run(&["token", "inspect", &self.holder.uri, "--json"])
            .ended(0)
            .json();
        seen["identity"]["serial"]
            .as_str()
            .expect("a serial")
            .to_owned()
    }
}

/// `tries` is how many wrong PINs block the token, `warns_after` after how many it warns.
fn with_story(make: &Make, test: &str, body: impl FnOnce(&Story<'_>)) {
    with_token(make, test, |bench| {
        body(&Story {
            bench,
            vault: Vault::empty(&[&SOFTHSM, make]),
            holder: Holder::in_bench(bench, "alice"),
        });
    });
}

fn until_the_last(story: &Story<'_>, tries: u32, warns_after: u32) {
    for spent in 0..tries - 1 {
        let seen = story.generate(&[(PROMPT, WRONG_PIN)]).ended(5);
        let warned = seen.text.contains("a wrong PIN was entered before");
        assert_eq!(warned, spent >= warns_after, "{spent}: {seen}");
        assert!(!seen.text.contains("LAST TRY"), "{spent}: {seen}");
    }
    assert_eq!(story.status(), PinStatus::FinalTry);
}

fn the_last_try(story: &Story<'_>, tries: u32, warns_after: u32) {
    until_the_last(story, tries, warns_after);
    let serial = story.serial();
    // Not consented to: no PIN is asked for, and the try is still there.
    for answer in ["yes", "", "\x03"] {
        let seen = story.generate(&[(LAST, answer)]);
        assert_eq!(seen.code, if answer == "\x03" { 3 } else { 6 }, "{seen}");
        assert!(!seen.text.contains("(not shown)"), "{seen}");
        assert_eq!(story.status(), PinStatus::FinalTry);
    }
    let inspected = story
        .vault
        .run(&["token", "inspect", &story.holder.uri])
        .ended(0);
    assert!(inspected.text.contains("one try is left"), "{inspected}");
    // Consented to, with the right PIN: the counter begins anew.
    story
        .generate(&[(LAST, &serial), (PROMPT, &story.holder.pin)])
        .ended(0);
    assert_eq!(story.status(), PinStatus::Untold);
}

fn blocked(story: &Story<'_>, tries: u32, warns_after: u32) {
    until_the_last(story, tries, warns_after);
    let serial = story.serial();
    story.generate(&[(LAST, &serial), (PROMPT, WRONG_PIN)]);
    assert_eq!(story.status(), PinStatus::Locked);
    // Nobody is asked for anything then.
    let seen = story.generate(&[]).ended(6);
    assert!(seen.text.contains("[pin-locked]"), "{seen}");
    assert!(!seen.text.contains("(not shown)"), "{seen}");
    let inspected = story
        .vault
        .run(&["token", "inspect", &story.holder.uri])
        .ended(0);
    assert!(inspected.text.contains("blocked"), "{inspected}");
}

#[test]
fn opencryptoki_keeps_its_last_try() {
    with_story(
        &OPENCRYPTOKI,
        "last_try::opencryptoki_keeps_its_last_try",
        |story| {
            the_last_try(story, 3, 1);
        },
    );
}

#[test]
fn opencryptoki_blocked_is_six() {
    with_story(
        &OPENCRYPTOKI,
        "last_try::opencryptoki_blocked_is_six",
        |story| {
            blocked(story, 3, 1);
        },
    );
}

#[test]
fn kryoptic_keeps_its_last_try() {
    with_story(
        &KRYOPTIC,
        "last_try::kryoptic_keeps_its_last_try",
        |story| {
            the_last_try(story, 10, 7);
        },
    );
}

#[test]
fn kryoptic_blocked_is_six() {
    with_story(&KRYOPTIC, "last_try::kryoptic_blocked_is_six", |story| {
        blocked(story, 10, 7);
    });
}

/// In an opening: the third try is the last one, and it is withheld. The refusal is in the ledger, and the
/// vault opens as soon as the right PIN is known.
#[test]
fn an_opening_stops_before_the_last_try() {
    with_story(
        &OPENCRYPTOKI,
        "last_try::an_opening_stops_before_the_last_try",
        |story| {
            let (vault, ic) = (&story.vault, &story.holder);
            let bgo = Holder::in_softhsm(&vault.scene, "bob");
            vault.generate(ic);
            vault.generate(&bgo);
            vault.found_and_seal(ic, &bgo);
            let prompt = ic.prompt();
            let seen = vault.unseal(&[(&prompt, WRONG_PIN), (&prompt, WRONG_PIN), (LAST, "no")]);
            let seen = seen.ended(6);
            assert!(seen.text.contains("[last-try-withheld]"), "{seen}");
            assert_eq!(story.status(), PinStatus::FinalTry);
            let log = vault.scene.log().to_string();
            assert!(
                log.contains("last-try-withheld") && log.contains("wrong-pin"),
                "{log}"
            );
            assert!(!log.contains("\"opened\""), "{log}");
            let serial = story.serial();
            let seen = vault.unseal(&[
                (LAST, &serial),
                (&prompt, &ic.pin),
                (&bgo.prompt(), &bgo.pin),
            ]);
            assert!(seen.ended(0).text.contains("got AKIA"));
            assert!(vault.scene.log().to_string().contains("\"opened\""));
        },
    );
}
