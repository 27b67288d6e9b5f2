//! New keys: intents, creation, sealing, storing, reading back. Several are created at once; each answer is sealed
//! and stored as it arrives.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::known::record_own;
use super::open_vault::{OpenVault, key};
use super::prove::Pending;
use super::records;
use super::rotate::{fail, fail_all, retention, still_ours};
use super::rotated::{Occasion, Rotated};
use super::settle::{self, Settled, Wanted};
use super::settle_all::{TOGETHER, settle_all};
use super::world::{Cloud, People};
use crate::crypto::{Sealing, ToSeal};
use crate::format::paths;
use crate::ledger::{CredentialDefinition, Event};
use crate::model::{AccessKeyId, Class, Digest, Failure, Name};
use crate::ports::{AccessKeyInfo, CloudError, NewAccessKey, Progress};
use crate::rotation::Goal;

/// After so many keys were sealed, that is recorded.
const SEALED_TOGETHER: usize = 32;

/// A new key for each credential, sealed. What could not be made is a failure of its credential.
pub(super) fn make_all(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    sealing: &Sealing,
    names: &[Name],
    operator: People<'_>,
    rotated: &mut Rotated,
) -> Result<Vec<Pending>, Failure> {
    let mut pending = Vec::with_capacity(names.len());
    let mut progress = Progress::new("making and sealing keys", names.len());
    for chunk in names.chunks(TOGETHER) {
        let wanted = intend(vault, cloud, sealing, chunk, operator, rotated)?;
        let mut made = Made {
            sealing,
            wanted,
            events: Vec::new(),
            pending: &mut pending,
            taken: BTreeSet::new(),
            unsealed: Vec::new(),
            failed: Vec::new(),
            stopped: None,
            broken: None,
        };
        made.create(vault, cloud, &mut progress, operator)?;
        made.look_after(vault, cloud, rotated)?;
    }
    Ok(pending)
}

/// Records which keys are about to be made. Returns whose.
fn intend(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    sealing: &Sealing,
    names: &[Name],
    operator: People<'_>,
    rotated: &mut Rotated,
) -> Result<Vec<CredentialDefinition>, Failure> {
    let generation = sealing.header().generation;
    let wanted = Wanted {
        goal: Goal::Fresh(generation),
        retention: retention(vault),
        // The claim is ours, unless another has taken it over or an incident is being closed.
        occasion: Occasion::Due,
    };
    cloud.known.freshen(vault.world.clock.now());
    let (mut definitions, mut intents, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (name, end) in settle_all(vault, cloud, names, wanted, operator)? {
        match (
            end,
            still_ours(vault, &sealing.header().compartment, generation),
        ) {
            (Ok(Settled::Create(_) | Settled::Elsewhere(_)), Err(overtaken)) => {
                failed.push((name, overtaken));
            }
            (Ok(Settled::Create(existing)), Ok(())) => {
                definitions.push(settle::credential(vault, &name)?.definition.clone());
                intents.push(Event::KeyIntended {
                    credential: name,
                    generation,
                    existing,
                });
            }
            (Ok(Settled::Done | Settled::Elsewhere(_)), _) => {
                let failure = not_wanted(&name, generation);
                failed.push((name, failure));
            }
            (Err(failure), _) => failed.push((name, failure)),
        }
    }
    fail_all(vault, rotated, failed)?;
    if !intents.is_empty() {
        let names: Vec<Name> = definitions.iter().map(|d| d.name.clone()).collect();
        record_own(vault, cloud, &names, intents)?;
    }
    Ok(definitions)
}

fn not_wanted(name: &Name, generation: u64) -> Failure {
    let what = format!("{name} wants no key in generation {generation}");
    Failure::new(Class::Bug, "no-new-key-wanted", what, "nothing was made")
}

/// What comes of some intents.
struct Made<'a> {
    sealing: &'a Sealing,
    wanted: Vec<CredentialDefinition>,
    /// What is sealed, and not recorded as such yet.
    events: Vec<Event>,
    /// What is sealed.
    pending: &'a mut Vec<Pending>,
    /// Whose answer came.
    taken: BTreeSet<usize>,
    /// Keys that could not be sealed: nobody has their secrets any more.
    unsealed: Vec<(usize, AccessKeyId, Failure)>,
    /// Whose key was not made, or not for certain.
    failed: Vec<(usize, CloudError)>,
    /// Why nothing more is made.
    stopped: Option<Failure>,
    /// That keys are sealed could not be recorded: the run ends.
    broken: Option<Failure>,
}

