//! What somebody can do who holds a rotator's key, and so can sign headers and records and write the ledger:
//! nothing that was sealed can be moved. The sealing itself binds it, to vault, manifest, compartment,
//! generation, role, custodian, token and index, and a record to all that it says.

use std::collections::BTreeMap;

use breakglass::ceremony::{Ceremony, Collecting, Quorate};
use breakglass::crypto::{self, Operation, Plan, Sealing, ToSeal};
use breakglass::format::dsse::{Document, Envelope};
use breakglass::format::{GenerationHeader, OpenedStatement, Record};
use breakglass::ledger::Event;
use breakglass::model::{Class, Digest, Failure};
use breakglass::ops::OpenVault;
use breakglass::ports::{KeyReply, KeyRequest, Token as _};
use breakglass::secret::{AccessKeySecret, SharedSecret};

use crate::fields::{sources, swaps};
use crate::rich::{PEOPLE, document, header, record, signed, vault_a, vault_b};
use crate::soft::{self, SoftToken, System, name};
use crate::world::{self, Safe};
use crate::{counted, long};

/// All tokens, and what they answered: the same question has the same answer.
struct Tokens {
    all: BTreeMap<Digest, SoftToken>,
    answered: BTreeMap<(Digest, Vec<u8>), [u8; 32]>,
}

impl Tokens {
    fn new() -> Self {
        let labels = PEOPLE.iter().flat_map(|(_, _, labels)| labels.iter());
        let all = labels.map(|label| world::token(label));
        Self {
            all: all.map(|token| (token.id(), token)).collect(),
            answered: BTreeMap::new(),
        }
    }

    /// The answer to a request; a token that cannot decrypt what it is given says so.
    fn answer(&mut self, id: &Digest, operation: &Operation) -> SharedSecret {
        let (request, question) = match operation {
            Operation::Agree(point) => (KeyRequest::Agree(point), point.to_vec()),
            Operation::Decapsulate(bytes) => (KeyRequest::Decapsulate(bytes), bytes.clone()),
        };
        let token = self.all.get_mut(id).expect("a token");
        let answered = self.answered.entry((*id, question)).or_insert_with(|| {
            let mut replies = token.perform(&soft::pin(), &[request]).expect("it answers");
            match replies.pop() {
                Some(KeyReply::Secret(secret)) => *secret.expose(),
                _ => panic!("no secret"),
            }
        });
        SharedSecret::filled(|out| out.copy_from_slice(answered))
    }

    fn contribute(
        &mut self,
        ceremony: &mut Ceremony<Collecting>,
        id: &Digest,
    ) -> Result<(), String> {
        let operations = ceremony.operations(id).map_err(|e| e.to_string())?;
        let answers: Vec<_> = operations.iter().map(|one| self.answer(id, one)).collect();
        ceremony.contribute(id, &answers).map_err(|e| e.to_string())
    }
}

/// The token whose share stands at this place of a header: the first that is concerned.
fn concerned(header: &GenerationHeader, place: &str) -> Digest {
    let index = |after: &str| -> usize {
        let rest = place.split_once(after).map_or("0", |(_, rest)| rest);
        let digits = rest.split('/').next().unwrap_or("0");
        digits.parse().unwrap_or(0)
    };
    let role = &header.roles[index("/roles/")];
    let share = &role.shares[index("/shares/")];
    share.tokens[index("/tokens/")].token
}

