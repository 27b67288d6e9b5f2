//! Public keys and signatures of certificates.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::RsaPublicKey;
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::pkcs1v15::{Signature as RsaSignature, VerifyingKey as RsaKey};
use rsa::signature::Verifier;
use rsa::traits::PublicKeyParts;
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_cert::der::Any;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use crate::crypto::P256Public;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");

/// The sizes of modulus that are taken from those who sign certificates, in bits.
const BITS: std::ops::RangeInclusive<u32> = 2048..=4096;

/// The key of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    Rsa(Box<RsaPublicKey>),
    P256(P256Public),
    P384(Box<p384::ecdsa::VerifyingKey>),
    /// Of a kind or size that signs no attestation; what it is.
    Other(String),
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` (RFC 3279, section 2.3; RFC 5480, section 2). RSA's parameters may be
    /// NULL or left out, for some of Yubico's certificates leave them out.
    pub(super) fn read(spki: &SubjectPublicKeyInfoOwned) -> Result<Self, &'static str> {
        let key = spki
            .subject_public_key
            .as_bytes()
            .ok_or("its key does not end with a whole byte")?;
        match spki.algorithm.oid {
            RSA if is_null_or_absent(&spki.algorithm) => Self::read_rsa(key),
            EC => match curve(&spki.algorithm) {
                Some(P256) => P256Public::parse(key)
                    .map(Self::P256)
                    .map_err(|_| "its key is no uncompressed point of P-256"),
                Some(P384) => Self::read_p384(key),
                _ => Ok(Self::Other("a key on another curve".to_owned())),
            },
            ED25519 => Ok(Self::Other("an Ed25519 key".to_owned())),
            X25519 => Ok(Self::Other("an X25519 key".to_owned())),
            other => Ok(Self::Other(format!("a key of the kind {other}"))),
        }
    }

    fn read_rsa(key: &[u8]) -> Result<Self, &'static str> {
        let key = RsaPublicKey::from_pkcs1_der(key).map_err(|_| "its RSA key is not sound")?;
        let bits = key.n().bit_width_vartime();
        Ok(if BITS.contains(&bits) {
            Self::Rsa(Box::new(key))
        } else {
            Self::Other(format!("an RSA key of {bits} bits"))
        })
    }

    fn read_p384(key: &[u8]) -> Result<Self, &'static str> {
        let why = "its key is no uncompressed point of P-384";
        if key.len() != 97 || key.first() != Some(&4) {
            return Err(why);
        }
        p384::ecdsa::VerifyingKey::from_sec1_bytes(key)
            .map(|key| Self::P384(Box::new(key)))
            .map_err(|_| why)
    }

    /// The kind, in words.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Rsa(key) => format!("an RSA key of {} bits", key.n().bit_width_vartime()),
            Self::P256(_) => "a key on P-256".to_owned(),
            Self::P384(_) => "a key on P-384".to_owned(),
            Self::Other(kind) => kind.clone(),
        }
    }

    /// Whether the signature is this key's.
    pub(super) fn signed(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let Algorithm { family, hash } = algorithm;
        match (self, family) {
            (Self::Rsa(key), Family::Rsa) => signed_rsa(key, hash, message, signature),
            (Self::P256(key), Family::Ecdsa) => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key.as_bytes());
                let signature = p256::ecdsa::Signature::from_der(signature);
                key.is_ok_and(|key| {
                    signature.is_ok_and(|signature| {
                        key.verify_prehash(&hash.of(message), &signature).is_ok()
                    })
                })
            }
            (Self::P384(key), Family::Ecdsa) => p384::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify_prehash(&hash.of(message), &signature).is_ok()),
            _ => false,
        }
    }
}

/// RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2.2): as long as the modulus, and a number below it.
fn signed_rsa(key: &RsaPublicKey, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
    if signature.len() != key.size() || *signature >= *key.n_bytes() {
        return false;
    }
    let Ok(signature) = RsaSignature::try_from(signature) else {
        return false;
    };
    let key = key.clone();
    match hash {
        Hash::Sha256 => RsaKey::<Sha256>::new(key).verify(message, &signature),
        Hash::Sha384 => RsaKey::<Sha384>::new(key).verify(message, &signature),
        Hash::Sha512 => RsaKey::<Sha512>::new(key).verify(message, &signature),
    }
    .is_ok()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Rsa,
    Ecdsa,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

/// How a certificate is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Algorithm {
    family: Family,
    hash: Hash,
}

impl Algorithm {
    /// Reads an `AlgorithmIdentifier`: RSA with NULL or no parameters (RFC 4055, section 5), ECDSA with none
    /// (RFC 5758, section 3.2).
    pub(super) fn read(identifier: &AlgorithmIdentifierOwned) -> Option<Self> {
        let known = [
            ("1.2.840.113549.1.1.11", Family::Rsa, Hash::Sha256),
            ("1.2.840.113549.1.1.12", Family::Rsa, Hash::Sha384),
            ("1.2.840.113549.1.1.13", Family::Rsa, Hash::Sha512),
            ("1.2.840.10045.4.3.2", Family::Ecdsa, Hash::Sha256),
            ("1.2.840.10045.4.3.3", Family::Ecdsa, Hash::Sha384),
            ("1.2.840.10045.4.3.4", Family::Ecdsa, Hash::Sha512),
        ];
        let (_, family, hash) = known
            .into_iter()
            .find(|(oid, ..)| identifier.oid == ObjectIdentifier::new_unwrap(oid))?;
        let sound = match family {
            Family::Rsa => is_null_or_absent(identifier),
            Family::Ecdsa => identifier.parameters.is_none(),
        };
        sound.then_some(Self { family, hash })
    }
}

fn is_null_or_absent(identifier: &AlgorithmIdentifierOwned) -> bool {
    let parameters = identifier.parameters.as_ref();
    parameters.is_none_or(|parameters| *parameters == Any::null())
}

fn curve(identifier: &AlgorithmIdentifierOwned) -> Option<ObjectIdentifier> {
    identifier.parameters.as_ref()?.decode_as().ok()
}