impl Made<'_> {
    /// Has the keys created, and each sealed, stored and read back as it comes.
    fn create(
        &mut self,
        vault: &mut OpenVault<'_>,
        cloud: &Cloud<'_>,
        progress: &mut Progress,
        operator: People<'_>,
    ) -> Result<(), Failure> {
        let users: Vec<_> = self.wanted.iter().map(|one| one.iam_user()).collect();
        cloud.keys.create_each(&users, &mut |at, answer| {
            self.taken.insert(at);
            match answer {
                Ok(made) => self.seal(vault, cloud, at, made),
                Err(error) => self.failed.push((at, error)),
            }
            operator.progress(progress.step());
            if self.events.len() >= SEALED_TOGETHER && self.broken.is_none() {
                self.broken = self.record(vault, cloud).err();
            }
            match (&self.stopped, &self.broken) {
                (None, None) => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        });
        match self.broken.take() {
            Some(broken) => Err(broken),
            None => self.record(vault, cloud),
        }
    }

    fn seal(&mut self, vault: &OpenVault<'_>, cloud: &Cloud<'_>, at: usize, made: NewAccessKey) {
        let Some(definition) = self.wanted.get(at) else {
            return;
        };
        let (name, id) = (definition.name.clone(), made.id.clone());
        match seal_and_store(vault, self.sealing, definition, &made) {
            Ok((record, witness)) => {
                cloud.known.change(&name, |keys| {
                    keys.push(AccessKeyInfo {
                        id: id.clone(),
                        active: true,
                        created: None,
                    });
                });
                self.events.push(Event::KeySealed {
                    credential: name.clone(),
                    generation: self.sealing.header().generation,
                    key: id.clone(),
                    record,
                    witness,
                });
                let (account, secret) = (definition.account.clone(), made.secret);
                self.pending.push(Pending {
                    name,
                    account,
                    key: id,
                    secret,
                });
            }
            Err(failure) => {
                if failure.code == "vault-unwritable" {
                    // The next one could not be sealed either.
                    let stopped = Failure::new(failure.class, failure.code, &*failure.what, "");
                    self.stopped = Some(stopped);
                }
                self.unsealed.push((at, id, failure));
            }
        }
    }

    /// Records what is sealed.
    fn record(&mut self, vault: &mut OpenVault<'_>, cloud: &Cloud<'_>) -> Result<(), Failure> {
        let events = std::mem::take(&mut self.events);
        if events.is_empty() {
            return Ok(());
        }
        let sealed = self.pending.iter().rev().take(events.len());
        let names: Vec<Name> = sealed.map(|one| one.name.clone()).collect();
        record_own(vault, cloud, &names, events).map_err(half_done)
    }

    /// What did not come to a sealed key: whatever is there and nobody has the secret of goes again.
    fn look_after(
        self,
        vault: &mut OpenVault<'_>,
        cloud: &Cloud<'_>,
        rotated: &mut Rotated,
    ) -> Result<(), Failure> {
        let generation = self.sealing.header().generation;
        let definition = |at: usize| self.wanted.get(at);
        for (at, id, failure) in self.unsealed {
            if let Some(definition) = definition(at) {
                let failure = discard(vault, cloud, definition, &id, generation, failure);
                fail(vault, rotated, &definition.name, failure)?;
            }
        }
        let (unclear, refused): (Vec<_>, Vec<_>) = self
            .failed
            .into_iter()
            .partition(|(_, error)| matches!(error, CloudError::Unclear { .. }));
        let mut nothing: Vec<(&CredentialDefinition, Failure)> = refused
            .into_iter()
            .filter_map(|(at, error)| Some((definition(at)?, error.into())))
            .collect();
        let unsent = self.wanted.iter().enumerate();
        for (_, definition) in unsent.filter(|(at, _)| !self.taken.contains(at)) {
            nothing.push((definition, not_begun(self.stopped.as_ref())));
        }
        abandon(vault, cloud, generation, nothing, rotated)?;
        for (at, error) in unclear {
            if let Some(definition) = definition(at) {
                let failure = look_for(vault, cloud, definition, error);
                fail(vault, rotated, &definition.name, failure)?;
            }
        }
        Ok(())
    }
}

