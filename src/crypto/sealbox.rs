//! One front for both suites: a share is sealed to a token's key, the token does one operation, the share
//! opens.

use super::{CryptoError, Entropy, P256Public, RsaPublic, hpke, oaep};
use crate::model::{SealKey, SealSuite};
use crate::secret::{Share, SharedSecret};

/// A share, sealed to one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedShare {
    /// What the token gets. `p256`: an uncompressed point, 65 bytes. `rsa-oaep-sha256`: a ciphertext as
    /// long as the modulus, 256 to 512 bytes.
    pub encapsulated: Vec<u8>,
    /// The share's 32 bytes encrypted, and 16 bytes of tag: 48.
    pub ciphertext: Vec<u8>,
}

/// The one thing that the token has to do, checked to be fit for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// ECDH with this uncompressed point; the answer is the x-coordinate, 32 bytes.
    Agree([u8; 65]),
    /// RSA-OAEP decryption (SHA-256, MGF1 with SHA-256, empty label); the answer is the 32-byte seed.
    Decapsulate(Vec<u8>),
}

/// A seal key, read.
enum Recipient {
    P256(P256Public),
    Rsa(RsaPublic),
}

impl Recipient {
    fn read(key: &SealKey) -> Result<Self, CryptoError> {
        match key.suite {
            SealSuite::P256 => P256Public::parse(&key.public).map(Self::P256),
            SealSuite::RsaOaepSha256 => RsaPublic::parse(&key.public).map(Self::Rsa),
        }
    }
}

/// Checks that shares can be sealed to the key.
///
/// # Errors
/// [`CryptoError::Point`], [`CryptoError::RsaKey`].
pub fn check_seal_key(key: &SealKey) -> Result<(), CryptoError> {
    Recipient::read(key).map(|_| ())
}

/// Seals the 32 bytes of a share to a token's key. `info` says what for, `aad` binds where it belongs.
///
/// # Errors
/// [`CryptoError::Point`], [`CryptoError::RsaKey`], [`CryptoError::NoEntropy`].
pub fn seal_to(
    key: &SealKey,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8; 32],
    entropy: &dyn Entropy,
) -> Result<SealedShare, CryptoError> {
    match Recipient::read(key)? {
        Recipient::P256(point) => {
            let sealed = hpke::seal(&point, info, aad, plaintext, entropy)?;
            Ok(SealedShare {
                encapsulated: sealed.enc.to_vec(),
                ciphertext: sealed.ciphertext,
            })
        }
        Recipient::Rsa(rsa) => {
            let sealed = oaep::seal(&rsa, info, aad, plaintext, entropy)?;
            Ok(SealedShare {
                encapsulated: sealed.encapsulated,
                ciphertext: sealed.ciphertext,
            })
        }
    }
}

/// What to ask of the token for `encapsulated`. It is checked here, before any token sees it.
///
/// # Errors
/// [`CryptoError::Point`] or [`CryptoError::RsaKey`] where the key is unsound,
/// [`CryptoError::Encapsulated`] where this cannot have been sealed to it.
pub fn key_request(key: &SealKey, encapsulated: &[u8]) -> Result<Operation, CryptoError> {
    match Recipient::read(key)? {
        Recipient::P256(_) => checked_enc(encapsulated).map(Operation::Agree),
        Recipient::Rsa(rsa) => {
            checked_oaep(&rsa, encapsulated)?;
            Ok(Operation::Decapsulate(encapsulated.to_vec()))
        }
    }
}

/// Opens a share with what the token answered to [`key_request`]. `info` and `aad` are those of the
/// sealing.
///
/// # Errors
/// As [`key_request`]; [`CryptoError::CiphertextLength`]; [`CryptoError::NotAuthentic`] where the token's
/// answer, the ciphertext or what it is bound to is another.
pub fn open_share(
    key: &SealKey,
    secret: &SharedSecret,
    encapsulated: &[u8],
    info: &[u8],
    aad: &[u8],
    ciphertext: &[u8],
) -> Result<Share, CryptoError> {
    match Recipient::read(key)? {
        Recipient::P256(point) => {
            let enc = checked_enc(encapsulated)?;
            Share::try_filled(|out| {
                let public = point.as_bytes();
                hpke::open_into(secret, &enc, public, info, aad, ciphertext, out)
            })
        }
        Recipient::Rsa(rsa) => {
            checked_oaep(&rsa, encapsulated)?;
            Share::try_filled(|out| {
                oaep::open_into(secret, encapsulated, &rsa, info, aad, ciphertext, out)
            })
        }
    }
}

fn checked_enc(encapsulated: &[u8]) -> Result<[u8; 65], CryptoError> {
    super::check_point(encapsulated)
        .map_err(|_| CryptoError::Encapsulated("it is not an uncompressed point of P-256"))
}

fn checked_oaep(key: &RsaPublic, encapsulated: &[u8]) -> Result<(), CryptoError> {
    if key.is_in_range(encapsulated) {
        Ok(())
    } else {
        Err(CryptoError::Encapsulated(
            "it is not a number below the modulus, as long as it",
        ))
    }
}
