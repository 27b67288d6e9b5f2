//! The second suite, for tokens that give no readable ECDH: a random 32-byte seed goes through RSA-OAEP
//! (RFC 8017, section 7.1; SHA-256, MGF1 with SHA-256, empty label) and then takes the place of the
//! Diffie-Hellman in the key schedule of RFC 9180, under a name of our own.

use rand_core::{TryCryptoRng, TryRng};
use rsa::Oaep;
use rsa::traits::PaddingScheme;
use sha2::Sha256;

use super::{CryptoError, Entropy, NoEntropy, RsaPublic, schedule};
use crate::secret::SharedSecret;

/// One message, sealed to one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedBlob {
    /// The encapsulated key: an OAEP ciphertext as long as the modulus, which the token decrypts.
    pub encapsulated: Vec<u8>,
    /// The ciphertext: as long as the plaintext, and the 16 bytes of the tag behind it.
    pub ciphertext: Vec<u8>,
}

/// Seals to an RSA key. The shared secret is bound to the OAEP ciphertext and to the key
/// (`kem_context = ciphertext || SubjectPublicKeyInfo`).
///
/// # Errors
/// [`CryptoError::NoEntropy`], [`CryptoError::TooLong`].
pub fn seal(
    recipient: &RsaPublic,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    entropy: &dyn Entropy,
) -> Result<SealedBlob, CryptoError> {
    let seed = SharedSecret::try_filled(|bytes| entropy.fill(bytes))?;
    let encapsulated = encrypt(recipient, seed.expose(), entropy)?;
    let context: [&[u8]; 2] = [&encapsulated, recipient.as_spki()];
    let ciphertext = schedule::RSA_OAEP.seal(&seed, &context, info, aad, plaintext)?;
    Ok(SealedBlob {
        encapsulated,
        ciphertext,
    })
}

/// Opens with the seed that the token decrypted from `encapsulated`. Fills `out`, which must be as long
/// as the plaintext; where it fails, `out` is as it was.
///
/// # Errors
/// [`CryptoError::CiphertextLength`], [`CryptoError::NotAuthentic`].
pub fn open_into(
    seed: &SharedSecret,
    encapsulated: &[u8],
    recipient: &RsaPublic,
    info: &[u8],
    aad: &[u8],
    ciphertext: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let context: [&[u8]; 2] = [encapsulated, recipient.as_spki()];
    schedule::RSA_OAEP.open(seed, &context, info, aad, ciphertext, out)
}

/// `RSAES-OAEP-ENCRYPT` with an empty label; the ciphertext is as long as the modulus.
///
/// # Errors
/// [`CryptoError::NoEntropy`]; [`CryptoError::RsaKey`] where the message is longer than the modulus less
/// 66 bytes.
pub fn encrypt(
    recipient: &RsaPublic,
    message: &[u8],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, CryptoError> {
    Oaep::<Sha256>::new()
        .encrypt(&mut Chance(entropy), recipient.key(), message)
        .map_err(|error| match error {
            rsa::Error::Rng => CryptoError::NoEntropy(NoEntropy),
            _ => CryptoError::RsaKey("it cannot encrypt this message"),
        })
}

/// Our port in the shape that the RustCrypto crates take. Unlike the system's own, it may fail.
struct Chance<'a>(&'a dyn Entropy);

impl TryRng for Chance<'_> {
    type Error = NoEntropy;

    fn try_next_u32(&mut self) -> Result<u32, NoEntropy> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, NoEntropy> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        self.0.fill(buffer)
    }
}

impl TryCryptoRng for Chance<'_> {}
