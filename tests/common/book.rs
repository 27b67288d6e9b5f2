//! A vault on disk without devices: a manifest that software tokens signed, its ledger, sealed credentials.
//! The test that uses it has `mod soft`.

#![allow(dead_code)] // each test binary uses a part of it

use std::sync::Arc;

use breakglass::crypto::{self, Plan, SoftwareSigner, ToSeal};
use breakglass::format::dsse::Envelope;
use breakglass::format::{
    GenerationHeader, Manifest, OpenedStatement, Participant, Record, RecordAbout,
};
use breakglass::ledger::{
    Anchor, CredentialDefinition, Event, Head, Journal, JournalError, Seen, Verified,
};
use breakglass::manifest::Chain;
use breakglass::model::{AccessKeyId, Digest, Name};
use breakglass::secret::AccessKeySecret;
use breakglass::store::DirStore;

use crate::soft::{self, Person, System, name};

/// What the software that holds a vault remembers of it.
pub struct Book {
    guard: tempfile::TempDir,
    pub store: DirStore,
    pub people: Vec<Person>,
    pub chain: Arc<Chain>,
    pub rotator: SoftwareSigner,
    pub stranger: SoftwareSigner,
    name: Name,
}

/// A generation, sealed and recorded.
pub struct Sealed {
    pub header: GenerationHeader,
    pub manifest: Manifest,
    pub records: Vec<Record>,
}

/// The secret access key of a credential in a generation.
pub fn secret(credential: &str, generation: u64) -> String {
    format!("secret/of/{credential}/in/generation/{generation:08}")
}

/// The access key's id.
pub fn key_id(credential: &str, generation: u64) -> AccessKeyId {
    let text = format!("AKIA{}{generation:012}", credential.to_uppercase());
    text.parse().expect("an access key id")
}

pub fn definition(credential: &str, compartment: &str) -> CredentialDefinition {
    CredentialDefinition {
        name: name(credential),
        compartment: name(compartment),
        account: "123456789012".parse().expect("an account"),
        user: format!("{credential}-emergency").parse().expect("a user"),
    }
}

/// The first manifest, signed by everybody.
pub fn founded(people: &[Person], thresholds: [u8; 3]) -> Envelope {
    soft::signed_by(&soft::manifest(people, thresholds), soft::tokens(people))
}

impl Book {
    /// Founds a vault of these people.
    pub fn found(people: Vec<Person>, thresholds: [u8; 3]) -> Self {
        let guard = tempfile::tempdir().expect("a folder");
        let store = DirStore::found(guard.path().join("vault")).expect("an empty store");
        let chain = Chain::verify(&[founded(&people, thresholds)]).expect("a good manifest");
        let book = Self {
            guard,
            store,
            people,
            chain: Arc::new(chain),
            rotator: soft::signer("rotator"),
            stranger: soft::signer("stranger"),
            name: name("station"),
        };
        let event = Event::VaultFounded {
            vault: book.chain.vault(),
        };
        book.journal().record(soft::now(), event).expect("recorded");
        book
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.guard.path().join("vault")
    }

