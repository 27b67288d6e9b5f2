//! What is due: fresh keys, and the clearing away of what earlier runs left.

use std::time::Duration;

use super::open_vault::OpenVault;
use super::rotate::{fail_all, retention};
use super::rotated::{Occasion, Rotated};
use super::settle::{self, Wanted};
use super::settle_all::settle_all;
use super::world::{Cloud, People};
use crate::ledger::{CredentialState, KeyState};
use crate::model::{Failure, Name, Timestamp};
use crate::policy::{differs, sealed_sets};
use crate::rotation::{Goal, Retention, is_unanswered, left_active, left_to_delete};

/// Whether a compartment is to be rotated: its time has come, a run was left unfinished, or a credential
/// of it has no key to open or failed the last time.
pub(super) fn is_due(vault: &OpenVault<'_>, compartment: &Name, now: Timestamp) -> bool {
    let state = vault.state();
    if state.members(compartment).next().is_none() {
        return false;
    }
    let missing = state
        .members(compartment)
        .any(|credential| credential.current().is_none() || credential.failed.is_some());
    let Some(known) = state.compartments.get(compartment) else {
        return true;
    };
    missing
        || sealed_for_others(vault, compartment).is_some()
        || known.unfinished.is_some()
        || due_at(vault, compartment).is_none_or(|due| due <= now)
}

/// The version of the manifest that something of a compartment is still sealed under, if other people, tokens
/// or thresholds open what is sealed today: who was retired could still open that, and who was enrolled
/// cannot.
pub(super) fn sealed_for_others(vault: &OpenVault<'_>, compartment: &Name) -> Option<u64> {
    sealed_sets(vault.state(), &vault.chain, compartment)
        .into_iter()
        .find(|set| set.is_current() && differs(set.manifest, vault.manifest()))
        .map(|set| set.manifest.version)
}

/// When a compartment is due, if it was ever committed and there is something in it.
pub(super) fn due_at(vault: &OpenVault<'_>, compartment: &Name) -> Option<Timestamp> {
    vault.state().members(compartment).next()?;
    let (_, committed) = vault.state().compartments.get(compartment)?.committed?;
    let days = u64::from(vault.manifest().policy.rotate_days);
    Some(committed.plus(Duration::from_secs(days * 24 * 3600)))
}

/// The members of a compartment of which a run has left something: a replaced key that is still active
/// and not in use, one that is deactivated and kept no longer, or a question that AWS has not
/// answered.
pub(super) fn unsettled(
    vault: &OpenVault<'_>,
    compartment: &Name,
    retention: Retention,
) -> Vec<Name> {
    let now = vault.world.clock.now();
    let left = |credential: &&CredentialState| {
        is_unanswered(credential)
            || left_to_delete(credential, now, retention).next().is_some()
            || left_active_and_free(vault, credential).next().is_some()
    };
    let members = vault.state().members(compartment).filter(left);
    members.map(|c| c.definition.name.clone()).collect()
}

/// The replaced keys of a credential that are still active, and that no incident holds.
pub(super) fn left_active_and_free<'a>(
    vault: &'a OpenVault<'_>,
    credential: &'a CredentialState,
) -> impl Iterator<Item = &'a KeyState> {
    left_active(credential).filter(|key| !settle::is_open(credential, vault, &key.id))
}

/// Clears away what earlier runs have left of a compartment.
pub(super) fn tidy(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    compartment: &Name,
    operator: People<'_>,
    rotated: &mut Rotated,
) -> Result<(), Failure> {
    let retention = retention(vault);
    let names = unsettled(vault, compartment, retention);
    let wanted = Wanted {
        goal: Goal::Settle,
        retention,
        occasion: Occasion::Due,
    };
    let ends = settle_all(vault, cloud, &names, wanted, operator)?;
    let failed = ends
        .into_iter()
        .filter_map(|(name, end)| Some((name, end.err()?)));
    fail_all(vault, rotated, failed.collect())
}
