//! Telling a station which vault it is to trust: the fingerprint comes from the card in the safe.

use std::sync::Arc;

use super::open_vault::{read_chain, require_begun};
use super::world::World;
use crate::ledger::Journal;
use crate::model::{Class, Digest, Failure, Name};
use crate::ports::Remembered;

/// Pins a vault by its fingerprint. Returns the vault's name.
///
/// # Errors
/// [`Class::Integrity`] where it is another vault, or one without a ledger; [`Class::Refused`] where the station has one already.
pub fn trust(world: &World<'_>, fingerprint: Digest) -> Result<Name, Failure> {
    if let Some(seen) = world.station.memory.recall()?
        && seen.vault != fingerprint
    {
        return Err(Failure::new(
            Class::Refused,
            "station-taken",
            format!(
                "this station trusts the vault with the fingerprint {}",
                seen.vault
            ),
            "nothing was changed",
        )
        .hint("give the other vault a station folder of its own: --station DIR"));
    }
    let chain = read_chain(world.store)?;
    if chain.vault() != fingerprint {
        let error = crate::manifest::Untrusted::Substituted {
            pinned: fingerprint,
            found: chain.vault(),
        };
        return Err(error.into());
    }
    let chain = Arc::new(chain);
    let station = world.station;
    let journal = Journal::open(
        world.store,
        chain.clone(),
        None,
        &station.name,
        &station.signer,
    )?;
    require_begun(world, &journal)?;
    if station.memory.recall()?.is_none() {
        let head = journal.head();
        station.memory.remember(&Remembered {
            vault: fingerprint,
            version: chain.newest().version,
            manifest: chain.newest_digest(),
            ledger_size: head.size,
            ledger_root: head.root,
        })?;
    }
    Ok(chain.newest().vault.clone())
}
