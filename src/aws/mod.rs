//! AWS: IAM for access keys, STS for the proof of them.
//!
//! The SDK is asynchronous; its runtime (one thread, and only while a call is under way) does not show
//! outside this folder. The SDK retries nothing: `client` does, because only it can tell a person
//! honestly whether an earlier try may have been done.

mod accounts;
mod bucket;
mod client;
mod errors;
mod iam;
mod pace;
mod roles;
mod settings;
mod several;
mod sts;

pub use accounts::{Way, Ways};
pub use bucket::bucket_access;
pub use client::Aws;
pub use iam::REVOKE_POLICY;
pub use settings::{AwsSettings, Patience, ProfileFiles};
pub use several::AtOnce;
