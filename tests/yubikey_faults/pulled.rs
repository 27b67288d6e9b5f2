//! The card or the service goes away in the middle of an exchange.

use std::thread;

use crate::pair::{FIRST, Pair, with_pair};

/// The reader that a card belongs into.
fn reader(serial: u32) -> usize {
    usize::from(serial != FIRST)
}

fn put_back(pair: &Pair<'_>, serial: u32) {
    let desk = pair.desk;
    desk.tell(&format!("insert {serial} {}", reader(serial)));
    desk.tell("settle");
}

fn pulled(test: &str, fault: &str) {
    with_pair(test, |pair| {
        pair.at_each_exchange(&[fault], |serial, exchange, fault| {
            pair.arm(serial, exchange, fault);
            let ended = pair.attempt();
            put_back(pair, serial);
            ended
        });
    });
}

#[test]
fn a_card_pulled_out_before_it_did_anything() {
    pulled("pulled::a_card_pulled_out_before_it_did_anything", "pull");
}

#[test]
fn a_card_pulled_out_after_it_did_it() {
    pulled("pulled::a_card_pulled_out_after_it_did_it", "pull-after");
}

/// The card takes its time, and meanwhile the service is killed; it runs again for the next attempt.
#[test]
fn the_service_killed() {
    with_pair("pulled::the_service_killed", |pair| {
        pair.at_each_exchange(&["pcscd killed"], |serial, exchange, _| {
            pair.arm(serial, exchange, "hang 60000");
            let ended = thread::scope(|scope| {
                scope.spawn(|| {
                    pair.await_exchange(serial, exchange);
                    pair.desk.tell("pcscd kill");
                });
                pair.attempt()
            });
            // Taken out, it takes no more time.
            pair.desk.tell(&format!("remove {serial}"));
            pair.desk.tell("pcscd start");
            put_back(pair, serial);
            ended
        });
    });
}
