//! A generation's two documents: the header, in which the shares of the role secrets are sealed to the
//! tokens, and one record for each credential.

use serde::{Deserialize, Serialize};

use super::dsse::Document;
use crate::model::{AccessKeyId, AccountId, Digest, Name, Role, Timestamp, UserName};

/// The header of a generation. Signed by the rotator that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationHeader {
    /// The vault's fingerprint.
    pub vault: Digest,
    /// The digest of the manifest that was in force.
    pub manifest: Digest,
    /// Its version.
    pub manifest_version: u64,
    /// The compartment.
    pub compartment: Name,
    /// The number; never used again in this compartment, even if the rotation was given up.
    pub generation: u64,
    /// When it was made.
    pub created: Timestamp,
    /// One entry for each opening role, in the order `ic`, `bgo`.
    pub roles: Vec<RoleShares>,
}

/// The sealed shares of one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleShares {
    /// The role.
    pub role: Role,
    /// How many shares give the role secret.
    pub threshold: u8,
    /// One for each custodian, by index.
    pub shares: Vec<CustodianShare>,
}

/// One custodian's share, sealed to each of their tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustodianShare {
    /// The share's index, from 1: the x of the sharing polynomials.
    pub index: u8,
    /// Whose it is.
    pub custodian: Name,
    /// The digest of the share, so that a wrong one names its custodian.
    pub digest: Digest,
    /// One for each of their tokens.
    pub tokens: Vec<TokenSeal>,
}

/// A share sealed to one token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSeal {
    /// The token.
    pub token: Digest,
    /// The encapsulated key: 65 bytes (`p256`), or as long as the modulus (`rsa-oaep-sha256`).
    #[serde(with = "super::base64")]
    pub encapsulated: Vec<u8>,
    /// The sealed share: 32 bytes and a 16-byte tag.
    #[serde(with = "super::base64")]
    pub ciphertext: Vec<u8>,
}

impl Document for GenerationHeader {
    const TYPE: &'static str = "application/vnd.breakglass.generation.v1+json";
    const MAX: usize = 1 << 20;
}

/// The sealed access key of one credential. Signed by the rotator that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What is public about it, and bound to the secret.
    pub about: RecordAbout,
    /// The key commitment, 32 bytes.
    #[serde(with = "super::base64")]
    pub commitment: Vec<u8>,
    /// The Ed25519 public key of the witness, 32 bytes.
    #[serde(with = "super::base64")]
    pub witness: Vec<u8>,
    /// The padded secret access key, sealed: 128 bytes and a 16-byte tag.
    #[serde(with = "super::base64")]
    pub ciphertext: Vec<u8>,
}

/// What is public about a sealed access key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordAbout {
    /// The vault's fingerprint.
    pub vault: Digest,
    /// The digest of the manifest that was in force.
    pub manifest: Digest,
    /// The digest of the generation's header.
    pub header: Digest,
    /// The compartment.
    pub compartment: Name,
    /// The generation.
    pub generation: u64,
    /// The credential.
    pub credential: Name,
    /// The AWS account.
    pub account: AccountId,
    /// The IAM user.
    pub user: UserName,
    /// The access key id: public, because closing must work without opening.
    pub access_key: AccessKeyId,
    /// When it was sealed.
    pub created: Timestamp,
}

impl RecordAbout {
    /// The fields as bytes for the key schedule and the AAD, in the order in which they stand here.
    pub fn fields(&self) -> super::Fields {
        super::Fields::new("breakglass/v1/record")
            .of(&self.vault)
            .of(&self.manifest)
            .of(&self.header)
            .text(self.compartment.as_str())
            .number(self.generation)
            .text(self.credential.as_str())
            .text(self.account.as_str())
            .text(self.user.as_str())
            .text(self.access_key.as_str())
            .text(&self.created.to_string())
    }
}

impl Document for Record {
    const TYPE: &'static str = "application/vnd.breakglass.record.v1+json";
    const MAX: usize = 1 << 14;
}
