//! Looking at everything that is sealed: whether each header and record is the one that the ledger names,
//! and whether something lies among them that it does not know. An opening looks at what it opens; this
//! looks at the rest, too, old generations included.

use std::collections::BTreeSet;

use super::open_vault::{OpenVault, key};
use super::records;
use crate::format::{Record, paths};
use crate::ledger::{CredentialState, KeyState};
use crate::model::{Class, Failure, Name};
use crate::ports::Store;

/// How the sealed documents were found.
#[derive(Debug, Default)]
pub struct Documents {
    /// How many are as the ledger names them.
    pub good: u64,
    /// Those that are missing or others, by name, each with what is wrong with it.
    pub bad: Vec<(String, Failure)>,
    /// What lies among them and is none that the ledger knows.
    pub unknown: Vec<String>,
}

impl Documents {
    /// The failure of the whole, if something is wrong: the first, and how many there are.
    pub fn failure(self) -> Option<Failure> {
        let bad = self.bad.len();
        if let Some((_, mut first)) = self.bad.into_iter().next() {
            if bad > 1 {
                first.what = format!("{bad} sealed documents are not good; {}", first.what);
            }
            return Some(first);
        }
        let first = self.unknown.first()?;
        Some(planted(first).hint(format!(
            "files that the ledger does not know: {}",
            self.unknown.len()
        )))
    }
}

/// Something lies where nobody of ours has put anything.
pub(super) fn planted(path: &str) -> Failure {
    Failure::new(
        Class::Integrity,
        "document-planted",
        format!("{path} is there, and by the ledger nobody has made it"),
        "no key was made, and nothing was opened or changed",
    )
    .hint("stop, leave the vault as it is, and call the security officer")
    .hint("is the ledger older than the rest? look for the newer one")
}

/// The names of all that lies where sealed documents do. To be asked for before the ledger is read: what
/// is there then, the ledger knows.
///
/// # Errors
/// [`Failure`] where it cannot be listed.
pub fn listed(store: &dyn Store) -> Result<BTreeSet<String>, Failure> {
    let all = store.list_all(&key(paths::GENERATIONS)?)?;
    Ok(all.iter().map(ToString::to_string).collect())
}

/// Compares what was listed with what the ledger says.
///
/// # Errors
/// [`Failure`] where the store cannot be read; what is wrong with the documents is in [`Documents`].
pub fn documents(
    vault: &OpenVault<'_>,
    mut listed: BTreeSet<String>,
) -> Result<Documents, Failure> {
    let mut found = Documents::default();
    for (compartment, state) in &vault.state().compartments {
        for generation in state.headers.keys() {
            let path = paths::header(compartment, *generation);
            // A run that died before it stored the header has sealed nothing.
            if listed.remove(&path) || has_sealed(vault, compartment, *generation) {
                let read = records::read_header(vault, compartment, *generation);
                found.take(path, read.map(drop))?;
            }
        }
    }
    for credential in vault.state().credentials.values() {
        for key in &credential.keys {
            let path = record_path(credential, key.generation);
            listed.remove(&path);
            found.take(path, sealed(vault, credential, key))?;
        }
        let begun = vault
            .state()
            .compartments
            .get(&credential.definition.compartment);
        for generation in begun.iter().flat_map(|state| state.headers.keys()) {
            // A run that died before it recorded the sealing leaves a record that the ledger names not.
            let path = record_path(credential, *generation);
            if listed.remove(&path) {
                found.take(path, left_behind(vault, credential, *generation))?;
            }
        }
    }
    found.unknown = listed.into_iter().collect();
    Ok(found)
}

impl Documents {
    fn take(&mut self, path: String, read: Result<(), Failure>) -> Result<(), Failure> {
        match read {
            Ok(()) => self.good += 1,
            Err(failure) if failure.class == Class::Integrity => self.bad.push((path, failure)),
            Err(other) => return Err(other),
        }
        Ok(())
    }
}

fn record_path(credential: &CredentialState, generation: u64) -> String {
    let definition = &credential.definition;
    paths::record(&definition.compartment, generation, &definition.name)
}

fn has_sealed(vault: &OpenVault<'_>, compartment: &Name, generation: u64) -> bool {
    let mut members = vault.state().members(compartment);
    members.any(|member| member.keys.iter().any(|key| key.generation == generation))
}

/// The record that the ledger names.
fn sealed(
    vault: &OpenVault<'_>,
    credential: &CredentialState,
    key: &KeyState,
) -> Result<(), Failure> {
    let path = record_path(credential, key.generation);
    let envelope = records::read_document::<Record>(vault, &path)?;
    if envelope.digest() != key.record {
        return Err(records::misplaced(&path));
    }
    records::check_record(vault, &envelope, &credential.definition, key.generation)
        .map(drop)
        .map_err(|error| records::of_document(&path, error))
}

fn left_behind(
    vault: &OpenVault<'_>,
    credential: &CredentialState,
    generation: u64,
) -> Result<(), Failure> {
    let path = record_path(credential, generation);
    let envelope = records::read_document::<Record>(vault, &path)?;
    records::check_record(vault, &envelope, &credential.definition, generation)
        .map(drop)
        .map_err(|error| records::of_document(&path, error))
}
