//! The deeds: one file per verb. Each says in which order things happen, and nothing else: the rules are
//! below, the world is behind ports, and words for people are made at the roof.

mod anchor;
mod change;
mod close;
mod credential;
mod declare;
mod doctor;
mod documents;
mod due;
mod explain;
mod export;
mod failures;
mod found;
mod inspect;
mod join;
mod ledger;
mod open_vault;
mod people;
mod prove;
mod refusals;
mod rotate;
mod settle;
mod status;
mod token;
mod trust;
mod unseal;
mod world;

pub use change::{Change, Planned, carry_out, plan_change, preview_change};
pub use close::{Closed, close};
pub use credential::{NewCredential, add as add_credential};
pub use doctor::{Finding, Level, Papers, SeenToken, papers, quorum, seen_tokens, untrusted};
pub use documents::{Documents, documents, listed};
pub use explain::explain;
pub use export::{Exported, export, import};
pub use found::{Founded, Founder, Founding, found};
pub use inspect::{Inspected, inspect};
pub use join::{Joined, join};
pub use ledger::{LedgerReport, LoggedEntry, log as ledger_log, verify as ledger_verify};
pub use open_vault::OpenVault;
pub use rotate::{Outcome, RotateRequest, Rotated, rotate};
pub use status::{Attention, RoleStatus, SealedStatus, Status, status};
pub use token::{InspectedToken, generate as token_generate, inspect as token_inspect};
pub use trust::trust;
pub use unseal::{Released, UnsealRequest, Unsealed, delivered, released, unseal};
pub use world::{Cloud, Station, Timing, World};
