//! A ledger that parted from this one, read where it lies: the commits that both have, and then its own, on
//! another medium or kept in the vault as evidence.

use super::{LedgerError, names};
use crate::model::Digest;
use crate::ports::{Held, Store, StoreError, StoreKey};

/// A vault as it is with the other ledger in the place of its own. Nothing is written to it.
pub struct Branch<'s> {
    main: &'s dyn Store,
    other: &'s dyn Store,
    /// The folder of its commits in `other`.
    commits: StoreKey,
    /// The first commit that is its own.
    from: u64,
}

impl<'s> Branch<'s> {
    /// The ledger whose commits from `from` on lie on another medium.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub fn on_medium(
        main: &'s dyn Store,
        medium: &'s dyn Store,
        from: u64,
    ) -> Result<Self, LedgerError> {
        let commits = names::commits()?;
        Ok(Self {
            main,
            other: medium,
            commits,
            from,
        })
    }

    /// The ledger whose own commits are kept in the vault, by the root of its newest head.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`] where none is there; [`LedgerError::Store`].
    pub fn kept(main: &'s dyn Store, root: &Digest) -> Result<Self, LedgerError> {
        let commits = names::kept_commits(root)?;
        let first = main.list(&commits)?.into_iter().next();
        let from = first
            .as_ref()
            .and_then(|name| names::commit_number_in(&commits, name));
        let from = from.ok_or_else(|| {
            LedgerError::corrupt(
                0,
                format!("the evidence of the joined ledger {root} is missing"),
            )
        })?;
        Ok(Self {
            main,
            other: main,
            commits,
            from,
        })
    }

    /// The first commit that is its own.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// Keeps its own commits up to `last` in the vault, as evidence, each created if it is absent.
    ///
    /// # Errors
    /// [`LedgerError::Store`]; [`LedgerError::Corrupt`] where another lies there.
    pub fn keep(&self, root: &Digest, last: u64) -> Result<(), LedgerError> {
        for number in self.from..=last {
            let bytes = super::walk::read_listed(self, number)?;
            let key = names::kept_commit(root, number)?;
            match self.main.create(&key, &bytes) {
                Err(StoreError::AlreadyExists(_))
                    if self.main.read(&key, super::COMMIT_MAX)? == bytes => {}
                Err(StoreError::AlreadyExists(_)) => {
                    let what = format!("{key} is another than the one to be kept");
                    return Err(LedgerError::corrupt(number, what));
                }
                created => created?,
            }
        }
        Ok(())
    }

    /// Where an object is read.
    fn place(&self, key: &StoreKey) -> Result<(&dyn Store, StoreKey), StoreError> {
        let number = names::commit_number(key).ok();
        let Some(number) = number.filter(|number| *number >= self.from) else {
            return Ok((self.main, key.clone()));
        };
        Ok((self.other, names::commit_in(&self.commits, number)?))
    }

    fn read_only(&self, key: &StoreKey) -> StoreError {
        StoreError::Unwritable(key.to_string(), "a joined ledger is only read".to_owned())
    }
}

impl Store for Branch<'_> {
    fn read(&self, key: &StoreKey, limit: usize) -> Result<Vec<u8>, StoreError> {
        let (store, key) = self.place(key)?;
        store.read(&key, limit)
    }

    fn read_start(&self, key: &StoreKey, most: usize) -> Result<Vec<u8>, StoreError> {
        let (store, key) = self.place(key)?;
        store.read_start(&key, most)
    }

    fn create(&self, key: &StoreKey, _bytes: &[u8]) -> Result<(), StoreError> {
        Err(self.read_only(key))
    }

    fn replace(&self, key: &StoreKey, _bytes: &[u8]) -> Result<(), StoreError> {
        Err(self.read_only(key))
    }

    fn list(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        let listed = self.main.list(under)?;
        if names::commits().ok().as_ref() != Some(under) {
            return Ok(listed);
        }
        let before = |name: &StoreKey| names::commit_number(name).is_ok_and(|n| n < self.from);
        let mut found: Vec<StoreKey> = listed.into_iter().filter(before).collect();
        for name in self.other.list(&self.commits)? {
            let number = names::commit_number_in(&self.commits, &name);
            let number = number
                .ok_or_else(|| StoreError::Stray(self.commits.to_string(), name.to_string()))?;
            if number >= self.from {
                found.push(names::commit_in(under, number)?);
            }
        }
        Ok(found)
    }

    fn folders(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        self.main.folders(under)
    }

    fn lock(&self, name: &str) -> Result<Box<dyn Held>, StoreError> {
        Err(StoreError::Unwritable(
            name.to_owned(),
            "a joined ledger is only read".to_owned(),
        ))
    }

    fn place(&self) -> String {
        self.other.place()
    }
}
