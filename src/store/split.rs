//! A vault that is read where it lies, and whose ledger goes on somewhere else: the copy at the safe may be
//! on a medium that nothing can be written to.

use std::path::Path;

use super::DirStore;
use crate::ports::{Held, Store, StoreError, StoreKey};

/// The folder that goes on elsewhere.
const LEDGER: &str = "ledger";
/// Its objects of which no two with one name may differ.
const COMMITS: &str = "ledger/commit";
/// The most bytes that a commit may have, and one more.
const COMMIT_MOST: usize = (4 << 20) + 1;

/// A vault, and a folder on another medium that takes whatever is added to its ledger.
///
/// Manifests and generations are read from the vault, the ledger from both. Only the ledger is ever written,
/// and only on the other medium: of several who add to it there, exactly one succeeds, and what the vault holds
/// is never overlaid by a commit of the same number. Whoever adds to the vault's own ledger meanwhile makes a
/// fork of it; [`SplitStore::open`] refuses one that it sees.
pub struct SplitStore {
    vault: DirStore,
    medium: DirStore,
}

impl SplitStore {
    /// Puts the two together.
    ///
    /// # Errors
    /// [`StoreError::Parted`] where both hold a commit of one number and the two differ.
    pub fn open(vault: DirStore, medium: DirStore) -> Result<Self, StoreError> {
        let store = Self { vault, medium };
        store.compare()?;
        Ok(store)
    }

    /// Opens the folder on the other medium; makes it (mode 0700) where there is none.
    ///
    /// # Errors
    /// As [`DirStore::open`] and [`DirStore::found`].
    pub fn medium(path: &Path) -> Result<DirStore, StoreError> {
        match DirStore::open(path) {
            Err(StoreError::NotFound(_)) => DirStore::found(path),
            opened => opened,
        }
    }

    fn compare(&self) -> Result<(), StoreError> {
        let commits = key(COMMITS)?;
        let there = self.vault.list(&commits)?;
        for name in self.medium.list(&commits)? {
            if there.binary_search(&name).is_ok()
                && self.vault.read(&name, COMMIT_MOST)? != self.medium.read(&name, COMMIT_MOST)?
            {
                return Err(StoreError::Parted(self.medium.place(), name.to_string()));
            }
        }
        Ok(())
    }

    /// Whether an object belongs to the ledger, and where it may be written.
    fn writable_at(&self, key: &StoreKey) -> Result<&DirStore, StoreError> {
        if is_ledger(key) {
            return Ok(&self.medium);
        }
        Err(StoreError::Unwritable(
            format!("{}/{key}", self.vault.place()),
            format!(
                "only the ledger goes on, in {}; the rest of the vault is left as it is",
                self.medium.place()
            ),
        ))
    }

    /// What `look` finds on the medium, else in the vault. The commits of the vault come first: no commit
    /// overlays one of the same number.
    fn first<T>(
        &self,
        key: &StoreKey,
        look: impl Fn(&DirStore) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let order = if !is_ledger(key) {
            return look(&self.vault);
        } else if key.as_str().starts_with(COMMITS) {
            [&self.vault, &self.medium]
        } else {
            [&self.medium, &self.vault]
        };
        match look(order[0]) {
            Err(StoreError::NotFound(_)) => look(order[1]),
            found => found,
        }
    }

    fn both(
        &self,
        under: &StoreKey,
        look: impl Fn(&DirStore) -> Result<Vec<StoreKey>, StoreError>,
    ) -> Result<Vec<StoreKey>, StoreError> {
        let mut found = look(&self.vault)?;
        if is_ledger(under) {
            found.extend(look(&self.medium)?);
            found.sort_unstable();
            found.dedup();
        }
        Ok(found)
    }
}

impl Store for SplitStore {
    fn read(&self, key: &StoreKey, limit: usize) -> Result<Vec<u8>, StoreError> {
        self.first(key, |store| store.read(key, limit))
    }

    fn read_start(&self, key: &StoreKey, most: usize) -> Result<Vec<u8>, StoreError> {
        self.first(key, |store| store.read_start(key, most))
    }

