//! The rules of rotation (design, section 7): from what the ledger knows and what IAM lists to the one
//! next step. Each step is done, recorded, and asked for anew, so a run that died anywhere is continued
//! by the next.
//!
//! IAM's lists lag: a new key may be missing and a deleted one still be there for some seconds. So the
//! ledger is believed for as long as they may, and what AWS never answered is waited for that long.

use std::time::Duration;

use crate::ledger::{CredentialState, KeyIntent, KeyState};
use crate::model::{AccessKeyId, Timestamp};
use crate::ports::AccessKeyInfo;

/// IAM's limit of access keys per user.
pub const KEYS_PER_USER: usize = 2;

/// AWS takes a signed request from 15 minutes before its own time to 15 minutes after it (Signature
/// Version 4), so a key that was made on our request is no further from our intent than this.
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// What a run wants of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Goal {
    /// Finish what was begun and clear away what is not needed.
    Settle,
    /// Then have a committed key of at least this generation.
    Fresh(u64),
}

/// How long replaced keys stay. They are deactivated meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Each of them, before it is deleted.
    pub grace: Duration,
    /// The last one that an opening or a drill has shown to open: until a newer one is shown to, but no longer
    /// than the newer one has this age, and only where it takes no place that a new key needs.
    pub keep: Duration,
}

/// When it is, and how long things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When IAM was asked for the list that is decided on.
    pub now: Timestamp,
    /// How long replaced keys stay.
    pub retention: Retention,
    /// How long IAM's lists may lag.
    pub lag: Duration,
    /// This run has waited that long already.
    pub waited: bool,
}

impl Times {
    /// Whether the lists must know by now what was done then. Times are whole seconds, so one more is
    /// given.
    fn is_settled(&self, since: Timestamp) -> bool {
        self.waited || self.lag.is_zero() || since.plus(self.lag) < self.now
    }
}

/// The next step for one credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing more to do.
    Done,
    /// IAM may not show yet what was done: ask it again.
    Wait,
    /// An intent of this generation was not answered, and nothing has shown up: record that.
    GiveUp(u64),
    /// The ledger holds it for alive, and IAM does not list it: record that it is gone.
    RecordMissing(AccessKeyId),
    /// The ledger holds it for active, and IAM lists it as inactive: record that.
    RecordInactive(AccessKeyId),
    /// It was made by us after the intent of this generation. If its record is stored, it is sealed;
    /// otherwise nobody has its secret and it is to be deleted.
    Resolve(AccessKeyId, u64),
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
    /// It was made by us and deleted by us, nobody has its secret, and it is still there.
    Orphaned,
}

/// The next step for a credential.
pub fn next_step(
    credential: &CredentialState,
    listed: &[AccessKeyInfo],
    goal: Goal,
    times: &Times,
) -> Step {
    let view = View {
        credential,
        listed,
        goal,
        times,
    };
    view.unknown()
        .or_else(|| view.unanswered())
        .or_else(|| view.out_of_date())
        .or_else(|| view.returned())
        .or_else(|| view.spent())
        .unwrap_or_else(|| view.toward())
}

/// The keys that another has replaced and that are still active, by the ledger alone.
pub fn left_active(credential: &CredentialState) -> impl Iterator<Item = &KeyState> {
    let alive = |key: &&KeyState| key.gone.is_none() && key.deactivated.is_none();
    spent_keys(credential)
        .map(|(key, _)| key)
        .filter(move |key| alive(key))
}

/// The deactivated keys that nothing keeps any more, by the ledger alone.
pub fn left_to_delete(
    credential: &CredentialState,
    now: Timestamp,
    retention: Retention,
) -> impl Iterator<Item = &KeyState> {
    let over = move |key: &&KeyState| {
        let since = key.deactivated;
        since.is_some_and(|since| since.plus(retention.grace) <= now)
    };
    spent_keys(credential)
        .filter(move |(key, why)| !is_kept(credential, key, *why, now, retention.keep))
        .map(|(key, _)| key)
        .filter(over)
}

/// Whether a replaced key is the last of which it is known that it opens, and the newer one is young enough. One
/// that was opened in an incident is exposed, and never kept.
fn is_kept(
    credential: &CredentialState,
    key: &KeyState,
    why: Spent,
    now: Timestamp,
    keep: Duration,
) -> bool {
    let Some(current) = credential.current() else {
        return false;
    };
    let is_last = credential.keys.iter().all(|other| {
        other.generation <= key.generation || other.exercised.is_none() || other.gone.is_some()
    });
    // IAM may have been asked before the newer key was sealed: without any time to keep it none is left.
    !keep.is_zero()
        && why == Spent::Superseded
        && key.exercised.is_some()
        && key.opened_in.is_empty()
        && is_last
        && now < current.sealed.plus(keep)
}

