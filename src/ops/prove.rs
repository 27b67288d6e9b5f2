//! Proving new keys: AWS is asked who each of them is until it has answered rightly several times in a row, with
//! a pause in between that all keys share.

use std::ops::ControlFlow;
use std::time::Duration;

use super::known::record_own;
use super::open_vault::OpenVault;
use super::rotate::fail_all;
use super::rotated::Rotated;
use super::settle;
use super::settle_all::TOGETHER;
use super::world::{Cloud, People};
use crate::ledger::{CredentialDefinition, Event};
use crate::model::{AccessKeyId, AccountId, Class, Failure, Name, Timestamp};
use crate::ports::{CallerIdentity, Claimed, CloudError, Notice, Progress, ProofAnswer};
use crate::secret::AccessKeySecret;

/// A key that AWS does not know yet is asked after again after this time, however long is between two answers.
const NOT_YET: Duration = Duration::from_secs(3);

/// A new key on its way: sealed, and its secret still at hand for the proof.
pub(super) struct Pending {
    pub name: Name,
    pub account: AccountId,
    pub key: AccessKeyId,
    pub secret: AccessKeySecret,
}

/// A key that is being proved.
struct Proving {
    one: Pending,
    definition: CredentialDefinition,
    deadline: Option<Timestamp>,
    in_a_row: u32,
    arn: String,
    /// The last answer, where it was no good one.
    error: Option<Failure>,
}

/// Proves each key and records that. Those that could not be proved are failures of their credential.
pub(super) fn prove_all(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    pending: Vec<Pending>,
    operator: People<'_>,
    rotated: &mut Rotated,
) -> Result<Vec<(Name, AccessKeyId)>, Failure> {
    if !pending.is_empty() {
        operator.notice(Notice::Step(format!(
            "proving {} new key{} against AWS",
            pending.len(),
            if pending.len() == 1 { "" } else { "s" }
        )));
    }
    let mut open = Vec::with_capacity(pending.len());
    for one in pending {
        let definition = settle::credential(vault, &one.name)?.definition.clone();
        open.push(Proving {
            one,
            definition,
            deadline: None,
            in_a_row: 0,
            arn: String::new(),
            error: None,
        });
    }
    let mut proved = Vec::with_capacity(open.len());
    while !open.is_empty() {
        ask_all(vault, cloud, &mut open, operator);
        let (done, rest): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|one| one.in_a_row >= cloud.timing.answers);
        record(vault, cloud, &done)?;
        proved.extend(done.into_iter().map(|one| (one.one.name, one.one.key)));
        open = Vec::with_capacity(rest.len());
        let mut failed = Vec::new();
        for mut one in rest {
            match one.given_up(vault.world.clock.now()) {
                Some(failure) => failed.push((one.one.name, failure)),
                None => open.push(one),
            }
        }
        fail_all(vault, rotated, failed)?;
        if !open.is_empty() {
            vault.world.clock.pause(pause(cloud, &open));
        }
    }
    Ok(proved)
}

/// Answers that count have the whole pause between them.
fn pause(cloud: &Cloud<'_>, open: &[Proving]) -> Duration {
    let interval = cloud.timing.interval;
    match open.iter().any(|one| one.in_a_row > 0) {
        true => interval,
        false => interval.min(NOT_YET),
    }
}

/// Asks AWS who each key is.
fn ask_all(vault: &OpenVault<'_>, cloud: &Cloud<'_>, open: &mut [Proving], operator: People<'_>) {
    let clock = vault.world.clock;
    let deadline = clock.now().plus(cloud.timing.patience);
    let mut progress = Progress::new("proving keys", open.len());
    let mut answers = Vec::with_capacity(open.len());
    let claims: Vec<Claimed<'_>> = open
        .iter()
        .map(|proving| Claimed {
            account: &proving.one.account,
            key: &proving.one.key,
            secret: &proving.one.secret,
        })
        .collect();
    cloud.proof.identify_each(&claims, &mut |at, answer| {
        answers.push((at, answer));
        operator.progress(progress.step());
        ControlFlow::Continue(())
    });
    for (at, answer) in answers {
        if let Some(proving) = open.get_mut(at) {
            proving.deadline.get_or_insert(deadline);
            proving.take(answer);
        }
    }
}

fn record(vault: &mut OpenVault<'_>, cloud: &Cloud<'_>, done: &[Proving]) -> Result<(), Failure> {
    for chunk in done.chunks(TOGETHER) {
        let names: Vec<Name> = chunk.iter().map(|one| one.one.name.clone()).collect();
        let events = chunk.iter().map(|one| Event::KeyProved {
            credential: one.one.name.clone(),
            key: one.one.key.clone(),
            arn: one.arn.clone(),
            answers: cloud.timing.answers,
        });
        record_own(vault, cloud, &names, events.collect())?;
    }
    Ok(())
}

impl Proving {
    /// For some seconds not all of AWS knows a new key: only answers in a row count.
    fn take(&mut self, answer: Result<ProofAnswer, CloudError>) {
        self.error = None;
        match answer {
            Ok(ProofAnswer::Is(identity)) => match expect(&self.definition, &identity) {
                Ok(()) => {
                    self.in_a_row += 1;
                    self.arn = identity.arn;
                }
                Err(failure) => {
                    self.in_a_row = 0;
                    // Waiting does not help.
                    self.deadline = Some(Timestamp::from_unix(0));
                    self.error = Some(failure);
                }
            },
            Ok(ProofAnswer::NotYet) => self.in_a_row = 0,
            Err(error) => {
                self.in_a_row = 0;
                self.error = Some(unproved(error.into()));
            }
        }
    }

    /// Why it is not asked after any more.
    fn given_up(&mut self, now: Timestamp) -> Option<Failure> {
        if self.in_a_row > 0 || self.deadline.is_some_and(|deadline| now < deadline) {
            return None;
        }
        let what = format!(
            "AWS does not know the new key {} of {}",
            self.one.key, self.definition.user
        );
        let unknown = || unproved(Failure::new(Class::Cloud, "key-not-proved", what, ""));
        Some(self.error.take().unwrap_or_else(unknown))
    }
}

fn unproved(failure: Failure) -> Failure {
    failure
        .state("the old key is in place; the new one is sealed, and the next run replaces it")
        .hint("breakglass rotate")
}

fn expect(definition: &CredentialDefinition, identity: &CallerIdentity) -> Result<(), Failure> {
    let user = identity.arn.rsplit('/').next().unwrap_or_default();
    if identity.account == definition.account && user == definition.user.as_str() {
        return Ok(());
    }
    Err(unproved(Failure::new(
        Class::Integrity,
        "key-of-another",
        format!(
            "the new key of {} in {} is taken by AWS for {}",
            definition.user, definition.account, identity.arn
        ),
        "",
    )))
}
