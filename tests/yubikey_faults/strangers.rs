//! Cards that are not what they claim, and readers that are called the same.

use crate::pair::{BOTH, Ended, FIRST, SECOND, with_pair};

/// The key in the slot is another one: before the ceremony its PIN is not even asked for; between the two people
/// what it gives opens nothing.
#[test]
fn a_key_that_was_made_anew() {
    with_pair("strangers::a_key_that_was_made_anew", |pair| {
        let ended = pair.attempt_with(
            &mut |done| {
                if done == 1 {
                    pair.desk.tell(&format!("regenerate {SECOND} 9d"));
                }
            },
            &mut |_| breakglass::ports::Patience::Wait,
        );
        assert!(matches!(ended, Ended::WrongShare), "{ended:?}");
        for (serial, given) in [(SECOND, [1, 0]), (FIRST, [0, 0])] {
            if serial == FIRST {
                pair.desk.tell(&format!("regenerate {FIRST} 9d"));
            }
            pair.clear();
            let ended = pair.attempt();
            assert!(matches!(ended, Ended::NotEnrolled), "{ended:?}");
            let verifies = BOTH.map(|serial| pair.desk.counts(serial)["verifies"].as_u64());
            assert_eq!(verifies, given.map(Some));
        }
    });
}

/// A card is known by its key: what serial number it claims to have does not matter to those whose it is, and does
/// not help a stranger.
#[test]
fn a_serial_number_that_lies() {
    with_pair("strangers::a_serial_number_that_lies", |pair| {
        for serial in BOTH {
            pair.desk.tell(&format!("serial {serial} 7"));
            let ended = pair.attempt();
            assert!(matches!(ended, Ended::Opened), "{ended:?}");
            pair.desk.tell(&format!("serial {serial} {serial}"));
        }
        let desk = pair.desk;
        desk.tell("card 55556666@2");
        desk.tell(&format!("serial 55556666 {FIRST}"));
        desk.tell("settle");
        // Beside the real one it changes nothing.
        pair.clear();
        let ended = pair.attempt();
        pair.recovers("a stranger beside", &ended);
        assert!(matches!(ended, Ended::Opened), "{ended:?}");
        // In its place it has no key, and is not asked for a PIN.
        desk.tell(&format!("remove {FIRST}"));
        desk.tell("settle");
        pair.clear();
        let ended = pair.attempt();
        assert_eq!(ended.code(), "token-not-prepared", "{ended:?}");
        assert_eq!(desk.counts(55_556_666)["verifies"], 0);
        desk.tell("remove 55556666");
        desk.tell(&format!("insert {FIRST} 0"));
        desk.tell("settle");
        pair.recovers("a stranger in its place", &ended);
    });
}

/// Readers of one make are called the same but for a number: cards may change places.
#[test]
fn two_readers_of_the_same_name() {
    with_pair("strangers::two_readers_of_the_same_name", |pair| {
        let desk = pair.desk;
        let readers = desk.tell("readers");
        let names: Vec<String> = serde_json::from_str(&readers).expect("JSON");
        assert_eq!(
            names[0].trim_end_matches("00 00"),
            names[1].trim_end_matches("00 01")
        );
        let swapped = [(FIRST, 1), (SECOND, 0)];
        let own = [(FIRST, 0), (SECOND, 1)];
        for places in [swapped, own] {
            for (serial, _) in places {
                desk.tell(&format!("remove {serial}"));
            }
            for (serial, reader) in places {
                desk.tell(&format!("insert {serial} {reader}"));
            }
            desk.tell("settle");
            pair.clear();
            let ended = pair.attempt();
            assert!(matches!(ended, Ended::Opened), "{ended:?}");
            pair.spent_once("swapped");
        }
    });
}
