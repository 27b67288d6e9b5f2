//! How several values become one string of bytes, so that no two lists of values give the same bytes.

use sha2::{Digest as _, Sha256};

use crate::model::Digest;

/// A label and a list of values, each preceded by its length in bytes (4 bytes, big endian). The inputs
/// of every hash, key derivation and AAD are written in this way.
#[derive(Debug, Clone)]
pub struct Fields(Vec<u8>);

impl Fields {
    /// Begins with the label that says what the bytes are for.
    #[must_use]
    pub fn new(label: &str) -> Self {
        Self(Vec::new()).text(label)
    }

    /// One more value: bytes. None of this tool's values comes near 4 GiB.
    #[must_use]
    pub fn bytes(mut self, value: &[u8]) -> Self {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
        self
    }

    /// One more value: UTF-8 text.
    #[must_use]
    pub fn text(self, value: &str) -> Self {
        self.bytes(value.as_bytes())
    }

    /// One more value: a number, as 8 bytes, big endian.
    #[must_use]
    pub fn number(self, value: u64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    /// One more value: the 32 bytes of a digest.
    #[must_use]
    pub fn of(self, value: &Digest) -> Self {
        self.bytes(&value.0)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, given away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Their SHA-256.
    pub fn digest(&self) -> Digest {
        digest(&self.0)
    }
}

/// The SHA-256 of some bytes.
pub fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_boundary_changes_the_bytes() {
        let one = Fields::new("l").text("ab").text("c");
        let other = Fields::new("l").text("a").text("bc");
        assert_ne!(one.as_bytes(), other.as_bytes());
        assert_eq!(one.as_bytes(), b"\0\0\0\x01l\0\0\0\x02ab\0\0\0\x01c");
    }
}
