//! HSMs that nobody here has, played by modules in software under the HSM's own profile: a library gets its
//! profile by its name, so a copy of another library under that name is held to it. What is shown is that
//! the people and the binary get along with such a profile from the founding to the opening, not that the
//! HSM does.

use std::fs;
use std::path::{Path, PathBuf};

use breakglass::crypto::SoftwareSigner;
use breakglass::format::{Policy, Thresholds};
use breakglass::model::{Firmware, Role};
use breakglass::ops::{Founder, Founding, Station, Usual, World};
use breakglass::ports::{Clock, Declined, KeyRequest, Notice, Operator, PinRequest, TokenProvider};
use breakglass::secret::Pin;
use breakglass::store::{DirStore, StationFolder};
use breakglass::system::{SystemClock, SystemEntropy};

use crate::make::{KRYOPTIC, Make, SOFTHSM, with_token};
use crate::scene::{self, Scene, Seen};
use crate::{Holder, Vault};

/// A copy of the library under another name.
fn played_by(make: &Make, folder: &Path, name: &str) -> String {
    let copy: PathBuf = folder.join(name);
    fs::copy(make.library().expect("it is installed"), &copy).expect("the folder is ours");
    copy.to_str().expect("UTF-8").to_owned()
}

fn in_softhsm(scene: &Scene, name: &'static str, pin: &str) -> Holder {
    scene.initialise_with(name, pin);
    Holder {
        name,
        uri: scene::uri(name),
        pin: pin.to_owned(),
    }
}

/// Whoever uses an untried profile is told.
fn is_told(seen: &Seen, profile: &str) {
    let text = format!("{}{}", seen.text, seen.error);
    // The terminal breaks no lines, and the screen is not asked for one.
    assert!(
        text.contains(&format!("the profile {profile} was written from documents")),
        "{seen}"
    );
}

/// Keys that are shown only after the login, PINs that begin with the number of an authentication key.
#[test]
fn two_people_on_a_yubihsm_as_its_profile_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let library = played_by(&SOFTHSM, folder.path(), "yubihsm_pkcs11.so");
    let vault = Vault::of_modules(vec![library]);
    let ic = in_softhsm(&vault.scene, "alice", "0010correct-horse");
    let bgo = in_softhsm(&vault.scene, "bob", "0011battery-staple");
    // A password without the number is not sent.
    let generate = ["token", "generate", &ic.uri];
    let prompt = "(not shown): ";
    let seen = vault
        .ask(&generate, &[(prompt, "correct-horse"), (prompt, &ic.pin)])
        .ended(0);
    assert!(
        seen.text
            .contains("Not sent to the token: it begins with the four hexadecimal"),
        "{seen}"
    );
    is_told(&seen, "yubihsm2");
    vault.generate(&bgo);
    let inspected = vault.run(&["token", "inspect", &ic.uri]).ended(0);
    assert!(
        inspected.text.contains("shown only with its PIN"),
        "{inspected}"
    );
    is_told(&inspected, "yubihsm2");
    is_told(&vault.run(&["token", "list"]).ended(0), "yubihsm2");

    // Each is asked twice: once for the keys, once to sign.
    let (ask_ic, ask_bgo) = (ic.prompt(), bgo.prompt());
    let answers = [
        (&*ask_ic, &*ic.pin),
        (&*ask_bgo, &*bgo.pin),
        (&*ask_ic, &*ic.pin),
        (&*ask_bgo, &*bgo.pin),
    ];
    is_told(&vault.found(&ic, &bgo, &answers), "yubihsm2");
    vault.add_and_seal();
    let seen = vault
        .unseal(&[(&ask_ic, &ic.pin), (&ask_bgo, &bgo.pin)])
        .ended(0);
    assert!(seen.text.contains("got AKIA"), "{seen}");
    // A third person is enrolled, whose keys nobody sees before the PIN either.
    let carol = in_softhsm(&vault.scene, "carol", "0012tr0ub4dor&3");
    vault.generate(&carol);
    let enroll = [
        "custodian",
        "enroll",
        "carol",
        "--role",
        "ic",
        "--token",
        &carol.uri,
    ];
    let ask_carol = carol.prompt();
    vault
        .ask(
            &enroll,
            &[
                (&ask_carol, &carol.pin),
                (&ask_carol, &carol.pin),
                (&ask_ic, &ic.pin),
                (&ask_bgo, &bgo.pin),
            ],
        )
        .ended(0);
}

