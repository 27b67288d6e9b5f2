//! What the header of a generation must be under the manifest that it was sealed under: its shares are
//! those of the custodians and tokens that the manifest names, and no others.

use crate::format::{Custodian, CustodianShare, GenerationHeader, Manifest, RoleShares};
use crate::model::{Name, Role};

/// A header that does not fit its manifest: somebody who may sign headers made one that no rotation makes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the header of generation {generation} of {compartment} does not fit its manifest: {why}")]
pub struct Misfit {
    /// The compartment.
    pub compartment: Name,
    /// The generation.
    pub generation: u64,
    /// What does not fit.
    pub why: &'static str,
}

/// Checks a header against the manifest whose digest it names.
///
/// # Errors
/// [`Misfit`]: another version, roles other than `ic` and `bgo` once each and in this order, another
/// threshold, or shares other than one for each custodian, by index, sealed to each of their tokens.
pub fn fits(header: &GenerationHeader, manifest: &Manifest) -> Result<(), Misfit> {
    check(header, manifest).map_err(|why| Misfit {
        compartment: header.compartment.clone(),
        generation: header.generation,
        why,
    })
}

fn check(header: &GenerationHeader, manifest: &Manifest) -> Result<(), &'static str> {
    if header.manifest_version != manifest.version {
        return Err("it names another version");
    }
    if !manifest.compartments.contains(&header.compartment) {
        return Err("there is no such compartment");
    }
    if !header.roles.iter().map(|r| r.role).eq(Role::OPENING) {
        return Err("its roles are not ic and bgo, once each");
    }
    header
        .roles
        .iter()
        .try_for_each(|role| shares(role, manifest))
}

fn shares(role: &RoleShares, manifest: &Manifest) -> Result<(), &'static str> {
    if role.threshold != manifest.thresholds.of(role.role) {
        return Err("a threshold is another");
    }
    let holders: Vec<(u8, &Custodian)> = manifest.holders(role.role).collect();
    if holders.len() != role.shares.len() {
        return Err("it has more or fewer shares than there are custodians");
    }
    holders
        .into_iter()
        .zip(&role.shares)
        .try_for_each(|((index, custodian), found)| share(found, index, custodian))
}

fn share(found: &CustodianShare, index: u8, custodian: &Custodian) -> Result<(), &'static str> {
    if found.index != index || found.custodian != custodian.name {
        return Err("a share is another custodian's");
    }
    let enrolled = custodian.tokens.iter().map(|token| token.id());
    if found.tokens.iter().map(|seal| seal.token).eq(enrolled) {
        Ok(())
    } else {
        Err("a share is sealed to other tokens")
    }
}
