//! The same random sessions at a real terminal, through the binary. `BREAKGLASS_TEST_SESSIONS` says how many.

use std::thread;
use std::time::{Duration, Instant};

use crate::pty::{PATIENCE, Pty};
use crate::safe::{ALICE, PIN_ALICE, Safe, end};
use crate::scene::Seen;
use crate::typed::{Chance, line};

const PROMPT: &str = "PIN of alice for token serial 11112222 (not shown): ";
const CONSENT: &str = "anything else to keep it: ";
/// Alice has contributed, and Bob is waited for.
const GOOD: &str = "Insert a token of the Break-Glass Operator.";
/// The last line of whatever is refused.
const REFUSED: &str = "hint: ";

/// The first of these texts that is shown after so many bytes, and where it ends.
fn next_of(pty: &Pty, from: usize) -> (&'static str, usize) {
    let since = Instant::now();
    loop {
        let shown = pty.transcript();
        let fresh = shown.get(from..).unwrap_or_default();
        let found = [PROMPT, CONSENT, GOOD, REFUSED].map(|text| (fresh.find(text), text));
        let first = found
            .into_iter()
            .filter_map(|(at, text)| Some((at?, text)))
            .min();
        if let Some((at, text)) = first {
            return (text, from + at + text.len());
        }
        assert!(since.elapsed() < PATIENCE, "{shown}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Plays one session: what was seen, and how many last tries were agreed to.
fn session(safe: &Safe, chance: &Chance) -> (Seen, usize) {
    let mut pty = safe.unseal("deploy");
    let (mut at, mut consents) = (0, 0);
    loop {
        let (text, to) = next_of(&pty, at);
        at = to;
        match text {
            PROMPT => pty.send_line(&line(chance, PIN_ALICE).replace('\n', "\r")),
            CONSENT if chance.below(2) == 0 => {
                consents += 1;
                pty.send_line(&ALICE.to_string())
            }
            CONSENT => pty.send_line("no"),
            GOOD => pty.send("\x03"),
            _ => break,
        };
    }
    (end(&mut pty), consents)
}

#[test]
fn random_sessions_at_a_terminal() {
    let wanted = std::env::var("BREAKGLASS_TEST_SESSIONS").ok();
    let sessions: usize = wanted.map_or(20, |text| text.parse().expect("a number"));
    let chance = Chance::new();
    let safe = Safe::sealed(&["deploy"]);
    safe.rack.tell("remove 33334444");
    safe.rack.tell("settle");
    safe.auto_touch(true);
    let (mut left, mut total) = (3_u64, 0);
    for number in 0..sessions {
        safe.clear();
        let (seen, consents) = session(&safe, &chance);
        let what = format!("session {number}, {chance}: {seen}");
        let count = |text: &str| seen.text.matches(text).count() as u64;
        // What the card counted is what the terminal sent: a wrong PIN is told once, a right one leads to a touch.
        let good = u64::from(count(GOOD) > 0);
        let wrong = count("wrong PIN for") + count("error: the PIN of");
        let spent = safe.verifies(ALICE);
        assert_eq!(spent, good + wrong, "{what}");
        total += spent;
        let blocks = wrong == left && good == 0;
        assert!(!blocks || consents == 1, "without consent: {what}");
        assert!(wrong <= left, "{what}");
        left = match (good, blocks) {
            (1, _) => 3,
            (_, false) => left - wrong,
            (_, true) => {
                assert_eq!(seen.code, 6, "{what}");
                safe.rack.tell(&format!("tries {ALICE} 3 3"));
                3
            }
        };
    }
    assert!(total > 0, "{chance}");
}
