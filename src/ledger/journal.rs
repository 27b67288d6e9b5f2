//! The ledger with its meaning: entries are replayed into a state, every append is checked against it
//! first, and what must be in the ledger before something happens is proved by a [`Recorded`].

use std::sync::Arc;

use super::archive::{self, Ground, Source};
use super::event::{Entry, Event};
use super::reading::{self, Reading, Rights};
use super::recorded::Recorded;
use super::replay::Impossible;
use super::state::VaultState;
use super::verify::{self, Anchor, Verified};
use super::{COMMIT_ENTRIES, EntryAt, Head, Ledger, LedgerError, LedgerSigner};
use crate::crypto::SoftwareSigner;
use crate::format::OpenedStatement;
use crate::format::dsse::Envelope;
use crate::model::{Digest, Name, Timestamp};
use crate::ports::{Archive, Store, StoreError};

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
    /// What was kept of the ledger on this machine does not serve: all of it must be read.
    #[error("what this station has kept of the ledger does not fit it")]
    Archive,
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
        Self::open_showing(store, chain, seen, name, signer, |_, _| {})
    }

    /// As [`Journal::open`], and shows every entry, after it was taken into account. Where it ends with an
    /// error, what was shown counts for nothing.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open_showing(
        store: &'a dyn Store,
        chain: Arc<dyn Rights>,
        seen: Option<Seen>,
        name: &'a Name,
        signer: &'a SoftwareSigner,
        show: impl FnMut(&EntryAt<'_>, Entry),
    ) -> Result<Self, JournalError> {
        let read = read_all(store, &*chain, seen, show)?;
        Ok(Self::of(read, store, chain, name, signer))
    }

    /// As [`Journal::open`], and verifies all that [`verify()`](super::verify()) does, in the same walk. What
    /// is corrupt is told before what cannot stand where it does, and what the anchors show is in the answer.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn verify(
        store: &'a dyn Store,
        chain: Arc<dyn Rights>,
        anchors: &[Anchor],
        name: &'a Name,
        signer: &'a SoftwareSigner,
    ) -> Result<(Verified, Self), JournalError> {
        let vault = chain.vault();
        let mut reading = Reading::new();
        let mut read = Ok(());
        let (verified, grown) =
            verify::verify_showing(store, &vault, anchors, &reading::parse, |at, parsed| {
                if read.is_ok() {
                    read = reading.read(&*chain, at, parsed).map(drop);
                }
            })?;
        read?;
        let ledger = Ledger::walked(store, vault, grown)?;
        let journal = Self::of((ledger, reading), store, chain, name, signer);
        Ok((verified, journal))
    }

    /// Opens the ledger where an archive left off: what came before is not read again, and nothing of it is
    /// in [`Journal::state`] but what [`Journal::bring`] is asked for and the incidents that are not closed.
    /// The answer is `None` where that cannot be done, for whatever reason: then everything must be read.
    pub fn open_archived(
        store: &'a dyn Store,
        chain: Arc<dyn Rights>,
        seen: Seen,
        name: &'a Name,
        signer: &'a SoftwareSigner,
        archive: &dyn Archive,
    ) -> Option<Self> {
        let read = read_on(store, &*chain, seen, archive)?;
        Some(Self::of(read, store, chain, name, signer))
    }

    fn of(
        (ledger, reading): (Ledger<'a>, Reading),
        store: &'a dyn Store,
        chain: Arc<dyn Rights>,
        name: &'a Name,
        signer: &'a SoftwareSigner,
    ) -> Self {
        Self {
            store,
            chain,
            name,
            signer,
            ledger,
            reading,
            stale: false,
        }
    }

    /// Sees to it that these credentials and incidents are in [`Journal::state`], if they exist.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn bring(&mut self, credentials: &[Name], incidents: &[Name]) -> Result<(), JournalError> {
        match self.reading.bring(credentials, incidents) {
            Err(JournalError::Archive) => self.reload_all(),
            brought => brought,
        }
    }

    /// Keeps the state in an archive, where the ledger is long enough for that to pay and was read in full.
    /// It may be lost, so that it could not be kept is no failure.
    pub fn keep_in(&self, archive: &dyn Archive) {
        if self.stale || self.reading.is_archived() {
            return;
        }
        let ground = Ground {
            head: self.ledger.head(),
            edge: self.ledger.edge(),
        };
        let _ = archive::keep(archive, &ground, &self.reading.heads, &self.reading.state);
    }

    /// Whether what came before was not read again.
    pub fn is_archived(&self) -> bool {
        self.reading.is_archived()
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
        if self.stale {
            return self.reload_all();
        }
        let chain = Arc::clone(&self.chain);
        let reading = &mut self.reading;
        let read = self.ledger.refresh(|at| {
            let parsed = reading::parse(at.bytes);
            reading.read(&*chain, at, parsed).map(drop)
        });
        self.stale = read.is_err();
        if self.stale && self.reading.is_archived() {
            return self.reload_all();
        }
        read.map(drop).map_err(outdated)
    }

    /// Reads everything anew.
    fn reload_all(&mut self) -> Result<(), JournalError> {
        let head = self.ledger.head();
        let seen = Seen {
            size: head.size,
            root: head.root,
        };
        self.stale = true;
        (self.ledger, self.reading) =
            read_all(self.store, &*self.chain, Some(seen), |_, _| {}).map_err(outdated)?;
        self.stale = false;
        Ok(())
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
        match self
            .reading
            .prepare(entries.iter().map(|entry| &entry.event))
        {
            // Everything is read, and then it is tried again.
            Err(JournalError::Archive) => return Ok(None),
            prepared => prepared?,
        }
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

/// Reads a whole ledger, and compares it with what was seen of it before.
fn read_all<'s>(
    store: &'s dyn Store,
    chain: &dyn Rights,
    seen: Option<Seen>,
    mut show: impl FnMut(&EntryAt<'_>, Entry),
) -> Result<(Ledger<'s>, Reading), JournalError> {
    let mut reading = Reading::new();
    let ledger = Ledger::replay_looking(store, chain.vault(), &reading::parse, |at, parsed| {
        let entry = reading.read(chain, at, parsed)?;
        show(at, entry);
        Ok::<(), JournalError>(())
    })?;
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

/// Reads what came after the head that an archive stands at. Whatever does not fit is for [`read_all`] to
/// judge.
fn read_on<'s>(
    store: &'s dyn Store,
    chain: &dyn Rights,
    seen: Seen,
    archive: &dyn Archive,
) -> Option<(Ledger<'s>, Reading)> {
    let vault = chain.vault();
    let (source, ground, state) = Source::begin(archive, &vault).ok()?;
    let mut ledger = Ledger::resume(store, vault, ground.head, &ground.edge).ok()??;
    let mut reading = Reading::archived(source, &ground, state);
    ledger
        .refresh(|at| {
            let parsed = reading::parse(at.bytes);
            reading.read(chain, at, parsed).map(drop)
        })
        .map_err(|_: JournalError| ())
        .ok()?;
    (reading.heads.get(&seen.size) == Some(&seen.root)).then_some((ledger, reading))
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
