//! Rotation: fresh access keys for the credentials of a compartment, sealed together, with no token
//! present. The first sealing is a rotation like any other.

use std::time::Duration;

use super::claim::Elsewhere;
use super::documents::planted;
use super::due::{is_due, tidy};
use super::open_vault::{OpenVault, key};
use super::prove::{self, Pending};
use super::reap::reap;
use super::rotated::{Occasion, Outcome, RotateRequest, Rotated};
use super::settle::{self, Settled};
use super::usage::{alarms, watch};
use super::world::{Cloud, People};
use crate::crypto::{self, Plan, Sealing, ToSeal};
use crate::format::paths;
use crate::ledger::{CredentialDefinition, Event, Head, IncidentState};
use crate::model::{AccessKeyId, Class, Digest, Failure, Name};
use crate::ports::{CallerIdentity, CloudError, Held, NewAccessKey, Notice, StoreError};
use crate::rotation::Goal;

/// Rotates. One run at a time works on a vault.
///
/// # Errors
/// [`Failure`] where nothing could begin; what became of each credential is in [`Rotated`].
pub fn rotate(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    request: &RotateRequest,
    operator: People<'_>,
) -> Result<Rotated, Failure> {
    vault.require_rotator()?;
    let _held = hold(vault)?;
    let compartments = vault.compartments(&request.compartments, "nothing was rotated")?;
    let is_wanted = |vault: &OpenVault<'_>, compartment: &Name| {
        !request.due_only || is_due(vault, compartment, vault.world.clock.now())
    };
    let mut rotated = Rotated {
        reaped: reap(vault, cloud, operator)?,
        ..Rotated::default()
    };
    rotated.unwatched = watch(vault, cloud, &compartments, is_wanted)?;
    for compartment in compartments {
        if !is_wanted(vault, &compartment) {
            tidy(vault, cloud, &compartment, &mut rotated)?;
        } else {
            let occasion = request.occasion();
            rotate_compartment(vault, cloud, &compartment, occasion, operator, &mut rotated)?;
        }
    }
    rotated.alarms = alarms(vault);
    vault.remember()?;
    Ok(rotated)
}

/// Keeps other rotations of this vault out until it is dropped, then looks at the ledger anew: whoever
/// held it before may have written.
pub(super) fn hold(vault: &mut OpenVault<'_>) -> Result<Box<dyn Held>, Failure> {
    let held = vault.world.store.lock("rotate")?;
    vault.journal.reload()?;
    Ok(held)
}