/// Whether AWS owes an answer that nobody has looked for yet, by the ledger alone.
pub fn is_unanswered(credential: &CredentialState) -> bool {
    credential.intents.iter().any(|intent| !intent.given_up)
}

/// The keys that are not gone and not needed any more.
fn spent_keys(credential: &CredentialState) -> impl Iterator<Item = (&KeyState, Spent)> {
    let present = credential.keys.iter().filter(|key| key.gone.is_none());
    present.filter_map(|key| verdict(credential, key).map(|why| (key, why)))
}

fn verdict(credential: &CredentialState, key: &KeyState) -> Option<Spent> {
    // Somebody who began to retire it may have died before it was done; it is opened no more.
    let replaced = credential.current().is_some_and(|current| {
        current.id != key.id && (current.generation > key.generation || key.retiring)
    });
    if replaced {
        return Some(Spent::Superseded);
    }
    // Of keys that were sealed and never proved, none is needed beside a proved one, and the newest alone
    // where there is no proved one: one sealed key stays active whatever happens.
    let newer = credential.keys.iter().any(|other| {
        other.gone.is_none()
            && other.deactivated.is_none()
            && !other.committed
            && other.generation > key.generation
    });
    let unneeded = !key.committed && (credential.current().is_some() || newer);
    unneeded.then_some(Spent::Unproved)
}

/// Whether a key may be what became of an intent.
fn answers(key: &AccessKeyInfo, intent: &KeyIntent, now: Timestamp) -> bool {
    let created = key.created.unwrap_or(now);
    !intent.existing.contains(&key.id)
        && created <= intent.time.plus(WINDOW)
        && intent.time <= created.plus(WINDOW)
}

/// Gives each key an intent of its own, if that is possible: the generations, in the keys' order.
fn assign(keys: &[&AccessKeyInfo], intents: &[&KeyIntent], now: Timestamp) -> Option<Vec<u64>> {
    let Some((key, others)) = keys.split_first() else {
        return Some(Vec::new());
    };
    // The newest first: it is the likeliest.
    intents.iter().rev().find_map(|intent| {
        let rest: Vec<&KeyIntent> = intents
            .iter()
            .copied()
            .filter(|other| other.generation != intent.generation)
            .collect();
        let mut all = vec![intent.generation];
        all.extend(assign(others, &rest, now).filter(|_| answers(key, intent, now))?);
        Some(all)
    })
}

/// What is known of one credential, by the ledger and by IAM.
struct View<'a> {
    credential: &'a CredentialState,
    listed: &'a [AccessKeyInfo],
    goal: Goal,
    times: &'a Times,
}

