//! Two vaults of the same people, so that nothing but what binds a thing to its place keeps it there: the same
//! tokens, two compartments, two credentials and two generations in each, several manifests, a threshold of
//! two of three in one of them.

use breakglass::crypto::SoftwareSigner;
use breakglass::format::dsse::{Document, Envelope};
use breakglass::format::{GenerationHeader, Record, Rotator};
use breakglass::model::Role;
use breakglass::ops::Change;

use crate::soft::{self, name};
use crate::world::{Member, Safe};

/// Three ICs, one of them with a spare and one with a token that only has RSA, two BGOs, an SO.
pub const PEOPLE: [Member<'static>; 6] = [
    ("alice", Role::Ic, &["alice", "alice-spare"]),
    ("rita", Role::Ic, &["rita"]),
    ("carl", Role::Ic, &["carl"]),
    ("bob", Role::Bgo, &["bob"]),
    ("bea", Role::Bgo, &["bea"]),
    ("sue", Role::So, &["sue"]),
];

/// The credentials and their compartments.
pub const CREDENTIALS: [(&str, &str); 4] = [
    ("deploy", "prod"),
    ("root", "prod"),
    ("audit", "test"),
    ("billing", "test"),
];

/// The vault with a threshold of two ICs.
pub fn vault_a() -> Safe {
    rich([2, 1, 1])
}

/// The other vault, in which one IC is enough.
pub fn vault_b() -> Safe {
    rich([1, 1, 1])
}

fn rich(thresholds: [u8; 3]) -> Safe {
    let safe = Safe::found("acme", &PEOPLE, thresholds);
    for (credential, compartment) in CREDENTIALS {
        safe.add(credential, compartment);
    }
    safe.rotate(&[]).expect("rotated");
    // A rotator that comes and goes, and a compartment.
    let second = Rotator {
        name: name("second"),
        public: soft::signer("second").public().to_vec(),
    };
    safe.change(&Change::AddRotator(second)).expect("changed");
    let gone = Change::RetireRotator(name("second"));
    safe.change(&gone).expect("changed");
    safe.pass(86_400);
    safe.rotate(&[]).expect("rotated");
    safe
}

/// The header of a generation.
pub fn header(safe: &Safe, compartment: &str, generation: u64) -> GenerationHeader {
    let path = format!("generation/{compartment}/{generation:08}/header.json");
    document(&safe.shelf.get(&path))
}

/// The record of a credential.
pub fn record(safe: &Safe, credential: &str, generation: u64) -> Record {
    let (_, compartment) = CREDENTIALS
        .iter()
        .find(|(name, _)| *name == credential)
        .expect("one of them");
    let path = format!("generation/{compartment}/{generation:08}/record/{credential}.json");
    document(&safe.shelf.get(&path))
}

/// What is in the envelope.
pub fn document<D: Document>(bytes: &[u8]) -> D {
    let envelope = Envelope::read::<D>(bytes).expect("an envelope");
    envelope.document().expect("a document")
}

/// A document as a rotator signs it.
pub fn signed<D: Document>(document: &D, by: &SoftwareSigner) -> Vec<u8> {
    let envelope = Envelope::of(document).expect("JSON");
    let envelope = breakglass::crypto::sign(envelope, by);
    envelope.to_bytes().expect("JSON")
}
