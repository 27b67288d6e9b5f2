//! The vault's files, to the byte; docs/format.md is their description for a second implementation.

pub mod base64;
pub mod dsse;
mod fields;

pub use fields::{Fields, digest};
