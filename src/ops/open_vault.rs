//! Opening the vault's papers, before anything else happens: manifests against the pin, the ledger
//! against the anchor. What does not hold is refused here, for every command.

use super::world::World;
use crate::format::dsse::Envelope;
use crate::format::{Manifest, paths};
use crate::ledger::{Journal, Seen, VaultState};
use crate::manifest::{Chain, Pin};
use crate::model::{Class, Digest, Failure, Name};
use crate::ports::{Remembered, Store, StoreError, StoreKey};
use std::sync::Arc;

/// A vault whose manifests and ledger were found good.
pub struct OpenVault<'a> {
    /// The world that it lies in.
    pub world: &'a World<'a>,
    /// Its manifests.
    pub chain: Arc<Chain>,
    /// Its ledger.
    pub journal: Journal<'a>,
}

impl<'a> OpenVault<'a> {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// [`Class::Integrity`] for whatever is forged, damaged, substituted or older than what was seen.
    pub fn open(world: &'a World<'a>) -> Result<Self, Failure> {
        let (chain, seen) = trusted_chain(world)?;
        let journal = read_journal(world, &chain, seen)?;
        Self::of(world, chain, journal)
    }

    /// Opens the vault for these credentials, and the incident if one is named. Of a long ledger that this
    /// station has read before only what is new is read and checked, and [`OpenVault::state`] knows of no
    /// others then, but of every incident that is not closed.
    ///
    /// # Errors
    /// As [`OpenVault::open`].
    pub fn open_for(
        world: &'a World<'a>,
        credentials: &[Name],
        incident: Option<&Name>,
    ) -> Result<Self, Failure> {
        let (chain, seen) = trusted_chain(world)?;
        let mut journal = match continue_journal(world, &chain, seen) {
            Some(journal) => journal,
            None => read_journal(world, &chain, seen)?,
        };
        journal.bring(credentials, incident.map_or(&[], std::slice::from_ref))?;
        Self::of(world, chain, journal)
    }

    fn of(
        world: &'a World<'a>,
        chain: Arc<Chain>,
        mut journal: Journal<'a>,
    ) -> Result<Self, Failure> {
        adopt_unrecorded(&mut journal, &chain, world)?;
        let vault = Self {
            world,
            chain,
            journal,
        };
        vault.remember()?;
        Ok(vault)
    }

    /// The manifest in force.
    pub fn manifest(&self) -> &Manifest {
        self.chain.newest()
    }

    /// What the ledger adds up to.
    pub fn state(&self) -> &VaultState {
        self.journal.state()
    }

    /// The compartments of these names; all of them, if none is named.
    ///
    /// # Errors
    /// [`Class::Refused`] for a name that no compartment has.
    pub fn compartments(&self, wanted: &[Name], state: &str) -> Result<Vec<Name>, Failure> {
        let all = &self.manifest().compartments;
        if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
            let what = format!("there is no compartment {unknown}");
            return Err(
                Failure::new(Class::Refused, "no-such-compartment", what, state)
                    .hint("breakglass compartment list"),
            );
        }
        let chosen = if wanted.is_empty() { all } else { wanted };
        Ok(chosen.to_vec())
    }

    /// Remembers how far the vault has come.
    ///
    /// # Errors
    /// [`Class::Failed`] where the station cannot write what it remembers.
    pub fn remember(&self) -> Result<(), Failure> {
        let head = self.journal.head();
        let seen = Remembered {
            vault: self.chain.vault(),
            version: self.chain.newest().version,
            manifest: self.chain.newest_digest(),
            ledger_size: head.size,
            ledger_root: head.root,
        };
        Ok(self.world.station.memory.remember(&seen)?)
    }

    /// Sees to it that the ledger reaches a head that was seen elsewhere. Where this station reads a long ledger
    /// on from where it left off, it has an anchor of its own, and only the number of entries is compared.
    ///
    /// # Errors
    /// [`Class::Integrity`] where entries are missing, or others stand in their place.
    pub(super) fn reaches(&self, size: u64, root: Digest) -> Result<(), Failure> {
        let head = self.journal.head();
        let known = size == 0 || (size, root) == (head.size, head.root);
        if known || size < head.size && self.journal.is_archived() {
            return Ok(());
        }
        let (store, chain, station) = (self.world.store, self.chain.clone(), self.world.station);
        let seen = Some(Seen { size, root });
        Journal::open(store, chain, seen, &station.name, &station.signer)?;
        Ok(())
    }

    /// Whether this station may seal.
    ///
    /// # Errors
    /// [`Class::Refused`] where the manifest does not name its key.
    pub fn require_rotator(&self) -> Result<(), Failure> {
        let id = self.world.station.signer.key_id();
        if self.manifest().rotator(&id).is_some() {
            return Ok(());
        }
        let key = data_encoding::BASE64.encode(&self.world.station.signer.public());
        Err(Failure::new(
            Class::Refused,
            "not-a-rotator",
            format!(
                "this station ({}) is not a rotator of the vault",
                self.world.station.name
            ),
            "nothing was changed",
        )
        .hint(format!(
            "breakglass rotator add {} --key {key}",
            self.world.station.name
        ))
        .hint("or run this on a machine that is one: breakglass status lists them"))
    }
}

