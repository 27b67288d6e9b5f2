//! Replay: from entries to a state, refusing what cannot have happened.

use std::collections::BTreeSet;

use super::event::{Entry, Event};
use super::state::{Claim, CredentialState, KeyIntent, KeyState, Orphan, VaultState};
use crate::model::{AccessKeyId, AccessRole, Digest, Name, Reason, Timestamp};

/// Who signed the commit that an entry stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// A rotator that the manifest in force names, by the digest of its public key.
    Rotator(Digest),
    /// Somebody else: a station that is not enrolled.
    Station(Digest),
}

/// Why an entry cannot stand where it does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// It is not an entry of this ledger.
    #[error("it cannot be read: {0}")]
    Malformed(String),
    /// Its writer has no right to it.
    #[error("{0} is not for a station that the manifest does not name as a rotator")]
    Writer(String),
    /// It speaks of something that does not exist, or exists already.
    #[error("{0}")]
    Contradiction(String),
    /// It puts a manifest in force that does not lie in the vault, as far as was looked.
    #[error("there is no manifest {0} in the vault")]
    NoManifest(u64),
    /// A witness's statement is not signed by the witness, or says something else than the ledger.
    #[error("the witness's statement on {0} is not good: {1}")]
    Witness(String, &'static str),
}

fn no_credential(name: &Name) -> Impossible {
    contradiction(format!("there is no credential {name}"))
}

pub(super) fn contradiction(text: impl Into<String>) -> Impossible {
    Impossible::Contradiction(text.into())
}

impl VaultState {
    /// Takes one more entry into account.
    ///
    /// # Errors
    /// [`Impossible`]; the state must not be used any more then.
    pub fn apply(&mut self, entry: &Entry, writer: Writer) -> Result<(), Impossible> {
        if self.vault.is_none() && !matches!(entry.event, Event::VaultFounded { .. }) {
            return Err(contradiction("the vault is not founded yet"));
        }
        if let Writer::Station(key) = writer {
            if entry.event.needs_rotator() {
                return Err(Impossible::Writer(entry.event.name()));
            }
            *self.strangers.entry(key).or_default() += 1;
        }
        let time = entry.time;
        match &entry.event {
            Event::VaultFounded { vault } => self.founded(*vault),
            Event::ManifestAdopted { version, manifest } => self.adopted(*version, *manifest),
            Event::CredentialAdded { credential } => self.credential_added(credential),
            Event::RolesSet { credential, roles } => self.roles_set(credential, roles),
            Event::CredentialRetired {
                credential,
                reason,
                left,
            } => self.credential_retired(credential, reason, left, time),
            Event::RotationBegun {
                compartment,
                generation,
                header,
                manifest,
                ..
            } => {
                self.rotation_begun(compartment, *generation, *header, *manifest)?;
                self.claimed(compartment, writer, time);
                Ok(())
            }
            Event::GenerationCommitted {
                compartment,
                generation,
                credentials,
            } => self.committed(compartment, *generation, credentials, time),
            Event::Refused { .. } => {
                self.refusals += 1;
                Ok(())
            }
            Event::ManifestIntended { .. } => Ok(()),
            Event::KeyIntended { .. }
            | Event::KeySealed { .. }
            | Event::KeyProved { .. }
            | Event::KeyRetiring { .. }
            | Event::KeyDeactivated { .. }
            | Event::KeyDeleted { .. }
            | Event::KeyMissing { .. }
            | Event::KeyAbandoned { .. }
            | Event::KeyUnanswered { .. }
            | Event::KeyRefused { .. }
            | Event::UnexplainedUse { .. }
            | Event::RotationFailed { .. } => {
                self.apply_key(&entry.event, time)?;
                self.heard_of(&entry.event, writer, time);
                Ok(())
            }
            Event::IncidentDeclared { .. }
            | Event::OpeningIntended { .. }
            | Event::Opened { .. }
            | Event::SessionsIntended { .. }
            | Event::Delivered { .. }
            | Event::Released { .. }
            | Event::ClosingIntended { .. }
            | Event::LeaseExpired { .. }
            | Event::SessionsDenied { .. }
            | Event::ClosingFailed { .. }
            | Event::IncidentClosed { .. } => self.apply_incident(&entry.event, time),
            Event::DrillIntended { .. } | Event::Drilled { .. } => {
                self.apply_drill(&entry.event, false)
            }
            Event::LedgerJoined { .. } | Event::Carried { .. } => self.apply_joined(&entry.event),
        }
    }

