//! Which uses of a sealed key are explained: by its proof when it was made, and by the openings that the
//! ledger knows of.

use std::time::Duration;

use crate::ledger::{KeyState, VaultState};
use crate::model::Timestamp;

/// By how much the clocks of AWS and of the stations may differ, and how coarsely AWS counts a use: it
/// takes no request that is further off than this (Signature Version 4).
pub const SLACK: Duration = Duration::from_secs(15 * 60);

/// Whether nothing that the ledger knows explains a use of the key at that time.
pub fn is_unexplained(state: &VaultState, key: &KeyState, used: Timestamp) -> bool {
    let proof = key.sealed.max(key.proved.unwrap_or(key.sealed));
    if used <= proof.plus(SLACK) {
        return false;
    }
    let mut openings = key
        .opened_in
        .iter()
        .filter_map(|name| state.incidents.get(name));
    let over = key.deactivated.map(|deactivated| deactivated.plus(SLACK));
    !openings.any(|incident| {
        incident.declared <= used.plus(SLACK) && over.is_none_or(|over| used <= over)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Entry, Event, Writer};
    use crate::model::Digest;

    const SEALED: i64 = 1_000_000;
    const QUARTER: i64 = 15 * 60;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(SEALED + seconds)
    }

    fn key(opened_in: &[&str]) -> KeyState {
        KeyState {
            id: "AKIAIOSFODNN7EXAMPLE".parse().unwrap(),
            generation: 1,
            record: Digest([0; 32]),
            witness: vec![0; 32],
            sealed: at(0),
            proved: Some(at(60)),
            committed: true,
            retiring: false,
            deactivated: None,
            refused: false,
            gone: None,
            opened_in: opened_in.iter().map(|name| name.parse().unwrap()).collect(),
            exercised: None,
            unexplained: None,
        }
    }

    fn with_incident(declared: i64) -> VaultState {
        let vault = Digest([1; 32]);
        let night = Event::IncidentDeclared {
            incident: "night".parse().unwrap(),
            reason: "down".parse().unwrap(),
            credentials: Vec::new(),
            expires: at(declared + 3600),
        };
        let mut state = VaultState::default();
        for event in [Event::VaultFounded { vault }, night] {
            let time = at(declared);
            let entry = Entry { time, event };
            state.apply(&entry, Writer::Station(vault)).unwrap();
        }
        state
    }

    #[test]
    fn the_proof_of_a_new_key_explains_its_first_use_and_no_later_one() {
        let state = with_incident(90_000);
        for (used, unexplained) in [
            (-5, false),
            (30, false),
            (60 + QUARTER, false),
            (61 + QUARTER, true),
        ] {
            assert_eq!(
                is_unexplained(&state, &key(&[]), at(used)),
                unexplained,
                "{used}"
            );
        }
    }

    #[test]
    fn an_opening_explains_what_comes_after_it_until_the_key_is_cut_off() {
        let state = with_incident(90_000);
        let mut key = key(&["night"]);
        for (used, unexplained) in [
            (89_999 - QUARTER, true),
            (90_000 - QUARTER, false),
            (900_000, false),
        ] {
            assert_eq!(
                is_unexplained(&state, &key, at(used)),
                unexplained,
                "{used}"
            );
        }
        key.deactivated = Some(at(91_000));
        for (used, unexplained) in [(91_000 + QUARTER, false), (91_001 + QUARTER, true)] {
            assert_eq!(
                is_unexplained(&state, &key, at(used)),
                unexplained,
                "{used}"
            );
        }
    }

    #[test]
    fn an_opening_of_another_key_explains_nothing() {
        assert!(is_unexplained(
            &with_incident(90_000),
            &key(&["day"]),
            at(90_000)
        ));
    }
}
