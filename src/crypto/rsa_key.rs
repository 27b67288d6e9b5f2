//! RSA public keys, in one spelling only. There is no private RSA key in this program.

use rsa::RsaPublicKey;
use rsa::pkcs8::{DecodePublicKey, EncodePublicKey};
use rsa::traits::PublicKeyParts;

use super::CryptoError;

/// The sizes of modulus that are taken, in bits.
const BITS: std::ops::RangeInclusive<u32> = 2048..=4096;

/// An RSA public key with a modulus of 2048 to 4096 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaPublic {
    key: RsaPublicKey,
    spki: Vec<u8>,
}

impl RsaPublic {
    /// Reads a `SubjectPublicKeyInfo` (RFC 5280, DER, algorithm `rsaEncryption` with NULL parameters:
    /// RFC 3279, section 2.3.1). The modulus is odd and has 2048 to 4096 bits, the exponent is odd and
    /// 3 to 2^33 - 1.
    ///
    /// # Errors
    /// [`CryptoError::RsaKey`] for anything else, and for any other spelling of such a key: what names
    /// and binds a key is its bytes.
    pub fn parse(spki: &[u8]) -> Result<Self, CryptoError> {
        let key = RsaPublicKey::from_public_key_der(spki)
            .map_err(|_| CryptoError::RsaKey("not the SubjectPublicKeyInfo of a sound RSA key"))?;
        if !BITS.contains(&key.n().bit_width_vartime()) {
            return Err(CryptoError::RsaKey(
                "the modulus does not have 2048 to 4096 bits",
            ));
        }
        let spelling = key
            .to_public_key_der()
            .map_err(|_| CryptoError::RsaKey("it cannot be written as DER"))?;
        if spelling.as_bytes() != spki {
            return Err(CryptoError::RsaKey(
                "its DER is not the one spelling of this key",
            ));
        }
        Ok(Self {
            key,
            spki: spki.to_vec(),
        })
    }

    /// The `SubjectPublicKeyInfo`, DER.
    pub fn as_spki(&self) -> &[u8] {
        &self.spki
    }

    /// Bytes of the modulus, and of every ciphertext and signature: 256 to 512.
    pub fn size(&self) -> usize {
        self.key.size()
    }

    /// Whether a number as long as the modulus is below it (RFC 8017, sections 5.1.2 and 5.2.2); a token
    /// would refuse another.
    pub(super) fn is_in_range(&self, number: &[u8]) -> bool {
        number.len() == self.size() && *number < *self.key.n_bytes()
    }

    pub(super) fn key(&self) -> &RsaPublicKey {
        &self.key
    }
}