    fn founded(&mut self, vault: Digest) -> Result<(), Impossible> {
        if self.vault.is_some() {
            return Err(contradiction("a vault is founded once"));
        }
        self.vault = Some(vault);
        self.manifest = Some((1, vault));
        Ok(())
    }

    fn adopted(&mut self, version: u64, manifest: Digest) -> Result<(), Impossible> {
        match self.manifest {
            Some((known, digest)) if known == version && digest == manifest => Ok(()),
            Some((known, _)) if known + 1 == version => {
                self.manifest = Some((version, manifest));
                Ok(())
            }
            _ => Err(contradiction(format!(
                "manifest {version} is adopted out of turn"
            ))),
        }
    }

    fn credential_added(
        &mut self,
        definition: &super::event::CredentialDefinition,
    ) -> Result<(), Impossible> {
        let state = CredentialState {
            definition: definition.clone(),
            roles: Vec::new(),
            keys: Vec::new(),
            intents: Vec::new(),
            orphans: Vec::new(),
            failed: None,
            retired: None,
        };
        match self.credentials.insert(definition.name.clone(), state) {
            None => Ok(()),
            Some(_) => Err(contradiction(format!("{} is added twice", definition.name))),
        }
    }

    fn roles_set(&mut self, name: &Name, roles: &[AccessRole]) -> Result<(), Impossible> {
        let profiles: BTreeSet<&Name> = roles.iter().map(|role| &role.profile).collect();
        if profiles.len() < roles.len() {
            return Err(contradiction(format!(
                "two roles of {name} have one profile"
            )));
        }
        self.credential(name)?.roles = roles.to_vec();
        Ok(())
    }

    /// A credential is given up once its keys are gone; with keys that AWS could not be asked about only where no
    /// incident may wait for them.
    fn credential_retired(
        &mut self,
        name: &Name,
        reason: &Reason,
        left: &[AccessKeyId],
        time: Timestamp,
    ) -> Result<(), Impossible> {
        if !left.is_empty() && self.live_incident_of(name).is_some() {
            return Err(contradiction(format!(
                "{name} is given up while it is open"
            )));
        }
        let credential = self.credential(name)?;
        if credential.retired.is_some() {
            return Err(contradiction(format!("{name} is given up twice")));
        }
        for key in credential.keys.iter_mut().filter(|key| key.gone.is_none()) {
            if !left.contains(&key.id) {
                return Err(contradiction(format!("{name} is given up with {}", key.id)));
            }
            key.retiring = true;
        }
        credential.failed = None;
        credential.retired = Some((time, reason.clone()));
        Ok(())
    }

    fn rotation_begun(
        &mut self,
        compartment: &Name,
        generation: u64,
        header: Digest,
        manifest: Digest,
    ) -> Result<(), Impossible> {
        if self.manifest.is_none_or(|(_, digest)| digest != manifest) {
            return Err(contradiction(format!(
                "generation {generation} of {compartment} is sealed under a manifest that is not in force"
            )));
        }
        let state = self.compartments.entry(compartment.clone()).or_default();
        if generation <= state.generation {
            return Err(contradiction(format!(
                "generation {generation} of {compartment} is taken"
            )));
        }
        state.generation = generation;
        state.headers.insert(generation, header);
        state.manifests.insert(generation, manifest);
        state.unfinished = Some(generation);
        Ok(())
    }

