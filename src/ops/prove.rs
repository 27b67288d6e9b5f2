//! Proving new keys: AWS is asked who each of them is until it has answered rightly several times in a
//! row.

use super::open_vault::OpenVault;
use super::rotate::fail;
use super::rotated::Rotated;
use super::settle;
use super::world::{Cloud, People};
use crate::ledger::{CredentialDefinition, Event};
use crate::model::{AccessKeyId, Class, Failure, Name};
use crate::ports::{CallerIdentity, Notice, ProofAnswer};
use crate::secret::AccessKeySecret;

/// A new key on its way: sealed, and its secret still at hand for the proof.
pub(super) struct Pending {
    pub name: Name,
    pub key: AccessKeyId,
    pub secret: AccessKeySecret,
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
    let mut proved = Vec::with_capacity(pending.len());
    for one in pending {
        let definition = settle::credential(vault, &one.name)?.definition.clone();
        match prove(vault, cloud, &definition, &one) {
            Ok(arn) => {
                let event = Event::KeyProved {
                    credential: one.name.clone(),
                    key: one.key.clone(),
                    arn,
                    answers: cloud.timing.answers,
                };
                vault.journal.record(vault.world.clock.now(), event)?;
                proved.push((one.name, one.key));
            }
            Err(failure) => fail(vault, rotated, &one.name, failure)?,
        }
    }
    Ok(proved)
}

/// Asks AWS who the new key is until it has answered rightly several times in a row: for some seconds
/// not all of AWS knows a new key.
fn prove(
    vault: &OpenVault<'_>,
    cloud: &Cloud<'_>,
    definition: &CredentialDefinition,
    one: &Pending,
) -> Result<String, Failure> {
    let clock = vault.world.clock;
    let deadline = clock.now().plus(cloud.timing.patience);
    let mut in_a_row = 0;
    loop {
        match cloud.proof.identify(&one.key, &one.secret) {
            Ok(ProofAnswer::Is(identity)) => {
                expect(definition, &identity)?;
                in_a_row += 1;
                if in_a_row >= cloud.timing.answers {
                    return Ok(identity.arn);
                }
            }
            Ok(ProofAnswer::NotYet) => in_a_row = 0,
            Err(error) if clock.now() >= deadline => return Err(unproved(error.into())),
            Err(_) => in_a_row = 0,
        }
        if clock.now() >= deadline && in_a_row == 0 {
            let what = format!(
                "AWS does not know the new key {} of {}",
                one.key, definition.user
            );
            return Err(unproved(Failure::new(
                Class::Cloud,
                "key-not-proved",
                what,
                "",
            )));
        }
        clock.pause(cloud.timing.interval);
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
