//! One credential, step by step: ask the rules for the next step, record the intent, act, record the
//! outcome, ask again. A run that died anywhere is continued by the next, because every step starts from
//! what the ledger and IAM say now.

use std::time::Duration;

use super::claim::Elsewhere;
use super::known::{Keeping, record_own};
use super::open_vault::OpenVault;
use super::records;
use super::rotated::Occasion;
use super::world::Cloud;
use crate::ledger::{
    CredentialDefinition, CredentialState, Event, Head, IncidentState, Retirement, RetirementCause,
};
use crate::model::{AccessKeyId, Class, Failure, Name, Timestamp};
use crate::ports::{AccessKeyInfo, CloudError, ProbeAnswer};
use crate::rotation::{Goal, Retention, Spent, Step, Times, next_step};

/// More steps than any credential can need; a bug must not become a loop.
const MOST_STEPS: usize = 32;

/// IAM is not asked without any pause.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);

/// Lists lag for some seconds, however long is between two proofs.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// What a run wants of some credentials of a compartment.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub goal: Goal,
    pub retention: Retention,
    /// Whether it waits for another rotator. What that one has under way looks like what a dead one has left.
    pub occasion: Occasion<'a>,
}

/// Where settling ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// Nothing more to do.
    Done,
    /// A new key is to be made; these are the ones there are.
    Create(Vec<AccessKeyId>),
    /// Another rotator is at the compartment: nothing more was done.
    Elsewhere(Elsewhere),
}

/// Goes on until nothing is left to do or a key is to be made. What IAM may not show yet is waited for. Of a credential
/// that was given up nothing is left to do.
pub(super) fn settle(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    name: &Name,
    wanted: Wanted<'_>,
) -> Result<Settled, Failure> {
    if credential(vault, name)?.retired.is_some() {
        return Ok(Settled::Done);
    }
    let settled = settle_alone(vault, cloud, name, wanted);
    if settled.is_err() {
        cloud.known.forget(name);
    }
    settled
}

fn settle_alone(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    name: &Name,
    wanted: Wanted<'_>,
) -> Result<Settled, Failure> {
    let mut waiting = Waiting::default();
    for _ in 0..MOST_STEPS {
        let decided = waiting.decide(vault, cloud, name, wanted)?;
        let (credential, head, step) = (decided.credential, decided.head, decided.step);
        if let Some(left) = decided.left {
            return Ok(Settled::Elsewhere(left));
        }
        let definition = &credential.definition;
        let about = |act, id: &AccessKeyId, why| retiring(definition, id, act, cause(why));
        match step {
            Step::Done | Step::Wait => return Ok(Settled::Done),
            Step::Create(existing) => return Ok(Settled::Create(existing)),
            Step::GiveUp(generation) => record(
                vault,
                cloud,
                |credential| Event::KeyUnanswered {
                    credential,
                    generation,
                },
                name,
            )?,
            Step::RecordMissing(key) if is_missing(cloud, &credential, &key)? => record(
                vault,
                cloud,
                |credential| Event::KeyMissing { credential, key },
                name,
            )?,
            Step::RecordMissing(key) => waiting.is_there(key),
            Step::RecordInactive(key) => record(
                vault,
                cloud,
                |credential| Event::KeyDeactivated { credential, key },
                name,
            )?,
            Step::Resolve(id, generation) => {
                cloud.known.forget(name);
                resolve(vault, cloud, &credential, &id, generation)?;
            }
            Step::Deactivate(id, _) | Step::Delete(id, _) if is_open(&credential, vault, &id) => {
                return Ok(Settled::Done);
            }
            Step::Deactivate(id, why) => {
                let intent = about(Retirement::Deactivate, &id, why);
                if intend(vault, cloud, &head, name, intent)? {
                    carry_out(vault, cloud, definition, &id, Retirement::Deactivate)?;
                }
            }
            Step::Delete(id, why) => {
                let intent = about(Retirement::Delete, &id, why);
                if intend(vault, cloud, &head, name, intent)? {
                    carry_out(vault, cloud, definition, &id, Retirement::Delete)?;
                    waiting.has_deleted(id);
                }
            }
            Step::Foreign(ids) => return Err(foreign(definition, &ids, &decided.listed)),
            Step::Full(ids) => return Err(full(definition, &ids)),
        }
    }
    Err(Failure::new(
        Class::Bug,
        "endless-rotation",
        format!("{name} does not come to rest"),
        "what was done is in the ledger",
    ))
}

