//! The deeds: one file per verb. Each says in which order things happen, and nothing else: the rules are
//! below, the world is behind ports, and words for people are made at the roof.

mod anchor;
mod assemble;
mod change;
mod claim;
mod close;
mod credential;
mod declare;
mod doctor;
mod documents;
mod drill;
mod due;
mod enrolment;
mod explain;
mod export;
mod failures;
mod foresee;
mod found;
mod handover;
mod inspect;
mod join;
mod known;
mod ledger;
mod make;
mod open_vault;
mod outlived;
mod people;
mod prove;
mod reap;
mod records;
mod refusals;
mod roles;
mod rotate;
mod rotated;
mod settle;
mod settle_all;
mod status;
mod token;
mod token_rules;
mod trust;
mod unseal;
mod usage;
mod world;

pub use change::{Change, Planned, carry_out, plan_change, preview_change};
pub use claim::Elsewhere;
pub use close::{Closed, close};
pub use credential::{NewCredential, add as add_credential};
pub use doctor::{Finding, Level, Papers, SeenToken, papers, quorum, seen_tokens, untrusted};
pub use documents::{Documents, documents, listed};
pub use drill::{Drill, Drilled, drill};
pub use enrolment::{Shown, Usual};
pub use explain::explain;
pub use export::{Exported, export, import};
pub use foresee::{Foreseen, Will, foresee};
pub use found::{Founded, Founder, Founding, found};
pub use handover::{Handed, Session, Sts, Wanted, delivered, hand_over, reach_sts, wanted_roles};
pub use inspect::{Inspected, inspect};
pub use join::{Joined, join};
pub use known::Known;
pub use ledger::{LedgerReport, LoggedEntry, log as ledger_log, verify as ledger_verify};
pub use open_vault::OpenVault;
pub use outlived::Outlived;
pub use reap::Reaped;
pub use roles::{ROLES_MAX, set_roles};
pub use rotate::rotate;
pub use rotated::{Outcome, RotateRequest, Rotated};
pub use status::{
    Attention, CompartmentStatus, CredentialStatus, IncidentStatus, RoleStatus, SealedStatus,
    Status, status,
};
pub use token::{InspectedToken, generate as token_generate, inspect as token_inspect};
pub use token_rules::TokenRules;
pub use trust::trust;
pub use unseal::{Released, UnsealRequest, Unsealed, released, unseal};
pub use usage::Alarm;
pub use world::{Cloud, Station, Timing, World};
