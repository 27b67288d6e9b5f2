//! Other programs that use the cards: they hold them, reset them, and want them while we do.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use breakglass::ports::Patience;

use crate::pair::{Ended, Pair, with_pair};

fn is_busy(what: &str, ended: &Ended) {
    let Ended::Failed(failure) = ended else {
        panic!("{what}: {ended:?}");
    };
    assert_eq!(failure.code, "token-busy", "{what}");
    assert!(
        failure.what.contains("virtual-yubikey"),
        "{what}: {failure:?}"
    );
}

/// A card that another program holds for itself is told as busy, by whom, at once; and so it is within the limit
/// where the other one is in the middle of a transaction.
#[test]
fn a_card_that_another_program_holds() {
    with_pair("others::a_card_that_another_program_holds", |pair| {
        for (reader, how) in [(0, "exclusive"), (1, "exclusive"), (0, "transaction")] {
            let what = format!("{how} use of reader {reader}");
            pair.clear();
            let holder = pair.desk.hold(reader, how);
            let ended = pair.attempt();
            is_busy(&what, &ended);
            drop(holder);
            pair.recovers(&what, &ended);
        }
    });
}

/// What another program does for a moment is waited for, and its reset at the end does not disturb us.
#[test]
fn a_card_that_another_program_uses_for_a_moment() {
    with_pair(
        "others::a_card_that_another_program_uses_for_a_moment",
        |pair| {
            for reader in [0, 1] {
                pair.clear();
                let holder = pair.desk.hold(reader, "transaction");
                let ended = thread::scope(|scope| {
                    scope.spawn(|| {
                        thread::sleep(Duration::from_millis(700));
                        drop(holder);
                    });
                    pair.attempt()
                });
                assert!(matches!(ended, Ended::Opened), "reader {reader}: {ended:?}");
                pair.recovers("a moment's use", &ended);
            }
        },
    );
}

/// While we hold a card nobody comes between: who wants it for themselves is refused or waits, and who wants to use
/// and reset it waits until we have reset it.
#[test]
fn nobody_comes_between() {
    with_pair("others::nobody_comes_between", |pair| {
        for how in ["exclusive", "transaction"] {
            pair.clear();
            comes_late(pair, how);
        }
    });
}

fn comes_late(pair: &Pair<'_>, how: &str) {
    let over = AtomicBool::new(false);
    let first = std::cell::Cell::new(true);
    let desk = pair.desk;
    desk.tell("auto-touch 11112222 off");
    thread::scope(|scope| {
        let mut late = None;
        let ended = pair.attempt_with(&mut |_| {}, &mut |_| {
            if first.replace(false) {
                let mut other = desk.tries_to_hold(0, how);
                let over = &over;
                late = Some(scope.spawn(move || (other.holds(), over.load(SeqCst))));
                thread::sleep(Duration::from_millis(300));
                over.store(true, SeqCst);
                desk.tell("auto-touch 11112222 on");
            }
            Patience::Wait
        });
        assert!(matches!(ended, Ended::Opened), "{how}: {ended:?}");
        let (held, after) = late.expect("it tried").join().expect("an answer");
        assert!(!held || after, "{how}: it came between");
        assert!(held || how == "exclusive", "it waited until we were done");
    });
    pair.recovers(how, &Ended::Opened);
}

/// A touch that does not come in time is told as that, and spends no try.
#[test]
fn nobody_touches_it() {
    with_pair("others::nobody_touches_it", |pair| {
        for serial in crate::pair::BOTH {
            pair.clear();
            pair.desk.tell(&format!("touch-limit {serial} 0.3"));
            pair.desk.tell(&format!("auto-touch {serial} off"));
            let ended = pair.attempt();
            assert_eq!(ended.code(), "not-touched", "{ended:?}");
            pair.desk.tell(&format!("auto-touch {serial} on"));
            pair.recovers("a missed touch", &ended);
        }
    });
}
