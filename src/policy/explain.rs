//! Who can open what, in a vault as it stands.

use super::access::Access;
use super::sealed::{Exposure, SealedSet, differs, newcomers, sealed_sets};
use crate::format::Manifest;
use crate::ledger::VaultState;
use crate::manifest::Chain;
use crate::model::{Name, TokenIdentity};

/// Who can open what.
#[derive(Debug, Clone)]
pub struct Explained<'a> {
    /// The manifest in force.
    pub manifest: &'a Manifest,
    /// Each compartment that was asked for, with what is sealed in it.
    pub compartments: Vec<(Name, Vec<SetAccess<'a>>)>,
    /// Who will open what is sealed next, in any compartment.
    pub next: Access,
    /// Who can change the manifest.
    pub changing: Access,
}

/// Who can open a generation.
#[derive(Debug, Clone)]
pub struct SetAccess<'a> {
    /// The generation.
    pub set: SealedSet<'a>,
    /// Whom breakglass takes for it.
    pub access: Access,
    /// Whether the same people, tokens and thresholds open what is sealed next.
    pub as_next: bool,
    /// Who could open it with tokens that are enrolled no more.
    pub exposures: Vec<Exposure>,
    /// Whose tokens open nothing of it, and will after the next rotation.
    pub newcomers: Vec<(Name, TokenIdentity)>,
}

/// Explains these compartments.
pub fn explain<'a>(chain: &'a Chain, state: &VaultState, compartments: &[Name]) -> Explained<'a> {
    let now = chain.newest();
    let of = |name: &Name| {
        let sets = sealed_sets(state, chain, name);
        let each = sets.into_iter().map(|set| set_access(set, now));
        (name.clone(), each.collect())
    };
    Explained {
        manifest: now,
        compartments: compartments.iter().map(of).collect(),
        next: Access::opening(now),
        changing: Access::changing(now),
    }
}

fn set_access<'a>(set: SealedSet<'a>, now: &Manifest) -> SetAccess<'a> {
    SetAccess {
        access: Access::ceremony(set.manifest, now),
        as_next: !differs(set.manifest, now),
        exposures: set.exposures(now),
        newcomers: newcomers(set.manifest, now),
        set,
    }
}