    /// Whoever begins a rotation is at it from then on.
    fn claimed(&mut self, compartment: &Name, writer: Writer, heard: Timestamp) {
        if let (Writer::Rotator(rotator), Some(state)) =
            (writer, self.compartments.get_mut(compartment))
        {
            state.claim = Some(Claim { rotator, heard });
        }
    }

    /// Who began a rotation has done something more of it.
    fn heard_of(&mut self, event: &Event, writer: Writer, time: Timestamp) {
        let compartment = (event.credential())
            .and_then(|name| self.credentials.get(name))
            .and_then(|known| self.compartments.get_mut(&known.definition.compartment));
        let claim = compartment.and_then(|state| state.claim.as_mut());
        if let Some(claim) = claim.filter(|claim| writer == Writer::Rotator(claim.rotator)) {
            claim.heard = time;
        }
    }

    fn committed(
        &mut self,
        compartment: &Name,
        generation: u64,
        credentials: &[Name],
        time: Timestamp,
    ) -> Result<(), Impossible> {
        let begun = self
            .compartments
            .get(compartment)
            .is_some_and(|state| state.headers.contains_key(&generation));
        if !begun {
            return Err(contradiction(format!(
                "generation {generation} of {compartment} is committed and was never begun"
            )));
        }
        for name in credentials {
            let credential = self.credential(name)?;
            if credential.definition.compartment != *compartment {
                return Err(contradiction(format!("{name} is not in {compartment}")));
            }
            let key = credential
                .keys
                .iter_mut()
                .rev()
                .find(|key| key.generation == generation);
            match key {
                Some(key) if key.proved.is_some() => key.committed = true,
                _ => {
                    return Err(contradiction(format!(
                        "{name} is committed in generation {generation} without proof"
                    )));
                }
            }
            credential.failed = None;
        }
        let state = self.compartments.entry(compartment.clone()).or_default();
        if state
            .committed
            .is_none_or(|(newest, _)| newest <= generation)
        {
            state.committed = Some((generation, time));
        }
        state.unfinished.take_if(|begun| *begun <= generation);
        Ok(())
    }

    pub(super) fn credential(&mut self, name: &Name) -> Result<&mut CredentialState, Impossible> {
        self.credentials
            .get_mut(name)
            .ok_or_else(|| no_credential(name))
    }

    pub(super) fn key(
        &mut self,
        name: &Name,
        id: &AccessKeyId,
    ) -> Result<&mut KeyState, Impossible> {
        self.credential(name)?
            .key_mut(id)
            .ok_or_else(|| contradiction(format!("{id} was never sealed for {name}")))
    }