impl View<'_> {
    /// Keys that the ledger does not know. What may have come of an unanswered intent is ours, but one
    /// intent makes one key: where there are more, nobody can tell ours from somebody else's. Anything
    /// else is somebody else's.
    fn unknown(&self) -> Option<Step> {
        let credential = self.credential;
        let is_unknown = |key: &&AccessKeyInfo| {
            credential.key(&key.id).is_none() && credential.orphans.iter().all(|o| o.id != key.id)
        };
        let unknown: Vec<&AccessKeyInfo> = self.listed.iter().filter(is_unknown).collect();
        if unknown.is_empty() {
            return None;
        }
        let now = self.times.now;
        let intents: Vec<&KeyIntent> = credential.intents.iter().collect();
        let claimed: Vec<&AccessKeyInfo> = unknown
            .iter()
            .copied()
            .filter(|key| intents.iter().any(|intent| answers(key, intent, now)))
            .collect();
        let ids = |keys: &[&AccessKeyInfo]| keys.iter().map(|key| key.id.clone()).collect();
        match (claimed.first(), assign(&claimed, &intents, now)) {
            (Some(first), Some(generations)) => {
                let generation = generations.first().copied()?;
                Some(Step::Resolve(first.id.clone(), generation))
            }
            _ => Some(Step::Foreign(ids(&unknown))),
        }
    }

    /// Intents of which nothing is to be seen.
    fn unanswered(&self) -> Option<Step> {
        let mut open = self.credential.intents.iter().filter(|i| !i.given_up);
        let intent = open.next()?;
        if self.times.is_settled(intent.time) {
            Some(Step::GiveUp(intent.generation))
        } else {
            Some(Step::Wait)
        }
    }

    fn listed(&self, id: &AccessKeyId) -> Option<&AccessKeyInfo> {
        self.listed.iter().find(|info| info.id == *id)
    }

    /// What has changed and was not us. A key that was sealed a moment ago need not be listed yet.
    fn out_of_date(&self) -> Option<Step> {
        let present = self.credential.keys.iter().filter(|k| k.gone.is_none());
        present
            .into_iter()
            .find_map(|key| match self.listed(&key.id) {
                None if self.times.is_settled(key.sealed) => {
                    Some(Step::RecordMissing(key.id.clone()))
                }
                Some(info) if !info.active && key.deactivated.is_none() => {
                    Some(Step::RecordInactive(key.id.clone()))
                }
                _ => None,
            })
    }

    /// What the ledger says is gone, with the time and the reason why it was not needed.
    fn departed(&self, id: &AccessKeyId) -> Option<(Timestamp, Spent)> {
        let orphan = self.credential.orphans.iter().find(|o| o.id == *id);
        let key = self.credential.key(id).and_then(|key| key.gone);
        orphan
            .map(|orphan| (orphan.deleted, Spent::Orphaned))
            .or_else(|| key.map(|gone| (gone, Spent::Superseded)))
    }

    /// Keys that are gone by the ledger and still listed. If the list only lags, that passes. If not, they
    /// are deleted again, but one that was sealed not before there is another or its place is needed.
    fn returned(&self) -> Option<Step> {
        self.listed.iter().find_map(|info| {
            let (since, why) = self.departed(&info.id)?;
            if !self.times.is_settled(since) {
                return Some(Step::Wait);
            }
            let dispensable =
                why == Spent::Orphaned || self.credential.current().is_some() || self.is_crowded();
            dispensable.then(|| Step::Delete(info.id.clone(), why))
        })
    }

    /// A key that another has replaced is deactivated, and deleted when the grace is over or its place is
    /// needed; without any grace it is deleted as it is, because nobody could make it active again in between.
    fn spent(&self) -> Option<Step> {
        let Retention { grace, keep } = self.times.retention;
        spent_keys(self.credential).find_map(|(key, why)| {
            let kept = is_kept(self.credential, key, why, self.times.now, keep);
            if grace.is_zero() && !kept {
                return Some(Step::Delete(key.id.clone(), why));
            }
            let Some(deactivated) = key.deactivated else {
                return Some(Step::Deactivate(key.id.clone(), why));
            };
            let over = !kept && deactivated.plus(grace) <= self.times.now;
            (over || self.is_crowded()).then(|| Step::Delete(key.id.clone(), why))
        })
    }

    fn wants_new(&self) -> bool {
        match self.goal {
            Goal::Settle => false,
            Goal::Fresh(generation) => self
                .credential
                .current()
                .is_none_or(|current| current.generation < generation),
        }
    }

    /// The keys that there are: those that are listed, and those that are too new to be.
    fn present(&self) -> Vec<AccessKeyId> {
        let listed = self.listed.iter().map(|info| info.id.clone());
        let known = self.credential.keys.iter().filter(|k| k.gone.is_none());
        let unlisted = known.filter(|key| self.listed(&key.id).is_none());
        listed.chain(unlisted.map(|key| key.id.clone())).collect()
    }

    /// A new key is wanted, and both places are taken.
    fn is_crowded(&self) -> bool {
        self.wants_new() && self.present().len() >= KEYS_PER_USER
    }

    fn toward(&self) -> Step {
        if !self.wants_new() {
            return Step::Done;
        }
        let existing = self.present();
        if existing.len() < KEYS_PER_USER {
            return Step::Create(existing);
        }
        // Both places are taken by keys of ours. A deactivated one that no newer key has replaced (it was
        // opened, and closing deactivated it) gives up its place.
        let mut keys = self.credential.keys.iter();
        match keys.find(|key| key.gone.is_none() && key.deactivated.is_some()) {
            Some(key) => Step::Delete(key.id.clone(), Spent::Superseded),
            None => Step::Full(existing),
        }
    }
}

#[cfg(test)]
#[path = "rotation_tests.rs"]
mod tests;
