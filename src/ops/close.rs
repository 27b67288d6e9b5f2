//! Closing an incident: every key that was opened in it is deactivated, seen to be refused, replaced and
//! deleted. Anything short of that is NOT CLOSED.

use std::time::Duration;

use super::due::tidy;
use super::open_vault::OpenVault;
use super::outlived::{Outlived, outlived};
use super::rotate::{hold, retention_in_closing, rotate_compartment};
use super::rotated::{Occasion, Outcome, Rotated};
use super::settle::{self, Wanted};
use super::world::{Cloud, People};
use crate::ledger::{CredentialDefinition, Event, IncidentPhase, Retirement, RetirementCause};
use crate::model::{AccessKeyId, Class, Failure, Name, Timestamp};
use crate::ports::{CloudError, Notice, ProbeAnswer};
use crate::rotation::Goal;

/// What closing did.
#[derive(Debug)]
pub struct Closed {
    /// The incident.
    pub incident: Name,
    /// The keys that AWS refuses now.
    pub revoked: Vec<(Name, AccessKeyId, Option<Timestamp>)>,
    /// The rotation that replaced them.
    pub rotated: Rotated,
    /// The roles whose sessions live on.
    pub outlived: Vec<Outlived>,
    /// Whether it had been closed before.
    pub already: bool,
}

impl Closed {
    fn nothing_yet(incident: &Name) -> Self {
        Self {
            incident: incident.clone(),
            revoked: Vec::new(),
            rotated: Rotated::default(),
            outlived: Vec::new(),
            already: false,
        }
    }
}

/// Closes an incident. Everything that is done already is not done again.
///
/// # Errors
/// [`Class::HalfDone`]: the incident is NOT CLOSED, and `status` says so.
pub fn close(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    incident: &Name,
    operator: People<'_>,
) -> Result<Closed, Failure> {
    vault.require_rotator()?;
    let _held = hold(vault)?;
    let known = vault.state().incidents.get(incident);
    match known.map(|state| state.phase) {
        None => return Err(unknown(incident)),
        Some(IncidentPhase::Closed) => {
            return Ok(Closed {
                already: true,
                outlived: living(vault, incident),
                ..Closed::nothing_yet(incident)
            });
        }
        Some(_) => {}
    }
    let intent = Event::ClosingIntended {
        incident: incident.clone(),
        endpoint: cloud.endpoint.clone(),
    };
    vault.journal.record(vault.world.clock.now(), intent)?;
    let closed = end(vault, cloud, incident, operator)?;
    vault.remember()?;
    Ok(closed)
}

/// Brings an incident to its end. That this is intended stands in the ledger.
pub(super) fn end(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    incident: &Name,
    operator: People<'_>,
) -> Result<Closed, Failure> {
    let mut closed = Closed::nothing_yet(incident);
    let done = revoke_and_replace(vault, cloud, incident, operator, &mut closed);
    if let Err(failure) = done {
        return Err(not_closed(vault, incident, failure));
    }
    let event = Event::IncidentClosed {
        incident: incident.clone(),
    };
    vault
        .journal
        .record(vault.world.clock.now(), event)
        .map_err(|error| not_closed_text(incident, error.into()))?;
    closed.outlived = living(vault, incident);
    Ok(closed)
}

fn living(vault: &OpenVault<'_>, incident: &Name) -> Vec<Outlived> {
    let known = vault.state().incidents.get(incident);
    known.map_or_else(Vec::new, |known| outlived(known, vault.world.clock.now()))
}

fn unknown(incident: &Name) -> Failure {
    Failure::new(
        Class::Refused,
        "no-such-incident",
        format!("there is no incident {incident}"),
        "nothing was changed",
    )
    .hint("breakglass status")
}

fn not_closed(vault: &mut OpenVault<'_>, incident: &Name, failure: Failure) -> Failure {
    let event = Event::ClosingFailed {
        incident: incident.clone(),
        code: failure.code.to_owned(),
    };
    // Where even this cannot be recorded, the ledger still says that closing was begun.
    let _ = vault.journal.record(vault.world.clock.now(), event);
    not_closed_text(incident, failure)
}

fn not_closed_text(incident: &Name, failure: Failure) -> Failure {
    let state = format!("incident {incident} is NOT CLOSED: {}", failure.state);
    failure
        .class(Class::HalfDone)
        .state(state)
        .hint(format!("breakglass close {incident}"))
}

fn revoke_and_replace(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    incident: &Name,
    operator: People<'_>,
    closed: &mut Closed,
) -> Result<(), Failure> {
    let opened = vault
        .state()
        .incidents
        .get(incident)
        .map(|i| i.opened.clone())
        .unwrap_or_default();
    // First every key is cut off, then each is seen to be dead: the last must not wait for the first.
    for (name, key) in &opened {
        cut_off(vault, cloud, name, key)?;
        operator.notice(Notice::Step(format!("{name}: {key} is deactivated")));
    }
    for (name, key) in &opened {
        let used = see_refused(vault, cloud, name, key)?;
        operator.notice(Notice::Step(format!("{name}: AWS refuses {key}")));
        closed.revoked.push((name.clone(), key.clone(), used));
    }
    for (name, _) in &opened {
        deny_sessions(vault, cloud, name)?;
    }
    let mut compartments: Vec<Name> = Vec::new();
    for (name, _) in &opened {
        let compartment = settle::credential(vault, name)?
            .definition
            .compartment
            .clone();
        if !compartments.contains(&compartment) && needs_rotation(vault, &opened, &compartment) {
            compartments.push(compartment);
        }
    }
    for compartment in &compartments {
        rotate_compartment(
            vault,
            cloud,
            compartment,
            Occasion::Closing(incident),
            operator,
            &mut closed.rotated,
        )?;
    }
    for (name, outcome) in &mut closed.rotated.credentials {
        let exposed = opened.iter().any(|(credential, _)| credential == name);
        if let (true, Outcome::Failed(failure)) = (exposed, outcome) {
            let stand_in = Failure::new(failure.class, failure.code, "reported above", "");
            return Err(std::mem::replace(failure, stand_in));
        }
    }
    let wanted = Wanted {
        goal: Goal::Settle,
        retention: retention_in_closing(vault),
        occasion: Occasion::Closing(incident),
    };
    clear_away(vault, cloud, &opened, wanted, operator, &mut closed.rotated)
}