fn record(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    event: impl FnOnce(Name) -> Event,
    name: &Name,
) -> Result<(), Failure> {
    let event = event(name.clone());
    record_own(vault, cloud, std::slice::from_ref(name), vec![event])
}

/// The user's keys, by what IAM said in this run, or by what it says now. Nothing where IAM was asked: then the
/// ledger is to be read once more before anything is decided, because a key that another rotator has just made
/// must not be taken for somebody else's.
fn listed(
    vault: &OpenVault<'_>,
    cloud: &Cloud<'_>,
    credential: &CredentialState,
) -> Result<Option<(Vec<AccessKeyInfo>, Timestamp)>, Failure> {
    if let Some(known) = cloud.known.keys_of(credential) {
        return Ok(Some(known));
    }
    let now = vault.world.clock.now();
    let listed = cloud.keys.list(&credential.definition.iam_user())?;
    cloud.known.learn(credential, listed, now);
    Ok(None)
}

/// What is known of a user's keys after what was recorded of one of them.
pub(super) fn now_known(cloud: &Cloud<'_>, name: &Name, event: &Event, id: &AccessKeyId) {
    cloud.known.change(name, |keys| match event {
        Event::KeyDeactivated { .. } => {
            for key in keys.iter_mut().filter(|key| key.id == *id) {
                key.active = false;
            }
        }
        _ => keys.retain(|key| key.id != *id),
    });
}

/// For how long one run has waited for IAM's lists, and what it knows better than they do.
#[derive(Default)]
struct Waiting {
    since: Option<Timestamp>,
    deleted: Vec<AccessKeyId>,
    alive: Vec<AccessKeyId>,
}

/// A step, and what it was decided on.
struct Decided {
    credential: CredentialState,
    head: Head,
    listed: Vec<AccessKeyInfo>,
    step: Step,
    /// The rotator that it is left to instead.
    left: Option<Elsewhere>,
}

impl Waiting {
    /// Asks the rules for the next step, until it is another than to wait.
    fn decide(
        &mut self,
        vault: &mut OpenVault<'_>,
        cloud: &Cloud<'_>,
        name: &Name,
        wanted: Wanted<'_>,
    ) -> Result<Decided, Failure> {
        loop {
            vault.journal.reload()?;
            let head = vault.journal.head();
            let credential = credential(vault, name)?.clone();
            let Some((listed, at)) = listed(vault, cloud, &credential)? else {
                continue;
            };
            let listed = self.believed(listed);
            let times = self.times(vault, cloud, wanted.retention, at);
            let step = next_step(&credential, &listed, wanted.goal, &times);
            let compartment = &credential.definition.compartment;
            let left = wanted.occasion.yields_to(vault, compartment);
            if step != Step::Wait || left.is_some() {
                return Ok(Decided {
                    credential,
                    head,
                    listed,
                    step,
                    left,
                });
            }
            cloud.known.forget(name);
            self.pause(vault, cloud);
        }
    }

    /// The times of a step that is decided on what IAM listed then.
    fn times(
        &self,
        vault: &OpenVault<'_>,
        cloud: &Cloud<'_>,
        retention: Retention,
        listed: Timestamp,
    ) -> Times {
        let lag = cloud.timing.lag;
        let now = vault.world.clock.now();
        Times {
            now: listed,
            retention,
            lag,
            // Entries may be from another station, with another clock: waiting has an end all the same.
            waited: self.since.is_some_and(|since| since.plus(lag) < now),
        }
    }

    fn pause(&mut self, vault: &OpenVault<'_>, cloud: &Cloud<'_>) {
        let clock = vault.world.clock;
        self.since = self.since.or_else(|| Some(clock.now()));
        let pause = cloud.timing.interval.min(LONGEST_PAUSE);
        clock.pause(pause.max(SHORTEST_PAUSE));
    }