#[test]
fn nothing_in_a_header_can_be_moved_by_a_rotator_either() {
    let (a, b) = (vault_a(), vault_b());
    let sources = sources(&[&a, &b], "generation/");
    let chain = crate::bytes::chain(&a);
    let mut tokens = Tokens::new();
    let good = a.shelf.get("generation/prod/00000002/header.json");
    let original: GenerationHeader = document(&good);
    let mut cases = 0;
    for (what, envelope) in swaps(&good, &sources) {
        let (_, place) = what.rsplit_once(" at ").expect("a place");
        if place.is_empty() || place == "/created" {
            // A whole header is that of its own generation, and it is the ledger that tells (above, and in
            // files.rs). When it was made is a rotator's word, which nothing rests on.
            continue;
        }
        cases += 1;
        let taken = envelope
            .document::<GenerationHeader>()
            .map_err(|e| e.to_string())
            .and_then(|header| {
                let manifest = chain
                    .of_digest(&header.manifest)
                    .ok_or("unknown manifest")?;
                let begun = Ceremony::new(chain.newest().clone(), vec![(header, manifest.clone())]);
                let mut ceremony = begun.map_err(|e| e.to_string())?;
                tokens.contribute(&mut ceremony, &concerned(&original, place))
            });
        assert!(taken.is_err(), "{what}");
    }
    // Unmoved, every token's share is taken.
    for id in tokens.all.keys().copied().collect::<Vec<_>>() {
        let manifest = chain.newest().clone();
        let begun = Ceremony::new(manifest.clone(), vec![(original.clone(), manifest.clone())]);
        let taken = tokens.contribute(&mut begun.expect("fits"), &id);
        let is_sue = manifest
            .token(&id)
            .is_some_and(|(c, _)| c.name == name("sue"));
        assert_eq!(taken.is_ok(), !is_sue, "{taken:?}");
    }
    counted("parts of a header moved by a rotator", cases);
}

fn quorate(safe: &Safe, header: GenerationHeader) -> Ceremony<Quorate> {
    let manifest = crate::bytes::chain(safe).newest().clone();
    let mut tokens = Tokens::new();
    let mut ceremony = Ceremony::new(manifest.clone(), vec![(header, manifest)]).expect("fits");
    for label in ["alice", "bob"] {
        let id = world::token(label).id();
        tokens.contribute(&mut ceremony, &id).expect("taken");
    }
    ceremony.quorate().ok().expect("a quorum")
}

#[test]
fn nothing_in_a_record_can_be_moved_by_a_rotator_either() {
    let (a, b) = (vault_a(), vault_b());
    let sources = sources(&[&a, &b], "generation/");
    // One of three is enough there, so that no time goes into combining shares.
    let ceremony = quorate(&b, header(&b, "prod", 2));
    let mut cases = 0;
    let mut decrypted = 0;
    let credentials: &[&str] = if long() {
        &["deploy", "root"]
    } else {
        &["deploy"]
    };
    for credential in credentials {
        let path = format!("generation/prod/00000002/record/{credential}.json");
        let good = b.shelf.get(&path);
        let parts = swaps(&good, &sources).filter(|(what, _)| !what.ends_with(" at "));
        for (what, envelope) in parts {
            cases += 1;
            let Ok(record) = envelope.document::<Record>() else {
                continue;
            };
            if ceremony.unlock(vec![record.clone()]).is_err() {
                continue;
            }
            // The key and what commits to it are right, so it is on record that it was opened; and then
            // nothing comes out.
            decrypted += 1;
            assert!(what.ends_with("/ciphertext"), "{what}");
            assert!(release(&b, &ceremony, record).is_err(), "{what}");
        }
        let unmoved = release(&b, &ceremony, document(&good));
        assert!(unmoved.is_ok(), "{:?}", unmoved.err());
    }
    assert!(decrypted > 20);
    counted("parts of records moved by a rotator", cases);
}

/// Opens a record, as `unseal` does once it has a quorum; then everything is as it was.
fn release(
    safe: &Safe,
    ceremony: &Ceremony<Quorate>,
    record: Record,
) -> Result<AccessKeySecret, crypto::CryptoError> {
    let kept = safe.keep();
    let about = record.about.clone();
    let opening = ceremony.unlock(vec![record])?.remove(0);
    let released = safe.open(|vault| {
        let (incident, now) = (name("incident"), soft::now());
        let reason: breakglass::model::Reason = "a reason".parse().expect("a reason");
        let event = Event::IncidentDeclared {
            incident: incident.clone(),
            reason: reason.clone(),
            credentials: vec![about.credential.clone()],
            expires: soft::at(60),
        };
        vault.journal.record(now, event)?;
        let head = vault.journal.head();
        let statement = OpenedStatement {
            vault: about.vault,
            incident,
            reason,
            credential: about.credential,
            compartment: about.compartment,
            generation: about.generation,
            access_key: about.access_key,
            participants: ceremony.participants().to_vec(),
            ledger_size: head.size,
            ledger_root: head.root,
            opened: now,
            expires: soft::at(60),
        };
        let envelope = Envelope::of(&statement)?;
        let stated = crypto::sign(envelope, opening.witness());
        let mut recorded = vault.journal.record_opened(&head, now, &[stated])?;
        let recorded = recorded.as_mut().expect("nobody came between").remove(0);
        Ok(opening.release(recorded))
    });
    safe.restore(&kept);
    released.expect("recorded")
}