    fn create(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        let medium = self.writable_at(key)?;
        match self.vault.read_start(key, 1) {
            Ok(_) => Err(StoreError::AlreadyExists(format!(
                "{}/{key}",
                self.vault.place()
            ))),
            Err(StoreError::NotFound(_)) => medium.create(key, bytes),
            Err(error) => Err(error),
        }
    }

    fn replace(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        self.writable_at(key)?.replace(key, bytes)
    }

    fn list(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        self.both(under, |store| store.list(under))
    }

    fn folders(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        self.both(under, |store| store.folders(under))
    }

    fn lock(&self, name: &str) -> Result<Box<dyn Held>, StoreError> {
        self.medium.lock(name)
    }

    fn discard(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.writable_at(key)?.discard(key)
    }

    fn check_writable(&self, under: &StoreKey) -> Result<String, StoreError> {
        self.writable_at(under)?.check_writable(under)
    }

    fn place(&self) -> String {
        self.vault.place()
    }
}

fn is_ledger(key: &StoreKey) -> bool {
    key.as_str()
        .strip_prefix(LEDGER)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn key(text: &str) -> Result<StoreKey, StoreError> {
    StoreKey::new(text).map_err(|error| StoreError::Failed(text.to_owned(), error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> StoreKey {
        StoreKey::new(text).unwrap()
    }

    fn two() -> (tempfile::TempDir, SplitStore) {
        let guard = tempfile::tempdir().unwrap();
        let vault = DirStore::found(guard.path().join("vault")).unwrap();
        for (name, bytes) in [
            ("manifest/00000001.json", "m"),
            ("ledger/commit/000000000001", "one"),
            ("ledger/checkpoint", "old"),
        ] {
            vault.create(&named(name), bytes.as_bytes()).unwrap();
        }
        let medium = SplitStore::medium(&guard.path().join("medium")).unwrap();
        let store = SplitStore::open(vault, medium).unwrap();
        (guard, store)
    }

    #[test]
    fn both_are_read_as_one_and_only_the_medium_is_written() {
        let (guard, store) = two();
        let second = named("ledger/commit/000000000002");
        store.create(&second, b"two").unwrap();
        store.replace(&named("ledger/checkpoint"), b"new").unwrap();
        assert_eq!(store.read(&second, 9).unwrap(), b"two");
        assert_eq!(store.read(&named("ledger/checkpoint"), 9).unwrap(), b"new");
        let listed = store.list(&named("ledger/commit")).unwrap();
        assert_eq!(listed, [named("ledger/commit/000000000001"), second]);
        let vault = DirStore::open(guard.path().join("vault")).unwrap();
        assert_eq!(vault.list(&named("ledger/commit")).unwrap().len(), 1);
        assert_eq!(vault.read(&named("ledger/checkpoint"), 9).unwrap(), b"old");
    }

    #[test]
    fn no_commit_overlays_one_of_the_vault_and_nothing_else_is_written() {
        let (_guard, store) = two();
        let first = store.create(&named("ledger/commit/000000000001"), b"other");
        assert!(
            matches!(first, Err(StoreError::AlreadyExists(_))),
            "{first:?}"
        );
        for name in ["manifest/00000002.json", "generation/main/x", "ledgers"] {
            for written in [
                store.create(&named(name), b"x"),
                store.replace(&named(name), b"x"),
            ] {
                assert!(matches!(written, Err(StoreError::Unwritable(..))), "{name}");
            }
            assert!(store.read(&named(name), 9).is_err());
        }
    }

    #[test]
    fn two_that_differ_are_not_put_together() {
        let (guard, store) = two();
        let second = named("ledger/commit/000000000002");
        store.create(&second, b"two").unwrap();
        let open = |name: &str| DirStore::open(guard.path().join(name)).unwrap();
        open("vault").create(&second, b"two").unwrap();
        assert!(SplitStore::open(open("vault"), open("medium")).is_ok());
        let third = named("ledger/commit/000000000003");
        open("vault").create(&third, b"three").unwrap();
        open("medium").create(&third, b"drei").unwrap();
        let parted = SplitStore::open(open("vault"), open("medium")).err();
        assert!(
            matches!(parted, Some(StoreError::Parted(_, ref at)) if *at == third.to_string()),
            "{parted:?}"
        );
    }
}
