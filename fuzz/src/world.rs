//! The one vault that everything is held against: real documents, made by the tool's own rules from keys
//! that are the same in every run.

use std::cell::Cell;
use std::sync::{Arc, LazyLock};

use breakglass::crypto::{self, Entropy, NoEntropy, Plan, SoftwareSigner, ToSeal};
use breakglass::format::dsse::Envelope;
use breakglass::format::{GenerationHeader, Manifest};
use breakglass::ledger::{CredentialDefinition, Event, Journal};
use breakglass::manifest::Chain;
use breakglass::model::{Digest, Name, Role};
use breakglass::secret::AccessKeySecret;

use crate::soft::{self, Person, SoftToken, name};
use crate::store::Memory;

/// Numbers that look like chance and are the same in every run.
#[derive(Default)]
pub struct Counted(Cell<u64>);

impl Entropy for Counted {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in buffer.chunks_mut(32) {
            self.0.set(self.0.get() + 1);
            let block = breakglass::format::digest(&self.0.get().to_be_bytes());
            chunk.copy_from_slice(&block.0[..chunk.len()]);
        }
        Ok(())
    }
}

/// The vault.
pub struct World {
    /// Its manifests, as envelopes.
    pub manifests: Vec<Envelope>,
    /// Its generation's header.
    pub header: Envelope,
    /// Its record.
    pub record: Envelope,
    /// The vault's fingerprint.
    pub vault: Digest,
    /// The manifests, checked.
    pub chain: Chain,
}

/// The people of the vault: two who open, one of them with a spare that only has RSA.
pub fn people() -> Vec<Person> {
    let spare = SoftToken::rsa("bob-spare");
    let touched = SoftToken::p256("alice-yubikey").touched();
    vec![
        soft::with_tokens("alice", Role::Ic, vec![SoftToken::p256("alice"), touched]),
        soft::with_tokens("bob", Role::Bgo, vec![SoftToken::p256("bob"), spare]),
    ]
}

/// The rotator.
pub fn rotator() -> SoftwareSigner {
    soft::signer("rotator")
}

/// What the rotator is called in the ledger.
pub fn station() -> Name {
    name("rotator")
}

/// The vault's definition of a credential.
pub fn definition() -> CredentialDefinition {
    CredentialDefinition {
        name: name("deploy"),
        compartment: name("prod"),
        account: "123456789012".parse().expect("an account"),
        user: "deploy-emergency".parse().expect("a user"),
    }
}

static WORLD: LazyLock<World> = LazyLock::new(World::make);

/// The vault, made once.
pub fn world() -> &'static World {
    &WORLD
}

impl World {
    fn make() -> Self {
        let people = people();
        let first = soft::manifest(&people, [1, 1, 0]);
        let first = soft::signed_by(&first, soft::tokens(&people));
        let mut chain = Chain::verify(std::slice::from_ref(&first)).expect("a good manifest");
        let mut next: Manifest = chain.newest().clone();
        next.version = 2;
        next.previous = Some(chain.newest_digest());
        next.compartments.push(name("lab"));
        let second = soft::signed_by(&next, soft::tokens(&people));
        chain.extend(&second).expect("a good manifest");
        let (header, record) = sealed(&chain);
        Self {
            vault: chain.vault(),
            manifests: vec![first, second],
            header,
            record,
            chain,
        }
    }

    /// The header of the generation.
    pub fn header(&self) -> GenerationHeader {
        self.header.document().expect("a header")
    }

    /// A ledger that tells of a founding, a credential and a rotation that began.
    pub fn ledger(&self) -> Memory {
        let store = Memory::default();
        let (rotator, station) = (rotator(), station());
        let chain = Arc::new(self.chain.clone());
        let mut journal =
            Journal::open(&store, chain, None, &station, &rotator).expect("an empty ledger");
        journal
            .record_all(soft::now(), self.events())
            .expect("recorded");
        drop(journal);
        store
    }

    /// What the ledger says.
    pub fn events(&self) -> Vec<Event> {
        vec![
            Event::VaultFounded { vault: self.vault },
            Event::ManifestAdopted {
                version: 2,
                manifest: self.chain.newest_digest(),
            },
            Event::CredentialAdded {
                credential: definition(),
            },
            Event::RotationBegun {
                compartment: name("prod"),
                generation: 1,
                header: self.header.digest(),
                manifest: self.chain.newest_digest(),
                endpoint: None,
            },
            Event::KeyIntended {
                credential: name("deploy"),
                generation: 1,
                existing: Vec::new(),
            },
        ]
    }
}

fn sealed(chain: &Chain) -> (Envelope, Envelope) {
    let entropy = Counted::default();
    let compartment = name("prod");
    let plan = Plan {
        vault: chain.vault(),
        manifest: chain.newest(),
        manifest_digest: chain.newest_digest(),
        compartment: &compartment,
        generation: 1,
        now: soft::now(),
    };
    let sealing = crypto::begin(&plan, &entropy).expect("sealed");
    let known = definition();
    let secret = AccessKeySecret::new(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let key = ToSeal {
        credential: &known.name,
        account: &known.account,
        user: &known.user,
        access_key: &"AKIAIOSFODNN7EXAMPLE".parse().expect("a key id"),
        secret: &secret.expect("a secret"),
        now: soft::now(),
    };
    let record = sealing.seal(&key, &rotator()).expect("sealed");
    let header = sealing.signed_header(&rotator()).expect("signed");
    (header, record)
}
