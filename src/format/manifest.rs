//! The manifest: the signed statement of who may open what. What makes one valid is the business of
//! [`crate::manifest`].

use serde::{Deserialize, Deserializer, Serialize};

use super::dsse::Document;
use crate::model::{
    Attestation, Digest, Firmware, Name, Role, Timestamp, TokenIdentity, TokenKeys,
};

/// A manifest, as its signers signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The vault's name, for people.
    pub vault: Name,
    /// 1 for the founding manifest, one more for each that follows.
    pub version: u64,
    /// The digest of the manifest before; absent from the first alone.
    pub previous: Option<Digest>,
    /// When it was drawn up.
    pub created: Timestamp,
    /// 16 random bytes drawn at the founding, so that no two vaults have one fingerprint.
    #[serde(with = "super::base64")]
    pub nonce: Vec<u8>,
    /// What the vault allows.
    pub policy: Policy,
    /// How many custodians of each role make a quorum.
    pub thresholds: Thresholds,
    /// The people. Within a role, their order gives the index of their shares, from 1.
    pub custodians: Vec<Custodian>,
    /// The software keys that may seal and that keep the ledger.
    pub rotators: Vec<Rotator>,
    /// Credentials that rotate and open together.
    pub compartments: Vec<Name>,
    /// Tokens that were enrolled once and may never be again.
    pub retired: Vec<Digest>,
}

/// For how many days a key that is known to open is kept beside one that is not, unless the policy says otherwise.
pub const KEEP_PROVED_DAYS: u32 = 90;

/// A number that may be left out, and is none if it is there and null.
fn said<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    u32::deserialize(from).map(Some)
}

/// What the vault allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whether a quorum may consist of tokens of which none proves a touch.
    pub allow_no_touch: bool,
    /// After how many days a compartment is due for rotation.
    pub rotate_days: u32,
    /// The longest lease, in minutes.
    pub max_lease_minutes: u32,
    /// How long a retired key stays deactivated before it is deleted, in minutes.
    pub grace_minutes: u32,
    /// For how many days a replaced key is kept, deactivated, that a drill has shown to open, as long as no newer one
    /// has been; [`KEEP_PROVED_DAYS`] where it is not said. A document says a number or nothing.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "said"
    )]
    pub keep_proved_days: Option<u32>,
    /// The oldest firmware that a YubiKey may have.
    pub min_firmware: Firmware,
    /// Whether the keys of a YubiKey may ask for the PIN once a session, and not before each use.
    pub allow_pin_once: bool,
    /// The company's own roots of attestation, and authorities that stand below them: trusted beside those of
    /// the makers.
    pub attestation_roots: Vec<Certificate>,
}

impl Policy {
    /// For how many days a replaced key is kept that is known to open, as long as no newer one is.
    pub fn keep_proved_days(&self) -> u32 {
        self.keep_proved_days.unwrap_or(KEEP_PROVED_DAYS)
    }
}

/// An X.509 certificate, DER. Nothing is known of it but that it is bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Certificate(#[serde(with = "super::base64")] pub Vec<u8>);

/// How many custodians of each role make a quorum. Zero for a role that nobody holds yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Incident Commanders.
    pub ic: u8,
    /// Break-Glass Operators.
    pub bgo: u8,
    /// Security Officers.
    pub so: u8,
}

impl Thresholds {
    /// The threshold of one role.
    pub fn of(&self, role: Role) -> u8 {
        match role {
            Role::Ic => self.ic,
            Role::Bgo => self.bgo,
            Role::So => self.so,
        }
    }

    /// Sets the threshold of one role.
    pub fn set(&mut self, role: Role, threshold: u8) {
        match role {
            Role::Ic => self.ic = threshold,
            Role::Bgo => self.bgo = threshold,
            Role::So => self.so = threshold,
        }
    }
}

/// A person entrusted with one or more tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custodian {
    /// Who.
    pub name: Name,
    /// The one role.
    pub role: Role,
    /// Their tokens, spares included.
    pub tokens: Vec<EnrolledToken>,
}

/// A token as it was enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolledToken {
    /// What finds it.
    pub identity: TokenIdentity,
    /// What proves it.
    pub keys: TokenKeys,
    /// What proves where its keys were made and what they ask for; of a YubiKey alone.
    pub attestation: Option<Attestation>,
}

impl EnrolledToken {
    /// The token's name in documents.
    pub fn id(&self) -> Digest {
        self.keys.id()
    }
}

/// A software key that seals, and keeps the ledger. It opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotator {
    /// Where it runs.
    pub name: Name,
    /// Its Ed25519 public key, 32 bytes.
    #[serde(with = "super::base64")]
    pub public: Vec<u8>,
}

impl Document for Manifest {
    const TYPE: &'static str = "application/vnd.breakglass.manifest.v1+json";
    const MAX: usize = 1 << 20;
}

impl Manifest {
    /// The custodians of a role, each with the index of their share (from 1).
    pub fn holders(&self, role: Role) -> impl Iterator<Item = (u8, &Custodian)> {
        self.custodians
            .iter()
            .filter(move |custodian| custodian.role == role)
            .zip(1_u8..=u8::MAX)
            .map(|(custodian, index)| (index, custodian))
    }

    /// All tokens with whose they are.
    pub fn tokens(&self) -> impl Iterator<Item = (&Custodian, &EnrolledToken)> {
        self.custodians
            .iter()
            .flat_map(|custodian| custodian.tokens.iter().map(move |token| (custodian, token)))
    }

    /// The custodian of that name.
    pub fn custodian(&self, name: &Name) -> Option<&Custodian> {
        self.custodians
            .iter()
            .find(|custodian| custodian.name == *name)
    }

    /// The token of that id, with whose it is.
    pub fn token(&self, id: &Digest) -> Option<(&Custodian, &EnrolledToken)> {
        self.tokens().find(|(_, token)| token.id() == *id)
    }

    /// The rotator whose public key has this SHA-256.
    pub fn rotator(&self, key_id: &Digest) -> Option<&Rotator> {
        self.rotators
            .iter()
            .find(|rotator| super::digest(&rotator.public) == *key_id)
    }
}