    fn apply_key(&mut self, event: &Event, time: Timestamp) -> Result<(), Impossible> {
        match event {
            Event::KeyIntended {
                credential,
                generation,
                existing,
            } => self.key_intended(credential, *generation, existing, time)?,
            Event::KeyAbandoned {
                credential,
                generation,
            } => {
                self.intent(
                    credential,
                    *generation,
                    "gives up a key that was not intended",
                )?;
                let intents = &mut self.credential(credential)?.intents;
                intents.retain(|intent| intent.generation != *generation);
            }
            Event::KeyUnanswered {
                credential,
                generation,
            } => {
                let why = "waits no more for a key that was not intended";
                self.intent(credential, *generation, why)?.given_up = true;
            }
            Event::KeySealed { .. } => self.key_sealed(event, time)?,
            Event::KeyProved {
                credential, key, ..
            } => self.key(credential, key)?.proved = Some(time),
            Event::KeyDeactivated { credential, key } => {
                let key = self.key(credential, key)?;
                key.deactivated = key.deactivated.or(Some(time));
                self.caught_up(credential);
            }
            Event::KeyDeleted { credential, key } => {
                self.key_deleted(credential, key, time)?;
                self.caught_up(credential);
            }
            Event::UnexplainedUse {
                credential,
                key,
                used,
                ..
            } => {
                let key = self.key(credential, key)?;
                key.unexplained = key.unexplained.max(Some(*used));
            }
            Event::KeyMissing { credential, key } => {
                self.key(credential, key)?.gone = Some(time);
                self.caught_up(credential);
            }
            Event::KeyRefused {
                credential, key, ..
            } => {
                let key = self.key(credential, key)?;
                if key.deactivated.is_none() && key.gone.is_none() {
                    let id = &key.id;
                    return Err(contradiction(format!("{id} is refused while it is active")));
                }
                key.refused = true;
            }
            Event::RotationFailed { credential, code } => {
                self.credential(credential)?.failed = Some((time, code.clone()));
            }
            Event::KeyRetiring {
                credential, key, ..
            } => {
                // An orphan was never sealed, and is not known here.
                if let Some(known) = self.credential(credential)?.key_mut(key) {
                    known.retiring = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The intent of a credential in a generation; `otherwise` says what the credential does without one.
    fn intent(
        &mut self,
        name: &Name,
        generation: u64,
        otherwise: &str,
    ) -> Result<&mut KeyIntent, Impossible> {
        let mut intents = self.credential(name)?.intents.iter_mut();
        intents
            .find(|intent| intent.generation == generation)
            .ok_or_else(|| contradiction(format!("{name} {otherwise}")))
    }

    /// A key is made only in the generation that is being rotated.
    fn key_intended(
        &mut self,
        name: &Name,
        generation: u64,
        existing: &[AccessKeyId],
        time: Timestamp,
    ) -> Result<(), Impossible> {
        let Some(credential) = self.credentials.get_mut(name) else {
            return Err(no_credential(name));
        };
        if credential.retired.is_some() {
            return Err(contradiction(format!("{name} was given up")));
        }
        let state = self.compartments.get(&credential.definition.compartment);
        if state.and_then(|state| state.unfinished) != Some(generation) {
            return Err(contradiction(format!(
                "a key of {name} is intended in generation {generation}, which is not the one that was \
                 begun last"
            )));
        }
        credential.intents.push(KeyIntent {
            generation,
            existing: existing.to_vec(),
            time,
            given_up: false,
        });
        Ok(())
    }

    fn key_sealed(&mut self, event: &Event, time: Timestamp) -> Result<(), Impossible> {
        let Event::KeySealed {
            credential,
            generation,
            key,
            record,
            witness,
        } = event
        else {
            return Ok(());
        };
        let state = self.credential(credential)?;
        if state.key(key).is_some() {
            return Err(contradiction(format!("{key} is sealed twice")));
        }
        let intents = state.intents.len();
        state
            .intents
            .retain(|intent| intent.generation != *generation);
        if state.intents.len() == intents {
            return Err(contradiction(format!("{key} is sealed without an intent")));
        }
        state.keys.push(KeyState {
            id: key.clone(),
            generation: *generation,
            record: *record,
            witness: witness.clone(),
            sealed: time,
            proved: None,
            committed: false,
            retiring: false,
            deactivated: None,
            refused: false,
            gone: None,
            opened_in: Vec::new(),
            exercised: None,
            unexplained: None,
        });
        Ok(())
    }

    /// A failure is forgotten once an old key goes, where the credential has its key of the newest rotation:
    /// then the going is all that had failed.
    fn caught_up(&mut self, name: &Name) {
        let Some(credential) = self.credentials.get_mut(name) else {
            return;
        };
        let newest = self.compartments.get(&credential.definition.compartment);
        let newest = newest.map(|compartment| compartment.generation);
        if newest.is_some() && credential.current().map(|key| key.generation) == newest {
            credential.failed = None;
        }
    }

    /// A deleted key is one of ours that was sealed, or an orphan that was not.
    fn key_deleted(
        &mut self,
        credential: &Name,
        key: &AccessKeyId,
        time: Timestamp,
    ) -> Result<(), Impossible> {
        let state = self.credential(credential)?;
        match state.key_mut(key) {
            Some(known) => known.gone = Some(time),
            None => {
                state.orphans.retain(|orphan| orphan.id != *key);
                let id = key.clone();
                state.orphans.push(Orphan { id, deleted: time });
            }
        }
        Ok(())
    }
}
