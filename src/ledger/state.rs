//! What the ledger adds up to.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::{CredentialDefinition, DeliveredSession};
use super::joined::JoinedLedger;
use crate::model::{AccessKeyId, AccessRole, Digest, Name, Reason, Timestamp};

/// The state of a vault, as its ledger tells it.
#[derive(Debug, Default, Clone)]
pub struct VaultState {
    /// The credentials.
    pub credentials: BTreeMap<Name, CredentialState>,
    /// The compartments that were rotated.
    pub compartments: BTreeMap<Name, CompartmentState>,
    /// The incidents, by their id, which begins with their date.
    pub incidents: BTreeMap<Name, IncidentState>,
    /// The vault's fingerprint, once it is founded.
    pub vault: Option<Digest>,
    /// The newest manifest that the ledger knows of.
    pub manifest: Option<(u64, Digest)>,
    /// Entries that stations wrote that no manifest names, by key id.
    pub strangers: BTreeMap<Digest, u64>,
    /// How many refusals there were.
    pub refusals: u64,
    /// The ledgers that were joined, by the roots of their newest heads.
    pub joined: BTreeMap<Digest, JoinedLedger>,
}

/// A compartment's rotations.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompartmentState {
    /// The newest number that was taken.
    pub generation: u64,
    /// The headers, by generation.
    pub headers: BTreeMap<u64, Digest>,
    /// The manifest that each generation was sealed under.
    pub manifests: BTreeMap<u64, Digest>,
    /// When the newest generation was committed.
    pub committed: Option<(u64, Timestamp)>,
    /// The generation that was begun and not committed.
    pub unfinished: Option<u64>,
    /// Who began the newest one, and is at it as long as it is unfinished.
    pub claim: Option<Claim>,
}

/// A rotator at its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Which: the digest of its public key.
    pub rotator: Digest,
    /// When it last recorded something of the compartment, by its own clock.
    pub heard: Timestamp,
}

/// One credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialState {
    /// Its definition.
    pub definition: CredentialDefinition,
    /// The roles that are what an opening hands over; none: the key itself.
    pub roles: Vec<AccessRole>,
    /// The keys that were sealed for it, oldest first, deleted ones included.
    pub keys: Vec<KeyState>,
    /// Keys that were about to be made, and of which nothing is known, oldest first.
    pub intents: Vec<KeyIntent>,
    /// Keys that were ours, were never sealed and were deleted.
    pub orphans: Vec<Orphan>,
    /// When it last failed to rotate, and how; cleared by a success.
    pub failed: Option<(Timestamp, String)>,
    /// When and why it was given up, if it was.
    pub retired: Option<(Timestamp, Reason)>,
}

/// An intent to make a key that no seal has answered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyIntent {
    /// In which generation.
    pub generation: u64,
    /// What keys the user had.
    pub existing: Vec<AccessKeyId>,
    /// When.
    pub time: Timestamp,
    /// It was waited for as long as IAM's lists may lag, and nothing was to be seen.
    pub given_up: bool,
}

/// A key that was ours, was never sealed and was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orphan {
    /// Its id.
    pub id: AccessKeyId,
    /// When it was last deleted.
    pub deleted: Timestamp,
}

/// One sealed access key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyState {
    /// Its id.
    pub id: AccessKeyId,
    /// In which generation it is sealed.
    pub generation: u64,
    /// The digest of its record.
    pub record: Digest,
    /// The witness's public key.
    #[serde(with = "crate::format::base64")]
    pub witness: Vec<u8>,
    /// When it was sealed.
    pub sealed: Timestamp,
    /// When AWS was last seen to accept it, before it was put in force.
    pub proved: Option<Timestamp>,
    /// Whether it is one to open.
    pub committed: bool,
    /// Whether somebody began to retire it: it must not be opened any more.
    pub retiring: bool,
    /// When it was deactivated.
    pub deactivated: Option<Timestamp>,
    /// Whether AWS was seen to refuse it after that.
    pub refused: bool,
    /// Since when it is gone, by us or by somebody else.
    pub gone: Option<Timestamp>,
    /// The incidents in which it was opened.
    pub opened_in: Vec<Name>,
    /// When an opening or a drill last showed that it opens, by the clock of that station.
    pub exercised: Option<Timestamp>,
    /// The latest use of it that no opening explained.
    pub unexplained: Option<Timestamp>,
}

impl KeyState {
    /// Whether an opening may give it away.
    pub fn can_be_opened(&self) -> bool {
        self.committed && self.gone.is_none() && !self.retiring && self.deactivated.is_none()
    }
}

impl CredentialState {
    /// The key that an opening gives: of those that are committed, and neither dead nor about to be, that of the
    /// highest generation. Two rotators may have sealed them in another order.
    pub fn current(&self) -> Option<&KeyState> {
        let usable = self.keys.iter().filter(|key| key.can_be_opened());
        usable.max_by_key(|key| key.generation)
    }

    /// Whether a newer key than this one was proved and committed.
    pub fn is_replaced(&self, key: &KeyState) -> bool {
        self.keys
            .iter()
            .any(|other| other.committed && other.generation > key.generation)
    }

    /// The key of that id.
    pub fn key(&self, id: &AccessKeyId) -> Option<&KeyState> {
        self.keys.iter().find(|key| key.id == *id)
    }

    pub(super) fn key_mut(&mut self, id: &AccessKeyId) -> Option<&mut KeyState> {
        self.keys.iter_mut().find(|key| key.id == *id)
    }
}

/// How far an incident has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IncidentPhase {
    /// Declared or opened, and not closed.
    Open,
    /// Somebody began to close it and has not finished: NOT CLOSED.
    Closing,
    /// Closed.
    Closed,
}

/// One incident.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentState {
    /// Why.
    pub reason: Reason,
    /// What may be opened in it.
    pub credentials: Vec<Name>,
    /// When it was declared.
    pub declared: Timestamp,
    /// When its lease runs out.
    pub expires: Timestamp,
    /// How far it has come.
    pub phase: IncidentPhase,
    /// The keys that were opened in it.
    pub opened: Vec<(Name, AccessKeyId)>,
    /// The sessions of roles that were handed over in it.
    pub sessions: Vec<DeliveredSession>,
    /// The credentials whose sessions were denied, and from before when.
    pub sessions_denied: BTreeMap<Name, Timestamp>,
    /// The last code with which closing failed.
    pub failure: Option<String>,
    /// The witnesses' statements, by the digest of their payload.
    pub(super) statements: BTreeSet<Digest>,
}

impl IncidentState {
    /// Whether it is anything but closed.
    pub fn is_live(&self) -> bool {
        self.phase != IncidentPhase::Closed
    }
}

impl VaultState {
    /// The live incident in which a credential was opened or may be.
    pub fn live_incident_of(&self, credential: &Name) -> Option<(&Name, &IncidentState)> {
        self.incidents
            .iter()
            .find(|(_, i)| i.is_live() && i.credentials.contains(credential))
    }

    /// The credentials that are looked after: all but those that were given up.
    pub fn kept(&self) -> impl Iterator<Item = &CredentialState> {
        let all = self.credentials.values();
        all.filter(|credential| credential.retired.is_none())
    }

    /// Those of a compartment.
    pub fn members<'a>(
        &'a self,
        compartment: &'a Name,
    ) -> impl Iterator<Item = &'a CredentialState> {
        self.kept()
            .filter(move |c| c.definition.compartment == *compartment)
    }
}