/// Other keys in the place of the enrolled ones, on a token that shows them only after the login: the answer
/// is found out, and nothing is opened.
#[test]
fn other_keys_behind_a_login_open_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let library = played_by(&SOFTHSM, folder.path(), "yubihsm_pkcs11.so");
    let vault = Vault::of_modules(vec![library]);
    let ic = in_softhsm(&vault.scene, "alice", "0010correct-horse");
    let bgo = in_softhsm(&vault.scene, "bob", "0011battery-staple");
    for holder in [&ic, &bgo] {
        vault.generate(holder);
    }
    let (ask_ic, ask_bgo) = (ic.prompt(), bgo.prompt());
    let twice = [(&*ask_ic, &*ic.pin), (&*ask_bgo, &*bgo.pin)].repeat(2);
    vault.found(&ic, &bgo, &twice);
    vault.add_and_seal();
    vault.scene.remove_keys(ic.name, &ic.pin);
    vault.generate(&ic);
    let seen = vault.unseal(&[(&ask_ic, &ic.pin)]).ended(7);
    assert!(!seen.text.contains("got AKIA"), "{seen}");
}

/// The OAEP suite, a user's name and a password in one, read-write sessions, keys behind the login.
#[test]
fn one_person_on_cloudhsm_as_its_profile_has_it() {
    let test = "played::one_person_on_cloudhsm_as_its_profile_has_it";
    with_token(&KRYOPTIC, test, |bench| {
        let library = played_by(&KRYOPTIC, bench.folder(), "libcloudhsm_pkcs11.so");
        let softhsm = SOFTHSM.library().unwrap().to_str().unwrap().to_owned();
        let vault = Vault::of_modules(vec![softhsm, library]);
        let ic = Holder::in_softhsm(&vault.scene, "alice");
        bench.change_pin("bob:long-password");
        let bgo = Holder {
            name: "bob",
            // The other token of this label is SoftHSM's.
            uri: "pkcs11:token=alice;manufacturer=Kryoptic%20Project".to_owned(),
            pin: "bob:long-password".to_owned(),
        };
        let ic = Holder {
            uri: "pkcs11:token=alice;manufacturer=SoftHSM%20project".to_owned(),
            ..ic
        };
        vault.generate(&ic);
        is_told(&vault.generate(&bgo), "aws-cloudhsm");
        let (ask_ic, ask_bgo) = (ic.prompt(), bgo.prompt());
        let answers = [
            (&*ask_bgo, &*bgo.pin),
            (&*ask_ic, &*ic.pin),
            (&*ask_bgo, &*bgo.pin),
        ];
        vault.found(&ic, &bgo, &answers);
        vault.add_and_seal();
        let seen = vault
            .unseal(&[(&ask_ic, &ic.pin), (&ask_bgo, &bgo.pin)])
            .ended(0);
        assert!(seen.text.contains("got AKIA"), "{seen}");
    });
}