    /// The ledger, in the rotator's hands.
    pub fn journal(&self) -> Journal<'_> {
        self.open(&self.rotator, None).expect("a good ledger")
    }

    /// The name of this machine in the ledger.
    pub fn station(&self) -> &Name {
        &self.name
    }

    pub fn open<'b>(
        &'b self,
        signer: &'b SoftwareSigner,
        seen: Option<Seen>,
    ) -> Result<Journal<'b>, JournalError> {
        Journal::open(&self.store, self.chain.clone(), seen, &self.name, signer)
    }

    /// All that `ledger verify` looks at in the ledger.
    pub fn verify(&self, anchors: &[Anchor]) -> Result<Verified, JournalError> {
        let (store, chain) = (&self.store, self.chain.clone());
        let verified = Journal::verify(store, chain, anchors, &self.name, &self.rotator);
        verified.map(|(verified, _)| verified)
    }

    /// Adopts the next manifest, signed by everybody that there is now.
    pub fn adopt(&mut self, change: impl FnOnce(&mut Manifest)) {
        let mut manifest = self.chain.newest().clone();
        manifest.version += 1;
        manifest.previous = Some(self.chain.newest_digest());
        change(&mut manifest);
        let mut chain = (*self.chain).clone();
        let envelope = soft::signed_by(&manifest, soft::tokens(&self.people));
        chain.extend(&envelope).expect("a good manifest");
        self.chain = Arc::new(chain);
        let event = Event::ManifestAdopted {
            version: manifest.version,
            manifest: self.chain.newest_digest(),
        };
        self.journal().record(soft::now(), event).expect("recorded");
    }

    /// Rotates a compartment: all these credentials get a key, sealed, proved and committed.
    pub fn seal(&self, compartment: &str, generation: u64, credentials: &[&str]) -> Sealed {
        let compartment = name(compartment);
        let plan = Plan {
            vault: self.chain.vault(),
            manifest: self.chain.newest(),
            manifest_digest: self.chain.newest_digest(),
            compartment: &compartment,
            generation,
            now: soft::now(),
        };
        let sealing = crypto::begin(&plan, &System).expect("sealed");
        let mut events = vec![Event::RotationBegun {
            compartment: compartment.clone(),
            generation,
            header: sealing.header_digest(),
            manifest: self.chain.newest_digest(),
            endpoint: None,
        }];
        let mut records = Vec::new();
        for credential in credentials {
            let known = definition(credential, compartment.as_str());
            let sealed = sealing
                .seal(
                    &ToSeal {
                        credential: &known.name,
                        account: &known.account,
                        user: &known.user,
                        access_key: &key_id(credential, generation),
                        secret: &AccessKeySecret::new(secret(credential, generation).as_bytes())
                            .expect("a secret"),
                        now: soft::now(),
                    },
                    &self.rotator,
                )
                .expect("sealed");
            let sealed_record: Record = sealed.document().expect("a record");
            events.extend(key_events(&sealed_record, sealed.digest()));
            records.push(sealed_record);
        }
        events.push(Event::GenerationCommitted {
            compartment,
            generation,
            credentials: credentials.iter().map(|text| name(text)).collect(),
        });
        let recorded = self.journal().record_all(soft::now(), events);
        recorded.expect("recorded");
        Sealed {
            header: sealing.header().clone(),
            manifest: self.chain.newest().clone(),
            records,
        }
    }

    /// Looks after credentials from now on.
    pub fn add(&self, compartment: &str, credentials: &[&str]) {
        let event = |text: &&str| Event::CredentialAdded {
            credential: definition(text, compartment),
        };
        let events = credentials.iter().map(event).collect();
        let recorded = self.journal().record_all(soft::now(), events);
        recorded.expect("recorded");
    }
}

/// What a rotation records of one key, from the intent to the proof.
pub fn key_events(record: &Record, digest: Digest) -> [Event; 3] {
    let about = &record.about;
    let (credential, key) = (&about.credential, &about.access_key);
    [
        Event::KeyIntended {
            credential: credential.clone(),
            generation: about.generation,
            existing: Vec::new(),
        },
        Event::KeySealed {
            credential: credential.clone(),
            generation: about.generation,
            key: key.clone(),
            record: digest,
            witness: record.witness.clone(),
        },
        Event::KeyProved {
            credential: credential.clone(),
            key: key.clone(),
            arn: "arn:aws:iam::123456789012:user/somebody".to_owned(),
            answers: 3,
        },
    ]
}

/// An incident for these credentials, declared at [`soft::now`], for an hour.
pub fn declared(incident: &str, credentials: &[&str]) -> Event {
    Event::IncidentDeclared {
        incident: name(incident),
        reason: "single sign-on is down".parse().expect("a reason"),
        credentials: credentials.iter().map(|text| name(text)).collect(),
        expires: soft::at(60),
    }
}

/// What the witness states when a record is opened.
pub fn statement(
    about: &RecordAbout,
    incident: &str,
    participants: &[Participant],
    head: Head,
) -> OpenedStatement {
    OpenedStatement {
        vault: about.vault,
        incident: name(incident),
        reason: "single sign-on is down".parse().expect("a reason"),
        credential: about.credential.clone(),
        compartment: about.compartment.clone(),
        generation: about.generation,
        access_key: about.access_key.clone(),
        participants: participants.to_vec(),
        ledger_size: head.size,
        ledger_root: head.root,
        opened: soft::at(1),
        expires: soft::at(60),
    }
}
