//! The rules of rotation, case by case.

use std::time::Duration;

use super::*;
use crate::ledger::{CredentialDefinition, Orphan};
use crate::model::Digest;

const NOW: i64 = 1_800_000_000;
const LAG: u64 = 20;
/// The lists must know by then.
const LATER: i64 = NOW + 60;

fn id(text: &str) -> AccessKeyId {
    format!("AKIA000000000{text}").parse().unwrap()
}

fn listed(ids: &[(&str, bool)]) -> Vec<AccessKeyInfo> {
    ids.iter()
        .map(|(text, active)| AccessKeyInfo {
            id: id(text),
            active: *active,
            created: None,
        })
        .collect()
}

fn key(text: &str, generation: u64, proved: bool) -> KeyState {
    KeyState {
        id: id(text),
        generation,
        record: Digest([0; 32]),
        witness: vec![0; 32],
        sealed: long_ago(),
        proved: proved.then(long_ago),
        committed: proved,
        retiring: false,
        deactivated: None,
        refused: false,
        gone: None,
        opened_in: Vec::new(),
        exercised: None,
        unexplained: None,
    }
}

fn credential(keys: Vec<KeyState>, intent: Option<&[&str]>) -> CredentialState {
    CredentialState {
        roles: Vec::new(),
        definition: CredentialDefinition {
            name: "deploy".parse().unwrap(),
            compartment: "prod".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
            user: "deploy-emergency".parse().unwrap(),
        },
        keys,
        intents: intent
            .map(|existing| intended(9, existing, NOW))
            .into_iter()
            .collect(),
        orphans: vec![],
        failed: None,
        retired: None,
    }
}

fn intended(generation: u64, existing: &[&str], time: i64) -> KeyIntent {
    KeyIntent {
        generation,
        existing: existing.iter().map(|text| id(text)).collect(),
        time: Timestamp::from_unix(time),
        given_up: false,
    }
}

fn long_ago() -> Timestamp {
    Timestamp::from_unix(NOW - 100_000)
}

/// So many seconds of grace, and a day of keeping what is known to open.
fn graceful(seconds: u64) -> Retention {
    Retention {
        grace: Duration::from_secs(seconds),
        keep: Duration::from_secs(24 * 3600),
    }
}

/// At this time, without grace.
fn at(now: i64) -> Times {
    Times {
        now: Timestamp::from_unix(now),
        retention: graceful(0),
        lag: Duration::from_secs(LAG),
        waited: false,
    }
}

fn step(credential: &CredentialState, ids: &[(&str, bool)], goal: Goal) -> Step {
    step_at(credential, ids, goal, NOW)
}

fn step_at(credential: &CredentialState, ids: &[(&str, bool)], goal: Goal, now: i64) -> Step {
    next_step(credential, &listed(ids), goal, &at(now))
}

#[test]
fn a_new_user_gets_a_key() {
    let c = credential(vec![], None);
    assert_eq!(step(&c, &[], Goal::Fresh(1)), Step::Create(vec![]));
    assert_eq!(step(&c, &[], Goal::Settle), Step::Done);
}

#[test]
fn somebody_elses_key_stops_the_run() {
    let c = credential(vec![], None);
    assert_eq!(
        step(&c, &[("ZZZ", true)], Goal::Fresh(1)),
        Step::Foreign(vec![id("ZZZ")])
    );
    let c = credential(vec![], Some(&["ZZZ"]));
    assert_eq!(
        step(&c, &[("ZZZ", true)], Goal::Fresh(1)),
        Step::Foreign(vec![id("ZZZ")])
    );
}

#[test]
fn what_is_new_against_an_unanswered_intent_is_ours() {
    let c = credential(vec![key("AAA", 1, true)], Some(&["AAA"]));
    let ids = [("AAA", true), ("BBB", true)];
    assert_eq!(step(&c, &ids, Goal::Fresh(2)), Step::Resolve(id("BBB"), 9));
}

#[test]
fn the_old_key_stays_until_the_new_one_is_committed() {
    let mut c = credential(vec![key("AAA", 1, true), key("BBB", 2, false)], None);
    let ids = [("AAA", true), ("BBB", true)];
    // The new one was sealed by a run that died before its proof: it goes, not the proved one.
    assert_eq!(
        step(&c, &ids, Goal::Settle),
        Step::Delete(id("BBB"), Spent::Unproved)
    );
    c.keys[1] = key("BBB", 2, true);
    assert_eq!(
        step(&c, &ids, Goal::Fresh(2)),
        Step::Delete(id("AAA"), Spent::Superseded)
    );
    c.keys[0].deactivated = Some(Timestamp::from_unix(NOW));
    let ids = [("AAA", false), ("BBB", true)];
    assert_eq!(
        step(&c, &ids, Goal::Fresh(2)),
        Step::Delete(id("AAA"), Spent::Superseded)
    );
    c.keys[0].gone = Some(long_ago());
    assert_eq!(step(&c, &[("BBB", true)], Goal::Fresh(2)), Step::Done);
}

