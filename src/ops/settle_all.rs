//! Many credentials at once: those of which nothing is unclear go together, step by step, with one entry of the
//! ledger before and one after the calls of all; the others go one by one ([`settle`]).

use std::ops::ControlFlow;

use super::known::{Keeping, record_own};
use super::open_vault::OpenVault;
use super::settle::{self, Settled, Wanted, settle};
use super::world::{Cloud, People};
use crate::ledger::{CredentialState, Event, Head, Retirement};
use crate::model::{AccessKeyId, Failure, Name};
use crate::ports::{CloudError, KeyEnd, Progress};
use crate::rotation::{Step, Times, next_step};

/// So many credentials are in one commit of the ledger, and so in doubt at once if the run dies.
pub(super) const TOGETHER: usize = 100;

/// More rounds than credentials can need of which nothing is unclear.
const MOST_ROUNDS: usize = 8;

/// Where each credential ended.
pub(super) type Ends = Vec<(Name, Result<Settled, Failure>)>;

/// Goes on with each credential until nothing is left to do or a key is to be made.
///
/// # Errors
/// Where the ledger cannot be read or written; what becomes of a credential alone is in the answer.
pub(super) fn settle_all(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    names: &[Name],
    wanted: Wanted<'_>,
    operator: People<'_>,
) -> Result<Ends, Failure> {
    let mut all = All {
        wanted,
        ends: Vec::with_capacity(names.len()),
        slow: Vec::new(),
    };
    let mut open = names.to_vec();
    for _ in 0..MOST_ROUNDS {
        vault.journal.reload()?;
        let open_now = all.look(vault, cloud, open, operator);
        // The ledger is read after IAM: a key that another rotator has just made must not be taken for
        // somebody else's.
        vault.journal.reload()?;
        let head = vault.journal.head();
        let steps = all.sort(vault, cloud, open_now);
        if steps.is_empty() {
            open = Vec::new();
            break;
        }
        open = all.go(vault, cloud, head, steps, operator)?;
    }
    open.append(&mut all.slow);
    for name in open {
        let end = settle(vault, cloud, &name, wanted);
        all.ends.push((name, end));
    }
    Ok(all.ends)
}

/// A step that many can take together.
enum Together {
    /// Only the ledger is behind.
    Record(Event),
    /// A key goes: what is recorded before, and the call.
    End(Event, KeyEnd),
}

struct All<'a> {
    wanted: Wanted<'a>,
    ends: Ends,
    slow: Vec<Name>,
}

