//! The entries of the ledger: what is intended, and what came of it. One JSON object each, unknown
//! fields refused.

use serde::{Deserialize, Serialize};

use super::joined::HeadRef;
use crate::format::dsse::Envelope;
use crate::model::{
    AccessKeyId, AccessRole, AccountId, Digest, Name, Reason, RoleArn, Timestamp, UserName,
};
use crate::ports::IamUser;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// When it was written, by the writer's clock.
    pub time: Timestamp,
    /// What it says.
    pub event: Event,
}

/// A credential's definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialDefinition {
    /// Its name.
    pub name: Name,
    /// Its compartment.
    pub compartment: Name,
    /// The AWS account.
    pub account: AccountId,
    /// The IAM user.
    pub user: UserName,
}

impl CredentialDefinition {
    /// Whose keys it is about.
    pub fn iam_user(&self) -> IamUser {
        IamUser {
            account: self.account.clone(),
            name: self.user.clone(),
        }
    }
}

/// What an entry says. Which of them need an enrolled rotator's signature on their commit,
/// [`Event::needs_rotator`] tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// The vault was founded with this manifest.
    VaultFounded {
        /// The fingerprint.
        vault: Digest,
    },
    /// A manifest is about to be put in force.
    ManifestIntended {
        /// Its version.
        version: u64,
        /// Its digest.
        manifest: Digest,
        /// What it changes, for people.
        change: String,
    },
    /// A manifest is in force.
    ManifestAdopted {
        /// Its version.
        version: u64,
        /// Its digest.
        manifest: Digest,
    },
    /// A credential is to be looked after.
    CredentialAdded {
        /// Its definition.
        credential: CredentialDefinition,
    },
    /// The roles that are what an opening of a credential hands over, from now on: sessions of them in the
    /// place of its key. None: the key itself.
    RolesSet {
        /// The credential.
        credential: Name,
        /// The roles, no profile twice.
        roles: Vec<AccessRole>,
    },
    /// A credential is looked after no more: it gets no key and is not opened any more.
    CredentialRetired {
        /// The credential.
        credential: Name,
        /// Why.
        reason: Reason,
        /// The keys of it that were left as they were, because AWS could not be asked.
        left: Vec<AccessKeyId>,
    },
    /// A rotation begins: its header is stored.
    RotationBegun {
        /// The compartment.
        compartment: Name,
        /// The generation, taken by this.
        generation: u64,
        /// The digest of the header's payload.
        header: Digest,
        /// The manifest that it was sealed under.
        manifest: Digest,
        /// Where the calls go, if not to AWS.
        endpoint: Option<String>,
    },
    /// An access key is about to be made.
    KeyIntended {
        /// The credential.
        credential: Name,
        /// The generation.
        generation: u64,
        /// The user's keys before: what is new against these is ours.
        existing: Vec<AccessKeyId>,
    },
    /// An access key is sealed: its record was stored, read back and compared.
    KeySealed {
        /// The credential.
        credential: Name,
        /// The generation.
        generation: u64,
        /// The key.
        key: AccessKeyId,
        /// The digest of the record's payload.
        record: Digest,
        /// The witness's Ed25519 public key, 32 bytes.
        #[serde(with = "crate::format::base64")]
        witness: Vec<u8>,
    },
    /// AWS accepted a new key, several times in a row.
    KeyProved {
        /// The credential.
        credential: Name,
        /// The key.
        key: AccessKeyId,
        /// Whom AWS took it for.
        arn: String,
        /// How often in a row.
        answers: u32,
    },
    /// The proved keys of a generation are the ones to open from now on.
    GenerationCommitted {
        /// The compartment.
        compartment: Name,
        /// The generation.
        generation: u64,
        /// Its credentials.
        credentials: Vec<Name>,
    },
    /// A key is about to be deactivated or deleted.
    KeyRetiring {
        /// The credential.
        credential: Name,
        /// The key.
        key: AccessKeyId,
        /// What is to be done to it.
        act: Retirement,
        /// Why.
        cause: RetirementCause,
    },
    /// AWS was told to accept a key no more.
    KeyDeactivated {
        /// The credential.
        credential: Name,
        /// The key.
        key: AccessKeyId,
    },
    /// A key was deleted.
    KeyDeleted {
        /// The credential.
        credential: Name,
        /// The key.
        key: AccessKeyId,
    },
    /// A sealed key is gone from AWS, and it was not us.
    KeyMissing {
        /// The credential.
        credential: Name,
        /// The key.
        key: AccessKeyId,
    },
    /// The intent to make a key came to nothing: AWS did nothing, or what it had made is deleted again.
    KeyAbandoned {
        /// The credential.
        credential: Name,
        /// The generation.
        generation: u64,
    },
    /// It is not known what came of the intent to make a key: AWS gave no clear answer, and for as long as
    /// its lists may lag it has shown no new key. One that shows up later is still ours.
    KeyUnanswered {
        /// The credential.
        credential: Name,
        /// The generation.
        generation: u64,
    },
    /// A credential could not be rotated.
    RotationFailed {
        /// The credential.
        credential: Name,
        /// The failure's code.
        code: String,
    },
    /// An incident is open.
    IncidentDeclared {
        /// The incident.
        incident: Name,
        /// Why.
        reason: Reason,
        /// What may be opened in it.
        credentials: Vec<Name>,
        /// When its lease runs out.
        expires: Timestamp,
    },
    /// Credentials are about to be opened.
    OpeningIntended {
        /// The incident.
        incident: Name,
        /// Why, this time: an incident can be opened more than once.
        reason: Reason,
        /// The credentials.
        credentials: Vec<Name>,
    },
    /// Something was refused.
    Refused {
        /// In which incident, if in one.
        incident: Option<Name>,
        /// The failure's code.
        code: String,
        /// What was refused, for people; what is quoted in it is cut to 300 characters.
        what: String,
    },
    /// One credential was opened: the witness's statement. It stands here before the secret is
    /// decrypted.
    Opened {
        /// The [`crate::format::OpenedStatement`], signed by the witness.
        statement: Envelope,
    },
    /// Credentials are about to be opened in a drill.
    DrillIntended {
        /// The credentials.
        credentials: Vec<Name>,
    },
    /// A drill showed that one credential opens: the witness's statement. Nobody saw its secret.
    Drilled {
        /// The [`crate::format::DrilledStatement`], signed by the witness.
        statement: Envelope,
    },
    /// Roles are about to be assumed with an opened key.
    SessionsIntended {
        /// The incident.
        incident: Name,
        /// The credential.
        credential: Name,
        /// The roles.
        roles: Vec<RoleArn>,
        /// Where the calls go, if not to AWS.
        endpoint: Option<String>,
    },
    /// Where an opened credential goes.
    Delivered {
        /// The incident.
        incident: Name,
        /// The credentials.
        credentials: Vec<Name>,
        /// How.
        how: Delivery,
        /// The sessions that are handed over in the place of the keys of their credentials. A credential
        /// without any is handed over as its key.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        sessions: Vec<DeliveredSession>,
    },
    /// The process that held the opened credentials let go of them.
    Released {
        /// The incident.
        incident: Name,
        /// The child's exit code, if there was a child and it ended by itself.
        exit: Option<i32>,
    },
    /// An incident is being closed.
    ClosingIntended {
        /// The incident.
        incident: Name,
        /// Where the calls go, if not to AWS.
        endpoint: Option<String>,
    },
    /// The lease of an incident ran out, and a rotator closes it, whoever opened it.
    LeaseExpired {
        /// The incident.
        incident: Name,
        /// Where the calls go, if not to AWS.
        endpoint: Option<String>,
    },
    /// AWS says that a sealed key was used when no opening that the ledger knows of explains it.
    UnexplainedUse {
        /// The credential.
        credential: Name,
        /// The key.
        key: AccessKeyId,
        /// When it was last used, by AWS's clock.
        used: Timestamp,
        /// The service that it was used with, as AWS names it; at most 64 characters.
        service: String,
    },
    /// Sessions of a user from before a time are denied everything.
    SessionsDenied {
        /// The credential.
        credential: Name,
        /// Before when they were issued.
        before: Timestamp,
    },
    /// AWS refused a deactivated key, several times in a row.
    KeyRefused {
        /// The credential.
        credential: Name,
        /// The key.
        key: AccessKeyId,
        /// How often in a row.
        answers: u32,
    },
    /// An incident could not be closed; it is NOT CLOSED.
    ClosingFailed {
        /// The incident.
        incident: Name,
        /// The failure's code.
        code: String,
    },
    /// An incident is closed: every key that was opened in it is refused by AWS and replaced.
    IncidentClosed {
        /// The incident.
        incident: Name,
    },
    /// A ledger that parted from this one is joined: its own commits are kept in the vault, and what was
    /// opened by it follows as [`Event::Carried`].
    LedgerJoined {
        /// The last head that both have.
        parted: HeadRef,
        /// The head of this one that it was joined to.
        main: HeadRef,
        /// The heads of the other since, oldest first.
        heads: Vec<HeadRef>,
    },
    /// An entry of a ledger that was joined.
    Carried {
        /// That ledger, by the root of its newest head.
        ledger: Digest,
        /// The entry's number in it.
        index: u64,
        /// The entry.
        #[serde(deserialize_with = "super::joined::carried")]
        entry: Box<Entry>,
    },
}

