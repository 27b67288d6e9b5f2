//! What a rotator sealed, as it lies in the vault: whether it is whole, signed by a rotator of the manifest
//! that it was sealed under, and where it belongs.

use super::Chain;
use super::fit::{Misfit, fits};
use crate::crypto;
use crate::format::dsse::{Envelope, Malformed};
use crate::format::{GenerationHeader, Record};
use crate::ledger::CredentialDefinition;
use crate::model::{Digest, Name, SignAlgorithm, SignKey};

/// The lengths, in bytes, of a record's commitment, witness and ciphertext.
const LENGTHS: [usize; 3] = [32, 32, 144];

/// A generation as the ledger tells of its beginning (`rotation-begun`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// What was rotated.
    pub compartment: &'a Name,
    /// Its number in the compartment.
    pub generation: u64,
    /// The digest of the manifest that was in force.
    pub manifest: Digest,
    /// The digest of its header.
    pub header: Digest,
}

/// Why a header or a record is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    /// It cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is of another vault, generation, manifest or credential.
    #[error("it is not the one that the ledger names")]
    Elsewhere,
    /// It is not signed by one rotator of its manifest.
    #[error("a sealed document is not signed as it must be: {0}")]
    Signature(&'static str),
    /// The header's shares are not those of its manifest.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

/// Reads a generation's header.
///
/// # Errors
/// [`Misplaced`].
pub fn read_header(
    envelope: &Envelope,
    chain: &Chain,
    place: &Place<'_>,
) -> Result<GenerationHeader, Misplaced> {
    let header: GenerationHeader = envelope.document()?;
    let same = place.header == envelope.digest()
        && header.vault == chain.vault()
        && header.manifest == place.manifest
        && header.compartment == *place.compartment
        && header.generation == place.generation;
    let manifest = chain.of_digest(&header.manifest).filter(|_| same);
    fits(&header, manifest.ok_or(Misplaced::Elsewhere)?)?;
    signed_by_rotator(envelope, chain, &header.manifest)?;
    Ok(header)
}

/// Reads a credential's record in a generation.
///
/// # Errors
/// [`Misplaced`].
pub fn read_record(
    envelope: &Envelope,
    chain: &Chain,
    place: &Place<'_>,
    definition: &CredentialDefinition,
) -> Result<Record, Misplaced> {
    let record: Record = envelope.document()?;
    if [&record.commitment, &record.witness, &record.ciphertext].map(Vec::len) != LENGTHS {
        let why = "its commitment, witness or ciphertext is too long or too short";
        return Err(Malformed::Payload(why.into()).into());
    }
    let about = &record.about;
    let same = about.vault == chain.vault()
        && about.manifest == place.manifest
        && about.header == place.header
        && about.compartment == *place.compartment
        && about.generation == place.generation
        && about.compartment == definition.compartment
        && about.credential == definition.name
        && about.account == definition.account
        && about.user == definition.user;
    if !same {
        return Err(Misplaced::Elsewhere);
    }
    signed_by_rotator(envelope, chain, &about.manifest)?;
    Ok(record)
}

/// One signature, of a rotator that the manifest names.
fn signed_by_rotator(
    envelope: &Envelope,
    chain: &Chain,
    manifest: &Digest,
) -> Result<(), Misplaced> {
    let bad = Misplaced::Signature;
    let manifest = chain
        .of_digest(manifest)
        .ok_or(bad("its manifest is not there"))?;
    let [signature] = envelope.signatures.as_slice() else {
        return Err(bad("it must bear one signature"));
    };
    let rotator = manifest
        .rotator(&signature.keyid)
        .ok_or(bad("its signer was no rotator"))?;
    let public = SignKey {
        algorithm: SignAlgorithm::Ed25519,
        public: rotator.public.clone(),
    };
    crypto::verify(&public, &envelope.signed_bytes(), &signature.sig)
        .map_err(|_| bad("the signature does not verify"))
}
