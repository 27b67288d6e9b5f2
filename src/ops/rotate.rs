//! Rotation: fresh access keys for the credentials of a compartment, sealed together, with no token
//! present. The first sealing is a rotation like any other.

use std::collections::BTreeMap;
use std::time::Duration;

use super::claim::Elsewhere;
use super::documents::planted;
use super::due::{is_due, tidy};
use super::known::record_own;
use super::make::make_all;
use super::open_vault::{OpenVault, key};
use super::prove;
use super::reap::reap;
use super::records;
use super::rotated::{Occasion, Outcome, RotateRequest, Rotated};
use super::settle::{self, Settled, Wanted};
use super::settle_all::{TOGETHER, settle_all};
use super::usage::{alarms, watch};
use super::world::{Cloud, People};
use crate::crypto::{self, Plan, Sealing};
use crate::format::paths;
use crate::ledger::{Event, Head, IncidentState};
use crate::model::{AccessKeyId, Class, Failure, Name};
use crate::ports::{Held, Notice, StoreError};
use crate::rotation::{Goal, Retention};

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
    rotated.know_accounts(vault);
    rotated.unwatched = watch(vault, cloud, &compartments, is_wanted, operator)?;
    for compartment in compartments {
        if !is_wanted(vault, &compartment) {
            tidy(vault, cloud, &compartment, operator, &mut rotated)?;
        } else {
            let occasion = request.occasion();
            rotate_compartment(vault, cloud, &compartment, occasion, operator, &mut rotated)?;
        }
    }
    rotated
        .credentials
        .sort_by(|one, other| one.0.cmp(&other.0));
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
        rotated.leave(left);
        return Ok(());
    }
    let closing = occasion.closing();
    let members: Vec<Name> = vault
        .state()
        .members(compartment)
        .map(|c| c.definition.name.clone())
        .collect();
    if members.is_empty() {
        return Ok(());
    }
    rotated.know_accounts(vault);
    // Where not even that is answered, nothing can begin.
    cloud.keys.rotator()?;
    let mut names = Vec::with_capacity(members.len());
    for name in members {
        match in_use(vault, &name, closing) {
            Some(incident) => {
                let why = format!("incident {incident} has it open: breakglass close {incident}");
                rotated.credentials.push((name, Outcome::Skipped(why)));
            }
            None => names.push(name),
        }
    }
    let names = ready(vault, cloud, names, occasion, operator, rotated)?;
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
            rotated.leave(left);
            return Ok(());
        }
    };
    renew(vault, cloud, sealing, &names, occasion, operator, rotated).map_err(half)
}

/// From the header to the end of the old keys.
fn renew(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    sealing: Sealing,
    names: &[Name],
    occasion: Occasion<'_>,
    operator: People<'_>,
    rotated: &mut Rotated,
) -> Result<(), Failure> {
    let compartment = sealing.header().compartment.clone();
    let generation = sealing.header().generation;
    let pending = make_all(vault, cloud, &sealing, names, operator, rotated)?;
    drop(sealing);
    let proved = prove::prove_all(vault, cloud, pending, operator, rotated)?;
    commit(vault, cloud, &compartment, generation, &proved, rotated)?;
    let wanted = Wanted {
        goal: Goal::Fresh(generation),
        retention: match occasion.closing() {
            Some(_) => retention_in_closing(vault),
            None => retention(vault),
        },
        occasion,
    };
    retire_all(vault, cloud, wanted, proved, operator, rotated)
}

/// What ends a run in the middle leaves it half done, unless somebody must be called.
fn half(failure: Failure) -> Failure {
    match failure.class {
        Class::Integrity | Class::HalfDone => failure,
        _ => failure.class(Class::HalfDone).state(HALF),
    }
}

