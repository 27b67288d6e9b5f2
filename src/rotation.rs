//! The rules of rotation (design, section 7): from what the ledger knows and what IAM lists to the one
//! next step. Each step is done, recorded, and asked for anew, so a run that died anywhere is continued
//! by the next.

use crate::ledger::{CredentialState, KeyState};
use crate::model::{AccessKeyId, Timestamp};
use crate::ports::AccessKeyInfo;

/// IAM's limit of access keys per user.
pub const KEYS_PER_USER: usize = 2;

/// What a run wants of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Finish what was begun and clear away what is not needed.
    Settle,
    /// Then have a committed key of at least this generation.
    Fresh(u64),
}

/// The next step for one credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing more to do.
    Done,
    /// The ledger holds it for alive, and IAM does not list it: record that it is gone.
    RecordMissing(AccessKeyId),
    /// The ledger holds it for active, and IAM lists it as inactive: record that.
    RecordInactive(AccessKeyId),
    /// It was made by us after an intent. If its record is stored, it is sealed; otherwise nobody has its
    /// secret and it is to be deleted.
    Resolve(AccessKeyId),
    /// Make AWS refuse it.
    Deactivate(AccessKeyId, Spent),
    /// Delete it.
    Delete(AccessKeyId, Spent),
    /// Make a new key; these are the ones there are.
    Create(Vec<AccessKeyId>),
    /// Somebody else's keys: nothing may be changed.
    Foreign(Vec<AccessKeyId>),
    /// There is no room for a new key, and neither of the two may be taken away.
    Full(Vec<AccessKeyId>),
}

/// Why a key is not needed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// A newer key is proved and committed.
    Superseded,
    /// Sealed, never proved, and a proved one is there.
    Unproved,
}

/// The next step for a credential.
pub fn next_step(
    credential: &CredentialState,
    listed: &[AccessKeyInfo],
    goal: Goal,
    now: Timestamp,
    grace: std::time::Duration,
) -> Step {
    unknown(credential, listed)
        .or_else(|| out_of_date(credential, listed))
        .or_else(|| spent(credential, listed, now, grace, goal))
        .unwrap_or_else(|| toward(credential, listed, goal))
}

/// Keys that the ledger does not know. What is new against the list of an unanswered intent is ours;
/// anything else is not.
fn unknown(credential: &CredentialState, listed: &[AccessKeyInfo]) -> Option<Step> {
    let unknown: Vec<&AccessKeyId> = listed
        .iter()
        .map(|key| &key.id)
        .filter(|id| credential.key(id).is_none())
        .collect();
    let ours = |id: &&&AccessKeyId| {
        credential
            .intent
            .as_ref()
            .is_some_and(|intent| !intent.existing.contains(id))
    };
    if let Some(orphan) = unknown.iter().find(ours) {
        return Some(Step::Resolve((*orphan).clone()));
    }
    if unknown.is_empty() {
        None
    } else {
        Some(Step::Foreign(unknown.into_iter().cloned().collect()))
    }
}

fn out_of_date(credential: &CredentialState, listed: &[AccessKeyInfo]) -> Option<Step> {
    credential
        .keys
        .iter()
        .filter(|key| !key.gone)
        .find_map(|key| match listed.iter().find(|info| info.id == key.id) {
            None => Some(Step::RecordMissing(key.id.clone())),
            Some(info) if !info.active && key.deactivated.is_none() => {
                Some(Step::RecordInactive(key.id.clone()))
            }
            Some(_) => None,
        })
}

/// A key that another has replaced is deactivated, and deleted when the grace is over or its place is
/// needed.
fn spent(
    credential: &CredentialState,
    listed: &[AccessKeyInfo],
    now: Timestamp,
    grace: std::time::Duration,
    goal: Goal,
) -> Option<Step> {
    let (key, why) = credential
        .keys
        .iter()
        .filter(|key| !key.gone)
        .find_map(|key| verdict(credential, key).map(|why| (key, why)))?;
    let Some(deactivated) = key.deactivated else {
        return Some(Step::Deactivate(key.id.clone(), why));
    };
    let room_is_needed = listed.len() >= KEYS_PER_USER && wants_new(credential, goal);
    if deactivated.plus(grace) <= now || room_is_needed {
        return Some(Step::Delete(key.id.clone(), why));
    }
    None
}

fn verdict(credential: &CredentialState, key: &KeyState) -> Option<Spent> {
    let replaced = credential
        .current()
        .is_some_and(|current| current.id != key.id && current.generation > key.generation);
    if replaced {
        return Some(Spent::Superseded);
    }
    // Of keys that were sealed and never proved, none is needed beside a proved one, and the newest alone
    // where there is no proved one: one sealed key stays active whatever happens.
    let newer = credential.keys.iter().any(|other| {
        !other.gone
            && other.deactivated.is_none()
            && !other.committed
            && other.generation > key.generation
    });
    let unneeded = !key.committed && (credential.current().is_some() || newer);
    unneeded.then_some(Spent::Unproved)
}