/// What a rotator writes who wants a header and a record to be believed: files, signed, and all that a
/// rotation records.
fn forge(vault: &mut OpenVault<'_>, safe: &Safe, header: &GenerationHeader, record: &Record) {
    let rotator = soft::signer("rotator");
    let digest = |bytes: &[u8]| {
        let envelope: Envelope = serde_json::from_slice(bytes).expect("an envelope");
        envelope.digest()
    };
    let (compartment, generation) = (header.compartment.clone(), header.generation);
    let about = &record.about;
    let folder = format!("generation/{compartment}/{generation:08}");
    let (head, body) = (signed(header, &rotator), signed(record, &rotator));
    safe.shelf.put(&format!("{folder}/header.json"), &head);
    let path = format!("{folder}/record/{}.json", about.credential);
    safe.shelf.put(&path, &body);
    let (credential, key) = (about.credential.clone(), about.access_key.clone());
    let events = vec![
        Event::RotationBegun {
            compartment: compartment.clone(),
            generation,
            header: digest(&head),
            manifest: vault.chain.newest_digest(),
            endpoint: None,
        },
        Event::KeyIntended {
            credential: credential.clone(),
            generation,
            existing: Vec::new(),
        },
        Event::KeySealed {
            credential: credential.clone(),
            generation,
            key: key.clone(),
            record: digest(&body),
            witness: record.witness.clone(),
        },
        Event::KeyProved {
            credential: credential.clone(),
            key,
            arn: "arn:aws:iam::123456789012:user/deploy-emergency".into(),
            answers: 1,
        },
        Event::GenerationCommitted {
            compartment,
            generation,
            credentials: vec![credential],
        },
    ];
    vault
        .journal
        .record_all(soft::now(), events)
        .expect("a rotator may");
}

/// Opens the credential after the rotator has forged that; then everything is as it was.
fn opened_after(
    safe: &Safe,
    header: &GenerationHeader,
    record: &Record,
) -> Result<Vec<(String, String)>, Failure> {
    let kept = safe.keep();
    let opened = safe.open(|vault| {
        forge(vault, safe, header, record);
        world::unseal(vault, &["deploy"])
    });
    safe.restore(&kept);
    opened
}

/// A fresh generation as a rotator seals it, under whatever manifest it likes.
fn sealing(safe: &Safe, version: u64) -> Sealing {
    let chain = crate::bytes::chain(safe);
    let (digest, manifest) = chain.of_version(version).expect("there is one");
    let plan = Plan {
        vault: chain.vault(),
        manifest,
        manifest_digest: *digest,
        compartment: &name("prod"),
        generation: 3,
        now: soft::now(),
    };
    crypto::begin(&plan, &System).expect("sealed")
}

/// A key of the rotator's own making.
fn own_record(sealing: &Sealing) -> Record {
    let secret = AccessKeySecret::new(b"a/secret/that/the/rotator/knows").expect("a secret");
    let key = ToSeal {
        credential: &name("deploy"),
        account: &"123456789012".parse().expect("an account"),
        user: &"deploy-emergency".parse().expect("a user"),
        access_key: &"AKIAROTATORSOWN00001".parse().expect("an id"),
        secret: &secret,
        now: soft::now(),
    };
    let envelope = sealing
        .seal(&key, &soft::signer("rotator"))
        .expect("sealed");
    envelope.document().expect("a record")
}

fn digest_of<D: Document>(document: &D) -> Digest {
    Envelope::of(document).expect("JSON").digest()
}