/// AWS did nothing for certain: the intents are over.
fn abandon(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    generation: u64,
    nothing: Vec<(&CredentialDefinition, Failure)>,
    rotated: &mut Rotated,
) -> Result<(), Failure> {
    if nothing.is_empty() {
        return Ok(());
    }
    let names: Vec<Name> = nothing.iter().map(|(d, _)| d.name.clone()).collect();
    let events = names.iter().map(|name| Event::KeyAbandoned {
        credential: name.clone(),
        generation,
    });
    record_own(vault, cloud, &names, events.collect()).map_err(half_done)?;
    let failed = nothing.into_iter().map(|(definition, failure)| {
        cloud.known.forget(&definition.name);
        (definition.name.clone(), failure)
    });
    fail_all(vault, rotated, failed.collect())
}

fn not_begun(stopped: Option<&Failure>) -> Failure {
    let (class, code, why) = stopped.map_or(
        (Class::Failed, "not-begun", "the run was ended"),
        |failure| (failure.class, failure.code, failure.what.as_str()),
    );
    Failure::new(class, code, why, "no key was made; the old one is in place")
        .hint("mend the cause, then: breakglass rotate")
}

/// Nobody will ever have the secret of this key: it goes at once, if that can be recorded.
fn discard(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    definition: &CredentialDefinition,
    id: &AccessKeyId,
    generation: u64,
    failure: Failure,
) -> Failure {
    cloud.known.forget(&definition.name);
    let Some(credential) = vault.state().credentials.get(&definition.name).cloned() else {
        return half_done(failure);
    };
    match settle::resolve(vault, cloud, &credential, id, generation) {
        Ok(()) => {
            failure.state("the new key is not in force and goes again; the old one is in place")
        }
        Err(_) => half_done(failure),
    }
}

/// AWS may have made a key: what may be there is looked for as long as IAM's lists may lag, and deleted.
fn look_for(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    definition: &CredentialDefinition,
    error: CloudError,
) -> Failure {
    cloud.known.forget(&definition.name);
    let wanted = Wanted {
        goal: Goal::Settle,
        retention: retention(vault),
        occasion: Occasion::Due,
    };
    match settle::settle(vault, cloud, &definition.name, wanted) {
        Ok(Settled::Done | Settled::Create(_)) => Failure::from(error)
            .state("a key that nobody has the secret of was looked for and is not there any more; the old one is in place")
            .hint("breakglass rotate"),
        Ok(Settled::Elsewhere(_)) | Err(_) => half_done(error),
    }
}

fn half_done(failure: impl Into<Failure>) -> Failure {
    failure
        .into()
        .class(Class::HalfDone)
        .state(
            "a new key was made that is not known to be sealed; the next run finds and deletes it",
        )
        .hint("mend the cause, then: breakglass rotate")
}

/// Seals a key, stores the record, reads it back and compares.
fn seal_and_store(
    vault: &OpenVault<'_>,
    sealing: &Sealing,
    definition: &CredentialDefinition,
    made: &NewAccessKey,
) -> Result<(Digest, Vec<u8>), Failure> {
    let to_seal = ToSeal {
        credential: &definition.name,
        account: &definition.account,
        user: &definition.user,
        access_key: &made.id,
        secret: &made.secret,
        now: vault.world.clock.now(),
    };
    let envelope = sealing.seal(&to_seal, &vault.world.station.signer)?;
    let bytes = envelope.to_bytes()?;
    let generation = sealing.header().generation;
    let path = key(paths::record(
        &definition.compartment,
        generation,
        &definition.name,
    ))?;
    vault.world.store.create(&path, &bytes)?;
    if vault.world.store.read(&path, bytes.len())? != bytes {
        return Err(records::misplaced(&format!("{path}, just written,")));
    }
    let record = records::check_record(vault, &envelope, definition, generation)?;
    Ok((envelope.digest(), record.witness))
}