/// The incident that has a living key of a credential open, other than the one that is being closed.
pub(super) fn in_use(vault: &OpenVault<'_>, name: &Name, closing: Option<&Name>) -> Option<Name> {
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

/// Before anything is made: the accounts can be reached, and what earlier runs left is cleared away. Returns
/// those of which both is so.
fn ready(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    names: Vec<Name>,
    occasion: Occasion<'_>,
    operator: People<'_>,
    rotated: &mut Rotated,
) -> Result<Vec<Name>, Failure> {
    let mut within_reach = Vec::with_capacity(names.len());
    let mut failed = Vec::new();
    for name in names {
        let account = &settle::credential(vault, &name)?.definition.account;
        match cloud.keys.reaches(account) {
            Ok(()) => within_reach.push(name),
            Err(error) => {
                let failure = Failure::from(error).state("none of its keys was touched");
                failed.push((name, failure));
            }
        }
    }
    let wanted = Wanted {
        goal: Goal::Settle,
        retention: retention(vault),
        occasion,
    };
    let mut ready = Vec::with_capacity(within_reach.len());
    for (name, end) in settle_all(vault, cloud, &within_reach, wanted, operator)? {
        match end {
            Ok(Settled::Elsewhere(left)) => rotated.leave(left),
            Ok(Settled::Done | Settled::Create(_)) => ready.push(name),
            Err(failure) => failed.push((name, failure)),
        }
    }
    fail_all(vault, rotated, failed)?;
    // They came to rest in any order.
    ready.sort_unstable();
    Ok(ready)
}

/// How long replaced keys stay, by the vault's policy.
pub(super) fn retention(vault: &OpenVault<'_>) -> Retention {
    let policy = &vault.manifest().policy;
    Retention {
        grace: Duration::from_secs(u64::from(policy.grace_minutes) * 60),
        keep: Duration::from_secs(u64::from(policy.keep_proved_days()) * 24 * 3600),
    }
}

/// The same in closing: what was replaced has no grace.
pub(super) fn retention_in_closing(vault: &OpenVault<'_>) -> Retention {
    Retention {
        grace: Duration::ZERO,
        ..retention(vault)
    }
}

/// Records that a credential failed, and goes on with the others. If that cannot be recorded, the run
/// ends.
pub(super) fn fail(
    vault: &mut OpenVault<'_>,
    rotated: &mut Rotated,
    name: &Name,
    failure: Failure,
) -> Result<(), Failure> {
    fail_all(vault, rotated, vec![(name.clone(), failure)])
}

/// [`fail`] for several: where an account cannot be reached, that is one commit for all of its credentials.
pub(super) fn fail_all(
    vault: &mut OpenVault<'_>,
    rotated: &mut Rotated,
    failed: Vec<(Name, Failure)>,
) -> Result<(), Failure> {
    let now = vault.world.clock.now();
    let mut recorded = Ok(());
    for chunk in failed.chunks(TOGETHER) {
        let events = chunk.iter().map(|(name, failure)| Event::RotationFailed {
            credential: name.clone(),
            code: failure.code.to_owned(),
        });
        let one = vault.journal.record_all(now, events.collect());
        recorded = recorded.and(one.map(drop));
    }
    let failed = failed.into_iter();
    let outcomes = failed.map(|(name, failure)| (name, Outcome::Failed(failure)));
    rotated.credentials.extend(outcomes);
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
    records::read_header(vault, compartment, number)?;
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

/// Puts the proved keys in force.
fn commit(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    compartment: &Name,
    generation: u64,
    proved: &[(Name, AccessKeyId)],
    rotated: &mut Rotated,
) -> Result<(), Failure> {
    if proved.is_empty() {
        return Ok(());
    }
    let names: Vec<Name> = proved.iter().map(|(name, _)| name.clone()).collect();
    // An entry has at most 64 KiB, and a name 64 bytes.
    let events = names.chunks(500).map(|chunk| Event::GenerationCommitted {
        compartment: compartment.clone(),
        generation,
        credentials: chunk.to_vec(),
    });
    record_own(vault, cloud, &names, events.collect())?;
    rotated.generations.push((compartment.clone(), generation));
    Ok(())
}

/// Old keys go now that the new ones are committed. A key that was opened goes at once; others stay
/// deactivated for the grace.
fn retire_all(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    wanted: Wanted<'_>,
    proved: Vec<(Name, AccessKeyId)>,
    operator: People<'_>,
    rotated: &mut Rotated,
) -> Result<(), Failure> {
    let names: Vec<Name> = proved.iter().map(|(name, _)| name.clone()).collect();
    let mut fresh: BTreeMap<Name, AccessKeyId> = proved.into_iter().collect();
    let mut failed = Vec::new();
    for (name, end) in settle_all(vault, cloud, &names, wanted, operator)? {
        match (end, fresh.remove(&name)) {
            (Err(failure), _) => {
                let failure = failure
                    .class(Class::HalfDone)
                    .state("the new key is in force; the old one is not retired yet")
                    .hint("breakglass rotate");
                failed.push((name, failure));
            }
            (Ok(_), Some(key)) => end_of(vault, wanted.goal, name, key, rotated)?,
            (Ok(_), None) => {}
        }
    }
    fail_all(vault, rotated, failed)
}

/// What became of a credential whose old keys are gone, if another rotator has not come between.
fn end_of(
    vault: &mut OpenVault<'_>,
    goal: Goal,
    name: Name,
    fresh: AccessKeyId,
    rotated: &mut Rotated,
) -> Result<(), Failure> {
    match in_force(vault, &name) {
        Some((current, _)) if current == fresh => {
            rotated.credentials.push((name, Outcome::Fresh(fresh)));
            Ok(())
        }
        Some((_, newer)) if goal < Goal::Fresh(newer) => {
            let why = "another rotator has put a newer key in its place".to_owned();
            rotated.credentials.push((name, Outcome::Skipped(why)));
            Ok(())
        }
        _ => fail(vault, rotated, &name, overtaken(&format!("of {name}"))),
    }
}

/// The key that an opening would give, and its generation.
fn in_force(vault: &OpenVault<'_>, name: &Name) -> Option<(AccessKeyId, u64)> {
    let current = vault.state().credentials.get(name)?.current()?;
    Some((current.id.clone(), current.generation))
}

/// A generation that another rotator has followed with one of its own makes no more keys.
pub(super) fn still_ours(
    vault: &OpenVault<'_>,
    compartment: &Name,
    generation: u64,
) -> Result<(), Failure> {
    let known = vault.state().compartments.get(compartment);
    if known.is_some_and(|known| known.unfinished == Some(generation)) {
        return Ok(());
    }
    Err(overtaken(&format!(
        "of {compartment} in generation {generation}"
    )))
}

pub(super) fn overtaken(what: &str) -> Failure {
    Failure::new(
        Class::HalfDone,
        "overtaken",
        format!("the rotation {what} was taken over by another rotator"),
        "that one goes on with it; each user keeps a key that is sealed and opens",
    )
    .hint("breakglass status")
}
