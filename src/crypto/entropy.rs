//! Chance.

/// A source of random bytes fit for keys.
pub trait Entropy {
    /// Fills the buffer.
    ///
    /// # Errors
    /// [`NoEntropy`] where the system gives none; nothing may be sealed then.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The system gave no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoEntropy;
