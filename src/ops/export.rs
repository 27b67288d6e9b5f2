//! A copy of the vault for the safe, read back whole before anybody relies on it; and a station that is set up
//! to trust exactly such a copy.

use std::sync::Arc;

use super::ledger;
use super::open_vault::{OpenVault, key, read_chain};
use super::trust::trust;
use super::world::World;
use crate::format::{Manifest, paths};
use crate::ledger::{
    COMMIT_MAX, CredentialDefinition, Journal, JournalError, Ledger, LedgerError, Seen,
};
use crate::manifest::Pin;
use crate::model::{AccessKeyId, Class, Digest, Failure, Name};
use crate::ports::{Held, Remembered, Store, StoreError};

/// A copy that was read back and found good.
pub struct Exported {
    /// What it stands at: what an anchor remembers.
    pub pins: Remembered,
    /// The manifest in force.
    pub manifest: Manifest,
    /// The credentials, and the access key that an opening of each would give.
    pub credentials: Vec<(CredentialDefinition, Option<AccessKeyId>)>,
    /// How many objects were copied.
    pub objects: usize,
}

/// Copies the vault into an empty store, and verifies the copy: hashes, signatures, the meaning of every entry,
/// every sealed document, and that nothing is missing that this station has seen.
///
/// Rotations and closings wait meanwhile. What others add to the ledger while it is copied is in the copy as a
/// whole or not at all.
///
/// # Errors
/// [`Class::Failed`] where a rotation runs or something cannot be read or written; [`Class::Integrity`] where
/// what was copied is not good.
pub fn export(vault: &OpenVault<'_>, target: &dyn Store) -> Result<Exported, Failure> {
    let source = vault.world.store;
    let held = hold(source)?;
    // In this order: no entry is copied of which the rest is not there.
    let mut objects = 0;
    let folders = [
        "ledger/commit",
        "ledger/offline",
        paths::GENERATIONS,
        paths::MANIFESTS,
    ];
    for folder in folders {
        for name in source.list_all(&key(folder)?)? {
            let bytes = source.read(&name, COMMIT_MAX)?;
            target.create(&name, &bytes).map_err(not_copied)?;
            objects += 1;
        }
    }
    drop(held);
    let fingerprint = vault.chain.vault();
    Ledger::open(target, fingerprint)
        .and_then(|mut ledger| ledger.repair())
        .map_err(|error| match error {
            LedgerError::Store(error) => not_copied(error),
            other => Failure::from(JournalError::from(other)),
        })?;
    read_back(vault, target, objects)
}

/// Keeps rotations out. Where nothing can be written, none runs here.
fn hold(source: &dyn Store) -> Result<Option<Box<dyn Held>>, Failure> {
    match source.lock("rotate") {
        Ok(held) => Ok(Some(held)),
        Err(StoreError::Unwritable(..)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn read_back(
    vault: &OpenVault<'_>,
    target: &dyn Store,
    objects: usize,
) -> Result<Exported, Failure> {
    let world = World {
        store: target,
        ..*vault.world
    };
    let report = ledger::verify(&world)?;
    if !report.is_complete() {
        return Err(incomplete());
    }
    let head = report.verified.head;
    if let Some(failure) = report.documents.failure() {
        return Err(failure);
    }
    let chain = read_chain(target)?;
    let credentials = vault.state().kept();
    Ok(Exported {
        pins: Remembered {
            vault: chain.vault(),
            version: chain.newest().version,
            manifest: chain.newest_digest(),
            ledger_size: head.size,
            ledger_root: head.root,
        },
        manifest: chain.newest().clone(),
        credentials: credentials
            .map(|known| {
                let current = known.current().map(|key| key.id.clone());
                (known.definition.clone(), current)
            })
            .collect(),
        objects,
    })
}

fn not_copied(error: StoreError) -> Failure {
    match error {
        StoreError::Unwritable(..) => Failure::new(
            Class::Failed,
            "export-unwritable",
            error.to_string(),
            "the copy before this one, if there was one, is as it was",
        )
        .hint("make room for a second copy beside the old one, and run the same command again"),
        other => other.into(),
    }
}

fn incomplete() -> Failure {
    Failure::new(
        Class::Integrity,
        "export-incomplete",
        "the copy that was read back does not hold all that this station has seen of the vault",
        "the copy before this one, if there was one, is as it was",
    )
    .hint("run the same command again")
    .hint("breakglass ledger verify")
}

/// Trusts a copy on this station: the fingerprint is what a person typed from the card, the pins are what the
/// export says that the copy holds. Returns the vault's name.
///
/// # Errors
/// [`Class::Integrity`] where the copy is of another vault, or older than its pins or than what the station has
/// seen; [`Class::Refused`] where the station trusts another vault.
pub fn import(world: &World<'_>, fingerprint: Digest, pins: &Remembered) -> Result<Name, Failure> {
    let chain = read_chain(world.store)?;
    chain.compare(&Pin {
        vault: fingerprint,
        version: pins.version,
        manifest: pins.manifest,
    })?;
    let seen = Seen {
        size: pins.ledger_size,
        root: pins.ledger_root,
    };
    let station = world.station;
    let chain = Arc::new(chain);
    Journal::open(
        world.store,
        chain,
        Some(seen),
        &station.name,
        &station.signer,
    )?;
    let name = trust(world, fingerprint)?;
    // Nor may it be older than what this station has seen already.
    OpenVault::open(world)?;
    Ok(name)
}
