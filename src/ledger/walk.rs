//! Reading the ledger from its beginning, believing nothing.

use super::ahead;
use super::commit::{self, COMMIT_MAX, Commit};
use super::tree::Tree;
use super::{Head, LedgerError, names};
use crate::model::{Digest, Name};
use crate::ports::{Store, StoreError};

/// An entry and where it stands. It is shown only after everything in its commit was checked.
#[derive(Debug, Clone, Copy)]
pub struct EntryAt<'e> {
    /// Its number in the ledger, from 0.
    pub index: u64,
    /// The commit that brought it.
    pub commit: u64,
    /// Who signed the commit, by the commit's own word.
    pub signer_name: &'e Name,
    /// The Ed25519 key that the signature holds by (32 bytes).
    pub signer_key: &'e [u8; 32],
    /// The head that the commit leads to.
    pub head: Head,
    /// The entry.
    pub bytes: &'e [u8],
}

/// The entries of a commit that was checked.
pub(super) fn entries(commit: &Commit) -> impl Iterator<Item = EntryAt<'_>> {
    let first = commit.head.size.saturating_sub(commit.count());
    (first..)
        .zip(commit.entries())
        .map(|(index, bytes)| EntryAt {
            index,
            commit: commit.number,
            signer_name: &commit.head.signer,
            signer_key: &commit.head.key,
            head: head_of(commit),
            bytes,
        })
}

/// The ledger up to some commit, grown commit by commit.
#[derive(Clone, Default)]
pub(super) struct Grown {
    pub(super) tree: Tree,
    pub(super) head: Head,
}

impl Grown {
    /// Adds the commit that follows: its number, its size and its root must be those that result. `leaf`
    /// sees the tree after each entry. After an error this is of no further use.
    pub(super) fn add(
        &mut self,
        commit: &Commit,
        mut leaf: impl FnMut(&Tree),
    ) -> Result<(), LedgerError> {
        let corrupt = |reason| Err(LedgerError::corrupt(commit.number, reason));
        let count = commit.count();
        let before = self.head.size;
        let after = before.saturating_add(count);
        if commit.number != self.head.commit + 1 {
            return corrupt(format!("it does not follow commit {}", self.head.commit));
        }
        if commit.head.size != after {
            return corrupt(format!(
                "it follows {before} entries and holds {count}, and its checkpoint says {}",
                commit.head.size
            ));
        }
        for hash in commit.leaves() {
            self.tree.push(*hash);
            leaf(&self.tree);
        }
        let root = self.tree.root();
        if root != commit.head.root {
            return corrupt(format!(
                "its entries ({before} to {}), or some before them, are not those that were signed",
                after - 1
            ));
        }
        self.head = head_of(commit);
        Ok(())
    }
}

/// The head that a commit speaks of.
pub(super) fn head_of(commit: &Commit) -> Head {
    Head {
        commit: commit.number,
        size: commit.head.size,
        root: commit.head.root,
    }
}

/// The number of the newest commit; 0 if there is none. All numbers before it are there.
pub(super) fn newest(store: &dyn Store) -> Result<u64, LedgerError> {
    let mut last = 0;
    for name in store.list(&names::commits()?)? {
        let number = names::commit_number(&name)?;
        // The names are sorted, and have all the same length.
        if number != last + 1 {
            return Err(LedgerError::corrupt(
                last + 1,
                format!("it is missing, and commit {number} is there"),
            ));
        }
        last = number;
    }
    Ok(last)
}

/// The bytes of a commit, if it is there.
pub(super) fn read(store: &dyn Store, number: u64) -> Result<Option<Vec<u8>>, LedgerError> {
    match store.read(&names::commit(number)?, COMMIT_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(StoreError::TooLarge(_, limit)) => Err(LedgerError::corrupt(
            number,
            format!("it is larger than {limit} bytes"),
        )),
        Err(error) => Err(error.into()),
    }
}

/// The head that a commit speaks of, if it is there. Only its beginning is read.
pub(super) fn read_head(
    store: &dyn Store,
    vault: &Digest,
    number: u64,
) -> Result<Option<Head>, LedgerError> {
    let start = match store.read_start(&names::commit(number)?, commit::START_MAX) {
        Err(StoreError::NotFound(_)) => return Ok(None),
        read => read?,
    };
    let signed = commit::decode_head(vault, number, &start)?;
    Ok(Some(Head {
        commit: number,
        size: signed.size,
        root: signed.root,
    }))
}

/// The bytes of a commit that must be there.
pub(super) fn read_listed(store: &dyn Store, number: u64) -> Result<Vec<u8>, LedgerError> {
    read(store, number)?.ok_or_else(|| LedgerError::corrupt(number, "it is missing"))
}