/// The manifests, as far as they are those that this station trusts, and what it has seen of the ledger.
fn trusted_chain(world: &World<'_>) -> Result<(Arc<Chain>, Seen), Failure> {
    let seen = world.station.memory.recall()?.ok_or_else(untrusted)?;
    let chain = read_chain(world.store)?;
    let pin = Pin {
        vault: seen.vault,
        version: seen.version,
        manifest: seen.manifest,
    };
    chain.compare(&pin)?;
    let ledger = Seen {
        size: seen.ledger_size,
        root: seen.ledger_root,
    };
    Ok((Arc::new(chain), ledger))
}

/// Reads all of the ledger, and keeps what it adds up to if it is long.
fn read_journal<'a>(
    world: &'a World<'a>,
    chain: &Arc<Chain>,
    seen: Seen,
) -> Result<Journal<'a>, Failure> {
    let station = world.station;
    let (store, chain) = (world.store, chain.clone());
    let journal = Journal::open(store, chain, Some(seen), &station.name, &station.signer)?;
    if let Some(archive) = station.memory.archive() {
        journal.keep_in(archive);
    }
    Ok(journal)
}

/// Reads on from where this station has kept a long ledger, if it has and if that fits.
fn continue_journal<'a>(
    world: &'a World<'a>,
    chain: &Arc<Chain>,
    seen: Seen,
) -> Option<Journal<'a>> {
    let station = world.station;
    let archive = station.memory.archive()?;
    let (store, chain) = (world.store, chain.clone());
    Journal::open_archived(store, chain, seen, &station.name, &station.signer, archive)
}

/// A crash between a manifest and its entry leaves the entry out: whoever comes next writes it.
fn adopt_unrecorded(
    journal: &mut Journal<'_>,
    chain: &Chain,
    world: &World<'_>,
) -> Result<(), Failure> {
    let known = journal.state().manifest.map_or(0, |(version, _)| version);
    for version in known + 1..=chain.newest().version {
        if let Some((digest, _)) = chain.of_version(version) {
            let now = world.clock.now();
            let event = if version == 1 {
                crate::ledger::Event::VaultFounded { vault: *digest }
            } else {
                crate::ledger::Event::ManifestAdopted {
                    version,
                    manifest: *digest,
                }
            };
            journal.record(now, event)?;
        }
    }
    Ok(())
}

/// A ledger begins with the founding: one without any entry is one that an `init` did not come to, or that
/// somebody removed. To be asked where nothing that was remembered tells.
///
/// # Errors
/// [`Class::Integrity`] where there is no entry.
pub(super) fn require_begun(world: &World<'_>, journal: &Journal<'_>) -> Result<(), Failure> {
    if journal.head().size > 0 {
        return Ok(());
    }
    Err(Failure::new(
        Class::Integrity,
        "ledger-missing",
        format!(
            "the vault in {} has a manifest and no ledger, and every ledger begins with the founding",
            world.store.place()
        ),
        "nothing was changed",
    )
    .hint("if an init was interrupted just now, nothing is sealed yet: remove what is in its place and run init again")
    .hint("if not, somebody removed it: stop, leave the vault as it is, and call the security officer"))
}

fn untrusted() -> Failure {
    Failure::new(
        Class::Refused,
        "vault-not-trusted",
        "this station has never seen the vault, and nothing says which vault it should be",
        "nothing was opened or changed",
    )
    .hint("breakglass trust FINGERPRINT, with the fingerprint from the card in the safe")
}

/// Reads and checks the manifests of a vault.
pub(super) fn read_chain(store: &dyn Store) -> Result<Chain, Failure> {
    let folder = key(paths::MANIFESTS)?;
    let names = store.list(&folder)?;
    let mut envelopes = Vec::with_capacity(names.len());
    for (version, name) in (1..).zip(&names) {
        if name.as_str() != paths::manifest(version) {
            return Err(Failure::new(
                Class::Integrity,
                "manifest-missing",
                format!("{name} stands where {} should be", paths::manifest(version)),
                "the vault was not touched, no key was made and nothing was opened",
            )
            .hint("stop, leave the vault as it is, and call the security officer"));
        }
        let bytes = store.read(name, <Manifest as crate::format::dsse::Document>::MAX)?;
        let envelope = Envelope::read::<Manifest>(&bytes)
            .map_err(|e| crate::manifest::Untrusted::Malformed(version, e))?;
        envelopes.push(envelope);
    }
    Ok(Chain::verify(&envelopes)?)
}

/// The name of an object of the vault.
pub(super) fn key(path: impl Into<String>) -> Result<StoreKey, Failure> {
    let path = path.into();
    StoreKey::new(path.clone()).map_err(|e| StoreError::Failed(path, e.to_string()).into())
}
