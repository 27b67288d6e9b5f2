//! The proof that something stands in the ledger.

/// Something that was durably appended. Only [`super::Journal`] makes one; it is neither copied nor made by
/// anybody else:
///
/// ```
/// use breakglass::ledger::Recorded;
/// fn look(entry: &Recorded<u8>) -> (u8, u64) {
///     (*entry.what(), entry.index())
/// }
/// ```
///
/// ```compile_fail
/// let _ = breakglass::ledger::Recorded::new(1_u8, 0);
/// ```
///
/// ```compile_fail
/// let _ = breakglass::ledger::Recorded { what: 1_u8, index: 0 };
/// ```
///
/// ```compile_fail
/// use breakglass::ledger::Recorded;
/// fn copy(entry: &Recorded<u8>) -> Recorded<u8> {
///     entry.clone()
/// }
/// ```
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
