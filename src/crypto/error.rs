//! What can go wrong. Nothing of a secret, a share or a plaintext is ever in it.

use super::NoEntropy;

/// Why a computation was refused or did not come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// Not a P-256 point as this tool takes it.
    #[error("not an uncompressed point of P-256: {0}")]
    Point(&'static str),
    /// Not an RSA key as this tool takes it.
    #[error("not an RSA key that can be used: {0}")]
    RsaKey(&'static str),
    /// Not an Ed25519 public key.
    #[error("not an Ed25519 public key")]
    Ed25519Key,
    /// What was encapsulated for a token cannot have been made for its key.
    #[error("the encapsulated key does not fit the token's key: {0}")]
    Encapsulated(&'static str),
    /// A ciphertext of the wrong length.
    #[error("a ciphertext of {found} bytes where {wanted} belong")]
    CiphertextLength {
        /// What belongs there, tag included.
        wanted: usize,
        /// What is there.
        found: usize,
    },
    /// The authentication tag is wrong: the ciphertext, what it is bound to, or the key is not what it
    /// was when it was sealed. Which of them cannot be told.
    #[error(
        "it does not open: it, what it is bound to, or the key is not what it was when it was sealed"
    )]
    NotAuthentic,
    /// More bytes than AES-GCM takes in one message.
    #[error("too long to be sealed")]
    TooLong,
    /// More bytes than HKDF-SHA256 can give (8,160).
    #[error("too many bytes were asked of one key derivation")]
    DerivationLength,
    /// The signature does not have the form of its algorithm.
    #[error("not a signature of its kind: {0}")]
    SignatureForm(&'static str),
    /// The signature has the right form and does not verify.
    #[error("the signature is not by this key over these bytes")]
    BadSignature,
    /// A threshold of zero, or above the number of shares.
    #[error("{count} shares cannot have a threshold of {threshold}")]
    Threshold {
        /// How many are needed.
        threshold: u8,
        /// How many there are.
        count: usize,
    },
    /// A share with the index zero, which would be the secret itself.
    #[error("a share with the index zero")]
    ShareIndex,
    /// Two shares with the same index.
    #[error("two shares with the index {0}")]
    RepeatedShare(u8),
    /// A share that opened, and whose digest is not the one in the header.
    #[error("the share is not the one that was sealed")]
    ShareDigest,
    /// Fewer shares than the threshold.
    #[error("there are fewer shares than it takes")]
    Quorum,
    /// The derived key is not the one that the record commits to.
    #[error("the record was not sealed with the secrets of this generation")]
    Commitment,
    /// A plaintext that is not padded as it must be.
    #[error("what was sealed is no secret access key")]
    Padding,
    /// A record of a generation that is not being opened.
    #[error("the record belongs to none of the generations that are being opened")]
    OtherGeneration,
    /// What the ledger holds is another opening.
    #[error("the ledger records another opening than this one")]
    Unrecorded,
    /// A document that cannot be written.
    #[error("the document cannot be written")]
    Document,
    /// The system gave no random numbers.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}
