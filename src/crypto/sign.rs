//! Signatures: verified for all algorithms, made in software for Ed25519 alone (rotators, stations,
//! witnesses).

use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use ed25519_dalek::{Sha512, VerifyingKey};
use p256::ecdsa::signature::Verifier;
use sha2::Sha256;

use super::{CryptoError, P256Public, RsaPublic};
use crate::model::{Digest, SignAlgorithm, SignKey};
use crate::secret::SigningSeed;

/// Verifies a signature over `message` (the bytes, not a digest of them).
///
/// | algorithm | signature |
/// | --- | --- |
/// | `ecdsa-p256-sha256` | `r \|\| s`, 64 bytes, both in 1..n. A high s is taken: HSMs make them, so an ECDSA signature is no name for what it signs (anyone can write it in a second way) |
/// | `rsa-pkcs1-sha256` | as long as the modulus (RFC 8017, section 8.2.2), the `DigestInfo` with its NULL |
/// | `ed25519` | 64 bytes; strict: no points of small order, s reduced |
///
/// # Errors
/// [`CryptoError::Point`], [`CryptoError::RsaKey`], [`CryptoError::Ed25519Key`] where the key is unsound,
/// [`CryptoError::SignatureForm`] where the signature has the wrong form, [`CryptoError::BadSignature`].
pub fn verify(key: &SignKey, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    match key.algorithm {
        SignAlgorithm::EcdsaP256Sha256 => verify_ecdsa(&key.public, message, signature),
        SignAlgorithm::RsaPkcs1Sha256 => verify_rsa(&key.public, message, signature),
        SignAlgorithm::Ed25519 => verify_ed25519(&key.public, message, signature),
    }
}

/// Checks that signatures can be verified with the key.
///
/// # Errors
/// [`CryptoError::Point`], [`CryptoError::RsaKey`], [`CryptoError::Ed25519Key`].
pub fn check_sign_key(key: &SignKey) -> Result<(), CryptoError> {
    match key.algorithm {
        SignAlgorithm::EcdsaP256Sha256 => P256Public::parse(&key.public).map(|_| ()),
        SignAlgorithm::RsaPkcs1Sha256 => RsaPublic::parse(&key.public).map(|_| ()),
        SignAlgorithm::Ed25519 => ed25519_key(&key.public).map(|_| ()),
    }
}

fn verify_ecdsa(public: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let point = P256Public::parse(public)?;
    if signature.len() != 64 {
        return Err(CryptoError::SignatureForm("ECDSA: not 64 bytes"));
    }
    let signature = p256::ecdsa::Signature::from_slice(signature)
        .map_err(|_| CryptoError::SignatureForm("ECDSA: r or s is out of range"))?;
    p256::ecdsa::VerifyingKey::from(point.key())
        .verify(message, &signature)
        .map_err(|_| CryptoError::BadSignature)
}

fn verify_rsa(public: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let key = RsaPublic::parse(public)?;
    if !key.is_in_range(signature) {
        return Err(CryptoError::SignatureForm(
            "RSA: not a number below the modulus, as long as it",
        ));
    }
    let signature = rsa::pkcs1v15::Signature::try_from(signature)
        .map_err(|_| CryptoError::SignatureForm("RSA: not a number"))?;
    rsa::pkcs1v15::VerifyingKey::<Sha256>::new(key.key().clone())
        .verify(message, &signature)
        .map_err(|_| CryptoError::BadSignature)
}

fn verify_ed25519(public: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let key = ed25519_key(public)?;
    let signature: &[u8; 64] = signature
        .try_into()
        .map_err(|_| CryptoError::SignatureForm("Ed25519: not 64 bytes"))?;
    key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
        .map_err(|_| CryptoError::BadSignature)
}

/// Reads an Ed25519 public key: a point of the curve, and not one of the eight of small order, whose
/// signatures anybody can make.
fn ed25519_key(public: &[u8]) -> Result<VerifyingKey, CryptoError> {
    let bytes: &[u8; 32] = public.try_into().map_err(|_| CryptoError::Ed25519Key)?;
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| CryptoError::Ed25519Key)?;
    if key.is_weak() || !is_reduced(bytes) {
        return Err(CryptoError::Ed25519Key);
    }
    Ok(key)
}

/// Whether a point's y-coordinate is below p = 2^255 - 19, so that the point has no second spelling
/// (RFC 8032, section 5.1.3; the crate takes others too).
fn is_reduced(point: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = point;
    let is_high = last & 0x7f == 0x7f && middle.iter().all(|byte| *byte == 0xff);
    !(is_high && *first >= 0xed)
}

/// A signing key held in software: Ed25519 over a seed (RFC 8032, section 5.1.5).
pub struct SoftwareSigner {
    seed: SigningSeed,
    public: VerifyingKey,
}

impl SoftwareSigner {
    /// Takes over the seed and computes the public half.
    pub fn new(seed: SigningSeed) -> Self {
        let public = ed25519_dalek::SigningKey::from_bytes(seed.expose()).verifying_key();
        Self { seed, public }
    }

    /// The seed, for a signature scheme that wraps this one.
    pub fn seed(&self) -> &SigningSeed {
        &self.seed
    }

    /// The public half, 32 bytes.
    pub fn public(&self) -> [u8; 32] {
        self.public.to_bytes()
    }

    /// The public half as documents name it.
    pub fn sign_key(&self) -> SignKey {
        SignKey {
            algorithm: SignAlgorithm::Ed25519,
            public: self.public.as_bytes().to_vec(),
        }
    }

    /// The key's id: SHA-256 of the 32 public bytes.
    pub fn key_id(&self) -> Digest {
        crate::format::digest(self.public.as_bytes())
    }

    /// Signs the message; 64 bytes. The same message always gives the same signature.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        // The expanded key lives for this call only, and wipes itself. The public half is the one that was
        // computed from this very seed; computing it again would take as long as the signature.
        let expanded = ExpandedSecretKey::from(self.seed.expose());
        raw_sign::<Sha512>(&expanded, message, &self.public).to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_has_one_spelling_whatever_its_sign() {
        let point = |first: u8, middle: u8, last: u8| {
            let mut point = [0xff; 32];
            (point[0], point[16], point[31]) = (first, middle, last);
            point
        };
        for last in [0x7f, 0xff] {
            // p = 2^255 - 19 begins with 0xed; the numbers from there on are 0 to 18 a second time.
            for first in 0xed..=0xff {
                assert!(!is_reduced(&point(first, 0xff, last)));
                let read = ed25519_key(&point(first, 0xff, last));
                assert_eq!(read.err(), Some(CryptoError::Ed25519Key));
            }
            assert!(is_reduced(&point(0xec, 0xff, last)));
            assert!(is_reduced(&point(0xff, 0xfe, last)));
        }
        for last in [0x00, 0x7e, 0x80, 0xfe] {
            assert!(is_reduced(&point(0xff, 0xff, last)));
        }
    }
}
