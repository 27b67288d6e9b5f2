//! The statement that a credential opens: a drill showed it, and nobody saw the secret. Only who holds the secrets
//! of both roles can sign it.

use serde::{Deserialize, Serialize};

use super::dsse::Document;
use super::opened::Participant;
use crate::model::{AccessKeyId, Digest, Name, Timestamp};

/// One credential was shown to open. Signed by the credential's witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrilledStatement {
    /// The vault's fingerprint.
    pub vault: Digest,
    /// The credential.
    pub credential: Name,
    /// Its compartment.
    pub compartment: Name,
    /// The generation that opens.
    pub generation: u64,
    /// The access key.
    pub access_key: AccessKeyId,
    /// The tokens that took part, with whose they are.
    pub participants: Vec<Participant>,
    /// The size of the ledger that the drill stood on.
    pub ledger_size: u64,
    /// Its root hash.
    pub ledger_root: Digest,
    /// When.
    pub drilled: Timestamp,
}

impl Document for DrilledStatement {
    const TYPE: &'static str = "application/vnd.breakglass.drilled.v1+json";
    const MAX: usize = 1 << 15;
}
