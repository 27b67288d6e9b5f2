//! Points of P-256, in one spelling only, and the sender's ephemeral key.

use p256::elliptic_curve::sec1::{FromSec1Point, ToSec1Point};
use p256::{PublicKey, Sec1Point, SecretKey};
use zeroize::Zeroizing;

use super::schedule::{P256, labeled_expand, labeled_extract};
use super::{CryptoError, Entropy};
use crate::secret::SharedSecret;

/// A public key on P-256: checked to be on the curve and not the point at infinity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct P256Public {
    point: PublicKey,
    bytes: [u8; 65],
}

impl P256Public {
    /// Reads an uncompressed point (SEC 1, section 2.3.3: 0x04, x, y; 65 bytes). The curve has the
    /// cofactor one, so this is the full validation of RFC 9180, section 7.1.4.
    ///
    /// # Errors
    /// [`CryptoError::Point`] for every other encoding (compressed, hybrid, infinity), for coordinates
    /// that are not reduced, and for what is not on the curve.
    pub fn parse(encoded: &[u8]) -> Result<Self, CryptoError> {
        let bytes: [u8; 65] = encoded
            .try_into()
            .map_err(|_| CryptoError::Point("not 65 bytes"))?;
        // The crate refuses other encodings of this length too; we do not rest on that.
        if bytes[0] != 4 {
            return Err(CryptoError::Point("it does not begin with 04"));
        }
        let off_curve = CryptoError::Point("it is not on the curve");
        let encoded = Sec1Point::from_bytes(bytes).map_err(|_| off_curve)?;
        let point = PublicKey::from_sec1_point(&encoded)
            .into_option()
            .ok_or(off_curve)?;
        Ok(Self { point, bytes })
    }

    /// The uncompressed point.
    pub fn as_bytes(&self) -> &[u8; 65] {
        &self.bytes
    }

    pub(super) fn key(&self) -> PublicKey {
        self.point
    }
}

/// Checks an uncompressed point, as [`P256Public::parse`]: nothing else may be sent to a token. Some
/// tokens take hybrid encodings, and a token that took a point off the curve would give its key away.
///
/// # Errors
/// [`CryptoError::Point`].
pub fn check_point(encoded: &[u8]) -> Result<[u8; 65], CryptoError> {
    P256Public::parse(encoded).map(|point| point.bytes)
}

/// The sender's key pair of one encapsulation. It seals once and is forgotten.
pub struct EphemeralKey {
    secret: Box<SecretKey>,
    public: [u8; 65],
}

impl EphemeralKey {
    /// A fresh one: [`Self::derive`] from 32 random bytes.
    ///
    /// # Errors
    /// [`CryptoError::NoEntropy`].
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, CryptoError> {
        let mut ikm = Zeroizing::new([0; 32]);
        entropy.fill(&mut *ikm)?;
        Self::derive(&*ikm)
    }

    /// `DeriveKeyPair` (RFC 9180, section 7.1.3). Public because the RFC's vectors give `ikmE`; whoever
    /// uses the same `ikm` twice has sealed to the same key twice.
    ///
    /// # Errors
    /// [`CryptoError::Point`] where 256 candidates in a row are no scalars, which does not happen.
    pub fn derive(ikm: &[u8]) -> Result<Self, CryptoError> {
        let mut prk = Zeroizing::new([0; 32]);
        labeled_extract(P256.kem_id(), &[], b"dkp_prk", ikm, &mut prk);
        let mut candidate = Zeroizing::new([0; 32]);
        for counter in 0..=u8::MAX {
            labeled_expand(
                P256.kem_id(),
                &prk,
                b"candidate",
                &[&[counter]],
                &mut *candidate,
            )?;
            if let Ok(key) = Self::from_scalar(&candidate) {
                return Ok(key);
            }
        }
        Err(CryptoError::Point("no key could be derived"))
    }

    /// From a scalar (32 bytes, big endian), as test vectors give it.
    ///
    /// # Errors
    /// [`CryptoError::Point`] where it is zero or not below the order of the curve.
    pub fn from_scalar(scalar: &[u8; 32]) -> Result<Self, CryptoError> {
        let secret = SecretKey::from_slice(scalar)
            .map(Box::new)
            .map_err(|_| CryptoError::Point("the scalar is out of range"))?;
        let encoded = secret.public_key().to_sec1_point(false);
        let public = encoded
            .as_bytes()
            .try_into()
            .map_err(|_| CryptoError::Point("not 65 bytes"))?;
        Ok(Self { secret, public })
    }

    /// The public half: what RFC 9180 calls `enc`.
    pub fn public(&self) -> &[u8; 65] {
        &self.public
    }

    /// ECDH: the x-coordinate of the shared point (32 bytes, big endian). Neither side is the point at
    /// infinity and the order is prime, so the shared point is not either.
    pub fn agree(&self, peer: &P256Public) -> SharedSecret {
        let scalar = Zeroizing::new(self.secret.to_nonzero_scalar());
        let shared = p256::ecdh::diffie_hellman(&*scalar, peer.point.as_affine());
        SharedSecret::filled(|bytes| bytes.copy_from_slice(shared.raw_secret_bytes()))
    }
}
