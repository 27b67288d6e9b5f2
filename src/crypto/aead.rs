//! AES-256-GCM (NIST SP 800-38D) with a 96-bit nonce and a 128-bit tag.

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};

use super::CryptoError;
use crate::secret::CredentialKey;

/// Bytes of a nonce.
pub const NONCE: usize = 12;
/// Bytes of a tag.
pub const TAG: usize = 16;

/// Encrypts `buffer` in place and gives its tag. A key must never meet the same nonce twice; a
/// [`CredentialKey`] seals once only.
///
/// # Errors
/// [`CryptoError::TooLong`] above 64 GiB.
pub fn seal(
    key: &CredentialKey,
    nonce: &[u8; NONCE],
    aad: &[u8],
    buffer: &mut [u8],
) -> Result<[u8; TAG], CryptoError> {
    encrypt(key.expose(), nonce, aad, InOutBuf::from(buffer))
}

/// Decrypts `buffer` in place. The tag is checked first: where it is wrong, the buffer is as it was.
///
/// # Errors
/// [`CryptoError::NotAuthentic`].
pub fn open(
    key: &CredentialKey,
    nonce: &[u8; NONCE],
    aad: &[u8],
    buffer: &mut [u8],
    tag: &[u8; TAG],
) -> Result<(), CryptoError> {
    decrypt(key.expose(), nonce, aad, InOutBuf::from(buffer), tag)
}

/// As [`seal`], for any key, from one buffer into another.
pub(super) fn encrypt(
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    aad: &[u8],
    buffer: InOutBuf<'_, '_, u8>,
) -> Result<[u8; TAG], CryptoError> {
    Aes256Gcm::new(key.into())
        .encrypt_inout_detached(nonce.into(), aad, buffer)
        .map(Into::into)
        .map_err(|_| CryptoError::TooLong)
}

/// As [`open`], for any key, from one buffer into another.
pub(super) fn decrypt(
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    aad: &[u8],
    buffer: InOutBuf<'_, '_, u8>,
    tag: &[u8; TAG],
) -> Result<(), CryptoError> {
    Aes256Gcm::new(key.into())
        .decrypt_inout_detached(nonce.into(), aad, buffer, tag.into())
        .map_err(|_| CryptoError::NotAuthentic)
}
