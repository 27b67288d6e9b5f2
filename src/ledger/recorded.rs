//! The proof that something stands in the ledger.

/// Something that was durably appended. Only [`super::Journal`] makes one.
#[derive(Debug)]
pub struct Recorded<T> {
    what: T,
    index: u64,
}

impl<T> Recorded<T> {
    pub(super) fn new(what: T, index: u64) -> Self {
        Self { what, index }
    }

    /// What was recorded.
    pub fn what(&self) -> &T {
        &self.what
    }

    /// The index of its entry.
    pub fn index(&self) -> u64 {
        self.index
    }
}