/// Another rotator took it for unproved, began to retire it and died; then it was committed.
#[test]
fn what_somebody_began_to_retire_goes_where_another_opens() {
    let mut c = credential(vec![key("AAA", 1, true), key("BBB", 2, true)], None);
    c.keys[1].retiring = true;
    let ids = [("AAA", true), ("BBB", true)];
    assert_eq!(
        step(&c, &ids, Goal::Settle),
        Step::Delete(id("BBB"), Spent::Superseded)
    );
    // Nothing else opens: it stays.
    c.keys[0].deactivated = Some(long_ago());
    let ids = [("AAA", false), ("BBB", true)];
    assert_eq!(step(&c, &ids, Goal::Settle), Step::Done);
}

#[test]
fn the_grace_holds_until_the_place_is_needed() {
    let mut c = credential(vec![key("AAA", 1, true), key("BBB", 2, true)], None);
    let step = |c: &CredentialState, active, goal, seconds| {
        let times = Times {
            retention: graceful(3600),
            ..at(NOW + seconds)
        };
        let ids = listed(&[("AAA", active), ("BBB", true)]);
        next_step(c, &ids, goal, &times)
    };
    let deactivate = Step::Deactivate(id("AAA"), Spent::Superseded);
    assert_eq!(step(&c, true, Goal::Fresh(2), 0), deactivate);
    c.keys[0].deactivated = Some(Timestamp::from_unix(NOW));
    let step = |goal, seconds| step(&c, false, goal, seconds);
    assert_eq!(step(Goal::Fresh(2), 60), Step::Done);
    let delete = Step::Delete(id("AAA"), Spent::Superseded);
    assert_eq!(step(Goal::Fresh(2), 3600), delete);
    assert_eq!(step(Goal::Fresh(3), 60), delete);
}

#[test]
fn one_sealed_key_stays_active_though_none_was_ever_proved() {
    let c = credential(vec![key("AAA", 1, false)], None);
    assert_eq!(
        step(&c, &[("AAA", true)], Goal::Fresh(2)),
        Step::Create(vec![id("AAA")])
    );
    let c = credential(vec![key("AAA", 1, false), key("BBB", 2, false)], None);
    let ids = [("AAA", true), ("BBB", true)];
    assert_eq!(
        step(&c, &ids, Goal::Fresh(3)),
        Step::Delete(id("AAA"), Spent::Unproved)
    );
}

#[test]
fn a_key_that_vanished_is_recorded_and_replaced() {
    let mut c = credential(vec![key("AAA", 1, true)], None);
    assert_eq!(
        step(&c, &[], Goal::Fresh(2)),
        Step::RecordMissing(id("AAA"))
    );
    c.keys[0].gone = Some(long_ago());
    assert_eq!(step(&c, &[], Goal::Fresh(2)), Step::Create(vec![]));
}

#[test]
fn a_closed_key_gives_up_its_place() {
    let mut c = credential(vec![key("AAA", 1, true)], None);
    c.keys[0].deactivated = Some(Timestamp::from_unix(NOW));
    assert_eq!(
        step(&c, &[("AAA", false)], Goal::Fresh(2)),
        Step::Create(vec![id("AAA")])
    );
    c.keys.push(key("BBB", 2, true));
    let ids = [("AAA", false), ("BBB", true)];
    assert_eq!(
        step(&c, &ids, Goal::Fresh(2)),
        Step::Delete(id("AAA"), Spent::Superseded)
    );
}

#[test]
fn a_key_that_is_too_new_to_be_listed_is_not_missed() {
    let mut fresh = key("BBB", 2, true);
    fresh.sealed = Timestamp::from_unix(NOW);
    let c = credential(vec![key("AAA", 1, true), fresh], None);
    let only_old = [("AAA", true)];
    // The ledger knows better than the list: the old key is replaced, and the new one is not gone.
    let delete = Step::Delete(id("AAA"), Spent::Superseded);
    assert_eq!(step_at(&c, &only_old, Goal::Settle, NOW + 5), delete);
    let missing = Step::RecordMissing(id("BBB"));
    assert_eq!(step_at(&c, &only_old, Goal::Settle, LATER), missing);
}

