//! The anchor: what a token remembers of a vault, so that a machine that has never seen it notices an older
//! or another one.

use serde::{Deserialize, Serialize};

use super::dsse::Document;
use crate::model::{Digest, Timestamp};

/// How far a vault had come when the token last signed for it. Signed by the token's own sign key; kept on
/// the token and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// The vault's fingerprint.
    pub vault: Digest,
    /// The version of the manifest in force.
    pub version: u64,
    /// Its digest.
    pub manifest: Digest,
    /// The number of entries in the ledger.
    pub ledger_size: u64,
    /// The root hash over them.
    pub ledger_root: Digest,
    /// When it was written.
    pub written: Timestamp,
}

impl Document for Anchor {
    const TYPE: &'static str = "application/vnd.breakglass.anchor.v1+json";
    /// What fits into one data object of a YubiKey.
    const MAX: usize = 3_000;
}
