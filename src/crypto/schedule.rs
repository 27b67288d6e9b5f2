//! The labelled key derivation and the key schedule of RFC 9180 (sections 4, 4.1 and 5.1), base mode and
//! one message only. Both suites run through it, each under its own name.

use aes_gcm::aead::inout::InOutBuf;
use zeroize::{Zeroize, Zeroizing};

use super::aead::{NONCE, TAG};
use super::{CryptoError, aead, kdf};
use crate::secret::SharedSecret;

/// The names under which a suite derives.
pub(super) struct Suite {
    /// `suite_id` inside the KEM (RFC 9180, section 4.1).
    kem: &'static [u8],
    /// `suite_id` of the key schedule (section 5.1).
    schedule: &'static [u8],
}

/// DHKEM(P-256, HKDF-SHA256) 0x0010, HKDF-SHA256 0x0001, AES-256-GCM 0x0002.
pub(super) const P256: Suite = Suite {
    kem: b"KEM\x00\x10",
    schedule: b"HPKE\x00\x10\x00\x01\x00\x02",
};

/// Our second suite; RFC 9180 has no number for it, and no number of its is as long as this name.
pub(super) const RSA_OAEP: Suite = Suite {
    kem: b"breakglass/v1 rsa-oaep-sha256",
    schedule: b"breakglass/v1 rsa-oaep-sha256",
};

/// What stands before every label (RFC 9180, section 4).
const VERSION: &[u8] = b"HPKE-v1";
/// `mode_base`.
const MODE_BASE: &[u8] = &[0];

/// `LabeledExtract` (RFC 9180, section 4).
pub(super) fn labeled_extract(
    suite_id: &[u8],
    salt: &[u8],
    label: &[u8],
    ikm: &[u8],
    prk: &mut [u8; 32],
) {
    kdf::extract(salt, &[VERSION, suite_id, label, ikm], prk);
}

/// `LabeledExpand` (RFC 9180, section 4); `info` in parts.
pub(super) fn labeled_expand(
    suite_id: &[u8],
    prk: &[u8; 32],
    label: &[u8],
    info: &[&[u8]],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let length = u16::try_from(out.len()).map_err(|_| CryptoError::DerivationLength)?;
    let length = length.to_be_bytes();
    let mut parts: Vec<&[u8]> = vec![&length, VERSION, suite_id, label];
    parts.extend_from_slice(info);
    kdf::expand(prk, &parts, out)
}

impl Suite {
    /// The KEM's own name, for its key derivations.
    pub(super) fn kem_id(&self) -> &'static [u8] {
        self.kem
    }

    /// Encrypts one message (RFC 9180, `SealBase` from the shared secret on). `dh` is what the KEM's
    /// public-key operation gave, `kem_context` (in parts) what it is bound to. Gives the ciphertext, the
    /// tag behind it.
    pub(super) fn seal(
        &self,
        dh: &SharedSecret,
        kem_context: &[&[u8]],
        info: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let keys = self.keys(dh, kem_context, info)?;
        // From buffer to buffer: the plaintext is never copied.
        let mut sealed = vec![0; plaintext.len() + TAG];
        let (body, tag) = sealed.split_at_mut(plaintext.len());
        let buffer = InOutBuf::new(plaintext, body).map_err(|_| CryptoError::TooLong)?;
        tag.copy_from_slice(&aead::encrypt(&keys.key, &keys.nonce, aad, buffer)?);
        Ok(sealed)
    }

    /// Decrypts one message into `out`, which must be as long as the plaintext.
    pub(super) fn open(
        &self,
        dh: &SharedSecret,
        kem_context: &[&[u8]],
        info: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
        out: &mut [u8],
    ) -> Result<(), CryptoError> {
        let wrong_length = CryptoError::CiphertextLength {
            wanted: out.len() + TAG,
            found: ciphertext.len(),
        };
        let (body, tag) = ciphertext.split_last_chunk::<TAG>().ok_or(wrong_length)?;
        let buffer = InOutBuf::new(body, out).map_err(|_| wrong_length)?;
        let keys = self.keys(dh, kem_context, info)?;
        aead::decrypt(&keys.key, &keys.nonce, aad, buffer, tag)
    }

    /// `ExtractAndExpand`, then `KeySchedule` in base mode: no PSK, no exporter.
    fn keys(
        &self,
        dh: &SharedSecret,
        kem_context: &[&[u8]],
        info: &[u8],
    ) -> Result<Zeroizing<Keys>, CryptoError> {
        let mut shared = Zeroizing::new([0; 32]);
        self.extract_and_expand(dh, kem_context, &mut shared)?;
        let (mut psk_id_hash, mut info_hash) = ([0; 32], [0; 32]);
        labeled_extract(self.schedule, &[], b"psk_id_hash", &[], &mut psk_id_hash);
        labeled_extract(self.schedule, &[], b"info_hash", info, &mut info_hash);
        let context: [&[u8]; 3] = [MODE_BASE, &psk_id_hash, &info_hash];

        let mut secret = Zeroizing::new([0; 32]);
        labeled_extract(self.schedule, &*shared, b"secret", &[], &mut secret);
        let mut keys = Zeroizing::new(Keys::default());
        labeled_expand(self.schedule, &secret, b"key", &context, &mut keys.key)?;
        labeled_expand(
            self.schedule,
            &secret,
            b"base_nonce",
            &context,
            &mut keys.nonce,
        )?;
        Ok(keys)
    }

    /// `ExtractAndExpand` (RFC 9180, section 4.1).
    fn extract_and_expand(
        &self,
        dh: &SharedSecret,
        kem_context: &[&[u8]],
        shared: &mut [u8; 32],
    ) -> Result<(), CryptoError> {
        let mut prk = Zeroizing::new([0; 32]);
        labeled_extract(self.kem, &[], b"eae_prk", dh.expose(), &mut prk);
        labeled_expand(self.kem, &prk, b"shared_secret", kem_context, shared)
    }
}

/// Key and nonce of one message.
#[derive(Default, Zeroize)]
struct Keys {
    key: [u8; 32],
    nonce: [u8; NONCE],
}
