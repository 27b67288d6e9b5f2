//! Giving up a credential: its keys go, and nothing is made for it any more.

use super::open_vault::OpenVault;
use super::rotate::{hold, in_use, retention};
use super::rotated::Occasion;
use super::settle::{self, Settled, Wanted};
use super::world::Cloud;
use crate::ledger::{CredentialState, Event, Retirement, RetirementCause};
use crate::model::{AccessKeyId, Class, Failure, Name, Reason};
use crate::ports::CloudError;
use crate::rotation::Goal;

/// What became of the keys of a credential that was given up.
#[derive(Debug, PartialEq, Eq)]
pub struct Retired {
    /// Those that are gone from AWS now.
    pub deleted: Vec<AccessKeyId>,
    /// Those that were left as they were, because AWS was not asked.
    pub left: Vec<AccessKeyId>,
}

/// Gives up a credential. All of its keys are deleted first, and each of them is gone when the ledger says that the
/// credential is given up. A user that is not there any more has none. Without AWS, which is for an account that is
/// closed, the keys stay whatever they are.
///
/// # Errors
/// [`Failure`]: the credential is not given up, though some of its keys may be gone. The same again goes on.
pub fn retire(
    vault: &mut OpenVault<'_>,
    cloud: Option<&Cloud<'_>>,
    name: &Name,
    reason: &Reason,
) -> Result<Retired, Failure> {
    vault.require_rotator()?;
    let _held = hold(vault)?;
    let credential = kept(vault, name)?;
    let compartment = credential.definition.compartment.clone();
    refuse_in_use(vault, name, cloud.is_some())?;
    if let Some(left) = Occasion::Asked.yields_to(vault, &compartment) {
        return Err(left.failure());
    }
    let deleted = match cloud {
        Some(cloud) => delete_all(vault, cloud, name).map_err(half_done)?,
        None => Vec::new(),
    };
    let left = living(kept(vault, name)?);
    let event = Event::CredentialRetired {
        credential: name.clone(),
        reason: reason.clone(),
        left: left.clone(),
    };
    vault.journal.record(vault.world.clock.now(), event)?;
    vault.remember()?;
    Ok(Retired { deleted, left })
}

/// The credential, if it is looked after.
pub(super) fn kept<'a>(
    vault: &'a OpenVault<'_>,
    name: &Name,
) -> Result<&'a CredentialState, Failure> {
    let credential = settle::credential(vault, name)?;
    let Some((time, reason)) = &credential.retired else {
        return Ok(credential);
    };
    let what = format!("the credential {name} was given up at {time}: {reason}");
    Err(Failure::new(
        Class::Refused,
        "credential-retired",
        what,
        "nothing was changed",
    )
    .hint("breakglass credential list"))
}

/// What is open is closed first. A key that AWS was not asked about might be what an incident still waits for.
fn refuse_in_use(vault: &OpenVault<'_>, name: &Name, asks: bool) -> Result<(), Failure> {
    let live = vault.state().live_incident_of(name);
    let live = live.map(|(incident, _)| incident.clone());
    let incident = match asks {
        true => in_use(vault, name, None),
        false => live,
    };
    let Some(incident) = incident else {
        return Ok(());
    };
    Err(Failure::new(
        Class::Refused,
        "credential-open",
        format!("incident {incident} has {name} open"),
        "nothing was changed",
    )
    .hint(format!("breakglass close {incident}")))
}

/// Deletes every key of ours that may be there, of runs that died, too.
fn delete_all(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    name: &Name,
) -> Result<Vec<AccessKeyId>, Failure> {
    let definition = kept(vault, name)?.definition.clone();
    let is_there = match cloud.keys.list(&definition.iam_user()) {
        Ok(_) => true,
        Err(CloudError::NotFound(_)) => false,
        Err(other) => return Err(other.into()),
    };
    if is_there {
        let wanted = Wanted {
            goal: Goal::Settle,
            retention: retention(vault),
            occasion: Occasion::Asked,
        };
        if let Settled::Elsewhere(left) = settle::settle(vault, cloud, name, wanted)? {
            return Err(left.failure());
        }
    }
    let ids = living(kept(vault, name)?);
    for id in &ids {
        let (act, cause) = (Retirement::Delete, RetirementCause::Withdrawn);
        settle::end_key(vault, cloud, &definition, id, act, cause)?;
    }
    Ok(ids)
}

/// The keys that may be there, by the ledger.
fn living(credential: &CredentialState) -> Vec<AccessKeyId> {
    let keys = credential.keys.iter().filter(|key| key.gone.is_none());
    keys.map(|key| key.id.clone()).collect()
}

fn half_done(failure: Failure) -> Failure {
    match failure.class {
        Class::Integrity => failure,
        _ => failure
            .state("the credential is not given up; those of its keys that are gone stand in the ledger")
            .hint("is the account closed for good? --without-aws leaves the keys as they are"),
    }
}
