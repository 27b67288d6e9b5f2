//! A ledger as a fleet's rotators write it: credentials in compartments of a hundred, rotated again and again.

#![allow(dead_code)] // each benchmark uses a part of it

use breakglass::ledger::{Entry, Event, Ledger, LedgerSigner, Retirement, RetirementCause};
use breakglass::model::{AccessKeyId, Digest, Name, Role};
use breakglass::secret::SigningSeed;

use crate::book::{Book, definition};
use crate::soft::{self, name, person};

/// Credentials of a compartment.
const COMPARTMENT: u64 = 100;

/// Two people, one of each role, and a rotator.
pub fn found() -> Book {
    let founders = vec![person("alice", Role::Ic), person("bob", Role::Bgo)];
    Book::found(founders, [1, 1, 0])
}

/// A ledger that grows.
pub struct Fleet<'b> {
    book: &'b Book,
    ledger: Ledger<'b>,
    seed: SigningSeed,
    waiting: Vec<Vec<u8>>,
    size: u64,
    compartments: u64,
    generation: u64,
}

impl<'b> Fleet<'b> {
    pub fn of(book: &'b Book) -> Self {
        let ledger = Ledger::open(&book.store, book.chain.vault()).expect("a ledger");
        Self {
            book,
            size: ledger.head().size,
            ledger,
            seed: soft::seed("rotator"),
            waiting: Vec::new(),
            compartments: 0,
            generation: 0,
        }
    }

    /// Appends one entry in a commit of its own.
    pub fn append_one(&mut self) {
        self.push(Event::Refused {
            incident: None,
            code: "declined".into(),
            what: "declined at the terminal, nothing was opened and nothing was changed".into(),
        });
        self.flush();
    }

    /// Lets the fleet rotate until there are so many entries; a tenth of them are new credentials.
    pub fn grow_to(&mut self, entries: u64) {
        let compartments = (entries / 10 / COMPARTMENT).max(1);
        for compartment in 0..compartments {
            self.add_compartment(compartment);
        }
        self.compartments = compartments;
        while self.size < entries {
            self.generation += 1;
            for compartment in 0..self.compartments {
                if self.size >= entries {
                    break;
                }
                self.rotate(compartment);
            }
        }
        self.flush();
    }

    fn add_compartment(&mut self, compartment: u64) {
        for member in 0..COMPARTMENT {
            let credential = definition(&credential(compartment, member), &of(compartment));
            self.push(Event::CredentialAdded { credential });
        }
    }

    fn rotate(&mut self, compartment: u64) {
        let generation = self.generation;
        self.push(Event::RotationBegun {
            compartment: name(&of(compartment)),
            generation,
            header: Digest([7; 32]),
            manifest: self.book.chain.newest_digest(),
            endpoint: None,
        });
        let names: Vec<Name> = (0..COMPARTMENT)
            .map(|member| name(&credential(compartment, member)))
            .collect();
        for credential in &names {
            self.make(credential, generation);
        }
        self.push(Event::GenerationCommitted {
            compartment: name(&of(compartment)),
            generation,
            credentials: names.clone(),
        });
        if generation > 1 {
            names
                .iter()
                .for_each(|name| self.retire(name, generation - 1));
        }
    }

    fn make(&mut self, credential: &Name, generation: u64) {
        let key = key_id(credential, generation);
        let credential = || credential.clone();
        self.push(Event::KeyIntended {
            credential: credential(),
            generation,
            existing: vec![key.clone()],
        });
        self.push(Event::KeySealed {
            credential: credential(),
            generation,
            key: key.clone(),
            record: Digest([8; 32]),
            witness: vec![9; 32],
        });
        self.push(Event::KeyProved {
            credential: credential(),
            key,
            arn: "arn:aws:iam::123456789012:user/somebody".into(),
            answers: 3,
        });
    }

    fn retire(&mut self, credential: &Name, generation: u64) {
        let (credential, key) = (credential.clone(), key_id(credential, generation));
        for act in [Retirement::Deactivate, Retirement::Delete] {
            self.push(Event::KeyRetiring {
                credential: credential.clone(),
                key: key.clone(),
                act,
                cause: RetirementCause::Superseded,
            });
            let (credential, key) = (credential.clone(), key.clone());
            self.push(match act {
                Retirement::Deactivate => Event::KeyDeactivated { credential, key },
                Retirement::Delete => Event::KeyDeleted { credential, key },
            });
        }
    }

    fn push(&mut self, event: Event) {
        let entry = Entry {
            time: soft::now(),
            event,
        };
        self.waiting.push(serde_json::to_vec(&entry).expect("JSON"));
        self.size += 1;
        if self.waiting.len() == ledger_commit() {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let signer = LedgerSigner::new(name("rotator"), &self.seed);
        let entries = std::mem::take(&mut self.waiting);
        self.ledger.append(&entries, &signer).expect("appended");
    }
}

fn ledger_commit() -> usize {
    breakglass::ledger::COMMIT_ENTRIES
}

fn of(compartment: u64) -> String {
    format!("account-{compartment:05}")
}

pub fn credential(compartment: u64, member: u64) -> String {
    format!("user-{compartment:05}-{member:02}")
}

fn key_id(credential: &Name, generation: u64) -> AccessKeyId {
    let digits: String = credential
        .as_str()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    format!("AKIA{digits}{generation:012}")
        .parse()
        .expect("an access key id")
}
