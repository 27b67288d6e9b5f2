//! The open ledger: its head, reading on, and appending.

use tlog_tiles::record_hash;

use super::bundle::Bundles;
use super::commit::{self, Commit};
use super::derived::{self, Derived};
use super::note::{self, LedgerSigner};
use super::tree::Tree;
use super::verify::{self, Check};
use super::walk::{self, EntryAt, Grown, Way};
use super::{LedgerError, names};
use crate::model::Digest;
use crate::ports::{Store, StoreError};

/// How many commits back a state is looked for before everything is read again from the first commit on.
const LOOK_BACK: u64 = 64;

/// A state of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The newest commit; 0 if there is none.
    pub commit: u64,
    /// How many entries there are.
    pub size: u64,
    /// The root hash over them; of none at all the SHA-256 of nothing (RFC 6962, section 2.1).
    pub root: Digest,
}

impl Default for Head {
    /// The ledger before its first entry.
    fn default() -> Self {
        Self {
            commit: 0,
            size: 0,
            root: Tree::default().root(),
        }
    }
}

/// A ledger, read up to some head.
pub struct Ledger<'s> {
    store: &'s dyn Store,
    vault: Digest,
    grown: Grown,
    deriving: Deriving,
}

/// How far the derived objects are known to be right.
enum Deriving {
    /// Up to this size. The bundles are those of the present head, once they were found.
    From(u64, Option<Bundles>),
    /// Not at all: they must be made anew from the first commit on.
    Anew,
    /// It was tried and did not succeed, for this reason; the next process may try.
    Failed(String),
    /// It is left to the next process that has read everything.
    Left,
}

