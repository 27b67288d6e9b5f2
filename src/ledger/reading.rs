//! What was read of a ledger: the state that its entries add up to, and the heads that it went through.

use std::collections::BTreeMap;

use super::archive::{self, Ground, Row, Source};
use super::event::{Entry, Event};
use super::joined::HeadRef;
use super::journal::JournalError;
use super::replay::{Impossible, Writer};
use super::state::VaultState;
use super::{EntryAt, Head, witness};
use crate::format::{digest, strict};
use crate::model::{Digest, Name};

/// What the ledger must know of the manifests: the floor above tells.
pub trait Rights {
    /// The vault's fingerprint.
    fn vault(&self) -> Digest;

    /// The digest of the manifest of that version, if there is one.
    fn digest(&self, version: u64) -> Option<Digest>;

    /// Whether the manifest of that version names the key of this SHA-256 as a rotator's.
    fn is_rotator(&self, version: u64, key: &Digest) -> bool;
}

/// An entry by its bytes, or why they are none.
pub(super) type Parsed = Result<Entry, String>;

/// Reads an entry by itself: whether it can stand where it does is not asked.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    strict::read(bytes)
}

/// What was read of a ledger.
pub(super) struct Reading {
    pub(super) state: VaultState,
    /// The root hash at the size of every head.
    pub(super) heads: BTreeMap<u64, Digest>,
    /// Where rows of the state come from that were not read: it began at an archive.
    source: Option<Source>,
    /// Who wrote last: by which manifest, with which key, and what that makes of them.
    writer: Option<(u64, [u8; 32], Writer)>,
}

impl Reading {
    /// Begins before the first entry.
    pub(super) fn new() -> Self {
        let none = Head::default();
        Self {
            state: VaultState::default(),
            heads: BTreeMap::from([(none.size, none.root)]),
            source: None,
            writer: None,
        }
    }

    /// Begins at an archived state.
    pub(super) fn archived(source: Source, ground: &Ground, state: VaultState) -> Self {
        Self {
            state,
            heads: BTreeMap::from([(ground.head.size, ground.head.root)]),
            source: Some(source),
            writer: None,
        }
    }

    /// Whether it began at an archive: what contradicts it then is no proof of anything.
    pub(super) fn is_archived(&self) -> bool {
        self.source.is_some()
    }

    /// Sees to it that these credentials and incidents are at hand, if they exist.
    pub(super) fn bring(
        &mut self,
        credentials: &[Name],
        incidents: &[Name],
    ) -> Result<(), JournalError> {
        let credentials = credentials.iter().cloned().map(Row::Credential);
        let incidents = incidents.iter().cloned().map(Row::Incident);
        self.fetch(credentials.chain(incidents).collect())
    }

    /// Makes ready for events that are about to be taken.
    pub(super) fn prepare<'e>(
        &mut self,
        events: impl Iterator<Item = &'e Event>,
    ) -> Result<(), JournalError> {
        if self.source.is_none() {
            return Ok(());
        }
        let rows = events.flat_map(|event| archive::mentioned(event, &self.state));
        self.fetch(rows.collect())
    }

    fn fetch(&mut self, rows: Vec<Row>) -> Result<(), JournalError> {
        match &mut self.source {
            None => Ok(()),
            Some(source) => source
                .fetch(rows, &mut self.state)
                .map_err(|archive::Unusable| JournalError::Archive),
        }
    }

    /// Takes an entry that was read into account, and gives it back.
    pub(super) fn read(
        &mut self,
        chain: &dyn Rights,
        at: &EntryAt<'_>,
        parsed: Parsed,
    ) -> Result<Entry, JournalError> {
        let impossible = |reason| JournalError::Impossible {
            index: at.index,
            commit: at.commit,
            reason,
        };
        let entry = parsed.map_err(|error| impossible(Impossible::Malformed(error)))?;
        self.prepare(std::iter::once(&entry.event))?;
        self.take(chain, &entry, at.signer_key)
            .map_err(impossible)?;
        self.stand_at(&at.head);
        Ok(entry)
    }

    /// The ledger has come to this head: to the same one with each entry of a commit.
    fn stand_at(&mut self, head: &Head) {
        let last = self.heads.last_key_value();
        if last != Some((&head.size, &head.root)) {
            self.heads.insert(head.size, head.root);
        }
    }

    /// Takes an entry into account that a key signs, after everything that was read.
    pub(super) fn take(
        &mut self,
        chain: &dyn Rights,
        entry: &Entry,
        key: &[u8; 32],
    ) -> Result<(), Impossible> {
        check_manifest(chain, &entry.event)?;
        self.check_ground(&entry.event)?;
        // The founder writes the first entry by the right that the first manifest gives.
        let version = self.state.manifest.map_or(1, |(version, _)| version);
        let writer = self.writer(chain, version, key);
        self.state.apply(entry, writer)
    }

    /// Who the holder of a key is by a manifest. That a manifest is in force does not change what it says, so
    /// this is asked once for all that one of them writes in a row.
    fn writer(&mut self, chain: &dyn Rights, version: u64, key: &[u8; 32]) -> Writer {
        if let Some((by, last, writer)) = self.writer
            && (by, &last) == (version, key)
        {
            return writer;
        }
        let id = digest(key);
        let writer = if chain.is_rotator(version, &id) {
            Writer::Rotator(id)
        } else {
            Writer::Station(id)
        };
        self.writer = Some((version, *key, writer));
        writer
    }

    fn had(&self, head: &HeadRef) -> bool {
        self.heads.get(&head.size) == Some(&head.root)
    }

    /// A witness's statement names the ledger that it was made on: the beginning of this one, or it was
    /// carried here from another history.
    fn check_ground(&self, event: &Event) -> Result<(), Impossible> {
        match event {
            Event::Opened { .. } | Event::Drilled { .. } => {
                witness::check_ground(event, |head| self.had(head))
            }
            Event::LedgerJoined { parted, main, .. } => {
                if self.had(parted) && self.had(main) {
                    return Ok(());
                }
                Err(Impossible::Contradiction(
                    "a ledger is joined at a head that this one never had".to_owned(),
                ))
            }
            Event::Carried { ledger, entry, .. } => {
                let joined = self.state.joined.get(ledger);
                witness::check_ground(&entry.event, |head| {
                    joined.is_some_and(|joined| joined.had(head))
                })
            }
            _ => Ok(()),
        }
    }
}

/// What the ledger says of manifests must be so.
fn check_manifest(chain: &dyn Rights, event: &Event) -> Result<(), Impossible> {
    let (version, manifest) = match event {
        Event::VaultFounded { vault } => (1, vault),
        Event::ManifestAdopted { version, manifest } => (*version, manifest),
        _ => return Ok(()),
    };
    match chain.digest(version) {
        None => Err(Impossible::NoManifest(version)),
        Some(digest) if digest == *manifest => Ok(()),
        Some(_) => Err(Impossible::Contradiction(format!(
            "manifest {version} is not the one that lies in the vault"
        ))),
    }
}
