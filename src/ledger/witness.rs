//! What a witness states: that a quorum of both roles held a key's secrets, in an opening or in a drill.

use std::collections::BTreeSet;

use super::event::Event;
use super::joined::HeadRef;
use super::replay::{Impossible, contradiction};
use super::state::{KeyState, VaultState};
use crate::crypto;
use crate::format::dsse::{Envelope, Malformed};
use crate::format::{DrilledStatement, OpenedStatement, Participant, digest};
use crate::model::{AccessKeyId, Digest, Name, Role, SignAlgorithm, SignKey};

/// What every statement of a witness says.
pub(super) struct Claims<'a> {
    vault: Digest,
    credential: &'a Name,
    compartment: &'a Name,
    generation: u64,
    access_key: &'a AccessKeyId,
    participants: &'a [Participant],
}

impl<'a> From<&'a OpenedStatement> for Claims<'a> {
    fn from(said: &'a OpenedStatement) -> Self {
        Self {
            vault: said.vault,
            credential: &said.credential,
            compartment: &said.compartment,
            generation: said.generation,
            access_key: &said.access_key,
            participants: &said.participants,
        }
    }
}

impl<'a> From<&'a DrilledStatement> for Claims<'a> {
    fn from(said: &'a DrilledStatement) -> Self {
        Self {
            vault: said.vault,
            credential: &said.credential,
            compartment: &said.compartment,
            generation: said.generation,
            access_key: &said.access_key,
            participants: &said.participants,
        }
    }
}

impl VaultState {
    /// The key that a statement is about: signed by the witness that was recorded when the key was sealed, and in
    /// agreement with what the ledger says. One that is carried over from a joined ledger may speak of a key that
    /// was in force there alone.
    pub(super) fn witnessed(
        &mut self,
        envelope: &Envelope,
        claims: &Claims<'_>,
        carried: bool,
    ) -> Result<&mut KeyState, Impossible> {
        let name = claims.credential;
        let bad = |why| Impossible::Witness(name.to_string(), why);
        if self.vault != Some(claims.vault) {
            return Err(bad("it is of another vault"));
        }
        let compartment = &self.credential(name)?.definition.compartment;
        let elsewhere = compartment != claims.compartment;
        let key = self.key(name, claims.access_key)?;
        if elsewhere || key.generation != claims.generation {
            return Err(bad("it names another generation"));
        }
        check_signed(envelope, &key.witness).map_err(bad)?;
        if !(key.can_be_opened() || carried && key.committed) {
            let id = &key.id;
            return Err(contradiction(format!(
                "{id} of {name} is not in force any more"
            )));
        }
        people(claims.participants).map_err(bad)?;
        Ok(key)
    }

    /// A drill: which credentials are to be opened in it, and what came of that.
    pub(super) fn apply_drill(&mut self, event: &Event, carried: bool) -> Result<(), Impossible> {
        match event {
            Event::DrillIntended { credentials } => credentials
                .iter()
                .try_for_each(|name| self.credential(name).map(drop)),
            Event::Drilled { statement } => {
                let said: DrilledStatement = statement
                    .document()
                    .map_err(|e| Impossible::Malformed(e.to_string()))?;
                let key = self.witnessed(statement, &Claims::from(&said), carried)?;
                key.exercised = key.exercised.max(Some(said.drilled));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Whether a statement was made on a head that its ledger had, if the event is one.
pub(super) fn check_ground(
    event: &Event,
    had: impl Fn(&HeadRef) -> bool,
) -> Result<(), Impossible> {
    let malformed = |e: Malformed| Impossible::Malformed(e.to_string());
    let (credential, size, root) = match event {
        Event::Opened { statement } => {
            let said: OpenedStatement = statement.document().map_err(malformed)?;
            (said.credential, said.ledger_size, said.ledger_root)
        }
        Event::Drilled { statement } => {
            let said: DrilledStatement = statement.document().map_err(malformed)?;
            (said.credential, said.ledger_size, said.ledger_root)
        }
        _ => return Ok(()),
    };
    if had(&HeadRef { size, root }) {
        return Ok(());
    }
    Err(Impossible::Witness(
        credential.to_string(),
        "it was made on another ledger",
    ))
}

fn check_signed(envelope: &Envelope, public: &[u8]) -> Result<(), &'static str> {
    let [signature] = envelope.signatures.as_slice() else {
        return Err("it must bear one signature");
    };
    if signature.keyid != digest(public) {
        return Err("it is signed by another key");
    }
    let witness = SignKey {
        algorithm: SignAlgorithm::Ed25519,
        public: public.to_vec(),
    };
    crypto::verify(&witness, &envelope.signed_bytes(), &signature.sig)
        .map_err(|_| "the signature does not verify")
}

/// At least one person of each opening role, and nobody twice.
fn people(participants: &[Participant]) -> Result<(), &'static str> {
    let names: BTreeSet<&Name> = participants.iter().map(|p| &p.custodian).collect();
    let present = |role| participants.iter().any(|p| p.role == role);
    if names.len() == participants.len() && Role::OPENING.into_iter().all(present) {
        Ok(())
    } else {
        Err("it does not name people of both roles")
    }
}
