//! What a rotation would do now, and why: by the ledger and the policy alone. Nobody is asked, nothing is
//! changed, nothing is recorded.

use super::due::{due_at, is_due, sealed_for_others};
use super::open_vault::OpenVault;
use super::rotate::{in_use, retention};
use super::rotated::RotateRequest;
use super::settle;
use crate::ledger::{CredentialState, KeyState};
use crate::model::{AccessKeyId, AccountId, Failure, Name, Timestamp};
use crate::rotation::{Retention, is_unanswered, left_active, left_to_delete};

/// What would be done to a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Will {
    /// It would get a fresh key.
    Rotate,
    /// What an earlier run left would be cleared away.
    Tidy,
    /// Nothing.
    Leave,
}

/// What would become of a credential, and why.
#[derive(Debug)]
pub struct Foreseen {
    /// Its name.
    pub name: Name,
    /// Its compartment.
    pub compartment: Name,
    /// Its account.
    pub account: AccountId,
    /// What would be done.
    pub will: Will,
    /// Why, for people.
    pub why: Vec<String>,
    /// The old keys that would go.
    pub going: Vec<AccessKeyId>,
}

impl Foreseen {
    fn nothing(credential: &CredentialState) -> Self {
        let definition = &credential.definition;
        Self {
            name: definition.name.clone(),
            compartment: definition.compartment.clone(),
            account: definition.account.clone(),
            will: Will::Leave,
            why: Vec::new(),
            going: Vec::new(),
        }
    }
}

/// What [`super::rotate()`] would do of its own accord. What only AWS knows, such as keys of somebody else's, is
/// not seen.
///
/// # Errors
/// [`Failure`] for a compartment that is none.
pub fn foresee(vault: &OpenVault<'_>, request: &RotateRequest) -> Result<Vec<Foreseen>, Failure> {
    let now = vault.world.clock.now();
    let mut all = Vec::new();
    for compartment in vault.compartments(&request.compartments, "nothing was changed")? {
        if let Some(left) = request.occasion().yields_to(vault, &compartment) {
            let members = vault.state().members(&compartment);
            all.extend(members.map(|one| Foreseen {
                why: vec![left.failure().what],
                ..Foreseen::nothing(one)
            }));
            continue;
        }
        let rotates = !request.due_only || is_due(vault, &compartment, now);
        let shared = reasons(vault, &compartment, now);
        for credential in vault.state().members(&compartment) {
            all.push(of_one(vault, credential, rotates, &shared, now));
        }
    }
    Ok(all)
}

/// Why a compartment is due, or until when it is not.
fn reasons(vault: &OpenVault<'_>, compartment: &Name, now: Timestamp) -> Vec<String> {
    let mut reasons = Vec::new();
    match due_at(vault, compartment) {
        None => reasons.push("it was never sealed".to_owned()),
        Some(due) if due <= now => reasons.push(format!("it is due since {due}")),
        Some(due) => reasons.push(format!("it is due on {due}")),
    }
    let known = vault.state().compartments.get(compartment);
    if let Some(generation) = known.and_then(|known| known.unfinished) {
        reasons.push(format!(
            "generation {generation} was begun and not finished"
        ));
    }
    if let Some(version) = sealed_for_others(vault, compartment) {
        reasons.push(format!(
            "it is sealed under manifest {version}, for other people, tokens or thresholds than today's"
        ));
    }
    reasons
}

fn of_one(
    vault: &OpenVault<'_>,
    credential: &CredentialState,
    rotates: bool,
    shared: &[String],
    now: Timestamp,
) -> Foreseen {
    let mut foreseen = Foreseen::nothing(credential);
    if rotates && let Some(incident) = in_use(vault, &foreseen.name, None) {
        let why = format!("incident {incident} has it open: breakglass close {incident}");
        foreseen.why.push(why);
        return foreseen;
    }
    let retention = retention(vault);
    foreseen.going = going(vault, credential, now, retention);
    foreseen.why = shared.to_vec();
    if credential.current().is_none() {
        foreseen.why.push("it has no key to open".to_owned());
    }
    if let Some((time, code)) = &credential.failed {
        foreseen.why.push(format!("it failed at {time}: {code}"));
    }
    if is_unanswered(credential) {
        let why = "AWS has not answered whether it made a key: what is there of it goes";
        foreseen.why.push(why.to_owned());
    }
    if rotates {
        foreseen.will = Will::Rotate;
        // Without any grace, or where both places are taken, the key of today goes at once, unless a drill has
        // shown that it opens.
        let goes = |key: &&KeyState| {
            retention.grace.is_zero() && (key.exercised.is_none() || retention.keep.is_zero())
        };
        let current = credential.current().filter(goes);
        foreseen.going.extend(current.map(|key| key.id.clone()));
    } else if is_unanswered(credential) || !foreseen.going.is_empty() {
        foreseen.will = Will::Tidy;
    }
    foreseen
}

/// The keys that another has replaced and that nothing keeps any more.
fn going(
    vault: &OpenVault<'_>,
    credential: &CredentialState,
    now: Timestamp,
    retention: Retention,
) -> Vec<AccessKeyId> {
    let active = left_active(credential)
        .filter(|key| !settle::is_open(credential, vault, &key.id))
        .map(|key| key.id.clone());
    let mut going: Vec<AccessKeyId> = active.collect();
    going.extend(left_to_delete(credential, now, retention).map(|key| key.id.clone()));
    going
}