/// Deactivates a key and denies its user's older sessions. One that was deactivated before is deactivated
/// again: somebody may have made it active since.
fn cut_off(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    name: &Name,
    key: &AccessKeyId,
) -> Result<(), Failure> {
    let credential = settle::credential(vault, name)?;
    let definition = credential.definition.clone();
    if credential.key(key).is_none_or(|k| k.gone.is_none()) {
        end_exposed(vault, cloud, &definition, key)?;
    }
    deny_sessions(vault, cloud, name)
}

fn end_exposed(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    definition: &CredentialDefinition,
    key: &AccessKeyId,
) -> Result<(), Failure> {
    let (act, cause) = (Retirement::Deactivate, RetirementCause::Exposed);
    settle::end_key(vault, cloud, definition, key, act, cause)
}

/// Temporary credentials that were made with the key outlive it: those issued before now are denied
/// everything. Done when the key is cut off, and again when it is known to be dead everywhere.
fn deny_sessions(vault: &mut OpenVault<'_>, cloud: &Cloud<'_>, name: &Name) -> Result<(), Failure> {
    let user = settle::credential(vault, name)?.definition.iam_user();
    // The condition is strict and IAM counts in seconds: one more takes in those of this very second.
    let before = vault.world.clock.now().plus(Duration::from_secs(1));
    match cloud.keys.deny_sessions(&user, before) {
        // A user that is gone has no sessions either.
        Ok(()) | Err(CloudError::NotFound(_)) => {}
        Err(other) => return Err(other.into()),
    }
    let event = Event::SessionsDenied {
        credential: name.clone(),
        before,
    };
    Ok(vault.journal.record(vault.world.clock.now(), event)?)
}

/// Probes a key until AWS has refused it several times in a row. Returns when it was last used, if IAM
/// can still tell.
fn see_refused(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    name: &Name,
    key: &AccessKeyId,
) -> Result<Option<Timestamp>, Failure> {
    let clock = vault.world.clock;
    let deadline = clock.now().plus(cloud.timing.patience);
    let credential = settle::credential(vault, name)?;
    let definition = credential.definition.clone();
    let is_gone = credential.key(key).is_some_and(|k| k.gone.is_some());
    let mut cut_again = false;
    let mut in_a_row = 0;
    while in_a_row < cloud.timing.answers {
        match cloud.proof.probe(key) {
            Ok(ProbeAnswer::Refused) => in_a_row += 1,
            Ok(ProbeAnswer::Accepted) => {
                in_a_row = 0;
                if is_gone && !cut_again {
                    // Whoever said that it was gone was wrong.
                    end_exposed(vault, cloud, &definition, key)?;
                    cut_again = true;
                }
            }
            Err(error) if clock.now() >= deadline => return Err(error.into()),
            Err(_) => in_a_row = 0,
        }
        if in_a_row == 0 && clock.now() >= deadline {
            return Err(Failure::new(
                Class::Cloud,
                "key-still-accepted",
                format!("AWS still accepts {key} of {name}, although it was deactivated"),
                "the key is deactivated and may still work",
            ));
        }
        if in_a_row < cloud.timing.answers {
            clock.pause(cloud.timing.interval);
        }
    }
    let answers = cloud.timing.answers;
    let event = Event::KeyRefused {
        credential: name.clone(),
        key: key.clone(),
        answers,
    };
    vault.journal.record(clock.now(), event)?;
    // Telling it is a courtesy: the key is dead.
    let last = cloud.keys.last_used(&definition.iam_user(), key);
    Ok(last.unwrap_or(None).map(|last| last.at))
}

/// Whether a key that was opened still stands where a fresh one should.
fn needs_rotation(
    vault: &OpenVault<'_>,
    opened: &[(Name, AccessKeyId)],
    compartment: &Name,
) -> bool {
    opened.iter().any(|(name, key)| {
        vault
            .state()
            .credentials
            .get(name)
            .is_some_and(|credential| {
                let fresher = credential.key(key).map_or(0, |k| k.generation);
                credential.definition.compartment == *compartment
                    && credential.retired.is_none()
                    && credential
                        .current()
                        .is_none_or(|current| current.generation <= fresher)
            })
    })
}

/// What was opened is deleted; a run that died between replacing and deleting ends here. What it left of
/// the others in the same compartments goes, too, but closing does not wait for that.
fn clear_away(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    opened: &[(Name, AccessKeyId)],
    wanted: Wanted<'_>,
    operator: People<'_>,
    rotated: &mut Rotated,
) -> Result<(), Failure> {
    let mut compartments = Vec::new();
    for (name, _) in opened {
        settle::settle(vault, cloud, name, wanted)?;
        let definition = &settle::credential(vault, name)?.definition;
        compartments.push(definition.compartment.clone());
    }
    compartments.sort_unstable();
    compartments.dedup();
    for compartment in compartments {
        tidy(vault, cloud, &compartment, operator, rotated)?;
    }
    Ok(())
}
