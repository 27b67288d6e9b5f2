//! Sealing and opening below the ceremony: what a header and a record hold, what each byte of them is
//! bound to, and the whole key schedule computed a second time with other code.

#[path = "core_sealing/schedule.rs"]
mod schedule;
#[path = "common/soft.rs"]
mod soft;

use breakglass::crypto::{
    self, CryptoError, Entropy, Operation, Plan, Sealing, SoftwareSigner, ToSeal, combine,
    find_share, narrow, unlock,
};
use breakglass::format::dsse::{Document, Envelope};
use breakglass::format::{GenerationHeader, Manifest, Record, RoleShares};
use breakglass::model::{Digest, Name, Role};
use breakglass::ports::{KeyReply, KeyRequest, Token};
use breakglass::secret::{AccessKeySecret, RoleSecret, Share, SharedSecret};
use proptest::prelude::*;
use soft::{Person, SoftToken, System, name, person, with_tokens};

const VAULT: Digest = Digest([0xaa; 32]);
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// Two ICs with three tokens between them, one of which has only RSA, and a BGO.
fn people() -> Vec<Person> {
    vec![
        with_tokens(
            "alice",
            Role::Ic,
            vec![SoftToken::p256("alice"), SoftToken::p256("alice-spare")],
        ),
        with_tokens("rita", Role::Ic, vec![SoftToken::rsa("rita")]),
        person("bob", Role::Bgo),
    ]
}

fn begin(manifest: &Manifest) -> Sealing {
    let plan = Plan {
        vault: VAULT,
        manifest,
        manifest_digest: Digest([0xbb; 32]),
        compartment: &name("prod"),
        generation: 7,
        now: soft::now(),
    };
    crypto::begin(&plan, &System).unwrap()
}

fn seal_secret(sealing: &Sealing, credential: &str, secret: &str) -> Envelope {
    let to_seal = ToSeal {
        credential: &name(credential),
        account: &"123456789012".parse().unwrap(),
        user: &"deploy-emergency".parse().unwrap(),
        access_key: &"AKIAIOSFODNN7EXAMPLE".parse().unwrap(),
        secret: &AccessKeySecret::new(secret.as_bytes()).unwrap(),
        now: soft::at(1),
    };
    sealing.seal(&to_seal, &rotator()).unwrap()
}

fn rotator() -> SoftwareSigner {
    soft::signer("rotator")
}

fn record_of(envelope: &Envelope) -> Record {
    envelope.document().unwrap()
}

/// What a token answers for its share in a header.
fn answer(header: &GenerationHeader, token: &mut SoftToken) -> SharedSecret {
    let place = find_share(header, &token.id()).expect("sealed to it");
    let operation = place.operation(&token.enrolled.keys.seal).unwrap();
    ask(token, &operation)
}

fn ask(token: &mut SoftToken, operation: &Operation) -> SharedSecret {
    let request = match operation {
        Operation::Agree(point) => KeyRequest::Agree(point),
        Operation::Decapsulate(ciphertext) => KeyRequest::Decapsulate(ciphertext),
    };
    match token.perform(&soft::pin(), &[request]).unwrap().pop() {
        Some(KeyReply::Secret(secret)) => secret,
        _ => panic!("no secret"),
    }
}

/// Opens a token's share as the header says, with an answer that it gave before.
fn open(
    header: &GenerationHeader,
    token: &SoftToken,
    answer: &SharedSecret,
) -> Result<Share, CryptoError> {
    let place = find_share(header, &token.id()).expect("sealed to it");
    place.open(&token.enrolled.keys.seal, answer)
}

fn share(header: &GenerationHeader, token: &mut SoftToken) -> Share {
    let answer = answer(header, token);
    open(header, token, &answer).unwrap()
}

fn role(header: &GenerationHeader, role: Role) -> &RoleShares {
    header.roles.iter().find(|r| r.role == role).unwrap()
}

