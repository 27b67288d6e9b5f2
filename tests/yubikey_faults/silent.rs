//! A card that gives no answer: the command ends at its limit, and the next attempt waits until the card is free.

use std::thread;

use crate::pair::{FIRST, SECOND, with_pair_and};

const TEST: &str = "silent::a_card_that_gives_no_answer";
/// Which of them this process plays.
const WHICH: &str = "BREAKGLASS_TEST_SILENT";
/// Whose card, at which exchange, for how long: at the first look, with the PIN, and while it waits to be touched.
const SILENT: [(u32, usize, &str); 3] = [
    (FIRST, 0, "hang 12000"),
    (SECOND, 4, "hang 12000"),
    (FIRST, 5, "hang 27000"),
];

/// All three at a time, each with a rack of its own: they wait most of the time.
#[test]
fn a_card_that_gives_no_answer() {
    if let Ok(which) = std::env::var(WHICH) {
        return play(which.parse().expect("a number"));
    }
    thread::scope(|scope| {
        for which in 0..SILENT.len() {
            scope.spawn(move || play(which));
        }
    });
}

fn play(which: usize) {
    let (serial, exchange, kind) = SILENT[which];
    with_pair_and(TEST, &[(WHICH, which.to_string())], |pair| {
        pair.clear();
        pair.arm(serial, exchange, kind);
        let ended = pair.attempt();
        assert_eq!(ended.code(), "token-silent", "{ended:?}");
        pair.recovers(kind, &ended);
    });
}
