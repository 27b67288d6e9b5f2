//! What can go wrong with the ledger.

use crate::ports::StoreError;

/// Why the ledger could not be read or added to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The store refused; for an append: the ledger is as it was, unless the store's error says that it
    /// does not know.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A commit is missing, damaged, forged or of another vault. Everything before it holds.
    #[error("the ledger is damaged or forged: commit {commit}: {reason}")]
    Corrupt {
        /// The number of the first commit that does not hold.
        commit: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Something lies among the commits that is none.
    #[error("{0} lies among the ledger's commits and is none")]
    Stray(String),
    /// Somebody else appended meanwhile: nothing was appended. Read what is new, decide anew.
    #[error("somebody else added to the ledger meanwhile")]
    Moved,
    /// The entries cannot be written as one commit.
    #[error("these entries cannot be written to the ledger: {0}")]
    Refused(String),
    /// The store neither took the commit nor refused it, and could not be asked afterwards: the entries
    /// may be in the ledger or not. Nothing may be released on them.
    #[error("commit {commit} may or may not have been written: {reason}")]
    Unclear {
        /// The commit that was to be made.
        commit: u64,
        /// What the store said.
        reason: String,
    },
}

impl LedgerError {
    pub(super) fn corrupt(commit: u64, reason: impl Into<String>) -> Self {
        Self::Corrupt {
            commit,
            reason: reason.into(),
        }
    }
}