impl All<'_> {
    /// Sees to it that IAM has listed the keys of each. Returns those of which it has.
    fn look(
        &mut self,
        vault: &OpenVault<'_>,
        cloud: &Cloud<'_>,
        names: Vec<Name>,
        operator: People<'_>,
    ) -> Vec<Name> {
        let now = vault.world.clock.now();
        let credentials = &vault.state().credentials;
        let mut unknown: Vec<&CredentialState> = Vec::new();
        for name in &names {
            match credentials.get(name) {
                Some(one) if cloud.known.keys_of(one).is_none() => unknown.push(one),
                _ => {}
            }
        }
        let users: Vec<_> = unknown.iter().map(|c| c.definition.iam_user()).collect();
        let mut failed: Vec<(Name, CloudError)> = Vec::new();
        let mut progress = Progress::new("listing keys", users.len());
        cloud.keys.list_each(&users, &mut |at, answer| {
            if let Some(credential) = unknown.get(at) {
                match answer {
                    Ok(keys) => cloud.known.learn(credential, keys, now),
                    Err(error) => failed.push((credential.definition.name.clone(), error)),
                }
            }
            operator.progress(progress.step());
            ControlFlow::Continue(())
        });
        let mut left = names;
        left.retain(|name| failed.iter().all(|(other, _)| other != name));
        let failed = failed.into_iter();
        self.ends
            .extend(failed.map(|(name, error)| (name, Err(error.into()))));
        left
    }

    /// Asks the rules for the next step of each.
    fn sort(
        &mut self,
        vault: &OpenVault<'_>,
        cloud: &Cloud<'_>,
        names: Vec<Name>,
    ) -> Vec<(Name, Together)> {
        let mut together = Vec::new();
        for name in names {
            let credential = vault.state().credentials.get(&name);
            let known = credential.and_then(|one| Some((one, cloud.known.keys_of(one)?)));
            let Some((credential, (listed, at))) = known else {
                self.slow.push(name);
                continue;
            };
            let compartment = &credential.definition.compartment;
            if let Some(left) = self.wanted.occasion.yields_to(vault, compartment) {
                self.ends.push((name, Ok(Settled::Elsewhere(left))));
                continue;
            }
            // A list that is a while old tells nothing of what came since.
            let times = Times {
                now: at,
                retention: self.wanted.retention,
                lag: cloud.timing.lag,
                waited: false,
            };
            match next_step(credential, &listed, self.wanted.goal, &times) {
                Step::Done => self.ends.push((name, Ok(Settled::Done))),
                Step::Create(existing) => self.ends.push((name, Ok(Settled::Create(existing)))),
                Step::Deactivate(id, _) | Step::Delete(id, _)
                    if settle::is_open(credential, vault, &id) =>
                {
                    self.ends.push((name, Ok(Settled::Done)));
                }
                step => match shared(credential, step) {
                    Some(step) => together.push((name, step)),
                    None => self.slow.push(name),
                },
            }
        }
        together
    }

    /// Records what is about to be done, does it, and records what came of it. Returns those that go on.
    fn go(
        &mut self,
        vault: &mut OpenVault<'_>,
        cloud: &Cloud<'_>,
        mut head: Head,
        steps: Vec<(Name, Together)>,
        operator: People<'_>,
    ) -> Result<Vec<Name>, Failure> {
        let names: Vec<Name> = steps.iter().map(|(name, _)| name.clone()).collect();
        let calls = |(_, step): &&(Name, Together)| matches!(step, Together::End(..));
        let mut progress = Progress::new("retiring old keys", steps.iter().filter(calls).count());
        for chunk in steps.chunks(TOGETHER) {
            let of: Vec<Name> = chunk.iter().map(|(name, _)| name.clone()).collect();
            let intents = chunk.iter().map(|(_, step)| match step {
                Together::Record(event) | Together::End(event, _) => event.clone(),
            });
            let intents: Vec<Event> = intents.collect();
            let keeping = Keeping::begin(vault, cloud, &of, intents.len());
            let now = vault.world.clock.now();
            if vault.journal.record_at(&head, now, intents)?.is_none() {
                // Somebody has written since: an opening may be among it. The rest is decided anew.
                break;
            }
            keeping.end(vault, cloud);
            self.end_keys(vault, cloud, chunk, &mut progress, operator)?;
            head = vault.journal.head();
        }
        let failed = |name: &Name| self.ends.iter().any(|(ended, _)| ended == name);
        Ok(names.into_iter().filter(|name| !failed(name)).collect())
    }

    fn end_keys(
        &mut self,
        vault: &mut OpenVault<'_>,
        cloud: &Cloud<'_>,
        chunk: &[(Name, Together)],
        progress: &mut Progress,
        operator: People<'_>,
    ) -> Result<(), Failure> {
        let ending = chunk.iter().filter_map(|(name, step)| match step {
            Together::Record(_) => None,
            Together::End(_, end) => Some((name, end.clone())),
        });
        let (of, ends): (Vec<&Name>, Vec<KeyEnd>) = ending.unzip();
        let mut outcomes = Vec::new();
        cloud.keys.end_each(&ends, &mut |at, answer| {
            if let (Some(name), Some(end)) = (of.get(at), ends.get(at)) {
                let act = match end.delete {
                    true => Retirement::Delete,
                    false => Retirement::Deactivate,
                };
                match settle::outcome(name, &end.key, act, answer) {
                    Ok(event) => outcomes.push(((*name).clone(), event, end)),
                    Err(error) => {
                        cloud.known.forget(name);
                        self.ends.push(((*name).clone(), Err(error.into())));
                    }
                }
            }
            operator.progress(progress.step());
            ControlFlow::Continue(())
        });
        if outcomes.is_empty() {
            return Ok(());
        }
        let names: Vec<Name> = outcomes.iter().map(|(name, ..)| name.clone()).collect();
        let events = outcomes.iter().map(|(_, event, _)| event.clone()).collect();
        record_own(vault, cloud, &names, events)?;
        for (name, event, end) in outcomes {
            settle::now_known(cloud, &name, &event, &end.key);
        }
        Ok(())
    }
}

/// The step of a credential, if others can take it with it. Anything that has to be looked into is not.
fn shared(credential: &CredentialState, step: Step) -> Option<Together> {
    let name = credential.definition.name.clone();
    let end = |key: AccessKeyId, act, why| {
        let intent = settle::retiring(&credential.definition, &key, act, settle::cause(why));
        let end = KeyEnd {
            user: credential.definition.iam_user(),
            key,
            delete: act == Retirement::Delete,
        };
        Some(Together::End(intent, end))
    };
    match step {
        Step::Deactivate(key, why) => end(key, Retirement::Deactivate, why),
        Step::Delete(key, why) => end(key, Retirement::Delete, why),
        Step::GiveUp(generation) => Some(Together::Record(Event::KeyUnanswered {
            credential: name,
            generation,
        })),
        Step::RecordInactive(key) => Some(Together::Record(Event::KeyDeactivated {
            credential: name,
            key,
        })),
        _ => None,
    }
}
