//! A two-person vault for the AWS credentials that a company hopes never to use.
//!
//! The house, from the roof down (a file imports only from its own floor or from below; the test
//! `house` holds this law):
//!
//! | floor | modules |
//! | --- | --- |
//! | roof | [`cli`]: parsing, terminal, rendering, exit codes, hints; the composition root |
//! | deeds | [`ops`]: one file per verb, the order of things and nothing else |
//! | rules | [`attestation`], [`ceremony`], [`incident`], [`manifest`], [`policy`], [`rotation`], [`usage`]: pure |
//! | record | [`ledger`]: events, tree, replay |
//! | ports | [`ports`]: what the core asks of tokens, AWS, storage, time, chance and people |
//! | ground | [`format`](mod@format), [`crypto`], [`secret`], [`model`] |
//! | adapters | [`token`], [`store`], [`aws`], [`system`]: implement the ports; only the roof names them |

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod attestation;
pub mod aws;
pub mod ceremony;
pub mod cli;
pub mod crypto;
pub mod format;
pub mod incident;
pub mod ledger;
pub mod manifest;
pub mod model;
pub mod ops;
pub mod policy;
pub mod ports;
pub mod rotation;
pub mod secret;
pub mod store;
pub mod system;
pub mod token;
pub mod usage;
