//! Answers that are wrong: status words, lies, cut off, too long, garbage, and a card that lost its power without
//! anybody being told.

use crate::pair::with_pair;

/// Answers that are wrong, each at each exchange with each card.
fn spoilt(test: &str, faults: &[&str]) {
    with_pair(test, |pair| {
        pair.at_each_exchange(faults, |serial, exchange, fault| {
            pair.arm(serial, exchange, fault);
            pair.attempt()
        });
    });
}

#[test]
fn status_words_that_mean_nothing_good() {
    let words = ["6f00", "6982", "6983", "63c2", "6a82", "6d00"];
    let faults = words.map(|word| format!("status {word}"));
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    spoilt("answers::status_words_that_mean_nothing_good", &faults);
}

#[test]
fn answers_that_lie() {
    let faults = ["lie 9000", "lie 6f00", "lie 6982", "lie 63c2"];
    spoilt("answers::answers_that_lie", &faults);
}

#[test]
fn answers_that_are_cut_off_too_long_or_garbage() {
    let faults = [
        "truncate",
        "truncate 1",
        "oversize",
        "oversize 5000",
        "garbage",
    ];
    spoilt(
        "answers::answers_that_are_cut_off_too_long_or_garbage",
        &faults,
    );
}

#[test]
fn a_card_that_lost_its_power_unseen() {
    spoilt("answers::a_card_that_lost_its_power_unseen", &["reset"]);
}
