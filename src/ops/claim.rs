//! Several rotators at one vault: who has begun a rotation is left to finish it.

use std::time::Duration;

use super::open_vault::OpenVault;
use crate::model::{Class, Failure, Name, Timestamp};

/// For how long a rotator that has begun a rotation and says nothing more is believed to be at it. What a run
/// waits for AWS without recording anything is a few minutes at the most.
const CLAIM: Duration = Duration::from_secs(15 * 60);

/// A compartment that another rotator is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The compartment.
    pub compartment: Name,
    /// The rotator, by its name in the manifest.
    pub rotator: Name,
    /// Until when it is left alone, unless it is heard of again.
    pub until: Timestamp,
    /// Whether this compartment was asked for, and not only what is due.
    pub asked: bool,
}

impl Elsewhere {
    /// Why the compartment was left alone.
    pub fn failure(&self) -> Failure {
        Failure::new(
            Class::Refused,
            "rotated-elsewhere",
            format!(
                "{} is being rotated by {}, which is left to it until {}",
                self.compartment, self.rotator, self.until
            ),
            "nothing of it was changed",
        )
        .hint("wait, then: breakglass status")
        .hint(format!(
            "if {} is dead: breakglass rotate {} --take-over",
            self.rotator, self.compartment
        ))
    }
}

/// The other rotator that is at a compartment, by the ledger. One that no manifest names any more is at
/// nothing.
pub(super) fn elsewhere(
    vault: &OpenVault<'_>,
    compartment: &Name,
    asked: bool,
) -> Option<Elsewhere> {
    let state = vault.state().compartments.get(compartment)?;
    state.unfinished?;
    let claim = state.claim?;
    let until = claim.heard.plus(CLAIM);
    let is_other = claim.rotator != vault.world.station.signer.key_id();
    let rotator = vault.manifest().rotator(&claim.rotator)?;
    (is_other && vault.world.clock.now() < until).then(|| Elsewhere {
        compartment: compartment.clone(),
        rotator: rotator.name.clone(),
        until,
        asked,
    })
}
