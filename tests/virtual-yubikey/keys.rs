//! Private keys: making them, their public halves, agreement and signing.

use ed25519_dalek::Signer;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::elliptic_curve::ecdh::diffie_hellman;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::pkcs8::EncodePublicKey;
use serde::{Deserialize, Serialize};

use crate::state::Bytes;
use crate::tlv::tlv;

/// Algorithms, as PIV and Yubico number them.
pub mod algorithm {
    pub const P256: u8 = 0x11;
    pub const P384: u8 = 0x14;
    pub const ED25519: u8 = 0xE0;
    pub const X25519: u8 = 0xE1;
}

/// A private key: 32 bytes (P-384: 48) of scalar or seed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Key {
    algorithm: u8,
    secret: Bytes,
}

/// A key that can sign certificates.
pub enum Signing {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
}

/// A fresh random array.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

impl Key {
    /// A new key; `None` for an algorithm that the card does not have.
    pub fn generate(wanted: u8) -> Option<Self> {
        loop {
            let secret = match wanted {
                algorithm::P384 => random::<48>().to_vec(),
                algorithm::P256 | algorithm::ED25519 | algorithm::X25519 => random::<32>().to_vec(),
                _ => return None,
            };
            // A scalar may be too large, once in 2^32.
            if let Some(key) = Self::import(wanted, &secret) {
                return Some(key);
            }
        }
    }

    /// A key from outside; `None` where it is none.
    pub fn import(algorithm: u8, secret: &[u8]) -> Option<Self> {
        let valid = match algorithm {
            algorithm::P256 => p256::SecretKey::from_slice(secret).is_ok(),
            algorithm::P384 => p384::SecretKey::from_slice(secret).is_ok(),
            algorithm::ED25519 | algorithm::X25519 => secret.len() == 32,
            _ => false,
        };
        valid.then(|| Self {
            algorithm,
            secret: Bytes(secret.to_vec()),
        })
    }

    pub fn algorithm(&self) -> u8 {
        self.algorithm
    }

    fn p256(&self) -> p256::SecretKey {
        p256::SecretKey::from_slice(&self.secret.0).expect("checked when it was made")
    }

    fn p384(&self) -> p384::SecretKey {
        p384::SecretKey::from_slice(&self.secret.0).expect("checked when it was made")
    }

    fn bytes(&self) -> [u8; 32] {
        self.secret.0[..]
            .try_into()
            .expect("checked when it was made")
    }

    fn ed25519(&self) -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&self.bytes())
    }

    fn x25519(&self) -> [u8; 32] {
        x25519_dalek::x25519(self.bytes(), x25519_dalek::X25519_BASEPOINT_BYTES)
    }

    /// The public key as the card shows it: 86 and the point (uncompressed for the NIST curves).
    pub fn public(&self) -> Vec<u8> {
        let point = match self.algorithm {
            algorithm::P256 => self
                .p256()
                .public_key()
                .to_sec1_point(false)
                .as_bytes()
                .to_vec(),
            algorithm::P384 => self
                .p384()
                .public_key()
                .to_sec1_point(false)
                .as_bytes()
                .to_vec(),
            algorithm::ED25519 => self.ed25519().verifying_key().to_bytes().to_vec(),
            _ => self.x25519().to_vec(),
        };
        tlv(0x86, &point)
    }

    /// SubjectPublicKeyInfo in DER.
    pub fn public_der(&self) -> Vec<u8> {
        // RFC 8410, section 4: the last byte of the OID tells the two apart.
        let edwards = |last: u8, key: [u8; 32]| {
            let mut der = vec![
                0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, last, 0x03, 0x21, 0x00,
            ];
            der.extend(key);
            der
        };
        match self.algorithm {
            algorithm::P256 => der(&self.p256().public_key()),
            algorithm::P384 => der(&self.p384().public_key()),
            algorithm::ED25519 => edwards(0x70, self.ed25519().verifying_key().to_bytes()),
            _ => edwards(0x6E, self.x25519()),
        }
    }

    /// ECDH: the x coordinate. `None` where the peer's point is not one of this curve.
    pub fn agree(&self, peer: &[u8]) -> Option<Vec<u8>> {
        match self.algorithm {
            algorithm::P256 if peer.first() == Some(&4) => {
                let peer = p256::PublicKey::from_sec1_bytes(peer).ok()?;
                let shared = diffie_hellman(self.p256().to_nonzero_scalar(), peer.as_affine());
                Some(shared.raw_secret_bytes().to_vec())
            }
            algorithm::P384 if peer.first() == Some(&4) => {
                let peer = p384::PublicKey::from_sec1_bytes(peer).ok()?;
                let shared = diffie_hellman(self.p384().to_nonzero_scalar(), peer.as_affine());
                Some(shared.raw_secret_bytes().to_vec())
            }
            algorithm::X25519 => {
                let peer = peer.try_into().ok()?;
                Some(x25519_dalek::x25519(self.bytes(), peer).to_vec())
            }
            _ => None,
        }
    }

    /// Whether `sign` would take this: a digest for ECDSA, the message for Ed25519.
    pub fn can_sign(&self, input: &[u8]) -> bool {
        match self.algorithm {
            algorithm::P256 => (1..=32).contains(&input.len()),
            algorithm::P384 => (1..=48).contains(&input.len()),
            algorithm::ED25519 => true,
            _ => false,
        }
    }

    /// The signature: DER of ECDSA, or 64 bytes of Ed25519.
    pub fn sign(&self, input: &[u8]) -> Option<Vec<u8>> {
        match self.algorithm {
            algorithm::ED25519 => Some(self.ed25519().sign(input).to_vec()),
            _ => match self.signing()? {
                Signing::P256(key) => {
                    let signature: p256::ecdsa::DerSignature =
                        key.sign_prehash(&padded(input, 32)).ok()?;
                    Some(signature.as_bytes().to_vec())
                }
                Signing::P384(key) => {
                    let signature: p384::ecdsa::DerSignature =
                        key.sign_prehash(&padded(input, 48)).ok()?;
                    Some(signature.as_bytes().to_vec())
                }
            },
        }
    }

    /// The key, where it can sign certificates.
    pub fn signing(&self) -> Option<Signing> {
        match self.algorithm {
            algorithm::P256 => Some(Signing::P256(self.p256().into())),
            algorithm::P384 => Some(Signing::P384(self.p384().into())),
            _ => None,
        }
    }
}

fn der(key: &impl EncodePublicKey) -> Vec<u8> {
    key.to_public_key_der().expect("a valid key").into_vec()
}

fn padded(digest: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length - digest.len()];
    bytes.extend(digest);
    bytes
}
