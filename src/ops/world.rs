//! Everything outside the core that the deeds need, put together by the roof.

use std::time::Duration;

use super::known::Known;
use crate::crypto::SoftwareSigner;
use crate::model::Name;
use crate::ports::{AccessKeys, Clock, Entropy, KeyProof, Memory, Operator, Store, TokenProvider};

/// The machine that this runs on: its name, its software key, what it remembers of the vault.
pub struct Station<'a> {
    /// Its name in the ledger.
    pub name: Name,
    /// Its key. If the manifest names it as a rotator, the station may seal.
    pub signer: SoftwareSigner,
    /// What it remembers.
    pub memory: &'a dyn Memory,
}

/// The world without AWS: enough to open.
pub struct World<'a> {
    /// The vault.
    pub store: &'a dyn Store,
    /// The tokens.
    pub tokens: &'a dyn TokenProvider,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Chance.
    pub entropy: &'a dyn Entropy,
    /// This machine.
    pub station: &'a Station<'a>,
}

/// AWS, and how patiently it is asked.
pub struct Cloud<'a> {
    /// IAM.
    pub keys: &'a dyn AccessKeys,
    /// STS.
    pub proof: &'a dyn KeyProof,
    /// Where the calls go, if not to AWS.
    pub endpoint: Option<String>,
    /// How patiently.
    pub timing: Timing,
    /// What IAM has said in this run.
    pub known: Known,
}

/// How often and how long AWS is asked until an answer counts.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// How many answers in a row count as proof.
    pub answers: u32,
    /// The pause between two questions.
    pub interval: Duration,
    /// After how long the answer is no.
    pub patience: Duration,
    /// How long IAM's lists may lag behind what was done.
    pub lag: Duration,
}

/// The people at the terminal, where a deed needs them.
pub type People<'a> = &'a mut dyn Operator;
