//! The words of the trade as types: every value is checked where it is made, so that nothing beyond
//! this floor has to ask whether a name is a name.

mod access_role;
mod digest;
mod failure;
mod firmware;
mod key_policy;
mod name;
mod role;
mod time;
mod token;

pub use access_role::AccessRole;
pub use digest::{Digest, NotADigest};
pub use failure::{Class, Failure};
pub use firmware::{Firmware, NotAFirmware};
pub use key_policy::{PinPolicy, TouchPolicy};
pub use name::{AccessKeyId, AccountId, ExternalId, Name, NotAName, Reason, RoleArn, UserName};
pub use role::{Role, UnknownRole};
pub use time::{NotATime, Timestamp};
pub use token::{
    Attestation, Presence, SealKey, SealSuite, SignAlgorithm, SignKey, TokenIdentity, TokenKeys,
    TokenKind,
};
