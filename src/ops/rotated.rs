//! What is to be rotated, on what occasion, and what became of it.

use std::collections::BTreeMap;

use super::claim::{Elsewhere, elsewhere};
use super::open_vault::OpenVault;
use super::reap::Reaped;
use super::usage::Alarm;
use crate::model::{AccessKeyId, AccountId, Class, Failure, Name};

/// What is to be rotated.
#[derive(Debug, Clone, Default)]
pub struct RotateRequest {
    /// These compartments; all that are due or unfinished if there are none.
    pub compartments: Vec<Name>,
    /// Only what the policy says is due.
    pub due_only: bool,
    /// What another rotator has begun, too.
    pub take_over: bool,
}

impl RotateRequest {
    pub(super) fn occasion(&self) -> Occasion<'_> {
        match self {
            Self {
                take_over: true, ..
            } => Occasion::TakenOver,
            Self { due_only: true, .. } => Occasion::Due,
            _ => Occasion::Asked,
        }
    }
}

/// On what occasion a compartment is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion<'a> {
    /// Its time has come.
    Due,
    /// Somebody wants it.
    Asked,
    /// Somebody wants it, and knows that another rotator had begun.
    TakenOver,
    /// This incident is being closed, which waits for nobody.
    Closing(&'a Name),
}

impl<'a> Occasion<'a> {
    pub(super) fn closing(self) -> Option<&'a Name> {
        match self {
            Self::Closing(incident) => Some(incident),
            _ => None,
        }
    }

    /// The other rotator that is to be left alone, if there is one.
    pub(super) fn yields_to(self, vault: &OpenVault<'_>, compartment: &Name) -> Option<Elsewhere> {
        match self {
            Self::Due => elsewhere(vault, compartment, false),
            Self::Asked => elsewhere(vault, compartment, true),
            Self::TakenOver | Self::Closing(_) => None,
        }
    }
}

/// What became of one credential.
#[derive(Debug)]
pub enum Outcome {
    /// It has a fresh key, proved and committed.
    Fresh(AccessKeyId),
    /// It was left alone, and why.
    Skipped(String),
    /// It could not be done.
    Failed(Failure),
}

/// What became of a rotation.
#[derive(Debug, Default)]
pub struct Rotated {
    /// Each credential.
    pub credentials: Vec<(Name, Outcome)>,
    /// The generations that were committed.
    pub generations: Vec<(Name, u64)>,
    /// The accounts of the credentials.
    pub accounts: BTreeMap<Name, AccountId>,
    /// The compartments that were left to another rotator.
    pub elsewhere: Vec<Elsewhere>,
    /// The incidents whose lease had run out.
    pub reaped: Vec<Reaped>,
    /// The sealed keys that were used and that nothing explains.
    pub alarms: Vec<Alarm>,
    /// Credentials of which AWS did not tell when their keys were last used.
    pub unwatched: Vec<(Name, Failure)>,
}

impl Rotated {
    pub(super) fn know_accounts(&mut self, vault: &OpenVault<'_>) {
        let all = vault.state().credentials.iter();
        self.accounts = all
            .map(|(name, credential)| (name.clone(), credential.definition.account.clone()))
            .collect();
    }

    /// A compartment is left to another rotator.
    pub(super) fn leave(&mut self, left: Elsewhere) {
        let is_known = |known: &Elsewhere| known.compartment == left.compartment;
        if !self.elsewhere.iter().any(is_known) {
            self.elsewhere.push(left);
        }
    }

    /// The failure of the whole: what is loudest of all that went wrong.
    pub fn failure(&self) -> Option<Failure> {
        let open = || self.reaped.iter().find_map(Reaped::failure);
        let unwatched = || self.unwatched.first().map(|(_, failure)| failure.again());
        (self.alarms.first().map(Alarm::failure))
            .or_else(open)
            .or_else(|| self.not_rotated())
            .or_else(|| self.left())
            .or_else(unwatched)
    }

    fn left(&self) -> Option<Failure> {
        let asked = self.elsewhere.iter().find(|left| left.asked);
        asked.map(Elsewhere::failure)
    }

    /// The failure of the credentials that failed: half done if another was done.
    fn not_rotated(&self) -> Option<Failure> {
        let failed: Vec<(&Name, &Failure)> = self
            .credentials
            .iter()
            .filter_map(|(name, outcome)| match outcome {
                Outcome::Failed(failure) => Some((name, failure)),
                _ => None,
            })
            .collect();
        let (name, first) = failed.first()?;
        let done = self
            .credentials
            .iter()
            .any(|(_, o)| matches!(o, Outcome::Fresh(_)));
        let class = if done { Class::HalfDone } else { first.class };
        let what = format!(
            "{} of {} credentials not rotated; {name}: {}",
            failed.len(),
            self.credentials.len(),
            first.what
        );
        let mut failure = first.again().class(class);
        failure.what = what;
        Some(failure)
    }
}