/// No PIN is asked for where none is checked: the person answers for the token by name.
#[test]
fn a_token_without_a_pin_is_answered_for_by_name() {
    let test = "played::a_token_without_a_pin_is_answered_for_by_name";
    with_token(&crate::make::NSS_WITHOUT_PIN, test, |bench| {
        let provider = bench.beside_softhsm(|profile| profile.pin.checked = false);
        let mut people = ByName::default();
        let policy = policy();
        let usual = Usual {
            policy: &policy,
            now: SystemClock.now(),
        };
        let generate = |locator, people: &mut ByName| {
            breakglass::ops::token_generate(&provider, locator, false, &usual, people).map(drop)
        };
        generate(bench.make.locator, &mut people).unwrap();
        assert_eq!(people.answered, ["NSS Certificate DB"]);
        let mut token = provider.open(bench.make.locator).unwrap();
        let none = Pin::none();
        let keys = token.keys().unwrap();
        assert!(token.perform(&none, &[KeyRequest::Sign(b"x")]).is_ok());
        assert_eq!(token.keys().unwrap(), keys);
        // At the founding the custodian's name is what is typed; the other person's PIN is asked for.
        generate(SOFTHSM.locator, &mut people).unwrap();
        found(bench.folder(), &provider, bench.make.locator, &mut people);
        assert_eq!(people.answered, ["NSS Certificate DB", "carol"]);
        assert_eq!(people.pins, 2);
        // The rule of all other profiles: a token that asks for no PIN is not used with one.
        let strict = bench.under(|_| {});
        let mut token = strict.open(bench.make.locator).unwrap();
        let pin = crate::token_rules::pin(crate::make::PIN);
        let error = crate::token_rules::error_of(token.perform(&pin, &[]));
        assert!(error.to_string().contains("asks for no PIN"), "{error}");
    });
}

/// Founds a vault with carol, whose token checks no PIN, and alice, whose token is SoftHSM's.
fn found(folder: &Path, tokens: &dyn TokenProvider, carols: &str, people: &mut ByName) {
    let memory = StationFolder::new(folder.join("station"));
    let station = Station {
        name: "laptop".parse().unwrap(),
        signer: SoftwareSigner::new(memory.seed(&SystemEntropy).unwrap()),
        memory: &memory,
    };
    let world = World {
        store: &DirStore::found(folder.join("vault")).unwrap(),
        tokens,
        clock: &SystemClock,
        entropy: &SystemEntropy,
        station: &station,
    };
    let founder = |name: &str, role, locator: &str| Founder {
        name: name.parse().unwrap(),
        role,
        locators: vec![locator.to_owned()],
    };
    let founding = Founding {
        vault: "acme".parse().unwrap(),
        founders: vec![
            founder("carol", Role::Ic, carols),
            founder("alice", Role::Bgo, SOFTHSM.locator),
        ],
        thresholds: Thresholds {
            ic: 1,
            bgo: 1,
            so: 0,
        },
        compartments: vec!["main".parse().unwrap()],
        policy: policy(),
    };
    breakglass::ops::found(&world, &founding, people).unwrap_or_else(|e| panic!("{e}"));
}

fn policy() -> Policy {
    Policy {
        allow_no_touch: true,
        rotate_days: 30,
        max_lease_minutes: 240,
        grace_minutes: 60,
        keep_proved_days: None,
        min_firmware: Firmware(5, 7, 0),
        allow_pin_once: false,
        attestation_roots: Vec::new(),
    }
}

/// Somebody who types the name that is asked for, and the PIN of SoftHSM's token.
#[derive(Default)]
struct ByName {
    answered: Vec<String>,
    pins: u32,
}

impl Operator for ByName {
    fn notice(&mut self, _: Notice) {}

    fn pin(&mut self, request: &PinRequest<'_>) -> Result<Pin, Declined> {
        assert_eq!(request.token.label, "alice", "no PIN is asked of the other");
        self.pins += 1;
        Ok(crate::token_rules::pin(crate::make::PIN))
    }

    fn choose(&mut self, _: &str, _: &[String]) -> Result<usize, Declined> {
        Err(Declined::Said)
    }

    fn confirm(&mut self, question: &str, answer: &str) -> Result<(), Declined> {
        assert!(question.contains("checks no PIN"), "{question}");
        self.answered.push(answer.to_owned());
        Ok(())
    }
}
