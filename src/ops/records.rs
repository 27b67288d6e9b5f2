//! Sealed documents, as far as they are what the ledger says that they are.

use super::open_vault::{OpenVault, key};
use crate::format::dsse::{Document, Envelope};
use crate::format::{GenerationHeader, Record, paths};
use crate::ledger::CredentialDefinition;
use crate::manifest::{self, Misplaced, Place, read_record};
use crate::model::{Class, Digest, Failure, Name};
use crate::ports::StoreError;

/// The record of a credential in a generation, if a good one is stored there.
pub(super) fn stored(
    vault: &OpenVault<'_>,
    definition: &CredentialDefinition,
    generation: u64,
) -> Result<Option<(Record, Digest)>, Failure> {
    let path = paths::record(&definition.compartment, generation, &definition.name);
    let bytes = match vault.world.store.read(&key(path)?, Record::MAX) {
        Ok(bytes) => bytes,
        Err(StoreError::NotFound(_)) => return Ok(None),
        Err(other) => return Err(other.into()),
    };
    let envelope = Envelope::read::<Record>(&bytes)?;
    let record = check_record(vault, &envelope, definition, generation)?;
    Ok(Some((record, envelope.digest())))
}

/// A generation as the ledger tells of it.
fn place<'a>(vault: &OpenVault<'_>, compartment: &'a Name, generation: u64) -> Option<Place<'a>> {
    let begun = vault.state().compartments.get(compartment)?;
    Some(Place {
        compartment,
        generation,
        manifest: *begun.manifests.get(&generation)?,
        header: *begun.headers.get(&generation)?,
    })
}

/// Checks a record against the header that the ledger names, the manifest, and the credential.
pub(super) fn check_record(
    vault: &OpenVault<'_>,
    envelope: &Envelope,
    definition: &CredentialDefinition,
    generation: u64,
) -> Result<Record, Failure> {
    let what = || format!("the record of {}", definition.name);
    let place = place(vault, &definition.compartment, generation);
    let place = place.ok_or_else(|| misplaced(&what()))?;
    read_record(envelope, &vault.chain, &place, definition).map_err(|why| refused(why, &what()))
}

/// Reads a generation's header and checks it against the ledger and the manifest it was made under.
pub(super) fn read_header(
    vault: &OpenVault<'_>,
    compartment: &Name,
    generation: u64,
) -> Result<GenerationHeader, Failure> {
    let path = paths::header(compartment, generation);
    let envelope = read_document::<GenerationHeader>(vault, &path)?;
    let place = place(vault, compartment, generation);
    let place = place.ok_or_else(|| misplaced(&path))?;
    manifest::read_header(&envelope, &vault.chain, &place).map_err(|why| refused(why, &path))
}

/// Why a header or a record is not taken, as it is told.
fn refused(why: Misplaced, what: &str) -> Failure {
    match why {
        Misplaced::Malformed(malformed) => of_document(what, malformed),
        Misplaced::Misfit(misfit) => misfit.into(),
        Misplaced::Elsewhere => misplaced(what),
        Misplaced::Signature(_) => Failure::new(
            Class::Integrity,
            "signature-bad",
            why.to_string(),
            "nothing was opened or changed",
        )
        .hint("stop, leave the vault as it is, and call the security officer"),
    }
}

/// Reads a document that the ledger names.
pub(super) fn read_document<D: Document>(
    vault: &OpenVault<'_>,
    path: &str,
) -> Result<Envelope, Failure> {
    let bytes = match vault.world.store.read(&key(path)?, D::MAX) {
        Err(StoreError::NotFound(_)) => return Err(file_missing(path)),
        read => read.map_err(|error| of_document(path, error))?,
    };
    Envelope::read::<D>(&bytes).map_err(|error| of_document(path, error))
}

/// What is wrong with a document, with its name.
pub(super) fn of_document(path: &str, error: impl Into<Failure>) -> Failure {
    let mut failure = error.into();
    if !failure.what.contains(path) {
        failure.what = format!("{path}: {}", failure.what);
    }
    failure.state("nothing was opened or changed")
}

fn file_missing(path: &str) -> Failure {
    Failure::new(
        Class::Integrity,
        "document-missing",
        format!("{path} is not there, and the ledger says that it was sealed"),
        "nothing was opened or changed",
    )
    .hint("look for it in a copy of the vault, and leave this one as it is")
    .hint("call the security officer")
}

pub(super) fn misplaced(what: &str) -> Failure {
    Failure::new(
        Class::Integrity,
        "document-misplaced",
        format!("{what} is not the one that the ledger names"),
        "nothing was opened or changed",
    )
    .hint("stop, leave the vault as it is, and call the security officer")
}
