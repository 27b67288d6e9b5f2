//! One credential, step by step: ask the rules for the next step, record the intent, act, record the
//! outcome, ask again. A run that died anywhere is continued by the next, because every step starts from
//! what the ledger and IAM say now.

use std::time::Duration;

use super::open_vault::{OpenVault, key};
use super::world::Cloud;
use crate::crypto;
use crate::format::dsse::{Document, Envelope};
use crate::format::{GenerationHeader, Record, paths};
use crate::ledger::{
    CredentialDefinition, CredentialState, Event, Head, IncidentState, Retirement, RetirementCause,
};
use crate::model::{AccessKeyId, Class, Digest, Failure, Name, SignAlgorithm, SignKey};
use crate::ports::{AccessKeyInfo, CloudError, StoreError};
use crate::rotation::{Goal, Spent, Step, next_step};

/// More steps than any credential can need; a bug must not become a loop.
const MOST_STEPS: usize = 32;

/// Where settling ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// Nothing more to do.
    Done,
    /// A new key is to be made; these are the ones there are.
    Create(Vec<AccessKeyId>),
}

/// Goes on until nothing is left to do or a key is to be made.
pub(super) fn settle(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    name: &Name,
    goal: Goal,
    grace: Duration,
) -> Result<Settled, Failure> {
    for _ in 0..MOST_STEPS {
        vault.journal.reload()?;
        let head = vault.journal.head();
        let credential = credential(vault, name)?.clone();
        let definition = &credential.definition;
        let listed = cloud.keys.list(&definition.user)?;
        let now = vault.world.clock.now();
        match next_step(&credential, &listed, goal, now, grace) {
            Step::Done => return Ok(Settled::Done),
            Step::Create(existing) => return Ok(Settled::Create(existing)),
            Step::RecordMissing(id) => {
                vault.journal.record(
                    now,
                    Event::KeyMissing {
                        credential: name.clone(),
                        key: id,
                    },
                )?;
            }
            Step::RecordInactive(id) => {
                let event = Event::KeyDeactivated {
                    credential: name.clone(),
                    key: id,
                };
                vault.journal.record(now, event)?;
            }
            Step::Resolve(id) => resolve(vault, cloud, &credential, &id)?,
            Step::Deactivate(id, _) | Step::Delete(id, _) if is_open(&credential, vault, &id) => {
                return Ok(Settled::Done);
            }
            Step::Deactivate(id, why) => {
                if intend(
                    vault,
                    &head,
                    definition,
                    &id,
                    Retirement::Deactivate,
                    cause(why),
                )? {
                    deactivate(vault, cloud, definition, &id)?;
                }
            }
            Step::Delete(id, why) => {
                if intend(
                    vault,
                    &head,
                    definition,
                    &id,
                    Retirement::Delete,
                    cause(why),
                )? {
                    delete(vault, cloud, definition, &id)?;
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
    }
}

/// A key of ours that the ledger does not know as sealed: either the run died between storing its record
/// and recording that, or nobody has its secret.
fn resolve(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    credential: &CredentialState,
    id: &AccessKeyId,
) -> Result<(), Failure> {
    let definition = &credential.definition;
    let name = &definition.name;
    let Some(intent) = &credential.intent else {
        return Ok(());
    };
    let now = vault.world.clock.now();
    let stored = stored_record(vault, definition, intent.generation)?;
    match stored.filter(|(record, _)| record.about.access_key == *id) {
        Some((record, digest)) => {
            let event = Event::KeySealed {
                credential: name.clone(),
                generation: intent.generation,
                key: id.clone(),
                record: digest,
                witness: record.witness,
            };
            vault.journal.record(now, event)?;
        }
        None => {
            let (credential, key) = (name.clone(), id.clone());
            let (act, cause) = (Retirement::Delete, RetirementCause::Orphaned);
            let retiring = Event::KeyRetiring {
                credential,
                key,
                act,
                cause,
            };
            vault.journal.record(now, retiring)?;
            delete(vault, cloud, definition, id)?;
            let generation = intent.generation;
            let event = Event::KeyAbandoned {
                credential: name.clone(),
                generation,
            };
            vault.journal.record(now, event)?;
        }
    }
    Ok(())
}

/// Whether a newly listed key answers an intent after which AWS gave no clear answer.
pub(super) fn is_new(credential: &CredentialState, listed: &[AccessKeyInfo]) -> bool {
    credential.intent.as_ref().is_some_and(|intent| {
        listed
            .iter()
            .any(|key| !intent.existing.contains(&key.id) && credential.key(&key.id).is_none())
    })
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

/// Checks a record against the header that the ledger names, the manifest, and the credential.
pub(super) fn check_record(
    vault: &OpenVault<'_>,
    envelope: &Envelope,
    definition: &CredentialDefinition,
    generation: u64,
) -> Result<Record, Failure> {
    let record: Record = envelope.document()?;
    let compartment = vault.state().compartments.get(&definition.compartment);
    let header = compartment.and_then(|state| state.headers.get(&generation));
    let about = &record.about;
    let same = about.vault == vault.chain.vault()
        && Some(&about.header) == header
        && about.compartment == definition.compartment
        && about.generation == generation
        && about.credential == definition.name
        && about.account == definition.account
        && about.user == definition.user;
    if !same {
        return Err(misplaced(&format!("the record of {}", definition.name)));
    }
    check_rotator_signature(vault, envelope, &about.manifest)?;
    Ok(record)
}

/// Reads a generation's header and checks it against the ledger and the manifest it was made under.
pub(super) fn read_header(
    vault: &OpenVault<'_>,
    compartment: &Name,
    generation: u64,
) -> Result<GenerationHeader, Failure> {
    let path = paths::header(compartment, generation);
    let envelope = read_document::<GenerationHeader>(vault, &path)?;
    let known = vault
        .state()
        .compartments
        .get(compartment)
        .and_then(|c| c.headers.get(&generation));
    let header: GenerationHeader = envelope
        .document()
        .map_err(|error| of_document(&path, error))?;
    let same = known == Some(&envelope.digest())
        && header.vault == vault.chain.vault()
        && header.compartment == *compartment
        && header.generation == generation;
    if !same {
        return Err(misplaced(&path));
    }
    check_rotator_signature(vault, &envelope, &header.manifest)?;
    Ok(header)
}

/// Reads a document that the ledger names.
pub(super) fn read_document<D: Document>(
    vault: &OpenVault<'_>,
    path: &str,
) -> Result<Envelope, Failure> {
    let bytes = match vault.world.store.read(&key(path)?, D::MAX) {
        Err(StoreError::NotFound(_)) => return Err(missing(path)),
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

fn missing(path: &str) -> Failure {
    Failure::new(
        Class::Integrity,
        "document-missing",
        format!("{path} is not there, and the ledger says that it was sealed"),
        "nothing was opened or changed",
    )
    .hint("look for it in a copy of the vault, and leave this one as it is")
    .hint("call the security officer")
}

fn check_rotator_signature(
    vault: &OpenVault<'_>,
    envelope: &Envelope,
    manifest: &Digest,
) -> Result<(), Failure> {
    let bad = |why: &str| {
        Failure::new(
            Class::Integrity,
            "signature-bad",
            format!("a sealed document is not signed as it must be: {why}"),
            "nothing was opened or changed",
        )
        .hint("stop, leave the vault as it is, and call the security officer")
    };
    let manifest = vault
        .chain
        .of_digest(manifest)
        .ok_or_else(|| bad("it was made under a manifest that this vault never had"))?;
    let [signature] = envelope.signatures.as_slice() else {
        return Err(bad("it must bear one signature"));
    };
    let rotator = manifest
        .rotator(&signature.keyid)
        .ok_or_else(|| bad("its signer was no rotator"))?;
    let public = SignKey {
        algorithm: SignAlgorithm::Ed25519,
        public: rotator.public.clone(),
    };
    crypto::verify(&public, &envelope.signed_bytes(), &signature.sig)
        .map_err(|_| bad("the signature does not verify"))
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
fn is_open(credential: &CredentialState, vault: &OpenVault<'_>, id: &AccessKeyId) -> bool {
    let Some(key) = credential.key(id).filter(|key| key.deactivated.is_none()) else {
        return false;
    };
    let incidents = &vault.state().incidents;
    key.opened_in
        .iter()
        .filter_map(|name| incidents.get(name))
        .any(IncidentState::is_live)
}

/// Records that a key is about to be retired, if nobody has added anything to the ledger since that was
/// decided: an opening that came in between must be seen first. Says whether it was recorded.
fn intend(
    vault: &mut OpenVault<'_>,
    head: &Head,
    definition: &CredentialDefinition,
    id: &AccessKeyId,
    act: Retirement,
    cause: RetirementCause,
) -> Result<bool, Failure> {
    let (credential, key) = (definition.name.clone(), id.clone());
    let intent = Event::KeyRetiring {
        credential,
        key,
        act,
        cause,
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
