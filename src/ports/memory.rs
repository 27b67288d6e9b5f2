//! What a station remembers of a vault, outside the vault.

use crate::model::Digest;

/// The anchor: what was seen of a vault the last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    /// The vault's fingerprint.
    pub vault: Digest,
    /// The newest manifest version.
    pub version: u64,
    /// Its digest.
    pub manifest: Digest,
    /// The number of entries in the ledger.
    pub ledger_size: u64,
    /// The root hash over them.
    pub ledger_root: Digest,
}

/// The station could not remember or recall.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forgetful {
    /// Somebody else can write to the place.
    #[error("{place} can be written by others ({why})")]
    Exposed {
        /// What.
        place: String,
        /// How that shows.
        why: String,
    },
    /// What is there is not what it must be.
    #[error("{place} is damaged: {why}")]
    Damaged {
        /// What.
        place: String,
        /// How that shows.
        why: String,
    },
    /// Anything else; the text says what the system said.
    #[error("{0}")]
    Unusable(String),
}

/// Where a station keeps what it has worked out of a long ledger: a summary, and rows by key. It may be
/// lost.
pub trait Archive {
    /// What was kept last, if anything was.
    ///
    /// # Errors
    /// [`Forgetful`].
    fn open(&self) -> Result<Option<Box<dyn Archived>>, Forgetful>;

    /// Puts this in the place of whatever was kept, whole or not at all.
    ///
    /// # Errors
    /// [`Forgetful`].
    fn keep(&self, summary: &[u8], rows: Vec<(String, Vec<u8>)>) -> Result<(), Forgetful>;
}

/// What was kept at one moment; nothing that is kept later changes it.
pub trait Archived {
    /// The summary.
    fn summary(&self) -> &[u8];

    /// The row of this key, if there is one.
    ///
    /// # Errors
    /// [`Forgetful`].
    fn row(&self, key: &str) -> Result<Option<Vec<u8>>, Forgetful>;
}

/// A place outside the vault.
pub trait Memory {
    /// What is remembered, if anything is.
    ///
    /// # Errors
    /// [`Forgetful`] where there is something that cannot be read.
    fn recall(&self) -> Result<Option<Remembered>, Forgetful>;

    /// Remembers this instead.
    ///
    /// # Errors
    /// [`Forgetful`].
    fn remember(&self, seen: &Remembered) -> Result<(), Forgetful>;

    /// Where what was worked out of a long ledger may be kept, if there is such a place.
    fn archive(&self) -> Option<&dyn Archive> {
        None
    }
}