#[test]
fn a_key_that_is_too_new_to_be_listed_takes_a_place() {
    let mut fresh = key("BBB", 2, false);
    fresh.sealed = Timestamp::from_unix(NOW);
    let c = credential(vec![fresh], None);
    assert_eq!(
        step_at(&c, &[], Goal::Fresh(3), NOW + 1),
        Step::Create(vec![id("BBB")])
    );
}

#[test]
fn what_aws_did_not_answer_is_waited_for_and_then_given_up() {
    let c = credential(vec![key("AAA", 1, true)], Some(&["AAA"]));
    let ids = [("AAA", true)];
    for goal in [Goal::Settle, Goal::Fresh(2)] {
        assert_eq!(step_at(&c, &ids, goal, NOW), Step::Wait);
        assert_eq!(step_at(&c, &ids, goal, LATER), Step::GiveUp(9));
    }
    let waited = Times {
        waited: true,
        ..at(NOW)
    };
    let step = next_step(&c, &listed(&ids), Goal::Settle, &waited);
    assert_eq!(step, Step::GiveUp(9));
}

#[test]
fn an_orphan_that_shows_up_after_all_is_still_ours() {
    let mut c = credential(vec![key("AAA", 1, true)], Some(&["AAA"]));
    c.intents[0].given_up = true;
    let mut ids = listed(&[("AAA", true), ("BBB", true)]);
    ids[1].created = Some(Timestamp::from_unix(NOW + 2));
    // Even by a run that has made and sealed another key meanwhile.
    c.keys.push(key("CCC", 2, true));
    c.keys[0].gone = Some(long_ago());
    ids[0].id = id("CCC");
    let step = next_step(&c, &ids, Goal::Settle, &at(NOW + 90_000));
    assert_eq!(step, Step::Resolve(id("BBB"), 9));
}

#[test]
fn a_key_from_another_day_is_not_ours_whatever_was_left_unanswered() {
    let mut c = credential(vec![key("AAA", 1, true)], Some(&["AAA"]));
    let mut ids = listed(&[("AAA", true), ("ZZZ", true)]);
    for (created, given_up) in [(NOW - 3600, false), (NOW + 3600, false), (NOW + 3600, true)] {
        ids[1].created = Some(Timestamp::from_unix(created));
        c.intents[0].given_up = given_up;
        let step = next_step(&c, &ids, Goal::Fresh(2), &at(NOW + 90_000));
        assert_eq!(step, Step::Foreign(vec![id("ZZZ")]), "{created}");
    }
}

#[test]
fn one_intent_makes_one_key() {
    let mut c = credential(vec![], Some(&[]));
    let ids = [("YYY", true), ("ZZZ", true)];
    let both = vec![id("YYY"), id("ZZZ")];
    assert_eq!(step(&c, &ids, Goal::Fresh(2)), Step::Foreign(both));
    // Two intents, two keys: each is somebody's.
    c.intents.push(intended(10, &["YYY"], NOW));
    assert_eq!(step(&c, &ids, Goal::Fresh(2)), Step::Resolve(id("YYY"), 9));
    // Ours goes first, and then the run stops before somebody else's.
    let c = credential(vec![], Some(&["ZZZ"]));
    assert_eq!(step(&c, &ids, Goal::Fresh(2)), Step::Resolve(id("YYY"), 9));
}

#[test]
fn a_list_that_still_shows_what_is_deleted_is_waited_for() {
    let mut c = credential(vec![key("AAA", 1, true), key("BBB", 2, true)], None);
    c.keys[0].gone = Some(Timestamp::from_unix(NOW));
    let ids = [("AAA", false), ("BBB", true)];
    assert_eq!(step(&c, &ids, Goal::Fresh(3)), Step::Wait);
    let delete = Step::Delete(id("AAA"), Spent::Superseded);
    assert_eq!(step_at(&c, &ids, Goal::Settle, LATER), delete);
}

#[test]
fn a_deleted_orphan_is_nobody_elses_key() {
    let mut c = credential(vec![key("AAA", 1, true)], None);
    c.orphans.push(Orphan {
        id: id("BBB"),
        deleted: Timestamp::from_unix(NOW),
    });
    let ids = [("AAA", true), ("BBB", true)];
    assert_eq!(step(&c, &ids, Goal::Fresh(2)), Step::Wait);
    let delete = Step::Delete(id("BBB"), Spent::Orphaned);
    assert_eq!(step_at(&c, &ids, Goal::Fresh(2), LATER), delete);
}

