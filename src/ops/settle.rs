//! One credential, step by step: ask the rules for the next step, record the intent, act, record the
//! outcome, ask again. A run that died anywhere is continued by the next, because every step starts from
//! what the ledger and IAM say now.

use std::time::Duration;

use super::open_vault::{OpenVault, key};
use super::world::Cloud;
use crate::format::dsse::{Document, Envelope};
use crate::format::{GenerationHeader, Record, paths};
use crate::ledger::{
    CredentialDefinition, CredentialState, Event, Head, IncidentState, Retirement, RetirementCause,
};
use crate::manifest::{self, Misplaced, Place, read_record};
use crate::model::{AccessKeyId, Class, Digest, Failure, Name, Timestamp};
use crate::ports::{AccessKeyInfo, CloudError, ProbeAnswer, StoreError};
use crate::rotation::{Goal, Spent, Step, Times, next_step};

/// More steps than any credential can need; a bug must not become a loop.
const MOST_STEPS: usize = 32;

/// IAM is not asked without any pause.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);

/// Where settling ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// Nothing more to do.
    Done,
    /// A new key is to be made; these are the ones there are.
    Create(Vec<AccessKeyId>),
}

/// Goes on until nothing is left to do or a key is to be made. What IAM may not show yet is waited for.
pub(super) fn settle(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    name: &Name,
    goal: Goal,
    grace: Duration,
) -> Result<Settled, Failure> {
    let mut waiting = Waiting::default();
    for _ in 0..MOST_STEPS {
        let (credential, head, listed, step) = loop {
            // The ledger is read after IAM: a key that another rotator has just made must not be taken for
            // somebody else's.
            let user = credential(vault, name)?.definition.user.clone();
            let listed = waiting.believed(cloud.keys.list(&user)?);
            vault.journal.reload()?;
            let head = vault.journal.head();
            let credential = credential(vault, name)?.clone();
            let times = waiting.times(vault, cloud, grace);
            match next_step(&credential, &listed, goal, &times) {
                Step::Wait => waiting.pause(vault, cloud),
                step => break (credential, head, listed, step),
            }
        };
        let definition = &credential.definition;
        let about = |act, id: &AccessKeyId, why| Retiring {
            definition,
            id: id.clone(),
            act,
            cause: cause(why),
        };
        match step {
            Step::Done | Step::Wait => return Ok(Settled::Done),
            Step::Create(existing) => return Ok(Settled::Create(existing)),
            Step::GiveUp(generation) => record(
                vault,
                |credential| Event::KeyUnanswered {
                    credential,
                    generation,
                },
                name,
            )?,
            Step::RecordMissing(key) if is_missing(cloud, &credential, &key)? => record(
                vault,
                |credential| Event::KeyMissing { credential, key },
                name,
            )?,
            Step::RecordMissing(key) => waiting.is_there(key),
            Step::RecordInactive(key) => record(
                vault,
                |credential| Event::KeyDeactivated { credential, key },
                name,
            )?,
            Step::Resolve(id, generation) => resolve(vault, cloud, &credential, &id, generation)?,
            Step::Deactivate(id, _) | Step::Delete(id, _) if is_open(&credential, vault, &id) => {
                return Ok(Settled::Done);
            }
            Step::Deactivate(id, why) => {
                if intend(vault, &head, &about(Retirement::Deactivate, &id, why))? {
                    deactivate(vault, cloud, definition, &id)?;
                }
            }
            Step::Delete(id, why) => {
                if intend(vault, &head, &about(Retirement::Delete, &id, why))? {
                    delete(vault, cloud, definition, &id)?;
                    waiting.has_deleted(id);
                }
            }
            Step::Foreign(ids) => return Err(foreign(definition, &ids, &listed)),
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
    event: impl FnOnce(Name) -> Event,
    name: &Name,
) -> Result<(), Failure> {
    let now = vault.world.clock.now();
    Ok(vault.journal.record(now, event(name.clone()))?)
}

/// For how long one run has waited for IAM's lists, and what it knows better than they do.
#[derive(Default)]
struct Waiting {
    since: Option<Timestamp>,
    deleted: Vec<AccessKeyId>,
    alive: Vec<AccessKeyId>,
}

impl Waiting {
    fn times(&self, vault: &OpenVault<'_>, cloud: &Cloud<'_>, grace: Duration) -> Times {
        let now = vault.world.clock.now();
        let lag = cloud.timing.lag;
        Times {
            now,
            grace,
            lag,
            // Entries may be from another station, with another clock: waiting has an end all the same.
            waited: self.since.is_some_and(|since| since.plus(lag) < now),
        }
    }

    fn pause(&mut self, vault: &OpenVault<'_>, cloud: &Cloud<'_>) {
        let clock = vault.world.clock;
        self.since = self.since.or_else(|| Some(clock.now()));
        clock.pause(cloud.timing.interval.max(SHORTEST_PAUSE));
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

fn cause(why: Spent) -> RetirementCause {
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
        let stored = stored_record(vault, definition, intent.generation)?;
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
    let (credential, key) = (definition.name.clone(), id.clone());
    let (act, cause) = (Retirement::Delete, RetirementCause::Orphaned);
    let retiring = Event::KeyRetiring {
        credential,
        key,
        act,
        cause,
    };
    vault.journal.record(vault.world.clock.now(), retiring)?;
    delete(vault, cloud, definition, id)?;
    let event = Event::KeyAbandoned {
        credential: definition.name.clone(),
        generation,
    };
    Ok(vault.journal.record(vault.world.clock.now(), event)?)
}

/// The record of a credential in a generation, if a good one is stored there.
fn stored_record(
    vault: &OpenVault<'_>,
    definition: &CredentialDefinition,
    generation: u64,
) -> Result<Option<(Record, Digest)>, Failure> {
    let path = paths::record(&definition.compartment, generation, &definition.name);
    let bytes = match vault.world.store.read(&key(path)?, Record::MAX) {
        Ok(bytes) => bytes,
        Err(StoreError::NotFound(_)) => return Ok(None),
        Err(other) => return Err(other.into()),
    };
    let envelope = Envelope::read::<Record>(&bytes)?;
    let record = check_record(vault, &envelope, definition, generation)?;
    Ok(Some((record, envelope.digest())))
}

/// A generation as the ledger tells of it.
fn place<'a>(vault: &OpenVault<'_>, compartment: &'a Name, generation: u64) -> Option<Place<'a>> {
    let begun = vault.state().compartments.get(compartment)?;
    Some(Place {
        compartment,
        generation,
        manifest: *begun.manifests.get(&generation)?,
        header: *begun.headers.get(&generation)?,
    })
}

/// Checks a record against the header that the ledger names, the manifest, and the credential.
pub(super) fn check_record(
    vault: &OpenVault<'_>,
    envelope: &Envelope,
    definition: &CredentialDefinition,
    generation: u64,
) -> Result<Record, Failure> {
    let what = || format!("the record of {}", definition.name);
    let place = place(vault, &definition.compartment, generation);
    let place = place.ok_or_else(|| misplaced(&what()))?;
    read_record(envelope, &vault.chain, &place, definition).map_err(|why| refused(why, &what()))
}

/// Reads a generation's header and checks it against the ledger and the manifest it was made under.
pub(super) fn read_header(
    vault: &OpenVault<'_>,
    compartment: &Name,
    generation: u64,
) -> Result<GenerationHeader, Failure> {
    let path = paths::header(compartment, generation);
    let envelope = read_document::<GenerationHeader>(vault, &path)?;
    let place = place(vault, compartment, generation);
    let place = place.ok_or_else(|| misplaced(&path))?;
    manifest::read_header(&envelope, &vault.chain, &place).map_err(|why| refused(why, &path))
}

/// Why a header or a record is not taken, as it is told.
fn refused(why: Misplaced, what: &str) -> Failure {
    match why {
        Misplaced::Malformed(malformed) => of_document(what, malformed),
        Misplaced::Misfit(misfit) => misfit.into(),
        Misplaced::Elsewhere => misplaced(what),
        Misplaced::Signature(_) => Failure::new(
            Class::Integrity,
            "signature-bad",
            why.to_string(),
            "nothing was opened or changed",
        )
        .hint("stop, leave the vault as it is, and call the security officer"),
    }
}

/// Reads a document that the ledger names.
pub(super) fn read_document<D: Document>(
    vault: &OpenVault<'_>,
    path: &str,
) -> Result<Envelope, Failure> {
    let bytes = match vault.world.store.read(&key(path)?, D::MAX) {
        Err(StoreError::NotFound(_)) => return Err(file_missing(path)),
        read => read.map_err(|error| of_document(path, error))?,
    };
    Envelope::read::<D>(&bytes).map_err(|error| of_document(path, error))
}

/// What is wrong with a document, with its name.
pub(super) fn of_document(path: &str, error: impl Into<Failure>) -> Failure {
    let mut failure = error.into();
    if !failure.what.contains(path) {
        failure.what = format!("{path}: {}", failure.what);
    }
    failure.state("nothing was opened or changed")
}

fn file_missing(path: &str) -> Failure {
    Failure::new(
        Class::Integrity,
        "document-missing",
        format!("{path} is not there, and the ledger says that it was sealed"),
        "nothing was opened or changed",
    )
    .hint("look for it in a copy of the vault, and leave this one as it is")
    .hint("call the security officer")
}

pub(super) fn misplaced(what: &str) -> Failure {
    Failure::new(
        Class::Integrity,
        "document-misplaced",
        format!("{what} is not the one that the ledger names"),
        "nothing was opened or changed",
    )
    .hint("stop, leave the vault as it is, and call the security officer")
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

/// What is about to be done to a key.
struct Retiring<'a> {
    definition: &'a CredentialDefinition,
    id: AccessKeyId,
    act: Retirement,
    cause: RetirementCause,
}

/// Records that a key is about to be retired, if nobody has added anything to the ledger since that was
/// decided: an opening that came in between must be seen first. Says whether it was recorded.
fn intend(
    vault: &mut OpenVault<'_>,
    head: &Head,
    retiring: &Retiring<'_>,
) -> Result<bool, Failure> {
    let intent = Event::KeyRetiring {
        credential: retiring.definition.name.clone(),
        key: retiring.id.clone(),
        act: retiring.act,
        cause: retiring.cause,
    };
    let now = vault.world.clock.now();
    Ok(vault.journal.record_at(head, now, vec![intent])?.is_some())
}

/// Makes AWS refuse a key, and records that. The intent stands in the ledger.
fn deactivate(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    definition: &CredentialDefinition,
    id: &AccessKeyId,
) -> Result<(), Failure> {
    let (credential, key) = (definition.name.clone(), id.clone());
    let outcome = match cloud.keys.deactivate(&definition.user, id) {
        Ok(()) => Event::KeyDeactivated { credential, key },
        Err(CloudError::NotFound(_)) => Event::KeyMissing { credential, key },
        Err(other) => return Err(other.into()),
    };
    Ok(vault.journal.record(vault.world.clock.now(), outcome)?)
}

/// Cuts a key off, whoever uses it: records the intent, makes AWS refuse it, records that.
pub(super) fn cut_off(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    definition: &CredentialDefinition,
    id: &AccessKeyId,
) -> Result<(), Failure> {
    let (credential, key) = (definition.name.clone(), id.clone());
    let (act, cause) = (Retirement::Deactivate, RetirementCause::Exposed);
    let intent = Event::KeyRetiring {
        credential,
        key,
        act,
        cause,
    };
    vault.journal.record(vault.world.clock.now(), intent)?;
    deactivate(vault, cloud, definition, id)
}

/// Deletes a key, and records that. The intent stands in the ledger.
fn delete(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    definition: &CredentialDefinition,
    id: &AccessKeyId,
) -> Result<(), Failure> {
    match cloud.keys.delete(&definition.user, id) {
        Ok(()) | Err(CloudError::NotFound(_)) => {}
        Err(other) => return Err(other.into()),
    }
    let outcome = Event::KeyDeleted {
        credential: definition.name.clone(),
        key: id.clone(),
    };
    Ok(vault.journal.record(vault.world.clock.now(), outcome)?)
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
