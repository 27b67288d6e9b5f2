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
}