    /// What IAM lists, put right: without what this run has deleted twice, with what AWS was seen to take.
    fn believed(&self, mut listed: Vec<AccessKeyInfo>) -> Vec<AccessKeyInfo> {
        let twice = |id: &AccessKeyId| self.deleted.iter().filter(|one| *one == id).count() > 1;
        listed.retain(|info| !twice(&info.id));
        for id in &self.alive {
            if listed.iter().all(|info| info.id != *id) {
                listed.push(AccessKeyInfo {
                    id: id.clone(),
                    active: true,
                    created: None,
                });
            }
        }
        listed
    }

    /// AWS takes a key that IAM does not list.
    fn is_there(&mut self, id: AccessKeyId) {
        self.alive.push(id);
    }

    /// What is deleted may be listed for some time, which is waited for anew.
    fn has_deleted(&mut self, id: AccessKeyId) {
        self.alive.retain(|alive| *alive != id);
        self.deleted.push(id);
        self.since = None;
    }
}

/// Whether a key that IAM does not list is gone. If AWS still takes it, the list is wrong.
fn is_missing(
    cloud: &Cloud<'_>,
    credential: &CredentialState,
    id: &AccessKeyId,
) -> Result<bool, Failure> {
    let known = credential.key(id);
    let was_cut_off = known.is_some_and(|key| key.deactivated.is_some());
    Ok(was_cut_off || cloud.proof.probe(id)? == ProbeAnswer::Refused)
}

pub(super) fn credential<'a>(
    vault: &'a OpenVault<'_>,
    name: &Name,
) -> Result<&'a CredentialState, Failure> {
    vault.state().credentials.get(name).ok_or_else(|| {
        Failure::new(
            Class::Refused,
            "no-such-credential",
            format!("there is no credential {name}"),
            "nothing was changed",
        )
        .hint("breakglass credential list")
    })
}

pub(super) fn cause(why: Spent) -> RetirementCause {
    match why {
        Spent::Superseded => RetirementCause::Superseded,
        Spent::Unproved => RetirementCause::Unproved,
        Spent::Orphaned => RetirementCause::Orphaned,
    }
}

/// A key of ours that the ledger does not know as sealed: either the run died between storing its record
/// and recording that, or nobody has its secret.
pub(super) fn resolve(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    credential: &CredentialState,
    id: &AccessKeyId,
    generation: u64,
) -> Result<(), Failure> {
    let definition = &credential.definition;
    for intent in &credential.intents {
        let stored = records::stored(vault, definition, intent.generation)?;
        if let Some((record, digest)) = stored.filter(|(r, _)| r.about.access_key == *id) {
            let event = Event::KeySealed {
                credential: definition.name.clone(),
                generation: intent.generation,
                key: id.clone(),
                record: digest,
                witness: record.witness,
            };
            return Ok(vault.journal.record(vault.world.clock.now(), event)?);
        }
    }
    let (act, cause) = (Retirement::Delete, RetirementCause::Orphaned);
    end_key(vault, cloud, definition, id, act, cause)?;
    let event = Event::KeyAbandoned {
        credential: definition.name.clone(),
        generation,
    };
    Ok(vault.journal.record(vault.world.clock.now(), event)?)
}

/// Whether a key is still in use: it was opened in an incident that is not being closed. Closing cuts its
/// keys off before it comes here, so theirs are deactivated already.
pub(super) fn is_open(
    credential: &CredentialState,
    vault: &OpenVault<'_>,
    id: &AccessKeyId,
) -> bool {
    let Some(key) = credential.key(id).filter(|key| key.deactivated.is_none()) else {
        return false;
    };
    let incidents = &vault.state().incidents;
    key.opened_in
        .iter()
        .filter_map(|name| incidents.get(name))
        .any(IncidentState::is_live)
}