impl<'s> Ledger<'s> {
    /// Opens a vault's ledger at its newest commit. The newest commits are checked; all of it is by
    /// [`Ledger::replay`] and [`verify`](super::verify()).
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`], [`LedgerError::Stray`], [`LedgerError::Store`].
    pub fn open(store: &'s dyn Store, vault: Digest) -> Result<Self, LedgerError> {
        let last = walk::newest(store)?;
        let mut ledger = Self::at(store, vault, Grown::default(), Deriving::From(0, None));
        if last > 0 && !ledger.start_near(last)? {
            let way = Way { store, vault, last };
            ledger.grown = walk::visit(way, &no_look, |entry, ()| no_visit(entry))?;
            ledger.deriving = Deriving::Anew;
        }
        Ok(ledger)
    }

    /// Opens a vault's ledger by reading all of it, checked in full, and shows every entry.
    ///
    /// # Errors
    /// As [`Ledger::open`]; whatever `visit` says ends the reading.
    pub fn replay<E: From<LedgerError>>(
        store: &'s dyn Store,
        vault: Digest,
        mut visit: impl FnMut(&EntryAt<'_>) -> Result<(), E>,
    ) -> Result<Self, E> {
        Self::replay_looking(store, vault, &no_look, |entry, ()| visit(entry))
    }

    /// As [`Ledger::replay`]. `look` sees each entry first, by itself, perhaps in another thread, and `visit`
    /// gets what it made of it.
    pub(super) fn replay_looking<T: Send, E: From<LedgerError>>(
        store: &'s dyn Store,
        vault: Digest,
        look: &(impl Fn(&[u8]) -> T + Sync),
        visit: impl FnMut(&EntryAt<'_>, T) -> Result<(), E>,
    ) -> Result<Self, E> {
        let grown = walk::visit(Way::whole(store, vault)?, look, visit)?;
        Ok(Self::walked(store, vault, grown)?)
    }

    /// The ledger that was walked just now, in full.
    pub(super) fn walked(
        store: &'s dyn Store,
        vault: Digest,
        grown: Grown,
    ) -> Result<Self, LedgerError> {
        let last = grown.head.commit;
        let mut ledger = Self::at(store, vault, Grown::default(), Deriving::From(0, None));
        if last > 0 && !(ledger.start_near(last)? && ledger.head() == grown.head) {
            ledger = Self::at(store, vault, grown, Deriving::Anew);
        }
        Ok(ledger)
    }

    /// A ledger of which everything up to `head` was read and checked before, and nothing is read now but
    /// the signed head of that commit, which must be the same; nothing where it is not. `edge` holds the
    /// roots of the tree's largest whole subtrees. It can be read on and added to, and derives nothing.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub(super) fn resume(
        store: &'s dyn Store,
        vault: Digest,
        head: Head,
        edge: &[Digest],
    ) -> Result<Option<Self>, LedgerError> {
        let tree = Tree::from_edge(head.size, edge).filter(|tree| tree.root() == head.root);
        let there = walk::read_head(store, &vault, head.commit)?;
        Ok(tree.filter(|_| there == Some(head)).map(|tree| {
            let grown = Grown { tree, head };
            Self::at(store, vault, grown, Deriving::Left)
        }))
    }

    /// The roots of the largest whole subtrees of the tree, from left to right.
    pub(super) fn edge(&self) -> Vec<Digest> {
        self.grown.tree.edge()
    }

    /// Where this ledger stands.
    pub fn head(&self) -> Head {
        self.grown.head
    }

    /// Why the derived objects could not be written, if they could not; the ledger itself is whole.
    pub fn not_derived(&self) -> Option<&str> {
        match &self.deriving {
            Deriving::Failed(why) => Some(why),
            _ => None,
        }
    }

    /// Shows every entry up to [`Ledger::head`], reading and checking all of it again.
    ///
    /// # Errors
    /// As [`Ledger::replay`].
    pub fn walk<E: From<LedgerError>>(
        &self,
        mut visit: impl FnMut(&EntryAt<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let last = self.grown.head.commit;
        let way = Way {
            store: self.store,
            vault: self.vault,
            last,
        };
        let grown = walk::visit(way, &no_look, |entry, ()| visit(entry))?;
        if grown.head == self.grown.head {
            Ok(())
        } else {
            Err(LedgerError::corrupt(last, "it is not the one that was there before").into())
        }
    }

    /// Reads on to what others have appended since, and shows it.
    ///
    /// # Errors
    /// As [`Ledger::replay`]; the ledger then stands at the last commit that holds.
    pub fn refresh<E: From<LedgerError>>(
        &mut self,
        mut visit: impl FnMut(&EntryAt<'_>) -> Result<(), E>,
    ) -> Result<Head, E> {
        while let Some(bytes) = walk::read(self.store, self.grown.head.commit + 1)? {
            let number = self.grown.head.commit + 1;
            let commit = commit::decode(&self.vault, number, bytes)?;
            self.advance(&commit)?;
            walk::entries(&commit).try_for_each(|entry| visit(&entry))?;
        }
        Ok(self.grown.head)
    }

    /// Appends 1 to [`COMMIT_ENTRIES`](super::COMMIT_ENTRIES) entries as one commit, if the ledger is
    /// still the one of `expected`. All of them are durable when this returns, or none is there.
    ///
    /// More entries than that, or more than [`COMMIT_MAX`](super::COMMIT_MAX) bytes, are refused rather
    /// than split, because an append must be whole.
    ///
    /// # Errors
    /// [`LedgerError::Moved`] where somebody else was faster: [`Ledger::refresh`], decide anew.
    /// [`LedgerError::Refused`], [`LedgerError::Unclear`], [`LedgerError::Store`].
    pub fn append_at(
        &mut self,
        expected: &Head,
        entries: &[Vec<u8>],
        signer: &LedgerSigner<'_>,
    ) -> Result<Head, LedgerError> {
        if *expected != self.grown.head {
            return Err(LedgerError::Moved);
        }
        commit::check_entries(entries)?;
        let number = expected.commit + 1;
        let mut tree = self.grown.tree.clone();
        for entry in entries {
            tree.push(record_hash(entry));
        }
        let note = note::sign(&self.vault, tree.size(), &tree.root(), signer)?;
        let bytes = commit::encode(number, &note, entries)?;
        // Everything that could fail comes before the one step that counts.
        let commit = commit::decode(&self.vault, number, bytes)?;
        let mut grown = self.grown.clone();
        grown.add(&commit, |_| {})?;
        self.fetch_bundles();
        create(self.store, number, commit.bytes())?;
        self.take_in(grown, &commit);
        self.derive(&note);
        Ok(self.grown.head)
    }

    /// Appends at whatever head the ledger has by then, passing by what others append meanwhile.
    ///
    /// # Errors
    /// As [`Ledger::append_at`], but never [`LedgerError::Moved`] unless the store contradicts itself.
    pub fn append(
        &mut self,
        entries: &[Vec<u8>],
        signer: &LedgerSigner<'_>,
    ) -> Result<Head, LedgerError> {
        loop {
            let head = self.grown.head;
            match self.append_at(&head, entries, signer) {
                Err(LedgerError::Moved) => {}
                done => return done,
            }
            // Somebody has the next number: so it can be read, or there is no end to this.
            if self.refresh(no_visit)? == head {
                return Err(LedgerError::Moved);
            }
        }
    }

    /// Compares every derived object with the ledger up to [`Ledger::head`] and writes those anew that
    /// are missing or wrong. Returns which they were.
    ///
    /// # Errors
    /// As [`verify`](super::verify()); [`LedgerError::Store`] where an object cannot be written.
    pub fn repair(&mut self) -> Result<Derived, LedgerError> {
        let (store, last) = (self.store, self.grown.head.commit);
        let mut found = Derived::default();
        let mend = |object: &derived::Object| {
            // Somebody is ahead of us, and so may their checkpoint be.
            if object.is_checkpoint()? && walk::read(store, last + 1)?.is_some() {
                return Ok(());
            }
            if !object.compare(store, &mut found) {
                object.write(store)?;
            }
            Ok(())
        };
        let way = Way {
            store,
            vault: self.vault,
            last,
        };
        verify::walk_derived(way, &mut Check::new(&[]), &no_look, |_, _| {}, mend)?;
        self.grown.tree.full.clear();
        self.deriving = Deriving::From(self.grown.head.size, None);
        Ok(found)
    }

    fn at(store: &'s dyn Store, vault: Digest, grown: Grown, deriving: Deriving) -> Self {
        Self {
            store,
            vault,
            grown,
            deriving,
        }
    }

    /// Starts from the tiles of one of the last commits before `last` and reads on from there; so the
    /// newest commits are checked against the one before them. Says whether there was such a start.
    fn start_near(&mut self, last: u64) -> Result<bool, LedgerError> {
        let mut later = Vec::new();
        for number in (last.saturating_sub(LOOK_BACK)..=last).rev() {
            let head = match number {
                0 => Head::default(),
                _ => {
                    let bytes = walk::read_listed(self.store, number)?;
                    let commit = commit::decode(&self.vault, number, bytes)?;
                    let head = walk::head_of(&commit);
                    later.push(commit);
                    head
                }
            };
            if number < last
                && let Some(tree) = derived::load_tree(self.store, &head)
            {
                self.deriving = Deriving::From(head.size, derived::load_bundle(self.store, &tree));
                self.grown = Grown { tree, head };
                let later = later.iter().rev().filter(|commit| commit.number > number);
                for commit in later {
                    self.advance(commit)?;
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Checks the commit that follows and takes it in.
    fn advance(&mut self, commit: &Commit) -> Result<(), LedgerError> {
        let mut grown = self.grown.clone();
        grown.add(commit, |_| {})?;
        self.take_in(grown, commit);
        Ok(())
    }

    fn take_in(&mut self, grown: Grown, commit: &Commit) {
        self.grown = grown;
        match &mut self.deriving {
            Deriving::From(_, Some(bundles)) => {
                commit.entries().for_each(|entry| bundles.push(entry));
            }
            Deriving::From(_, None) => {}
            Deriving::Anew | Deriving::Failed(_) | Deriving::Left => self.grown.tree.full.clear(),
        }
    }

    /// Writes the derived objects as far as they are behind. Failing at it is no failure of an append.
    fn derive(&mut self, note: &[u8]) {
        let done = match self.deriving {
            Deriving::From(..) => self.derive_on(note),
            Deriving::Anew => self.repair().map(drop),
            Deriving::Failed(_) | Deriving::Left => return,
        };
        if let Err(error) = done {
            self.grown.tree.full.clear();
            self.deriving = Deriving::Failed(error.to_string());
        }
    }

    fn derive_on(&mut self, note: &[u8]) -> Result<(), LedgerError> {
        let Deriving::From(since, Some(bundles)) = &mut self.deriving else {
            return Ok(());
        };
        for object in derived::take_full(&mut self.grown.tree, bundles)? {
            object.write(self.store)?;
        }
        for object in derived::ends(&self.grown.tree, bundles, *since)? {
            object.write(self.store)?;
        }
        *since = self.grown.head.size;
        // Whoever made a newer commit writes a newer checkpoint, and perhaps already has.
        if walk::read(self.store, self.grown.head.commit + 1)?.is_none() {
            derived::checkpoint(note)?.write(self.store)?;
        }
        Ok(())
    }

    /// Gets the bundles at the end of the ledger from the commits, where opening did not find them.
    fn fetch_bundles(&mut self) {
        let Deriving::From(since, None) = self.deriving else {
            return;
        };
        self.deriving = match self.bundles_since(since) {
            Ok(bundles) => Deriving::From(since, Some(bundles)),
            Err(error) => Deriving::Failed(error.to_string()),
        };
    }

    /// The bundles from the one on that was not full at a size, read from the newest commits.
    fn bundles_since(&self, size: u64) -> Result<Bundles, LedgerError> {
        let (index, _) = Tree::last_tile(size, 0);
        let start = index * names::TILE_WIDTH as u64;
        let mut newest_first = Vec::new();
        let mut reached = self.grown.head.size;
        for number in (1..=self.grown.head.commit).rev() {
            if reached <= start {
                break;
            }
            let bytes = walk::read_listed(self.store, number)?;
            let commit = commit::decode(&self.vault, number, bytes)?;
            reached = reached.saturating_sub(commit.count());
            newest_first.push(commit);
        }
        let mut bundles = Bundles::starting(index);
        for commit in newest_first.iter().rev() {
            for entry in commit.entries() {
                if reached >= start {
                    bundles.push(entry);
                }
                reached += 1;
            }
        }
        Ok(bundles)
    }
}

/// Makes the commit, or finds out that it was not made.
pub(super) fn create(store: &dyn Store, number: u64, bytes: &[u8]) -> Result<(), LedgerError> {
    let error = match store.create(&names::commit(number)?, bytes) {
        Ok(()) => return Ok(()),
        Err(StoreError::AlreadyExists(_)) => return Err(LedgerError::Moved),
        // The answer got lost, perhaps after the deed.
        Err(error @ StoreError::Failed(..)) => error,
        Err(error) => return Err(error.into()),
    };
    match walk::read(store, number) {
        Ok(Some(there)) if there == bytes => Ok(()),
        Ok(Some(_)) => Err(LedgerError::Moved),
        Ok(None) => Err(error.into()),
        Err(_) => Err(LedgerError::Unclear {
            commit: number,
            reason: error.to_string(),
        }),
    }
}

fn no_visit(_: &EntryAt<'_>) -> Result<(), LedgerError> {
    Ok(())
}

fn no_look(_: &[u8]) {}