/// What is done to a key that is not needed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retirement {
    /// AWS accepts it no more; it can be made active again.
    Deactivate,
    /// It is gone.
    Delete,
}

/// Why a key is not needed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetirementCause {
    /// A newer one is proved.
    Superseded,
    /// It was made by us, and nobody has its secret.
    Orphaned,
    /// It was sealed and never proved, and another is.
    Unproved,
    /// It was opened.
    Exposed,
    /// Its credential is given up.
    Withdrawn,
}

/// How opened credentials are handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Delivery {
    /// In the environment of a child process of this name.
    Child {
        /// The program, without its arguments.
        program: String,
    },
    /// As the answer of a `credential_process`, on standard output.
    CredentialProcess,
}

/// A session of a role, as it was handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveredSession {
    /// The credential whose key it was made with.
    pub credential: Name,
    /// The role.
    pub role: RoleArn,
    /// The access key id of the session, by which CloudTrail knows it.
    pub key: AccessKeyId,
    /// When AWS ends it.
    pub expires: Timestamp,
}

impl Event {
    /// Whether only an enrolled rotator may write it: everything that says what keys there are and what
    /// became of them. The rest can be written at any station: an opening must be possible on a laptop
    /// that nobody has enrolled, and what counts in it is signed by the witness.
    pub fn needs_rotator(&self) -> bool {
        !matches!(
            self,
            Self::VaultFounded { .. }
                | Self::ManifestIntended { .. }
                | Self::ManifestAdopted { .. }
                | Self::IncidentDeclared { .. }
                | Self::OpeningIntended { .. }
                | Self::Refused { .. }
                | Self::Opened { .. }
                | Self::DrillIntended { .. }
                | Self::Drilled { .. }
                | Self::SessionsIntended { .. }
                | Self::Delivered { .. }
                | Self::Released { .. }
                | Self::ClosingIntended { .. }
                | Self::ClosingFailed { .. }
                | Self::LedgerJoined { .. }
                | Self::Carried { .. }
        )
    }

    /// The one credential that it is about, if it is about a key of one.
    pub fn credential(&self) -> Option<&Name> {
        match self {
            Self::KeyIntended { credential, .. }
            | Self::KeySealed { credential, .. }
            | Self::KeyProved { credential, .. }
            | Self::KeyRetiring { credential, .. }
            | Self::KeyDeactivated { credential, .. }
            | Self::KeyDeleted { credential, .. }
            | Self::KeyMissing { credential, .. }
            | Self::KeyAbandoned { credential, .. }
            | Self::KeyUnanswered { credential, .. }
            | Self::KeyRefused { credential, .. }
            | Self::UnexplainedUse { credential, .. }
            | Self::RotationFailed { credential, .. } => Some(credential),
            _ => None,
        }
    }

    /// The event's name, as in the file.
    pub fn name(&self) -> String {
        // The externally tagged form has exactly one key: the name.
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(map)) => map.keys().next().cloned().unwrap_or_default(),
            _ => String::new(),
        }
    }
}