/// The entry that says what is about to be done to a key, and why.
pub(super) fn retiring(
    definition: &CredentialDefinition,
    id: &AccessKeyId,
    act: Retirement,
    cause: RetirementCause,
) -> Event {
    Event::KeyRetiring {
        credential: definition.name.clone(),
        key: id.clone(),
        act,
        cause,
    }
}

/// Records that a key is about to be retired, if nobody has added anything to the ledger since that was
/// decided: an opening that came in between must be seen first. Says whether it was recorded.
fn intend(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    head: &Head,
    name: &Name,
    intent: Event,
) -> Result<bool, Failure> {
    let now = vault.world.clock.now();
    let keeping = Keeping::begin(vault, cloud, std::slice::from_ref(name), 1);
    let recorded = vault.journal.record_at(head, now, vec![intent])?.is_some();
    keeping.end(vault, cloud);
    Ok(recorded)
}

/// Ends a key, whoever uses it: records the intent, acts, records that. Of a user that is gone itself all keys are.
pub(super) fn end_key(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    definition: &CredentialDefinition,
    id: &AccessKeyId,
    act: Retirement,
    cause: RetirementCause,
) -> Result<(), Failure> {
    let intent = retiring(definition, id, act, cause);
    vault.journal.record(vault.world.clock.now(), intent)?;
    carry_out(vault, cloud, definition, id, act)
}

/// Makes AWS refuse a key, or deletes it, and records that; from then on it is known. The intent stands in the ledger.
fn carry_out(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    definition: &CredentialDefinition,
    id: &AccessKeyId,
    act: Retirement,
) -> Result<(), Failure> {
    let (name, user) = (&definition.name, definition.iam_user());
    let answer = match act {
        Retirement::Deactivate => cloud.keys.deactivate(&user, id),
        Retirement::Delete => cloud.keys.delete(&user, id),
    };
    let outcome = outcome(name, id, act, answer)?;
    record_own(
        vault,
        cloud,
        std::slice::from_ref(name),
        vec![outcome.clone()],
    )?;
    now_known(cloud, name, &outcome, id);
    Ok(())
}

/// What is recorded of a call that ended a key.
pub(super) fn outcome(
    name: &Name,
    id: &AccessKeyId,
    act: Retirement,
    answer: Result<(), CloudError>,
) -> Result<Event, CloudError> {
    let (credential, key) = (name.clone(), id.clone());
    match (answer, act) {
        (Ok(()) | Err(CloudError::NotFound(_)), Retirement::Delete) => {
            Ok(Event::KeyDeleted { credential, key })
        }
        (Ok(()), Retirement::Deactivate) => Ok(Event::KeyDeactivated { credential, key }),
        (Err(CloudError::NotFound(_)), Retirement::Deactivate) => {
            Ok(Event::KeyMissing { credential, key })
        }
        (Err(other), _) => Err(other),
    }
}

fn foreign(
    definition: &CredentialDefinition,
    ids: &[AccessKeyId],
    listed: &[AccessKeyInfo],
) -> Failure {
    let list = |id: &AccessKeyId| {
        let active = listed.iter().any(|key| key.id == *id && key.active);
        format!("{id} ({})", if active { "active" } else { "inactive" })
    };
    let names: Vec<String> = ids.iter().map(list).collect();
    let mut failure = Failure::new(
        Class::Refused,
        "foreign-key",
        format!(
            "the user {} has access keys that this vault did not make: {}",
            definition.user,
            names.join(", ")
        ),
        "none of its keys was touched",
    );
    for id in ids {
        failure = failure.hint(format!(
            "whose is it? aws iam get-access-key-last-used --access-key-id {id}"
        ));
        failure = failure.hint(format!(
            "if nobody needs it: aws iam delete-access-key --user-name {} --access-key-id {id}",
            definition.user
        ));
    }
    failure
}

fn full(definition: &CredentialDefinition, ids: &[AccessKeyId]) -> Failure {
    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
    Failure::new(
        Class::Refused,
        "no-room",
        format!(
            "the user {} has two access keys ({}), which is all that IAM allows, and neither may go",
            definition.user,
            names.join(", ")
        ),
        "none of its keys was touched",
    )
    .hint(format!("breakglass credential show {}", definition.name))
}