#[test]
fn a_lost_key_that_comes_back_is_kept_until_there_is_another() {
    let mut c = credential(vec![key("AAA", 1, true)], None);
    c.keys[0].gone = Some(long_ago());
    let ids = [("AAA", true)];
    assert_eq!(step(&c, &ids, Goal::Settle), Step::Done);
    let create = Step::Create(vec![id("AAA")]);
    assert_eq!(step(&c, &ids, Goal::Fresh(2)), create);
    c.keys.push(key("BBB", 2, true));
    let ids = [("AAA", true), ("BBB", true)];
    let delete = Step::Delete(id("AAA"), Spent::Superseded);
    assert_eq!(step(&c, &ids, Goal::Fresh(2)), delete);
}

#[test]
fn what_a_run_left_shows_in_the_ledger_alone() {
    let mut c = credential(vec![key("AAA", 1, true), key("BBB", 2, true)], None);
    let left = |c: &CredentialState| left_active(c).map(|key| key.id.clone()).collect::<Vec<_>>();
    assert_eq!(left(&c), [id("AAA")]);
    c.keys[0].deactivated = Some(Timestamp::from_unix(NOW));
    assert!(left(&c).is_empty());
    let to_delete = |c: &CredentialState, now| {
        let mut left = left_to_delete(c, Timestamp::from_unix(now), graceful(60));
        left.next().is_some()
    };
    assert!(!to_delete(&c, NOW + 59));
    assert!(to_delete(&c, NOW + 60));
    c.keys[0].gone = Some(Timestamp::from_unix(NOW));
    assert!(!to_delete(&c, NOW + 60));
    assert!(!is_unanswered(&c));
    c.intents.push(intended(3, &["BBB"], NOW));
    assert!(is_unanswered(&c));
    c.intents[0].given_up = true;
    assert!(!is_unanswered(&c));
}

#[test]
fn the_last_key_that_was_shown_to_open_is_kept_until_a_newer_one_is() {
    let day = 24 * 3600;
    let mut c = credential(vec![key("AAA", 1, true), key("BBB", 2, true)], None);
    c.keys[0].exercised = Some(long_ago());
    c.keys[1].sealed = Timestamp::from_unix(NOW);
    let active = [("AAA", true), ("BBB", true)];
    let deactivate = Step::Deactivate(id("AAA"), Spent::Superseded);
    assert_eq!(
        step(&c, &active, Goal::Fresh(2)),
        deactivate,
        "even without any grace"
    );
    c.keys[0].deactivated = Some(Timestamp::from_unix(NOW));
    let ids = [("AAA", false), ("BBB", true)];
    let delete = Step::Delete(id("AAA"), Spent::Superseded);
    let left = |c: &CredentialState, now| {
        let now = Timestamp::from_unix(now);
        left_to_delete(c, now, graceful(60)).next().is_some()
    };
    for (now, expected) in [
        (NOW, Step::Done),
        (NOW + day - 1, Step::Done),
        (NOW + day, delete.clone()),
    ] {
        assert_eq!(step_at(&c, &ids, Goal::Settle, now), expected, "{now}");
    }
    assert!(!left(&c, NOW + day - 1) && left(&c, NOW + day));
    assert_eq!(
        step(&c, &ids, Goal::Fresh(3)),
        delete,
        "its place is needed"
    );
    let gone = |change: fn(&mut CredentialState)| {
        let mut c = c.clone();
        change(&mut c);
        assert!(left(&c, NOW + 60));
        step_at(&c, &ids, Goal::Settle, NOW + 60)
    };
    assert_eq!(
        gone(|c| c.keys[1].exercised = Some(long_ago())),
        delete,
        "a newer one opens"
    );
    assert_eq!(
        gone(|c| c.keys[0].exercised = None),
        delete,
        "nobody knows that it opens"
    );
    let exposed = |c: &mut CredentialState| c.keys[0].opened_in = vec!["night".parse().unwrap()];
    assert_eq!(gone(exposed), delete, "its secret was handed out");
}

#[test]
fn a_policy_of_no_days_keeps_none_even_where_iam_was_asked_before_the_newer_was_sealed() {
    let mut c = credential(vec![key("AAA", 1, true), key("BBB", 2, true)], None);
    c.keys[0].exercised = Some(long_ago());
    c.keys[1].sealed = Timestamp::from_unix(NOW + 2);
    let keep = Duration::ZERO;
    let times = Times {
        retention: Retention {
            keep,
            ..graceful(0)
        },
        ..at(NOW)
    };
    let listed = [("AAA", true), ("BBB", true)].map(|(key, active)| AccessKeyInfo {
        id: id(key),
        active,
        created: None,
    });
    assert_eq!(
        next_step(&c, &listed, Goal::Fresh(2), &times),
        Step::Delete(id("AAA"), Spent::Superseded)
    );
}