fn wants_new(credential: &CredentialState, goal: Goal) -> bool {
    match goal {
        Goal::Settle => false,
        Goal::Fresh(generation) => credential
            .current()
            .is_none_or(|current| current.generation < generation),
    }
}

fn toward(credential: &CredentialState, listed: &[AccessKeyInfo], goal: Goal) -> Step {
    if !wants_new(credential, goal) {
        return Step::Done;
    }
    let existing: Vec<AccessKeyId> = listed.iter().map(|key| key.id.clone()).collect();
    if existing.len() < KEYS_PER_USER {
        return Step::Create(existing);
    }
    // Both places are taken by keys of ours. A deactivated one that no newer key has replaced (it was
    // opened, and closing deactivated it) gives up its place.
    let dead = credential
        .keys
        .iter()
        .find(|key| !key.gone && key.deactivated.is_some());
    match dead {
        Some(key) => Step::Delete(key.id.clone(), Spent::Superseded),
        None => Step::Full(existing),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ledger::{CredentialDefinition, KeyIntent};
    use crate::model::Digest;

    const NOW: i64 = 1_800_000_000;

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
            sealed: Timestamp::from_unix(NOW),
            proved,
            committed: proved,
            retiring: false,
            deactivated: None,
            refused: false,
            gone: false,
            opened_in: Vec::new(),
        }
    }

    fn credential(keys: Vec<KeyState>, intent: Option<&[&str]>) -> CredentialState {
        CredentialState {
            definition: CredentialDefinition {
                name: "deploy".parse().unwrap(),
                compartment: "prod".parse().unwrap(),
                account: "123456789012".parse().unwrap(),
                user: "deploy-emergency".parse().unwrap(),
            },
            keys,
            intent: intent.map(|existing| KeyIntent {
                generation: 9,
                existing: existing.iter().map(|text| id(text)).collect(),
            }),
            failed: None,
        }
    }

    fn step(credential: &CredentialState, ids: &[(&str, bool)], goal: Goal) -> Step {
        next_step(
            credential,
            &listed(ids),
            goal,
            Timestamp::from_unix(NOW),
            Duration::ZERO,
        )
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
        assert_eq!(step(&c, &ids, Goal::Fresh(2)), Step::Resolve(id("BBB")));
    }

    #[test]
    fn the_old_key_stays_until_the_new_one_is_committed() {
        let mut c = credential(vec![key("AAA", 1, true), key("BBB", 2, false)], None);
        let ids = [("AAA", true), ("BBB", true)];
        // The new one was sealed by a run that died before its proof: it goes, not the proved one.
        assert_eq!(
            step(&c, &ids, Goal::Settle),
            Step::Deactivate(id("BBB"), Spent::Unproved)
        );
        c.keys[1] = key("BBB", 2, true);
        assert_eq!(
            step(&c, &ids, Goal::Fresh(2)),
            Step::Deactivate(id("AAA"), Spent::Superseded)
        );
        c.keys[0].deactivated = Some(Timestamp::from_unix(NOW));
        let ids = [("AAA", false), ("BBB", true)];
        assert_eq!(
            step(&c, &ids, Goal::Fresh(2)),
            Step::Delete(id("AAA"), Spent::Superseded)
        );
        c.keys[0].gone = true;
        assert_eq!(step(&c, &[("BBB", true)], Goal::Fresh(2)), Step::Done);
    }

    #[test]
    fn the_grace_holds_until_the_place_is_needed() {
        let mut c = credential(vec![key("AAA", 1, true), key("BBB", 2, true)], None);
        c.keys[0].deactivated = Some(Timestamp::from_unix(NOW));
        let ids = listed(&[("AAA", false), ("BBB", true)]);
        let hour = Duration::from_secs(3600);
        let at = |seconds| Timestamp::from_unix(NOW + seconds);
        assert_eq!(
            next_step(&c, &ids, Goal::Fresh(2), at(60), hour),
            Step::Done
        );
        let delete = Step::Delete(id("AAA"), Spent::Superseded);
        assert_eq!(next_step(&c, &ids, Goal::Fresh(2), at(3600), hour), delete);
        assert_eq!(next_step(&c, &ids, Goal::Fresh(3), at(60), hour), delete);
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
            Step::Deactivate(id("AAA"), Spent::Unproved)
        );
    }

    #[test]
    fn a_key_that_vanished_is_recorded_and_replaced() {
        let mut c = credential(vec![key("AAA", 1, true)], None);
        assert_eq!(
            step(&c, &[], Goal::Fresh(2)),
            Step::RecordMissing(id("AAA"))
        );
        c.keys[0].gone = true;
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
}
