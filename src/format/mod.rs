//! The vault's files, to the byte; docs/format.md is their description for a second implementation.

mod anchor;
pub mod base64;
mod drilled;
pub mod dsse;
mod fields;
mod generation;
mod manifest;
mod opened;
pub mod paths;
pub mod strict;

pub use anchor::Anchor;
pub use drilled::DrilledStatement;
pub use fields::{Fields, digest};
pub use generation::{
    CustodianShare, GenerationHeader, Record, RecordAbout, RoleShares, TokenSeal,
};
pub use manifest::{
    Certificate, Custodian, EnrolledToken, KEEP_PROVED_DAYS, Manifest, Policy, Rotator, Thresholds,
};
pub use opened::{OpenedStatement, Participant};