/// What is to be walked: the commits 1 to `last` of a vault.
#[derive(Clone, Copy)]
pub(super) struct Way<'s> {
    pub(super) store: &'s dyn Store,
    pub(super) vault: Digest,
    pub(super) last: u64,
}

impl<'s> Way<'s> {
    /// All that there is now.
    pub(super) fn whole(store: &'s dyn Store, vault: Digest) -> Result<Self, LedgerError> {
        let last = newest(store)?;
        Ok(Self { store, vault, last })
    }
}

/// Walks the commits. `look` sees each entry by itself, before anything but its commit's own soundness was
/// checked, perhaps in another thread; `leaf` sees the tree after each entry; `done` every commit that holds,
/// with what `look` made of its entries.
pub(super) fn walk<T: Send, E: From<LedgerError>>(
    way: Way<'_>,
    look: &(impl Fn(&[u8]) -> T + Sync),
    mut leaf: impl FnMut(&Tree),
    mut done: impl FnMut(&mut Grown, &Commit, Vec<T>) -> Result<(), E>,
) -> Result<Grown, E> {
    let mut grown = Grown::default();
    ahead::each(way, look, |commit, seen| {
        grown.add(&commit, &mut leaf)?;
        done(&mut grown, &commit, seen)
    })?;
    Ok(grown)
}

/// A walk that shows entries and derives nothing.
pub(super) fn visit<T: Send, E: From<LedgerError>>(
    way: Way<'_>,
    look: &(impl Fn(&[u8]) -> T + Sync),
    mut visit: impl FnMut(&EntryAt<'_>, T) -> Result<(), E>,
) -> Result<Grown, E> {
    walk(
        way,
        look,
        |_| {},
        |grown, commit, seen| {
            grown.tree.full.clear();
            let mut shown = entries(commit).zip(seen);
            shown.try_for_each(|(entry, seen)| visit(&entry, seen))
        },
    )
}

#[cfg(test)]
mod tests {
    use tlog_tiles::record_hash;

    use super::super::note::{self, LedgerSigner};
    use super::*;
    use crate::secret::SigningSeed;

    const VAULT: Digest = Digest([5; 32]);

    /// A commit as somebody who holds a key could make it, with whatever it claims.
    fn signed(number: u64, size: u64, root: &Digest, entries: &[Vec<u8>]) -> Vec<u8> {
        let seed = SigningSeed::filled(|bytes| bytes.fill(1));
        let signer = LedgerSigner::new("s".parse().unwrap(), &seed);
        let note = note::sign(&VAULT, size, root, &signer).unwrap();
        commit::encode(number, &note, entries).unwrap()
    }

    fn root_of(entries: &[Vec<u8>]) -> Digest {
        let mut tree = Tree::default();
        let leaves = entries.iter().map(|entry| record_hash(entry));
        leaves.for_each(|leaf| tree.push(leaf));
        tree.root()
    }

    /// A first commit whose checkpoint fits its entries.
    fn rooted(entries: &[Vec<u8>]) -> Vec<u8> {
        signed(1, entries.len() as u64, &root_of(entries), entries)
    }

    fn added(number: u64, bytes: &[u8]) -> Result<Head, LedgerError> {
        let mut grown = Grown::default();
        grown.add(&commit::decode(&VAULT, number, bytes.to_vec())?, |_| {})?;
        Ok(grown.head)
    }

    #[test]
    fn a_good_signature_does_not_make_a_wrong_commit_right() {
        let entries = [b"a".to_vec(), b"b".to_vec()];
        let root = root_of(&entries);
        let right = added(1, &rooted(&entries)).map(|head| head.size);
        assert_eq!(right, Ok(2));
        let wrong = [
            (1, signed(1, 3, &root, &entries)),
            (1, signed(1, 1, &root, &entries)),
            (1, signed(1, u64::MAX, &root, &entries)),
            (1, signed(1, 2, &Digest([0; 32]), &entries)),
            (1, signed(1, 2, &root, &[b"a".to_vec(), b"c".to_vec()])),
            (1, signed(1, 2, &root, &[b"b".to_vec(), b"a".to_vec()])),
            (1, rooted(&[])),
            (1, rooted(&[b"".to_vec(), b"a".to_vec()])),
            (1, rooted(&[vec![0xff], b"a".to_vec()])),
            (1, rooted(&vec![b"a".to_vec(); 257])),
            (2, signed(2, 2, &root, &entries)),
            (1, signed(2, 2, &root, &entries)),
        ];
        for (number, bytes) in wrong {
            let result = added(number, &bytes);
            assert!(
                matches!(result, Err(LedgerError::Corrupt { commit, .. }) if commit == number),
                "{result:?}"
            );
        }
    }
}
