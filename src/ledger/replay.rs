//! Replay: from entries to a state, refusing what cannot have happened.

use super::event::{Entry, Event};
use super::state::{
    CredentialState, IncidentPhase, IncidentState, KeyIntent, KeyState, Orphan, VaultState,
};
use crate::crypto;
use crate::format::{OpenedStatement, digest};
use crate::model::{AccessKeyId, Digest, Name, SignAlgorithm, SignKey, Timestamp};

/// Who signed the commit that an entry stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// A rotator that the manifest in force names.
    Rotator,
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
    /// A witness's statement is not signed by the witness, or says something else than the ledger.
    #[error("the witness's statement on {0} is not good: {1}")]
    Witness(String, &'static str),
}

fn contradiction(text: impl Into<String>) -> Impossible {
    Impossible::Contradiction(text.into())
}

impl VaultState {
    /// Takes one more entry into account.
    ///
    /// # Errors
    /// [`Impossible`]; the state must not be used any more then.
    pub fn apply(&mut self, entry: &Entry, writer: Writer) -> Result<(), Impossible> {
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
            Event::RotationBegun {
                compartment,
                generation,
                header,
                ..
            } => self.rotation_begun(compartment, *generation, *header),
            Event::GenerationCommitted {
                compartment,
                generation,
                credentials,
            } => self.committed(compartment, *generation, credentials, time),
            Event::IncidentDeclared { .. }
            | Event::Opened { .. }
            | Event::ClosingIntended { .. }
            | Event::SessionsDenied { .. }
            | Event::ClosingFailed { .. }
            | Event::IncidentClosed { .. } => self.apply_incident(&entry.event, time),
            Event::Refused { .. } => {
                self.refusals += 1;
                Ok(())
            }
            Event::ManifestIntended { .. }
            | Event::OpeningIntended { .. }
            | Event::Delivered { .. }
            | Event::Released { .. } => Ok(()),
            _ => self.apply_key(&entry.event, time),
        }
    }

    fn founded(&mut self, vault: Digest) -> Result<(), Impossible> {
        if self.manifest.is_some() {
            return Err(contradiction("a vault is founded once"));
        }
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
            keys: Vec::new(),
            intents: Vec::new(),
            orphans: Vec::new(),
            failed: None,
        };
        match self.credentials.insert(definition.name.clone(), state) {
            None => Ok(()),
            Some(_) => Err(contradiction(format!("{} is added twice", definition.name))),
        }
    }

    fn rotation_begun(
        &mut self,
        compartment: &Name,
        generation: u64,
        header: Digest,
    ) -> Result<(), Impossible> {
        let state = self.compartments.entry(compartment.clone()).or_default();
        if generation <= state.generation {
            return Err(contradiction(format!(
                "generation {generation} of {compartment} is taken"
            )));
        }
        state.generation = generation;
        state.headers.insert(generation, header);
        state.unfinished = Some(generation);
        Ok(())
    }

    fn committed(
        &mut self,
        compartment: &Name,
        generation: u64,
        credentials: &[Name],
        time: Timestamp,
    ) -> Result<(), Impossible> {
        for name in credentials {
            let credential = self.credential(name)?;
            let key = credential
                .keys
                .iter_mut()
                .rev()
                .find(|key| key.generation == generation);
            match key {
                Some(key) if key.proved => key.committed = true,
                _ => {
                    return Err(contradiction(format!(
                        "{name} is committed in generation {generation} without proof"
                    )));
                }
            }
            credential.failed = None;
        }
        let state = self.compartments.entry(compartment.clone()).or_default();
        state.committed = Some((generation, time));
        state.unfinished = None;
        Ok(())
    }

    fn credential(&mut self, name: &Name) -> Result<&mut CredentialState, Impossible> {
        self.credentials
            .get_mut(name)
            .ok_or_else(|| contradiction(format!("there is no credential {name}")))
    }

    fn key(&mut self, name: &Name, id: &AccessKeyId) -> Result<&mut KeyState, Impossible> {
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
            } => {
                let intent = KeyIntent {
                    generation: *generation,
                    existing: existing.clone(),
                    time,
                    given_up: false,
                };
                self.credential(credential)?.intents.push(intent);
            }
            Event::KeyAbandoned {
                credential,
                generation,
            } => {
                let state = self.credential(credential)?;
                state
                    .intents
                    .retain(|intent| intent.generation != *generation);
            }
            Event::KeyUnanswered {
                credential,
                generation,
            } => {
                let state = self.credential(credential)?;
                let mut intents = state.intents.iter_mut();
                if let Some(intent) = intents.find(|intent| intent.generation == *generation) {
                    intent.given_up = true;
                }
            }
            Event::KeySealed { .. } => self.key_sealed(event, time)?,
            Event::KeyProved {
                credential, key, ..
            } => self.key(credential, key)?.proved = true,
            Event::KeyRetiring {
                credential, key, ..
            } => {
                // An orphan was never sealed, and is not known here.
                if let Some(known) = self.credential(credential)?.key_mut(key) {
                    known.retiring = true;
                }
            }
            Event::KeyDeactivated { credential, key } => {
                let key = self.key(credential, key)?;
                key.deactivated = key.deactivated.or(Some(time));
            }
            Event::KeyDeleted { credential, key } => self.key_deleted(credential, key, time)?,
            Event::KeyMissing { credential, key } => self.key(credential, key)?.gone = Some(time),
            Event::KeyRefused {
                credential, key, ..
            } => self.key(credential, key)?.refused = true,
            Event::RotationFailed { credential, code } => {
                self.credential(credential)?.failed = Some((time, code.clone()));
            }
            _ => {}
        }
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
            proved: false,
            committed: false,
            retiring: false,
            deactivated: None,
            refused: false,
            gone: None,
            opened_in: Vec::new(),
        });
        Ok(())
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

    fn apply_incident(&mut self, event: &Event, time: Timestamp) -> Result<(), Impossible> {
        match event {
            Event::IncidentDeclared {
                incident,
                reason,
                credentials,
                expires,
            } => {
                let state = IncidentState {
                    reason: reason.clone(),
                    credentials: credentials.clone(),
                    declared: time,
                    expires: *expires,
                    phase: IncidentPhase::Open,
                    opened: Vec::new(),
                    sessions_denied: Default::default(),
                    failure: None,
                };
                if self.incidents.insert(incident.clone(), state).is_some() {
                    return Err(contradiction(format!(
                        "incident {incident} is declared twice"
                    )));
                }
            }
            Event::Opened { statement } => self.opened(statement)?,
            Event::ClosingIntended { incident, .. } => {
                let incident = self.incident(incident)?;
                if incident.is_live() {
                    incident.phase = IncidentPhase::Closing;
                }
            }
            Event::SessionsDenied { credential, before } => {
                for incident in self.incidents.values_mut().filter(|i| i.is_live()) {
                    if incident.opened.iter().any(|(name, _)| name == credential) {
                        incident.sessions_denied.insert(credential.clone(), *before);
                    }
                }
            }
            Event::ClosingFailed { incident, code } => {
                self.incident(incident)?.failure = Some(code.clone());
            }
            Event::IncidentClosed { incident } => self.closed(incident)?,
            _ => {}
        }
        Ok(())
    }

    fn incident(&mut self, id: &Name) -> Result<&mut IncidentState, Impossible> {
        self.incidents
            .get_mut(id)
            .ok_or_else(|| contradiction(format!("there is no incident {id}")))
    }

    /// An incident is closed only if every key that was opened in it was seen to be refused.
    fn closed(&mut self, id: &Name) -> Result<(), Impossible> {
        let opened = self.incident(id)?.opened.clone();
        for (credential, key) in opened {
            let key = self.key(&credential, &key)?;
            if !key.refused && key.gone.is_none() {
                return Err(contradiction(format!(
                    "{id} is closed while {} may live",
                    key.id
                )));
            }
        }
        let incident = self.incident(id)?;
        incident.phase = IncidentPhase::Closed;
        incident.failure = None;
        Ok(())
    }

    fn opened(&mut self, envelope: &crate::format::dsse::Envelope) -> Result<(), Impossible> {
        let statement: OpenedStatement = envelope
            .document()
            .map_err(|e| Impossible::Malformed(e.to_string()))?;
        let name = statement.credential.clone();
        let bad = |why| Impossible::Witness(name.to_string(), why);
        let key = self.key(&statement.credential, &statement.access_key)?;
        if key.generation != statement.generation {
            return Err(bad("it names another generation"));
        }
        let [signature] = envelope.signatures.as_slice() else {
            return Err(bad("it must bear one signature"));
        };
        if signature.keyid != digest(&key.witness) {
            return Err(bad("it is signed by another key"));
        }
        let witness = SignKey {
            algorithm: SignAlgorithm::Ed25519,
            public: key.witness.clone(),
        };
        crypto::verify(&witness, &envelope.signed_bytes(), &signature.sig)
            .map_err(|_| bad("the signature does not verify"))?;
        if !key.can_be_opened() {
            return Err(contradiction(format!(
                "{} of {name} is not in force any more",
                key.id
            )));
        }
        key.opened_in.push(statement.incident.clone());
        let incident = self.incident(&statement.incident)?;
        if !incident.is_live() {
            return Err(bad("its incident is closed"));
        }
        let opened = (statement.credential, statement.access_key);
        if !incident.opened.contains(&opened) {
            incident.opened.push(opened);
        }
        Ok(())
    }
}
