//! A vault that holds one generation of very many credentials, as a rotator would have left it.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use breakglass::crypto::{self, Entropy, Plan, Sealing, SoftwareSigner, ToSeal};
use breakglass::format::dsse::{Document, Envelope};
use breakglass::format::{Manifest, Record, paths};
use breakglass::ledger::{COMMIT_ENTRIES, CredentialDefinition, Event, Journal};
use breakglass::manifest::Chain;
use breakglass::model::{AccessKeyId, Name, Timestamp};
use breakglass::ports::{Clock, Store, StoreKey};
use breakglass::secret::{AccessKeySecret, SigningSeed};
use breakglass::store::DirStore;
use breakglass::system::{SystemClock, SystemEntropy};

const COMPARTMENT: &str = "main";

/// The name of a credential.
pub fn credential(number: u64) -> String {
    format!("user-{number:06}")
}

/// Adds so many credentials and seals them, in the hand of the rotator whose key this file holds.
pub fn fill(vault: &Path, key: &Path, count: u64) {
    let seed = fs::read(key).expect("a seed");
    let signer = SoftwareSigner::new(SigningSeed::filled(|out| out.copy_from_slice(&seed)));
    let store = DirStore::open(vault).expect("a vault");
    let manifest = StoreKey::new(paths::manifest(1)).expect("a key");
    let bytes = store.read(&manifest, Manifest::MAX).expect("a manifest");
    let envelope = Envelope::read::<Manifest>(&bytes).expect("a manifest");
    let chain = Arc::new(Chain::verify(&[envelope]).expect("a good one"));
    let name: Name = "station".parse().expect("a name");
    let mut journal =
        Journal::open(&store, chain.clone(), None, &name, &signer).expect("a good ledger");
    let mut filling = Filling {
        journal: &mut journal,
        waiting: Vec::new(),
        now: SystemClock.now(),
    };
    let definitions: Vec<_> = (0..count).map(definition).collect();
    for credential in &definitions {
        let credential = credential.clone();
        filling.push(Event::CredentialAdded { credential });
    }
    filling.flush();
    rotate(&mut filling, &chain, &signer, vault, &definitions);
}

/// Entries on their way into the ledger.
struct Filling<'f, 'j> {
    journal: &'f mut Journal<'j>,
    waiting: Vec<Event>,
    now: Timestamp,
}

impl Filling<'_, '_> {
    fn push(&mut self, event: Event) {
        self.waiting.push(event);
        if self.waiting.len() == COMMIT_ENTRIES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let events = std::mem::take(&mut self.waiting);
        if !events.is_empty() {
            self.journal.record_all(self.now, events).expect("recorded");
        }
    }
}

fn rotate(
    filling: &mut Filling<'_, '_>,
    chain: &Chain,
    signer: &SoftwareSigner,
    vault: &Path,
    definitions: &[CredentialDefinition],
) {
    let compartment: Name = COMPARTMENT.parse().expect("a name");
    let plan = Plan {
        vault: chain.vault(),
        manifest: chain.newest(),
        manifest_digest: chain.newest_digest(),
        compartment: &compartment,
        generation: 1,
        now: filling.now,
    };
    let sealing = crypto::begin(&plan, &SystemEntropy as &dyn Entropy).expect("sealed");
    filling.push(Event::RotationBegun {
        compartment: compartment.clone(),
        generation: 1,
        header: sealing.header_digest(),
        manifest: chain.newest_digest(),
        endpoint: None,
    });
    let header = sealing.signed_header(signer).expect("signed");
    write(vault, &paths::header(&compartment, 1), &header);
    for definition in definitions {
        let record = seal(&sealing, definition, signer, filling.now);
        write(
            vault,
            &paths::record(&compartment, 1, &definition.name),
            &record,
        );
        made(filling, definition, &record);
    }
    for chunk in definitions.chunks(500) {
        filling.push(Event::GenerationCommitted {
            compartment: compartment.clone(),
            generation: 1,
            credentials: chunk.iter().map(|one| one.name.clone()).collect(),
        });
    }
    filling.flush();
}

fn definition(number: u64) -> CredentialDefinition {
    CredentialDefinition {
        name: credential(number).parse().expect("a name"),
        compartment: COMPARTMENT.parse().expect("a name"),
        account: "123456789012".parse().expect("an account"),
        user: credential(number).parse().expect("a user"),
    }
}

fn key_of(definition: &CredentialDefinition) -> AccessKeyId {
    let digits = definition.name.as_str().trim_start_matches("user-");
    format!("AKIA0000000000{digits}").parse().expect("an id")
}

fn seal(
    sealing: &Sealing,
    definition: &CredentialDefinition,
    signer: &SoftwareSigner,
    now: Timestamp,
) -> Envelope {
    let secret = AccessKeySecret::new(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let to_seal = ToSeal {
        credential: &definition.name,
        account: &definition.account,
        user: &definition.user,
        access_key: &key_of(definition),
        secret: &secret.expect("a secret"),
        now,
    };
    sealing.seal(&to_seal, signer).expect("sealed")
}

/// The entries of a key from the intent to the proof.
fn made(filling: &mut Filling<'_, '_>, definition: &CredentialDefinition, record: &Envelope) {
    let sealed: Record = record.document().expect("a record");
    let credential = || definition.name.clone();
    let key = key_of(definition);
    filling.push(Event::KeyIntended {
        credential: credential(),
        generation: 1,
        existing: Vec::new(),
    });
    filling.push(Event::KeySealed {
        credential: credential(),
        generation: 1,
        key: key.clone(),
        record: record.digest(),
        witness: sealed.witness,
    });
    filling.push(Event::KeyProved {
        credential: credential(),
        key,
        arn: "arn:aws:iam::123456789012:user/somebody".into(),
        answers: 3,
    });
}

/// Writes a file of the vault without bringing each of a hundred thousand to the disk.
fn write(vault: &Path, path: &str, envelope: &Envelope) {
    let path = vault.join(path);
    let folder = path.parent().expect("a folder");
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    made.expect("the folder is ours");
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    let bytes = envelope.to_bytes().expect("JSON");
    std::io::Write::write_all(&mut file.expect("a new file"), &bytes).expect("written");
}
