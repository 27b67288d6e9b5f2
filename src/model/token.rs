//! What is known of a token without touching a secret.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Digest;

/// The make of a token, which decides the adapter that speaks to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// A PKCS#11 token.
    Pkcs11,
    /// A YubiKey's PIV applet.
    Piv,
}

/// How something is sealed to a token's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SealSuite {
    /// HPKE base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM (RFC 9180).
    #[serde(rename = "p256")]
    P256,
    /// RSA-OAEP with SHA-256 and an empty label over a 32-byte seed, then the same key schedule.
    #[serde(rename = "rsa-oaep-sha256")]
    RsaOaepSha256,
}

impl SealSuite {
    /// The suite's name in documents.
    pub fn label(self) -> &'static str {
        match self {
            Self::P256 => "p256",
            Self::RsaOaepSha256 => "rsa-oaep-sha256",
        }
    }
}

/// How a signature is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SignAlgorithm {
    /// ECDSA on P-256 over SHA-256; the signature is `r || s`, 64 bytes.
    #[serde(rename = "ecdsa-p256-sha256")]
    EcdsaP256Sha256,
    /// RSASSA-PKCS1-v1_5 over SHA-256; the signature is as long as the modulus.
    #[serde(rename = "rsa-pkcs1-sha256")]
    RsaPkcs1Sha256,
    /// Ed25519 (RFC 8032); 64 bytes. Software keys only: rotators, stations, witnesses.
    #[serde(rename = "ed25519")]
    Ed25519,
}

impl SignAlgorithm {
    /// The algorithm's name in documents.
    pub fn label(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::RsaPkcs1Sha256 => "rsa-pkcs1-sha256",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// The public half of the key that shares are sealed to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealKey {
    /// The suite.
    pub suite: SealSuite,
    /// [`SealSuite::P256`]: the uncompressed point, 65 bytes. [`SealSuite::RsaOaepSha256`]: the
    /// `SubjectPublicKeyInfo`, DER.
    #[serde(with = "crate::format::base64")]
    pub public: Vec<u8>,
}

/// The public half of a signing key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignKey {
    /// The algorithm.
    pub algorithm: SignAlgorithm,
    /// ECDSA: the uncompressed point, 65 bytes. RSA: the `SubjectPublicKeyInfo`, DER. Ed25519: 32 bytes.
    #[serde(with = "crate::format::base64")]
    pub public: Vec<u8>,
}

/// What a token proves about the person who uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// Every use of the key takes a touch, and an attestation says so.
    Touch,
    /// The PIN alone.
    None,
}

/// A token as it introduces itself. These are claims: what a token is, its keys prove.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenIdentity {
    /// Its make.
    pub kind: TokenKind,
    /// What finds it again: an RFC 7512 URI of token attributes for PKCS#11 (never with a module path or
    /// a PIN), `piv:SERIAL` for a YubiKey.
    pub locator: String,
    /// The label its owner gave it.
    pub label: String,
    /// Its serial number, as the device tells it.
    pub serial: String,
    /// The maker.
    pub manufacturer: String,
    /// The model.
    pub model: String,
}

/// The certificates by which a YubiKey proves that its keys were made in it, with which policies. X.509, DER.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// Of the seal key.
    #[serde(with = "crate::format::base64")]
    pub seal: Vec<u8>,
    /// Of the sign key.
    #[serde(with = "crate::format::base64")]
    pub sign: Vec<u8>,
    /// Of the device's own attestation key (slot F9), which signed both.
    #[serde(with = "crate::format::base64")]
    pub device: Vec<u8>,
}

impl fmt::Display for TokenIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (serial {})", self.label, self.serial)
    }
}

/// The public keys that a token holds for this vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenKeys {
    /// Shares are sealed to this one.
    pub seal: SealKey,
    /// Declarations and manifests are signed with this one.
    pub sign: SignKey,
    /// What a use of them proves.
    pub presence: Presence,
}

impl TokenKeys {
    /// The token's name in documents: the digest of both public keys.
    pub fn id(&self) -> Digest {
        crate::format::Fields::new("breakglass/v1/token")
            .text(self.seal.suite.label())
            .bytes(&self.seal.public)
            .text(self.sign.algorithm.label())
            .bytes(&self.sign.public)
            .digest()
    }
}