/// Rotates the credentials of one compartment. Those that an incident has opened are left alone, unless
/// it is that incident that is being closed; the whole of it, if another rotator is at it.
pub(super) fn rotate_compartment(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    compartment: &Name,
    occasion: Occasion<'_>,
    operator: People<'_>,
    rotated: &mut Rotated,
) -> Result<(), Failure> {
    if let Some(left) = occasion.yields_to(vault, compartment) {
        rotated.elsewhere.push(left);
        return Ok(());
    }
    let closing = occasion.closing();
    let mut names = Vec::new();
    let members: Vec<Name> = vault
        .state()
        .members(compartment)
        .map(|c| c.definition.name.clone())
        .collect();
    let own = match cloud.keys.rotator() {
        Ok(own) => own,
        Err(error) if members.is_empty() => {
            let _ = error;
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    for name in members {
        if let Some(incident) = in_use(vault, &name, closing) {
            let why = format!("incident {incident} has it open: breakglass close {incident}");
            rotated.credentials.push((name, Outcome::Skipped(why)));
        } else if let Err(failure) = ready(vault, cloud, &name, &own) {
            fail(vault, rotated, &name, failure)?;
        } else {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Ok(());
    }
    operator.notice(Notice::Step(format!(
        "{compartment}: {} credential{}",
        names.len(),
        if names.len() == 1 { "" } else { "s" }
    )));
    let sealing = match begin(vault, cloud, compartment, &names, occasion)? {
        Begun::Ours(sealing) => sealing,
        Begun::Elsewhere(left) => {
            rotated.elsewhere.push(left);
            return Ok(());
        }
    };
    let generation = sealing.header().generation;
    let pending = make_all(vault, cloud, &sealing, &names, rotated)?;
    drop(sealing);
    let proved = prove::prove_all(vault, cloud, pending, operator, rotated)?;
    commit(vault, compartment, generation, &proved, rotated)?;
    retire_all(vault, cloud, generation, proved, closing, rotated)
}

/// The incident that has a living key of a credential open, other than the one that is being closed.
fn in_use(vault: &OpenVault<'_>, name: &Name, closing: Option<&Name>) -> Option<Name> {
    let state = vault.state();
    let alive = |id: &AccessKeyId| {
        let key = state
            .credentials
            .get(name)
            .and_then(|credential| credential.key(id));
        key.is_some_and(|key| key.gone.is_none() && key.deactivated.is_none())
    };
    let holds = |(id, incident): &(&Name, &IncidentState)| {
        let open = incident
            .opened
            .iter()
            .any(|(of, key)| of == name && alive(key));
        Some(*id) != closing && incident.is_live() && open
    };
    state.incidents.iter().find(holds).map(|(id, _)| id.clone())
}

/// Before anything is made: the account is the right one, and what earlier runs left is cleared away.
fn ready(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    name: &Name,
    own: &CallerIdentity,
) -> Result<(), Failure> {
    let definition = settle::credential(vault, name)?.definition.clone();
    if own.account != definition.account {
        return Err(Failure::new(
            Class::Refused,
            "other-account",
            format!(
                "{name} is in account {}, and the rotator's credentials are of account {}",
                definition.account, own.account
            ),
            "none of its keys was touched",
        )
        .hint("set AWS_PROFILE to a profile of the right account"));
    }
    settle::settle(vault, cloud, name, Goal::Settle, grace(vault)).map(|_| ())
}

pub(super) fn grace(vault: &OpenVault<'_>) -> Duration {
    Duration::from_secs(u64::from(vault.manifest().policy.grace_minutes) * 60)
}

/// Records that a credential failed, and goes on with the others. If that cannot be recorded, the run
/// ends.
pub(super) fn fail(
    vault: &mut OpenVault<'_>,
    rotated: &mut Rotated,
    name: &Name,
    failure: Failure,
) -> Result<(), Failure> {
    let event = Event::RotationFailed {
        credential: name.clone(),
        code: failure.code.to_owned(),
    };
    let recorded = vault.journal.record(vault.world.clock.now(), event);
    rotated
        .credentials
        .push((name.clone(), Outcome::Failed(failure)));
    recorded.map_err(|error| Failure::from(error).class(Class::HalfDone).state(HALF))
}

const HALF: &str =
    "a rotation was left half done: the old keys are in place, and the next run goes on";

/// What came of the wish to begin.
enum Begun {
    Ours(Sealing),
    Elsewhere(Elsewhere),
}

/// Takes the next number, which is what several rotators race for, and stores the header before any key is
/// made.
fn begin(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    compartment: &Name,
    names: &[Name],
    occasion: Occasion<'_>,
) -> Result<Begun, Failure> {
    loop {
        let head = vault.journal.head();
        if let Some(left) = occasion.yields_to(vault, compartment) {
            return Ok(Begun::Elsewhere(left));
        }
        let number = free_number(vault, compartment, names)?;
        if let Some(sealing) = begin_at(vault, cloud, compartment, number, &head)? {
            return Ok(Begun::Ours(sealing));
        }
    }
}

/// Begins this generation, unless anything was added to the ledger since `head`.
fn begin_at(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    compartment: &Name,
    number: u64,
    head: &Head,
) -> Result<Option<Sealing>, Failure> {
    let now = vault.world.clock.now();
    let plan = Plan {
        vault: vault.chain.vault(),
        manifest: vault.chain.newest(),
        manifest_digest: vault.chain.newest_digest(),
        compartment,
        generation: number,
        now,
    };
    let sealing = crypto::begin(&plan, vault.world.entropy)?;
    let event = Event::RotationBegun {
        compartment: compartment.clone(),
        generation: number,
        header: sealing.header_digest(),
        manifest: vault.chain.newest_digest(),
        endpoint: cloud.endpoint.clone(),
    };
    if vault.journal.record_at(head, now, vec![event])?.is_none() {
        return Ok(None);
    }
    let envelope = sealing.signed_header(&vault.world.station.signer)?;
    let path = key(paths::header(compartment, number))?;
    vault.world.store.create(&path, &envelope.to_bytes()?)?;
    settle::read_header(vault, compartment, number)?;
    Ok(Some(sealing))
}

/// The next number of a compartment. Nothing may lie where its header and records will: somebody would want
/// the rotation to fail when the key is made and cannot be sealed.
fn free_number(
    vault: &mut OpenVault<'_>,
    compartment: &Name,
    names: &[Name],
) -> Result<u64, Failure> {
    loop {
        let number = next_number(vault, compartment);
        let records = names.iter().map(|n| paths::record(compartment, number, n));
        let mut places = std::iter::once(paths::header(compartment, number)).chain(records);
        let Err(taken) = places.try_for_each(|place| nothing_there(vault, &place)) else {
            return Ok(number);
        };
        // Unless another rotator has begun it meanwhile.
        vault.journal.reload()?;
        if next_number(vault, compartment) == number {
            return Err(taken);
        }
    }
}

fn next_number(vault: &OpenVault<'_>, compartment: &Name) -> u64 {
    let known = vault.state().compartments.get(compartment);
    known.map_or(1, |c| c.generation + 1)
}

fn nothing_there(vault: &OpenVault<'_>, path: &str) -> Result<(), Failure> {
    match vault.world.store.read(&key(path)?, 0) {
        Err(StoreError::NotFound(_)) => Ok(()),
        Ok(_) | Err(StoreError::TooLarge(..)) => Err(planted(path)),
        Err(other) => Err(other.into()),
    }
}

fn make_all(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    sealing: &Sealing,
    names: &[Name],
    rotated: &mut Rotated,
) -> Result<Vec<Pending>, Failure> {
    let mut pending = Vec::with_capacity(names.len());
    for name in names {
        match make(vault, cloud, sealing, name) {
            Ok(made) => pending.push(made),
            Err(failure) => fail(vault, rotated, name, failure)?,
        }
    }
    Ok(pending)
}

/// One new key: intent, creation, sealing, storing, reading back.
fn make(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    sealing: &Sealing,
    name: &Name,
) -> Result<Pending, Failure> {
    let generation = sealing.header().generation;
    let goal = Goal::Fresh(generation);
    let existing = match settle::settle(vault, cloud, name, goal, grace(vault))? {
        Settled::Create(existing) => existing,
        Settled::Done => {
            return Err(Failure::new(
                Class::Bug,
                "no-new-key-wanted",
                format!("{name} wants no key in generation {generation}"),
                "nothing was made",
            ));
        }
    };
    let definition = settle::credential(vault, name)?.definition.clone();
    still_ours(vault, &definition.compartment, generation)?;
    let intent = Event::KeyIntended {
        credential: name.clone(),
        generation,
        existing,
    };
    vault.journal.record(vault.world.clock.now(), intent)?;
    let made = match cloud.keys.create(&definition.user) {
        Ok(made) => made,
        Err(error) => return Err(not_made(vault, cloud, &definition, generation, error)),
    };
    match seal_and_store(vault, sealing, &definition, &made) {
        Ok((record, witness)) => {
            let key = made.id.clone();
            let event = Event::KeySealed {
                credential: name.clone(),
                generation,
                key,
                record,
                witness,
            };
            vault
                .journal
                .record(vault.world.clock.now(), event)
                .map_err(half_done)?;
            Ok(Pending {
                name: name.clone(),
                key: made.id,
                secret: made.secret,
            })
        }
        Err(failure) => {
            // Nobody will ever have the secret of this key: it goes at once, if that can be recorded.
            let id = made.id.clone();
            drop(made);
            let credential = settle::credential(vault, name)?.clone();
            match settle::resolve(vault, cloud, &credential, &id, generation) {
                Ok(()) => Err(failure
                    .state("the new key is not in force and goes again; the old one is in place")),
                Err(_) => Err(half_done(failure)),
            }
        }
    }
}

/// The key that an opening would give, and its generation.
fn in_force(vault: &OpenVault<'_>, name: &Name) -> Option<(AccessKeyId, u64)> {
    let current = vault.state().credentials.get(name)?.current()?;
    Some((current.id.clone(), current.generation))
}

/// A generation that another rotator has followed with one of its own makes no more keys.
fn still_ours(vault: &OpenVault<'_>, compartment: &Name, generation: u64) -> Result<(), Failure> {
    let known = vault.state().compartments.get(compartment);
    if known.is_some_and(|known| known.unfinished == Some(generation)) {
        return Ok(());
    }
    Err(overtaken(&format!(
        "of {compartment} in generation {generation}"
    )))
}

fn overtaken(what: &str) -> Failure {
    Failure::new(
        Class::HalfDone,
        "overtaken",
        format!("the rotation {what} was taken over by another rotator"),
        "that one goes on with it; each user keeps a key that is sealed and opens",
    )
    .hint("breakglass status")
}

fn half_done(failure: impl Into<Failure>) -> Failure {
    failure
        .into()
        .class(Class::HalfDone)
        .state(
            "a new key was made that is not known to be sealed; the next run finds and deletes it",
        )
        .hint("mend the cause, then: breakglass rotate")
}

/// No key came back. If AWS did nothing for certain, the intent is over; otherwise what may be there is
/// looked for as long as IAM's lists may lag, and deleted.
fn not_made(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    definition: &CredentialDefinition,
    generation: u64,
    error: CloudError,
) -> Failure {
    let name = definition.name.clone();
    if !matches!(error, CloudError::Unclear { .. }) {
        let event = Event::KeyAbandoned {
            credential: name,
            generation,
        };
        return match vault.journal.record(vault.world.clock.now(), event) {
            Ok(()) => error.into(),
            Err(unrecorded) => half_done(unrecorded),
        };
    }
    match settle::settle(vault, cloud, &name, Goal::Settle, grace(vault)) {
        Ok(_) => Failure::from(error)
            .state("a key that nobody has the secret of was looked for and is not there any more; the old one is in place")
            .hint("breakglass rotate"),
        Err(_) => half_done(error),
    }
}

/// Seals a key, stores the record, reads it back and compares.
fn seal_and_store(
    vault: &OpenVault<'_>,
    sealing: &Sealing,
    definition: &CredentialDefinition,
    made: &NewAccessKey,
) -> Result<(Digest, Vec<u8>), Failure> {
    let to_seal = ToSeal {
        credential: &definition.name,
        account: &definition.account,
        user: &definition.user,
        access_key: &made.id,
        secret: &made.secret,
        now: vault.world.clock.now(),
    };
    let envelope = sealing.seal(&to_seal, &vault.world.station.signer)?;
    let bytes = envelope.to_bytes()?;
    let generation = sealing.header().generation;
    let path = key(paths::record(
        &definition.compartment,
        generation,
        &definition.name,
    ))?;
    vault.world.store.create(&path, &bytes)?;
    if vault.world.store.read(&path, bytes.len())? != bytes {
        return Err(settle::misplaced(&format!("{path}, just written,")));
    }
    let record = settle::check_record(vault, &envelope, definition, generation)?;
    Ok((envelope.digest(), record.witness))
}

/// Puts the proved keys in force.
fn commit(
    vault: &mut OpenVault<'_>,
    compartment: &Name,
    generation: u64,
    proved: &[(Name, AccessKeyId)],
    rotated: &mut Rotated,
) -> Result<(), Failure> {
    if proved.is_empty() {
        return Ok(());
    }
    // An entry has at most 64 KiB, and a name 64 bytes.
    let events = proved.chunks(500).map(|chunk| Event::GenerationCommitted {
        compartment: compartment.clone(),
        generation,
        credentials: chunk.iter().map(|(name, _)| name.clone()).collect(),
    });
    vault
        .journal
        .record_all(vault.world.clock.now(), events.collect())?;
    rotated.generations.push((compartment.clone(), generation));
    Ok(())
}

/// Old keys go now that the new ones are committed. A key that was opened goes at once; others stay
/// deactivated for the grace.
fn retire_all(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    generation: u64,
    proved: Vec<(Name, AccessKeyId)>,
    closing: Option<&Name>,
    rotated: &mut Rotated,
) -> Result<(), Failure> {
    let grace = if closing.is_some() {
        Duration::ZERO
    } else {
        grace(vault)
    };
    for (name, fresh) in proved {
        match settle::settle(vault, cloud, &name, Goal::Fresh(generation), grace) {
            Ok(_) => match in_force(vault, &name) {
                Some((current, _)) if current == fresh => {
                    rotated.credentials.push((name, Outcome::Fresh(fresh)));
                }
                Some((_, newer)) if newer > generation => {
                    let why = "another rotator has put a newer key in its place".to_owned();
                    rotated.credentials.push((name, Outcome::Skipped(why)));
                }
                _ => fail(vault, rotated, &name, overtaken(&format!("of {name}")))?,
            },
            Err(failure) => {
                let failure = failure
                    .class(Class::HalfDone)
                    .state("the new key is in force; the old one is not retired yet")
                    .hint("breakglass rotate");
                fail(vault, rotated, &name, failure)?;
            }
        }
    }
    Ok(())
}