/// The secrets of both roles, where one person of each is enough.
fn secrets(header: &GenerationHeader, ic: &mut SoftToken, bgo: &mut SoftToken) -> [RoleSecret; 2] {
    let index = |token: &SoftToken| find_share(header, &token.id()).unwrap().index();
    let of = |which, token: &mut SoftToken| {
        let at = index(token);
        combine(role(header, which), &[(at, &share(header, token))]).unwrap()
    };
    [of(Role::Ic, ic), of(Role::Bgo, bgo)]
}

fn unlocks(secrets: &[RoleSecret; 2], record: Record) -> Result<(), CryptoError> {
    let credential = record.about.credential.clone();
    let ic = narrow(&secrets[0], &credential)?;
    let bgo = narrow(&secrets[1], &credential)?;
    unlock(&ic, &bgo, record).map(drop)
}

/// Index, custodian and tokens.
type Shares<'h> = Vec<(u8, &'h str, Vec<Digest>)>;

#[test]
fn a_header_holds_what_the_manifest_says() {
    let people = people();
    let manifest = soft::manifest(&people, [2, 1, 0]);
    let sealing = begin(&manifest);
    let header = sealing.header();
    assert_eq!((header.vault, header.manifest), (VAULT, Digest([0xbb; 32])));
    assert_eq!((header.manifest_version, header.generation), (1, 7));
    assert_eq!(header.compartment, name("prod"));
    assert_eq!(header.created, soft::now());
    let shape: Vec<(Role, u8, Shares<'_>)> = header
        .roles
        .iter()
        .map(|role| {
            let shares = role.shares.iter().map(|share| {
                let tokens = share.tokens.iter().map(|seal| seal.token).collect();
                (share.index, share.custodian.as_str(), tokens)
            });
            (role.role, role.threshold, shares.collect())
        })
        .collect();
    let ids = |person: usize| people[person].tokens.iter().map(SoftToken::id).collect();
    assert_eq!(
        shape,
        vec![
            (Role::Ic, 2, vec![(1, "alice", ids(0)), (2, "rita", ids(1))]),
            (Role::Bgo, 1, vec![(1, "bob", ids(2))]),
        ]
    );
    let seals = header.roles.iter().flat_map(|role| &role.shares);
    for seal in seals.flat_map(|share| &share.tokens) {
        let rsa = seal.token == people[1].tokens[0].id();
        assert_eq!(seal.encapsulated.len(), if rsa { 256 } else { 65 });
        assert_eq!(seal.ciphertext.len(), 48);
    }
}

#[test]
fn header_and_record_are_signed_by_the_rotator_and_named_by_their_bytes() {
    let people = people();
    let manifest = soft::manifest(&people, [1, 1, 0]);
    let sealing = begin(&manifest);
    let record = seal_secret(&sealing, "deploy", SECRET);
    let header = sealing.signed_header(&rotator()).unwrap();
    assert_eq!(sealing.header_digest(), header.digest());
    assert_eq!(record_of(&record).about.header, header.digest());
    for envelope in [&header, &record] {
        let [signature] = envelope.signatures.as_slice() else {
            panic!("one signature");
        };
        assert_eq!(signature.keyid, rotator().key_id());
        let key = rotator().sign_key();
        let verified = crypto::verify(&key, &envelope.signed_bytes(), &signature.sig);
        assert_eq!(verified, Ok(()));
    }
    let again = Envelope::read::<GenerationHeader>(&header.to_bytes().unwrap()).unwrap();
    assert_eq!(
        again.document::<GenerationHeader>(),
        Ok(sealing.header().clone())
    );
    let bytes = record.to_bytes().unwrap();
    assert_eq!(Envelope::read::<Record>(&bytes).unwrap(), record);
    assert!(Envelope::read::<GenerationHeader>(&bytes).is_err());
    assert!(bytes.len() < Record::MAX);
}

#[test]
fn nothing_is_sealed_without_chance_or_without_people() {
    let people = people();
    let prod = name("prod");
    let begin = |thresholds, chance: &dyn Entropy| {
        let plan = Plan {
            vault: VAULT,
            manifest: &soft::manifest(&people, thresholds),
            manifest_digest: VAULT,
            compartment: &prod,
            generation: 1,
            now: soft::now(),
        };
        crypto::begin(&plan, chance).err()
    };
    let error = begin([1, 1, 0], &soft::Exhausted);
    assert!(
        matches!(error, Some(CryptoError::NoEntropy(_))),
        "{error:?}"
    );
    for (thresholds, threshold, count) in [([3, 1, 0], 3, 2), ([0, 1, 0], 0, 2), ([1, 2, 0], 2, 1)]
    {
        let error = begin(thresholds, &System);
        assert_eq!(error, Some(CryptoError::Threshold { threshold, count }));
    }
}

#[test]
fn the_plaintext_has_one_length() {
    let people = people();
    let sealing = begin(&soft::manifest(&people, [1, 1, 0]));
    let long = "x".repeat(126);
    let mut sealed = Vec::new();
    for secret in ["0123456789abcdef", SECRET, &long] {
        sealed.push(record_of(&seal_secret(&sealing, "deploy", secret)).ciphertext);
    }
    assert!(sealed.iter().all(|ciphertext| ciphertext.len() == 128 + 16));
    assert!(sealed[0] != sealed[1] && sealed[1] != sealed[2]);
}

/// A change of bytes.
type BytesChange = fn(&mut Vec<u8>);

/// A change of a header, or of a record, by its name.
type Change<T> = (&'static str, fn(&mut T));

#[test]
fn every_field_of_a_header_is_bound_to_each_share() {
    let mut people = people();
    let sealing = begin(&soft::manifest(&people, [1, 1, 0]));
    let header = sealing.header();
    let changes: [Change<GenerationHeader>; 9] = [
        ("vault", |h| h.vault.0[0] ^= 1),
        ("manifest", |h| h.manifest.0[31] ^= 1),
        ("compartment", |h| h.compartment = name("test")),
        ("generation", |h| h.generation += 1),
        ("role", |h| h.roles[0].role = Role::Bgo),
        ("custodian", |h| {
            let names: Vec<Name> = h.roles[0]
                .shares
                .iter()
                .map(|s| s.custodian.clone())
                .collect();
            h.roles[0].shares[0].custodian = names[1].clone();
            h.roles[0].shares[1].custodian = names[0].clone();
        }),
        ("index", |h| {
            h.roles[0].shares[0].index = 2;
            h.roles[0].shares[1].index = 1;
        }),
        ("tag", |h| {
            for share in &mut h.roles[0].shares {
                share.tokens[0].ciphertext[40] ^= 1;
            }
        }),
        ("ciphertext", |h| {
            for share in &mut h.roles[0].shares {
                share.tokens[0].ciphertext[0] ^= 0x80;
            }
        }),
    ];
    for label in ["alice", "rita"] {
        let token = soft::token(&mut people, label);
        let answer = answer(header, token);
        assert!(open(header, token, &answer).is_ok());
        for (what, change) in &changes {
            let mut changed = header.clone();
            change(&mut changed);
            let refused = open(&changed, token, &answer).err();
            assert_eq!(refused, Some(CryptoError::NotAuthentic), "{label}: {what}");
        }
    }
}

#[test]
fn a_share_moves_to_no_other_token() {
    let mut people = people();
    let sealing = begin(&soft::manifest(&people, [1, 1, 0]));
    let mut header = sealing.header().clone();
    // What was sealed to the spare is given out as sealed to the first, and the other way round.
    let seals = &mut header.roles[0].shares[0].tokens;
    let (first, spare) = (seals[0].token, seals[1].token);
    (seals[0].token, seals[1].token) = (spare, first);
    for label in ["alice", "alice-spare"] {
        let token = soft::token(&mut people, label);
        let answer = answer(&header, token);
        let refused = open(&header, token, &answer).err();
        assert_eq!(refused, Some(CryptoError::NotAuthentic));
    }
    let mallory = SoftToken::p256("mallory");
    assert!(find_share(&header, &mallory.id()).is_none());
}

#[test]
fn what_no_key_can_have_sealed_reaches_no_token() {
    let people = people();
    let sealing = begin(&soft::manifest(&people, [1, 1, 0]));
    let operation = |change: BytesChange, share: usize| {
        let mut header = sealing.header().clone();
        let seal = &mut header.roles[0].shares[share].tokens[0];
        change(&mut seal.encapsulated);
        let token = &people[share].tokens[0];
        let place = find_share(&header, &token.id()).unwrap();
        place.operation(&token.enrolled.keys.seal)
    };
    assert!(operation(|_| {}, 0).is_ok() && operation(|_| {}, 1).is_ok());
    let bad: [(BytesChange, usize); 7] = [
        (|bytes| bytes[64] ^= 1, 0),
        (|bytes| bytes.truncate(33), 0),
        (|bytes| bytes[0] = 6, 0),
        (|bytes| bytes.fill(0), 0),
        (|bytes| bytes.fill(0xff), 1),
        (|bytes| bytes.push(0), 1),
        (Vec::clear, 1),
    ];
    for (change, share) in bad {
        let refused = operation(change, share);
        assert!(
            matches!(refused, Err(CryptoError::Encapsulated(_))),
            "{refused:?}"
        );
    }
}

#[test]
fn a_share_that_is_not_the_one_of_the_header_is_found() {
    let mut people = people();
    let sealing = begin(&soft::manifest(&people, [1, 1, 0]));
    let mut header = sealing.header().clone();
    header.roles[0].shares[0].digest.0[5] ^= 1;
    let token = soft::token(&mut people, "alice");
    let answer = answer(&header, token);
    let refused = open(&header, token, &answer).err();
    assert_eq!(refused, Some(CryptoError::ShareDigest));
}

#[test]
fn every_field_of_a_record_is_bound_to_its_key() {
    let mut people = people();
    let sealing = begin(&soft::manifest(&people, [1, 1, 0]));
    let record = record_of(&seal_secret(&sealing, "deploy", SECRET));
    let mut bob = people.pop().unwrap().tokens.remove(0);
    let secrets = secrets(
        sealing.header(),
        soft::token(&mut people, "alice"),
        &mut bob,
    );
    assert_eq!(unlocks(&secrets, record.clone()), Ok(()));
    let changes: [Change<Record>; 14] = [
        ("vault", |r| r.about.vault.0[0] ^= 1),
        ("manifest", |r| r.about.manifest.0[0] ^= 1),
        ("header", |r| r.about.header.0[0] ^= 1),
        ("compartment", |r| r.about.compartment = name("test")),
        ("generation", |r| r.about.generation += 1),
        ("credential", |r| r.about.credential = name("deploz")),
        ("account", |r| {
            r.about.account = "123456789013".parse().unwrap()
        }),
        ("user", |r| {
            r.about.user = "deploy-emergencz".parse().unwrap()
        }),
        ("access key", |r| {
            r.about.access_key = "AKIAIOSFODNN7EXAMPLF".parse().unwrap();
        }),
        ("created", |r| r.about.created = soft::at(2)),
        ("commitment", |r| r.commitment[31] ^= 1),
        ("a shorter commitment", |r| r.commitment.truncate(31)),
        ("witness", |r| r.witness[0] ^= 1),
        ("no witness", |r| r.witness.clear()),
    ];
    for (what, change) in changes {
        let mut changed = record.clone();
        change(&mut changed);
        let refused = unlocks(&secrets, changed);
        assert_eq!(refused, Err(CryptoError::Commitment), "{what}");
    }
    // The ciphertext itself is looked at only when it is decrypted, which takes the ledger's leave.
    let mut changed = record;
    changed.ciphertext[0] ^= 1;
    assert_eq!(unlocks(&secrets, changed), Ok(()));
}

#[test]
fn the_secrets_of_one_role_or_of_another_generation_do_not_unlock() {
    let mut people = people();
    let manifest = soft::manifest(&people, [1, 1, 0]);
    let (one, other) = (begin(&manifest), begin(&manifest));
    let record = record_of(&seal_secret(&one, "deploy", SECRET));
    let mut bob = people.pop().unwrap().tokens.remove(0);
    let alice = soft::token(&mut people, "alice");
    let [ic, bgo] = secrets(one.header(), alice, &mut bob);
    let [other_ic, other_bgo] = secrets(other.header(), alice, &mut bob);
    let copy = |secret: &RoleSecret| RoleSecret::filled(|out| *out = *secret.expose());
    for wrong in [
        [copy(&ic), copy(&ic)],
        [copy(&bgo), copy(&bgo)],
        [copy(&bgo), copy(&ic)],
        [copy(&other_ic), copy(&bgo)],
        [copy(&ic), copy(&other_bgo)],
    ] {
        let refused = unlocks(&wrong, record.clone());
        assert_eq!(refused, Err(CryptoError::Commitment));
    }
    assert_eq!(unlocks(&[ic, bgo], record), Ok(()));
}

#[test]
fn two_generations_have_nothing_in_common() {
    let mut people = people();
    let manifest = soft::manifest(&people, [1, 1, 0]);
    let (one, other) = (begin(&manifest), begin(&manifest));
    let alice = soft::token(&mut people, "alice");
    assert!(share(one.header(), alice).expose() != share(other.header(), alice).expose());
    let of = |sealing| record_of(&seal_secret(sealing, "deploy", SECRET));
    let (one, other) = (of(&one), of(&other));
    assert_ne!(one.commitment, other.commitment);
    assert_ne!(one.witness, other.witness);
    assert_ne!(one.ciphertext, other.ciphertext);
}

/// As many ICs as the count says, and one BGO.
fn crowd(count: u8) -> Vec<Person> {
    let ic = (0..count).map(|n| person(&format!("ic-{n}"), Role::Ic));
    ic.chain([person("bob", Role::Bgo)]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Any quorum of a role gives the secret with which the record unlocks; anything less is refused.
    #[test]
    fn any_quorum_opens_and_nothing_less((count, threshold) in (1..=5_u8).prop_flat_map(|n| (Just(n), 1..=n)), picked: u8) {
        let mut people = crowd(count);
        let sealing = begin(&soft::manifest(&people, [threshold, 1, 0]));
        let header = sealing.header();
        let record = record_of(&seal_secret(&sealing, "deploy", SECRET));
        let mut bob = people.pop().unwrap().tokens.remove(0);
        let bgo = combine(role(header, Role::Bgo), &[(1, &share(header, &mut bob))]).unwrap();
        let mut shares = Vec::new();
        for (n, person) in people.iter_mut().enumerate() {
            if picked & (1 << n) != 0 {
                shares.push((n as u8 + 1, share(header, &mut person.tokens[0])));
            }
        }
        let shares: Vec<(u8, &Share)> = shares.iter().map(|(n, share)| (*n, share)).collect();
        match combine(role(header, Role::Ic), &shares) {
            Ok(ic) => {
                prop_assert!(shares.len() >= usize::from(threshold));
                prop_assert_eq!(unlocks(&[ic, bgo], record), Ok(()));
            }
            Err(error) => {
                prop_assert!(shares.len() < usize::from(threshold));
                prop_assert_eq!(error, CryptoError::Quorum);
            }
        }
    }

    /// A threshold in the header that is lower than that of the sealing gives another secret.
    #[test]
    fn a_lowered_threshold_opens_nothing(first in 0..3_usize) {
        let mut people = crowd(3);
        let sealing = begin(&soft::manifest(&people, [2, 1, 0]));
        let mut header = sealing.header().clone();
        let record = record_of(&seal_secret(&sealing, "deploy", SECRET));
        header.roles[0].threshold = 1;
        let mut bob = people.pop().unwrap().tokens.remove(0);
        let bgo = combine(role(&header, Role::Bgo), &[(1, &share(&header, &mut bob))]).unwrap();
        let one = share(&header, &mut people[first].tokens[0]);
        let ic = combine(role(&header, Role::Ic), &[(first as u8 + 1, &one)]).unwrap();
        prop_assert_eq!(unlocks(&[ic, bgo], record), Err(CryptoError::Commitment));
    }
}
