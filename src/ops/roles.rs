//! Which roles an opening of a credential hands over.

use std::collections::BTreeSet;

use super::open_vault::OpenVault;
use super::retire;
use crate::ledger::Event;
use crate::model::{AccessRole, Class, Failure, Name};

/// How many roles one credential may have: an entry of the ledger (64 KiB) has room for the sessions of so many.
pub const ROLES_MAX: usize = 64;

/// Sets the roles of a credential, in the place of those before. Whether its user may assume them is not asked:
/// nobody has its key.
///
/// # Errors
/// [`Failure`]; its roles stay as they were then.
pub fn set_roles(
    vault: &mut OpenVault<'_>,
    name: &Name,
    roles: Vec<AccessRole>,
) -> Result<(), Failure> {
    vault.require_rotator()?;
    check(&roles)?;
    retire::kept(vault, name)?;
    let now = vault.world.clock.now();
    vault.journal.record(now, set(name, roles))?;
    vault.remember()
}

pub(super) fn set(credential: &Name, roles: Vec<AccessRole>) -> Event {
    Event::RolesSet {
        credential: credential.clone(),
        roles,
    }
}

/// Refuses what the ledger would not take.
pub(super) fn check(roles: &[AccessRole]) -> Result<(), Failure> {
    let mut profiles = BTreeSet::new();
    for role in roles {
        if !profiles.insert(&role.profile) {
            let profile = &role.profile;
            let what = format!("two of the roles would have the profile {profile}");
            return Err(refused("profile-twice", what).hint("give each a name: --role NAME=ARN"));
        }
    }
    if roles.len() > ROLES_MAX {
        let what = format!("{} roles are more than {ROLES_MAX}", roles.len());
        return Err(refused("too-many", what).hint("another user, with the other roles"));
    }
    Ok(())
}

fn refused(code: &'static str, what: String) -> Failure {
    Failure::new(Class::Refused, code, what, "nothing was changed")
}
