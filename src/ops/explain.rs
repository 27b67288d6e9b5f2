//! Who can open what.

use super::open_vault::OpenVault;
use crate::model::{Failure, Name};
use crate::policy::{self, Explained};

/// Explains these compartments; all of them, if none is named.
///
/// # Errors
/// [`crate::model::Class::Refused`] for a name that no compartment has.
pub fn explain<'v>(vault: &'v OpenVault<'_>, wanted: &[Name]) -> Result<Explained<'v>, Failure> {
    let wanted = vault.compartments(wanted, "nothing was changed")?;
    Ok(policy::explain(&vault.chain, vault.state(), &wanted))
}
