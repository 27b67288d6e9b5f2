//! HPKE (RFC 9180), base mode, one message: DHKEM(P-256, HKDF-SHA256) 0x0010, HKDF-SHA256 0x0001,
//! AES-256-GCM 0x0002. The recipient's half of the Diffie-Hellman happens in a token; the rest is here.

use super::{CryptoError, Entropy, EphemeralKey, P256Public, schedule};
use crate::secret::SharedSecret;

/// One message, sealed to one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedBlob {
    /// The encapsulated key: an uncompressed point, which the token agrees with.
    pub enc: [u8; 65],
    /// The ciphertext: as long as the plaintext, and the 16 bytes of the tag behind it.
    pub ciphertext: Vec<u8>,
}

/// `SealBase` (RFC 9180, section 6.1) with a fresh ephemeral key.
///
/// # Errors
/// [`CryptoError::NoEntropy`], [`CryptoError::TooLong`].
pub fn seal(
    recipient: &P256Public,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    entropy: &dyn Entropy,
) -> Result<SealedBlob, CryptoError> {
    let ephemeral = EphemeralKey::generate(entropy)?;
    seal_with(ephemeral, recipient, info, aad, plaintext)
}

/// [`seal`] with a given ephemeral key, which it uses up. For test vectors: an ephemeral key that is used
/// twice gives two messages the same AES key and nonce.
///
/// # Errors
/// [`CryptoError::TooLong`].
pub fn seal_with(
    ephemeral: EphemeralKey,
    recipient: &P256Public,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<SealedBlob, CryptoError> {
    let dh = ephemeral.agree(recipient);
    let enc = *ephemeral.public();
    let context: [&[u8]; 2] = [&enc, recipient.as_bytes()];
    let ciphertext = schedule::P256.seal(&dh, &context, info, aad, plaintext)?;
    Ok(SealedBlob { enc, ciphertext })
}

/// `OpenBase` (RFC 9180, section 6.1) with the Diffie-Hellman done elsewhere: `dh` is the x-coordinate
/// that the recipient's token gave for `enc`, `recipient_public` the token's uncompressed point. Fills
/// `out`, which must be as long as the plaintext; where it fails, `out` is as it was.
///
/// The caller has had `enc` checked ([`super::check_point`]) before the token saw it.
///
/// # Errors
/// [`CryptoError::CiphertextLength`], [`CryptoError::NotAuthentic`].
pub fn open_into(
    dh: &SharedSecret,
    enc: &[u8; 65],
    recipient_public: &[u8; 65],
    info: &[u8],
    aad: &[u8],
    ciphertext: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let context: [&[u8]; 2] = [enc, recipient_public];
    schedule::P256.open(dh, &context, info, aad, ciphertext, out)
}
