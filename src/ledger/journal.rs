//! The ledger with its meaning: entries are replayed into a state, every append is checked against it
//! first, and what must be in the ledger before something happens is proved by a [`Recorded`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::{Entry, Event};
use super::recorded::Recorded;
use super::replay::{Impossible, Writer};
use super::state::VaultState;
use super::{COMMIT_ENTRIES, EntryAt, Head, Ledger, LedgerError, LedgerSigner};
use crate::crypto::SoftwareSigner;
use crate::format::dsse::Envelope;
use crate::format::{OpenedStatement, digest, strict};
use crate::model::{Digest, Name, Timestamp};
use crate::ports::{Store, StoreError};

/// How often a race for the next commit may be lost before something else must be wrong.
const RACES: u32 = 1000;

/// Why the ledger could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The store.
    #[error("{0}")]
    Store(StoreError),
    /// A commit is damaged or forged.
    #[error("{0}")]
    Corrupt(LedgerError),
    /// An entry contradicts those before it.
    #[error("entry {index} of the ledger (in commit {commit}) cannot stand there: {reason}")]
    Impossible {
        /// The entry.
        index: u64,
        /// Its commit.
        commit: u64,
        /// Why.
        reason: Impossible,
    },
    /// Entries that were seen before are missing at its end.
    #[error("the ledger has {found} entries, and {seen} were seen before: its end was cut off")]
    CutOff {
        /// How many were seen.
        seen: u64,
        /// How many there are.
        found: u64,
    },
    /// It parted from what was seen before.
    #[error(
        "the ledger is not the one that was seen before: it differs within its first {seen} entries"
    )]
    Forked {
        /// How many entries were seen.
        seen: u64,
    },
    /// Somebody put a manifest in force after the vault was opened here.
    #[error("manifest {0} was put in force meanwhile")]
    Outdated(u64),
    /// What was to be recorded contradicts the ledger.
    #[error("it cannot be recorded: {0}")]
    Refused(Impossible),
    /// It may or may not have been recorded.
    #[error("{0}")]
    Unclear(LedgerError),
    /// A bug.
    #[error("{0}")]
    Internal(String),
}

impl From<LedgerError> for JournalError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(store) => Self::Store(store),
            LedgerError::Corrupt { .. } | LedgerError::Stray(_) => Self::Corrupt(error),
            LedgerError::Unclear { .. } => Self::Unclear(error),
            LedgerError::Moved | LedgerError::Refused(_) => Self::Internal(error.to_string()),
        }
    }
}

/// What was seen of a ledger before.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// How many entries.
    pub size: u64,
    /// The root hash over them.
    pub root: Digest,
}

/// What the ledger must know of the manifests: the floor above tells.
pub trait Rights {
    /// The vault's fingerprint.
    fn vault(&self) -> Digest;

    /// The digest of the manifest of that version, if there is one.
    fn digest(&self, version: u64) -> Option<Digest>;

    /// Whether the manifest of that version names the key of this SHA-256 as a rotator's.
    fn is_rotator(&self, version: u64, key: &Digest) -> bool;
}

/// A vault's ledger and the state that it adds up to.
pub struct Journal<'a> {
    store: &'a dyn Store,
    chain: Arc<dyn Rights>,
    name: &'a Name,
    signer: &'a SoftwareSigner,
    ledger: Ledger<'a>,
    reading: Reading,
    /// The state may be ahead of the ledger: an append failed.
    stale: bool,
}

