//! The watch over sealed keys: a use that AWS tells of and that no opening explains is recorded, and told
//! louder than anything else.

use std::ops::ControlFlow;

use super::open_vault::OpenVault;
use super::world::{Cloud, People};
use crate::ledger::{Event, KeyState};
use crate::model::{AccessKeyId, Class, Failure, Name, Timestamp};
use crate::ports::{CloudError, LastUse, Progress, UsersKey};
use crate::usage::is_unexplained;

/// The most characters of a service's name that are recorded.
const SERVICE_MAX: usize = 64;

/// A sealed key that was used while it should have lain in the vault, and that still is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The credential.
    pub credential: Name,
    /// Its compartment.
    pub compartment: Name,
    /// The key.
    pub key: AccessKeyId,
    /// The latest use that nothing explains.
    pub used: Timestamp,
}

impl Alarm {
    /// The alarm as a failure: the loudest that there is.
    pub fn failure(&self) -> Failure {
        Failure::new(
            Class::Alarm,
            "unexplained-use",
            format!(
                "the sealed key {} of {} was used at {}, and no opening explains it",
                self.key, self.credential, self.used
            ),
            "the key still works; the use is recorded",
        )
        .hint("call the security officer, and look in CloudTrail for what was done with it")
        .hint("if it was opened offline, bring that ledger home: breakglass ledger join DIR")
        .hint(format!(
            "if not, somebody has it; replace it: breakglass rotate {}",
            self.compartment
        ))
    }
}

/// Asks AWS when the sealed keys of these compartments were last used, and records what nobody explains. Those
/// that are about to be rotated are left out: their keys are replaced, and where there is a grace a later run
/// asks about them before it deletes them. What could not be asked is in the answer.
///
/// # Errors
/// [`Failure`] where a use cannot be recorded.
pub(super) fn watch(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    compartments: &[Name],
    to_be_rotated: impl Fn(&OpenVault<'_>, &Name) -> bool,
    operator: People<'_>,
) -> Result<Vec<(Name, Failure)>, Failure> {
    let mut unasked = Vec::new();
    for compartment in compartments {
        if to_be_rotated(vault, compartment) {
            continue;
        }
        let keys = sealed_keys(vault, compartment);
        for (at, answer) in last_uses(cloud, &keys, operator) {
            let Some((name, of)) = keys.get(at) else {
                continue;
            };
            match answer {
                Ok(Some(last)) => look(vault, name, &of.key, last)?,
                // One that is gone is for the rotation to find out about.
                Ok(None) | Err(CloudError::NotFound(_)) => {}
                Err(error) => unasked.push((name.clone(), error.into())),
            }
        }
    }
    Ok(unasked)
}

/// What AWS says of the last use of each key, by its place.
fn last_uses(
    cloud: &Cloud<'_>,
    keys: &[(Name, UsersKey)],
    operator: People<'_>,
) -> Vec<(usize, Result<Option<LastUse>, CloudError>)> {
    let of: Vec<UsersKey> = keys.iter().map(|(_, key)| key.clone()).collect();
    let mut answers = Vec::with_capacity(keys.len());
    let mut progress = Progress::new("asking when keys were last used", keys.len());
    cloud.keys.last_used_each(&of, &mut |at, answer| {
        answers.push((at, answer));
        operator.progress(progress.step());
        ControlFlow::Continue(())
    });
    answers
}

/// The keys that a compartment has at AWS, by the ledger.
fn sealed_keys(vault: &OpenVault<'_>, compartment: &Name) -> Vec<(Name, UsersKey)> {
    let members = vault.state().members(compartment);
    let keys = members.flat_map(|credential| {
        let there = credential.keys.iter().filter(|key| key.gone.is_none());
        there.map(|key| {
            let of = UsersKey {
                user: credential.definition.iam_user(),
                key: key.id.clone(),
            };
            (credential.definition.name.clone(), of)
        })
    });
    keys.collect()
}

/// Records a use, if nothing explains it and it is not recorded already.
fn look(
    vault: &mut OpenVault<'_>,
    credential: &Name,
    key: &AccessKeyId,
    last: LastUse,
) -> Result<(), Failure> {
    let known = vault.state().credentials.get(credential);
    let Some(known) = known.and_then(|credential| credential.key(key)) else {
        return Ok(());
    };
    let is_news = known.unexplained.is_none_or(|before| before < last.at);
    if !is_news || !is_unexplained(vault.state(), known, last.at) {
        return Ok(());
    }
    let event = Event::UnexplainedUse {
        credential: credential.clone(),
        key: key.clone(),
        used: last.at,
        service: last.service.chars().take(SERVICE_MAX).collect(),
    };
    Ok(vault.journal.record(vault.world.clock.now(), event)?)
}

/// The keys that were used and are still there, by the ledger. The alarm ends when they are gone.
pub(super) fn alarms(vault: &OpenVault<'_>) -> Vec<Alarm> {
    let alarms = vault.state().kept().flat_map(|credential| {
        let of = |key: &KeyState| {
            let used = key.unexplained.filter(|_| key.gone.is_none())?;
            Some(Alarm {
                credential: credential.definition.name.clone(),
                compartment: credential.definition.compartment.clone(),
                key: key.id.clone(),
                used,
            })
        };
        credential.keys.iter().filter_map(of)
    });
    alarms.collect()
}