#[test]
fn what_a_rotator_forges_whole_opens_only_if_it_was_sealed_there() {
    let (a, b) = (vault_a(), vault_b());
    a.plug(&["alice", "carl", "bob"]);
    let refused = |what: &str, header: &GenerationHeader, record: &Record, code: &str| {
        let failure = opened_after(&a, header, record).err();
        let found = failure.as_ref().map(|f| (f.class, f.code));
        assert_eq!(found, Some((Class::Integrity, code)), "{what}: {failure:?}");
    };
    // Keys of its own making it can seal: it makes them anyway. docs/threat-model.md says so.
    let honest = sealing(&a, 3);
    let own = own_record(&honest);
    let opened = opened_after(&a, honest.header(), &own).expect("it opens");
    assert_eq!(opened[0].1, "a/secret/that/the/rotator/knows");

    // A generation that was sealed before, of each place, under a new number.
    let mut cases = 1;
    let places = [
        (&a, "prod", 1),
        (&a, "prod", 2),
        (&a, "test", 2),
        (&b, "prod", 2),
    ];
    for (from, compartment, generation) in places {
        let credential = if compartment == "prod" {
            "deploy"
        } else {
            "audit"
        };
        let mut moved = header(from, compartment, generation);
        moved.vault = honest.header().vault;
        moved.manifest = honest.header().manifest;
        moved.manifest_version = 3;
        moved.compartment = name("prod");
        moved.generation = 3;
        moved.roles[0].threshold = 2;
        let mut its = record(from, credential, generation);
        its.about = own.about.clone();
        its.about.header = digest_of(&moved);
        refused("a whole generation", &moved, &its, "wrong-share");
        // Its record under a header of the rotator's own making.
        its.about.header = digest_of(honest.header());
        refused("a record", honest.header(), &its, "sealing-broken");
        cases += 2;
    }
    // Under a manifest that is not in force: whoever was retired since could open it, and status would not
    // say so.
    let older = sealing(&a, 1);
    refused(
        "an older manifest",
        older.header(),
        &own_record(&older),
        "document-misplaced",
    );
    // Roles, people, tokens, thresholds other than the manifest's.
    type Change = fn(&mut GenerationHeader);
    let changes: [Change; 7] = [
        |header| header.roles.swap(0, 1),
        |header| header.roles[0].threshold = 1,
        |header| header.roles[1] = header.roles[0].clone(),
        |header| header.roles[0].shares.swap(0, 1),
        |header| header.roles[0].shares.truncate(2),
        |header| header.roles[0].shares[0].tokens.truncate(1),
        |header| header.roles[1].shares[0].tokens = header.roles[0].shares[0].tokens.clone(),
    ];
    for change in changes {
        let mut other = honest.header().clone();
        change(&mut other);
        let mut its = own.clone();
        its.about.header = digest_of(&other);
        refused("other roles", &other, &its, "header-misfit");
        cases += 1;
    }
    counted(
        "generations forged whole by a rotator, ledger and all",
        cases + 1,
    );
}

/// Documents signed anew, unchanged, by others: only a rotator of the manifest they were sealed under counts.
#[test]
fn a_signature_of_nobody_who_was_a_rotator_then_counts() {
    let a = vault_a();
    let paths = a.shelf.under("generation/");
    let mut cases = 0;
    // `second` was a rotator in manifest 2, under which nothing was sealed.
    for label in ["second", "stranger", "alice"] {
        for path in &paths {
            let good = a.shelf.get(path);
            let mut envelope: Envelope = serde_json::from_slice(&good).expect("an envelope");
            envelope.signatures.clear();
            let signed = crypto::sign(envelope, &soft::signer(label));
            a.shelf.put(path, &signed.to_bytes().expect("JSON"));
            let found = crate::bytes::documents(&a);
            let bad: Vec<&str> = found.bad.iter().map(|(_, f)| f.code).collect();
            assert_eq!(bad, ["signature-bad"], "{label}: {path}");
            a.shelf.put(path, &good);
            cases += 1;
        }
    }
    // And they cannot write the ledger: what they add is refused, by everybody.
    for label in ["second", "stranger"] {
        let kept = a.keep();
        let entry = Event::RotationBegun {
            compartment: name("prod"),
            generation: 3,
            header: Digest([1; 32]),
            manifest: crate::bytes::chain(&a).newest_digest(),
            endpoint: None,
        };
        crate::ledger::append(&a, label, &[entry]);
        crate::bytes::refused_by_all(&a, label);
        a.restore(&kept);
        cases += 1;
    }
    counted(
        "documents and entries signed by a retired rotator or a stranger",
        cases,
    );
}