impl<'a> Journal<'a> {
    /// Reads and checks the whole ledger, and compares it with what was seen before.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(
        store: &'a dyn Store,
        chain: Arc<dyn Rights>,
        seen: Option<Seen>,
        name: &'a Name,
        signer: &'a SoftwareSigner,
    ) -> Result<Self, JournalError> {
        let (ledger, reading) = read_all(store, &*chain, seen)?;
        Ok(Self {
            store,
            chain,
            name,
            signer,
            ledger,
            reading,
            stale: false,
        })
    }

    /// What the ledger adds up to.
    pub fn state(&self) -> &VaultState {
        &self.reading.state
    }

    /// Where the ledger stands.
    pub fn head(&self) -> Head {
        self.ledger.head()
    }

    /// Why the derived tiles could not be written, if they could not. The ledger itself is whole.
    pub fn not_derived(&self) -> Option<&str> {
        self.ledger.not_derived()
    }

    /// Takes a longer chain of manifests into use.
    pub fn adopt(&mut self, chain: Arc<dyn Rights>) {
        self.chain = chain;
    }

    /// Reads what others have appended since.
    ///
    /// # Errors
    /// [`JournalError`]; [`JournalError::Outdated`] where they put a manifest in force that
    /// [`Journal::adopt`] was not told of.
    pub fn reload(&mut self) -> Result<(), JournalError> {
        let chain = Arc::clone(&self.chain);
        if self.stale {
            let head = self.ledger.head();
            let seen = Seen {
                size: head.size,
                root: head.root,
            };
            (self.ledger, self.reading) =
                read_all(self.store, &*chain, Some(seen)).map_err(outdated)?;
            self.stale = false;
            return Ok(());
        }
        let reading = &mut self.reading;
        let read = self.ledger.refresh(|entry| reading.read(&*chain, entry));
        self.stale = read.is_err();
        read.map(drop).map_err(outdated)
    }

    /// Records one event: when this returns it is durable.
    ///
    /// # Errors
    /// [`JournalError`]; nothing was recorded then, unless it is [`JournalError::Unclear`].
    pub fn record(&mut self, now: Timestamp, event: Event) -> Result<(), JournalError> {
        self.record_all(now, vec![event]).map(|_| ())
    }

    /// Records several events in one commit: all or none. Returns the index of the first.
    ///
    /// # Errors
    /// As [`Journal::record`].
    pub fn record_all(&mut self, now: Timestamp, events: Vec<Event>) -> Result<u64, JournalError> {
        let (entries, bytes) = written(now, events)?;
        for _ in 0..RACES {
            if self.stale {
                self.reload()?;
            }
            if let Some(first) = self.try_append(&entries, &bytes)? {
                return Ok(first);
            }
            self.reload()?;
        }
        Err(JournalError::Internal(
            "the race for the ledger's next commit has no end".into(),
        ))
    }

    /// Records several events in one commit if nobody has added anything since `head`; otherwise nothing
    /// is recorded, what is new is taken into account, and the answer is `None`: decide anew.
    ///
    /// # Errors
    /// As [`Journal::record`].
    pub fn record_at(
        &mut self,
        head: &Head,
        now: Timestamp,
        events: Vec<Event>,
    ) -> Result<Option<u64>, JournalError> {
        let (entries, bytes) = written(now, events)?;
        if !self.stale && *head == self.head() {
            let appended = self.try_append(&entries, &bytes)?;
            if appended.is_some() {
                return Ok(appended);
            }
        }
        self.reload()?;
        Ok(None)
    }

    /// One try: the events are applied first, so that nothing impossible is ever written.
    fn try_append(
        &mut self,
        entries: &[Entry],
        bytes: &[Vec<u8>],
    ) -> Result<Option<u64>, JournalError> {
        let head = self.ledger.head();
        self.stale = true;
        for entry in entries {
            self.reading
                .take(&*self.chain, entry, &self.signer.public())
                .map_err(JournalError::Refused)?;
        }
        let signer = LedgerSigner::new(self.name.clone(), self.signer.seed());
        match self.ledger.append_at(&head, bytes, &signer) {
            Ok(after) => {
                self.reading.heads.insert(after.size, after.root);
                self.stale = false;
                Ok(Some(head.size))
            }
            Err(LedgerError::Moved) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    /// Records that credentials were opened, in one commit where there is room, if nobody has added
    /// anything since `head`. What it returns is what [`crate::ceremony::Opening::release`] takes; `None`
    /// as with [`Journal::record_at`].
    ///
    /// # Errors
    /// As [`Journal::record`].
    pub fn record_opened(
        &mut self,
        head: &Head,
        now: Timestamp,
        statements: &[Envelope],
    ) -> Result<Option<Vec<Recorded<OpenedStatement>>>, JournalError> {
        let mut recorded = Vec::with_capacity(statements.len());
        let mut head = *head;
        for chunk in statements.chunks(COMMIT_ENTRIES) {
            let events = chunk
                .iter()
                .cloned()
                .map(|statement| Event::Opened { statement });
            let Some(first) = self.record_at(&head, now, events.collect())? else {
                return Ok(None);
            };
            for (index, envelope) in (first..).zip(chunk) {
                let what = envelope
                    .document()
                    .map_err(|error| JournalError::Internal(error.to_string()))?;
                recorded.push(Recorded::new(what, index));
            }
            head = self.head();
        }
        Ok(Some(recorded))
    }
}

/// Events as entries, and as the bytes of the leaves.
fn written(now: Timestamp, events: Vec<Event>) -> Result<(Vec<Entry>, Vec<Vec<u8>>), JournalError> {
    let entries: Vec<Entry> = events
        .into_iter()
        .map(|event| Entry { time: now, event })
        .collect();
    let bytes = entries
        .iter()
        .map(serde_json::to_vec)
        .collect::<Result<_, _>>()
        .map_err(|error| JournalError::Internal(error.to_string()))?;
    Ok((entries, bytes))
}

/// What was read of a ledger.
struct Reading {
    state: VaultState,
    /// The root hash at the size of every head.
    heads: BTreeMap<u64, Digest>,
}

impl Reading {
    fn new() -> Self {
        let none = Head::default();
        Self {
            state: VaultState::default(),
            heads: BTreeMap::from([(none.size, none.root)]),
        }
    }

    /// Takes an entry that was read into account.
    fn read(&mut self, chain: &dyn Rights, at: &EntryAt<'_>) -> Result<(), JournalError> {
        let impossible = |reason| JournalError::Impossible {
            index: at.index,
            commit: at.commit,
            reason,
        };
        let entry: Entry =
            strict::read(at.bytes).map_err(|error| impossible(Impossible::Malformed(error)))?;
        self.take(chain, &entry, at.signer_key)
            .map_err(impossible)?;
        self.heads.insert(at.head.size, at.head.root);
        Ok(())
    }

    /// Takes an entry into account that a key signs, after everything that was read.
    fn take(
        &mut self,
        chain: &dyn Rights,
        entry: &Entry,
        key: &[u8; 32],
    ) -> Result<(), Impossible> {
        check_manifest(chain, &entry.event)?;
        self.check_ground(&entry.event)?;
        // The founder writes the first entry by the right that the first manifest gives.
        let version = self.state.manifest.map_or(1, |(version, _)| version);
        let id = digest(key);
        let writer = if chain.is_rotator(version, &id) {
            Writer::Rotator
        } else {
            Writer::Station(id)
        };
        self.state.apply(entry, writer)
    }

    /// A witness's statement names the ledger that it was made on: the beginning of this one, or it was
    /// carried here from another history.
    fn check_ground(&self, event: &Event) -> Result<(), Impossible> {
        let Event::Opened { statement } = event else {
            return Ok(());
        };
        let stated: OpenedStatement = statement
            .document()
            .map_err(|e| Impossible::Malformed(e.to_string()))?;
        if self.heads.get(&stated.ledger_size) == Some(&stated.ledger_root) {
            return Ok(());
        }
        Err(Impossible::Witness(
            stated.credential.to_string(),
            "it was made on another ledger",
        ))
    }
}

/// Reads a whole ledger, and compares it with what was seen of it before.
fn read_all<'s>(
    store: &'s dyn Store,
    chain: &dyn Rights,
    seen: Option<Seen>,
) -> Result<(Ledger<'s>, Reading), JournalError> {
    let mut reading = Reading::new();
    let ledger = Ledger::replay(store, chain.vault(), |entry| reading.read(chain, entry))?;
    let Some(seen) = seen else {
        return Ok((ledger, reading));
    };
    let found = ledger.head().size;
    if found < seen.size {
        return Err(JournalError::CutOff {
            seen: seen.size,
            found,
        });
    }
    if reading.heads.get(&seen.size) != Some(&seen.root) {
        return Err(JournalError::Forked { seen: seen.size });
    }
    Ok((ledger, reading))
}

/// What is forged at the opening of a vault has another reason once it is open: somebody was faster.
fn outdated(error: JournalError) -> JournalError {
    match error {
        JournalError::Impossible {
            reason: Impossible::NoManifest(version),
            ..
        } => JournalError::Outdated(version),
        other => other,
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
