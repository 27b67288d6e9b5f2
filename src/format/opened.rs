//! The statement that a credential was opened. Only who holds the secrets of both roles can sign it.

use serde::{Deserialize, Serialize};

use super::dsse::Document;
use crate::model::{AccessKeyId, Digest, Name, Reason, Timestamp};

/// One credential was opened. Signed by the credential's witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenedStatement {
    /// The vault's fingerprint.
    pub vault: Digest,
    /// The incident.
    pub incident: Name,
    /// Why, in the words of who opened it.
    pub reason: Reason,
    /// The credential.
    pub credential: Name,
    /// Its compartment.
    pub compartment: Name,
    /// The generation that was opened.
    pub generation: u64,
    /// The access key.
    pub access_key: AccessKeyId,
    /// The tokens that took part, with whose they are.
    pub participants: Vec<Participant>,
    /// The size of the ledger that the opening stood on.
    pub ledger_size: u64,
    /// Its root hash.
    pub ledger_root: Digest,
    /// When.
    pub opened: Timestamp,
    /// When the lease runs out.
    pub expires: Timestamp,
}

/// Somebody who took part in an opening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    /// The role.
    pub role: crate::model::Role,
    /// Who.
    pub custodian: Name,
    /// With which token.
    pub token: Digest,
    /// What the token proves of them.
    pub presence: crate::model::Presence,
}

impl Document for OpenedStatement {
    const TYPE: &'static str = "application/vnd.breakglass.opened.v1+json";
    const MAX: usize = 1 << 15;
}
