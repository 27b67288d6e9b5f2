//! Manifests: each rule of a sound one broken once, each way in which a chain can be forged, and every
//! change that can be drawn up.

#[path = "core_manifest/evidence.rs"]
mod evidence;
#[path = "common/soft.rs"]
mod soft;

use breakglass::format::dsse::{Envelope, EnvelopeSignature, Malformed};
use breakglass::format::{EnrolledToken, Manifest, Rotator, digest};
use breakglass::manifest::{Chain, ChangeRefused, Draft, Pin, Unsound, Untrusted, check};
use breakglass::model::{Digest, Name, Role, SignAlgorithm};
use soft::{Person, SoftToken, name, person, signer, with_tokens};

/// Two ICs, one with a spare, two BGOs and an SO.
fn people() -> Vec<Person> {
    vec![
        with_tokens(
            "alice",
            Role::Ic,
            vec![SoftToken::p256("alice"), SoftToken::p256("alice-spare")],
        ),
        person("carl", Role::Ic),
        person("bob", Role::Bgo),
        person("bea", Role::Bgo),
        person("sue", Role::So),
    ]
}

fn shown(token: &SoftToken) -> String {
    token.enrolled.identity.to_string()
}

/// The same keys, in a YubiKey.
fn touch(token: &mut EnrolledToken) {
    *token = SoftToken::p256(&token.identity.label).touched().enrolled;
}

/// A change of a manifest that was sound.
type Change = fn(&mut Manifest);

fn unsound(change: Change) -> Result<(), Unsound> {
    let mut manifest = soft::manifest(&people(), [1, 1, 1]);
    change(&mut manifest);
    check(&manifest)
}

#[test]
fn a_sound_manifest_is_sound() {
    assert_eq!(unsound(|_| {}), Ok(()));
    assert_eq!(unsound(|m| m.policy.grace_minutes = 0), Ok(()));
    assert_eq!(unsound(|m| m.policy.grace_minutes = 43_200), Ok(()));
    assert_eq!(unsound(|m| m.policy.rotate_days = 365), Ok(()));
    assert_eq!(unsound(|m| m.policy.max_lease_minutes = 10_080), Ok(()));
    assert_eq!(unsound(|m| m.thresholds.ic = 2), Ok(()));
    let rsa = vec![
        with_tokens("rita", Role::Ic, vec![SoftToken::rsa("rita")]),
        person("bob", Role::Bgo),
    ];
    assert_eq!(check(&soft::manifest(&rsa, [1, 1, 0])), Ok(()));
}

#[test]
fn one_person_has_one_role_and_a_token() {
    let twice = Err(Unsound::Person("carl".into()));
    assert_eq!(unsound(|m| m.custodians[2].name = name("carl")), twice);
    assert_eq!(unsound(|m| m.custodians[0].name = name("carl")), twice);
    let without = Err(Unsound::NoToken("carl".into()));
    assert_eq!(unsound(|m| m.custodians[1].tokens.clear()), without);
}

#[test]
fn one_key_has_one_role() {
    let people = people();
    let again = |person: usize| Err(Unsound::Token(shown(&people[person].tokens[0])));
    let same: [Change; 4] = [
        |m| m.custodians[2].tokens = m.custodians[1].tokens.clone(),
        |m| {
            m.custodians[2].tokens[0].keys.seal = m.custodians[1].tokens[0].keys.seal.clone();
        },
        |m| {
            m.custodians[2].tokens[0].keys.sign = m.custodians[1].tokens[0].keys.sign.clone();
        },
        // One's seal key is another's sign key.
        |m| {
            let seal = m.custodians[1].tokens[0].keys.seal.public.clone();
            m.custodians[2].tokens[0].keys.sign.public = seal;
        },
    ];
    for (n, change) in same.into_iter().enumerate() {
        let found = unsound(change);
        let wanted = if n == 0 { again(1) } else { again(2) };
        assert_eq!(found, wanted, "{n}");
    }
    // The same device, under other keys.
    let device = unsound(|m| {
        m.custodians[3].tokens[0].identity.serial =
            m.custodians[2].tokens[0].identity.serial.clone();
    });
    assert!(matches!(device, Err(Unsound::Token(_))), "{device:?}");
    // One key for both purposes.
    let both = unsound(|m| {
        let keys = &mut m.custodians[3].tokens[0].keys;
        keys.sign.public = keys.seal.public.clone();
    });
    assert_eq!(both, again(3));
}

#[test]
fn a_retired_token_does_not_come_back() {
    let people = people();
    let spare = &people[0].tokens[1];
    let mut manifest = soft::manifest(&people, [1, 1, 1]);
    manifest.retired.push(spare.id());
    assert_eq!(check(&manifest), Err(Unsound::Retired(shown(spare))));
}

#[test]
fn keys_are_keys_of_their_kind() {
    let people = people();
    let bad = |which| Err(Unsound::Key(shown(&people[1].tokens[0]), which));
    let seal: [Change; 3] = [
        |m| m.custodians[1].tokens[0].keys.seal.public[64] ^= 1,
        |m| m.custodians[1].tokens[0].keys.seal.public.clear(),
        |m| {
            m.custodians[1].tokens[0].keys.seal.suite = breakglass::model::SealSuite::RsaOaepSha256;
        },
    ];
    for change in seal {
        assert_eq!(unsound(change), bad("seal key"));
    }
    let sign: [Change; 4] = [
        |m| m.custodians[1].tokens[0].keys.sign.public[64] ^= 1,
        |m| m.custodians[1].tokens[0].keys.sign.public.clear(),
        |m| m.custodians[1].tokens[0].keys.sign.algorithm = SignAlgorithm::RsaPkcs1Sha256,
        // A good key, and one that lies in software.
        |m| m.custodians[1].tokens[0].keys.sign = signer("carl").sign_key(),
    ];
    for change in sign {
        assert_eq!(unsound(change), bad("sign key"));
    }
}

#[test]
fn a_threshold_can_be_met_and_is_not_zero() {
    let threshold = |role, threshold, holders| {
        Err(Unsound::Threshold {
            role,
            threshold,
            holders,
        })
    };
    assert_eq!(unsound(|m| m.thresholds.ic = 3), threshold(Role::Ic, 3, 2));
    assert_eq!(unsound(|m| m.thresholds.ic = 0), threshold(Role::Ic, 0, 2));
    assert_eq!(
        unsound(|m| m.thresholds.bgo = 0),
        threshold(Role::Bgo, 0, 2)
    );
    assert_eq!(
        unsound(|m| m.thresholds.bgo = 255),
        threshold(Role::Bgo, 255, 2)
    );
    assert_eq!(unsound(|m| m.thresholds.so = 0), threshold(Role::So, 0, 1));
    assert_eq!(unsound(|m| m.thresholds.so = 2), threshold(Role::So, 2, 1));
    let no_so: Change = |m| drop(m.custodians.pop());
    assert_eq!(unsound(no_so), threshold(Role::So, 1, 0));
    let none: Change = |m| {
        m.custodians.pop();
        m.thresholds.so = 0;
    };
    assert_eq!(unsound(none), Ok(()));
    let no_bgo: Change = |m| drop(m.custodians.drain(2..4));
    assert_eq!(unsound(no_bgo), threshold(Role::Bgo, 1, 0));
}

#[test]
fn more_people_than_share_indices_are_refused() {
    let ics = (0..256).map(|n| person(&format!("ic-{n}"), Role::Ic));
    let people: Vec<Person> = ics.chain([person("bob", Role::Bgo)]).collect();
    let refused = check(&soft::manifest(&people, [1, 1, 0]));
    let wanted = Unsound::Threshold {
        role: Role::Ic,
        threshold: 1,
        holders: 256,
    };
    assert_eq!(refused, Err(wanted));
    assert_eq!(check(&soft::manifest(&people[1..], [1, 1, 0])), Ok(()));
}

#[test]
fn without_leave_every_quorum_takes_a_touch() {
    let check = |thresholds, touched: &[(usize, usize)]| {
        let mut manifest = soft::manifest(&people(), thresholds);
        manifest.policy.allow_no_touch = false;
        for (person, token) in touched {
            touch(&mut manifest.custodians[*person].tokens[*token]);
        }
        check(&manifest)
    };
    let refused = Err(Unsound::NoTouch);
    assert_eq!(check([1, 1, 1], &[]), refused);
    // Alice has a spare that needs none, Carl another token: neither side is sure.
    assert_eq!(check([1, 1, 1], &[(0, 0), (1, 0), (2, 0)]), refused);
    assert_eq!(check([1, 1, 1], &[(0, 0), (0, 1), (2, 0)]), refused);
    assert_eq!(check([1, 1, 1], &[(4, 0)]), refused);
    // All ICs, or all BGOs, or one of two where both are needed.
    assert_eq!(check([1, 1, 1], &[(0, 0), (0, 1), (1, 0)]), Ok(()));
    assert_eq!(check([1, 1, 1], &[(2, 0), (3, 0)]), Ok(()));
    assert_eq!(check([2, 1, 1], &[(1, 0)]), Ok(()));
}

#[test]
fn rotators_and_compartments_are_there_once() {
    let rotators = |text: &str| Err(Unsound::Rotators(text.into()));
    let none = rotators("there is no rotator, so nothing could ever be sealed");
    assert_eq!(unsound(|m| m.rotators.clear()), none);
    let twice = |of: &str| rotators(&format!("the rotator {of} appears twice"));
    let same_name: Change = |m| {
        m.rotators.push(Rotator {
            name: name("rotator"),
            public: signer("other").public().to_vec(),
        });
    };
    assert_eq!(unsound(same_name), twice("rotator"));
    let same_key: Change = |m| {
        m.rotators.push(Rotator {
            name: name("other"),
            public: signer("rotator").public().to_vec(),
        });
    };
    assert_eq!(unsound(same_key), twice("other"));
    let bad: [Change; 3] = [
        |m| m.rotators[0].public.truncate(31),
        // Points of small order, for which anybody signs.
        |m| m.rotators[0].public = vec![0; 32],
        |m| {
            m.rotators[0].public = vec![0; 32];
            m.rotators[0].public[0] = 1;
        },
    ];
    for change in bad {
        assert_eq!(
            unsound(change),
            rotators("the key of rotator rotator is none")
        );
    }
    let compartments = |text: &str| Err(Unsound::Compartments(text.into()));
    let none = compartments("there is no compartment");
    assert_eq!(unsound(|m| m.compartments.clear()), none);
    let twice = compartments("a compartment appears twice");
    assert_eq!(unsound(|m| m.compartments.push(name("prod"))), twice);
}

#[test]
fn numbers_are_in_their_range() {
    let days = Err(Unsound::Policy("rotation must be due after 1 to 365 days"));
    assert_eq!(unsound(|m| m.policy.rotate_days = 0), days);
    assert_eq!(unsound(|m| m.policy.rotate_days = 366), days);
    let lease = Err(Unsound::Policy(
        "the longest lease must be 1 minute to 7 days",
    ));
    assert_eq!(unsound(|m| m.policy.max_lease_minutes = 0), lease);
    assert_eq!(unsound(|m| m.policy.max_lease_minutes = 10_081), lease);
    let grace = Err(Unsound::Policy("the grace must not be longer than 30 days"));
    assert_eq!(unsound(|m| m.policy.grace_minutes = 43_201), grace);
    let nonce = Err(Unsound::Policy("the nonce must be 16 bytes"));
    assert_eq!(unsound(|m| m.nonce.truncate(15)), nonce);
}

/// A vault of [`people`] and whoever comes later.
struct Vault {
    people: Vec<Person>,
    chain: Chain,
    envelopes: Vec<Envelope>,
}

impl Vault {
    fn found(thresholds: [u8; 3]) -> Self {
        let people = people();
        let first = soft::signed_by(&soft::manifest(&people, thresholds), soft::tokens(&people));
        let chain = Chain::verify(std::slice::from_ref(&first)).unwrap();
        Self {
            people,
            chain,
            envelopes: vec![first],
        }
    }

    fn draft(&self) -> Draft {
        Draft::after(&self.chain, soft::at(5))
    }

    /// The next manifest with one more compartment, and a change that no draft makes.
    fn next(&self, change: impl FnOnce(&mut Manifest)) -> Manifest {
        let mut draft = self.draft();
        let number = self.chain.newest().version;
        draft
            .add_compartment(&name(&format!("more-{number}")))
            .unwrap();
        let mut manifest = draft.finish().unwrap();
        change(&mut manifest);
        manifest
    }

    fn signed(&self, manifest: &Manifest, labels: &[&str]) -> Envelope {
        let has = |token: &&SoftToken| labels.contains(&token.enrolled.identity.label.as_str());
        soft::signed_by(manifest, soft::tokens(&self.people).filter(has))
    }

    /// Whether the next manifest would be taken; it is not.
    fn try_next(&self, manifest: &Manifest, labels: &[&str]) -> Result<(), Untrusted> {
        self.chain.clone().extend(&self.signed(manifest, labels))
    }

    fn adopt(&mut self, manifest: &Manifest, labels: &[&str]) {
        let envelope = self.signed(manifest, labels);
        self.chain.extend(&envelope).unwrap();
        self.envelopes.push(envelope);
    }

    fn id(&mut self, label: &str) -> Digest {
        soft::token(&mut self.people, label).id()
    }
}

const ALL: [&str; 6] = ["alice", "alice-spare", "carl", "bob", "bea", "sue"];

#[test]
fn the_first_manifest_is_signed_by_every_token_of_its_founders() {
    let people = people();
    let manifest = soft::manifest(&people, [1, 1, 1]);
    let verify = |signers: &dyn Fn(&&SoftToken) -> bool| {
        let envelope = soft::signed_by(&manifest, soft::tokens(&people).filter(signers));
        Chain::verify(&[envelope]).map(|chain| chain.vault())
    };
    let whole = verify(&|_| true).unwrap();
    assert_eq!(whole, digest(&serde_json::to_vec(&manifest).unwrap()));
    for missing in soft::tokens(&people) {
        let refused = verify(&|token| token.id() != missing.id());
        assert_eq!(refused, Err(Untrusted::Possession(1, shown(missing))));
    }
    assert_eq!(Chain::verify(&[]).err(), Some(Untrusted::None));
    let mut second = manifest.clone();
    second.version = 2;
    let refused = Chain::verify(&[soft::signed_by(&second, soft::tokens(&people))]);
    let number = Untrusted::Broken(1, "its number is another");
    assert_eq!(refused.err(), Some(number));
    let mut follower = manifest;
    follower.previous = Some(Digest([1; 32]));
    let refused = Chain::verify(&[soft::signed_by(&follower, soft::tokens(&people))]);
    let none = Untrusted::Broken(1, "the first follows none");
    assert_eq!(refused.err(), Some(none));
}

#[test]
fn a_threshold_of_every_role_signs_what_follows() {
    let vault = Vault::found([2, 1, 1]);
    let next = vault.next(|_| {});
    let enough: [&[&str]; 4] = [
        &["alice", "carl", "bob", "sue"],
        &["alice-spare", "carl", "bea", "sue"],
        &["alice", "alice-spare", "carl", "bea", "sue"],
        &ALL,
    ];
    for labels in enough {
        assert_eq!(vault.try_next(&next, labels), Ok(()), "{labels:?}");
    }
    let too_few: [(&[&str], Role, usize, usize); 6] = [
        (&[], Role::Ic, 0, 2),
        (&["alice", "bob", "sue"], Role::Ic, 1, 2),
        // Two tokens of one person are one person.
        (
            &["alice", "alice-spare", "bob", "bea", "sue"],
            Role::Ic,
            1,
            2,
        ),
        (&["alice", "carl", "sue"], Role::Bgo, 0, 1),
        (&["alice", "carl", "bob", "bea"], Role::So, 0, 1),
        (&["bob", "bea", "sue"], Role::Ic, 0, 2),
    ];
    for (labels, role, signed, needed) in too_few {
        let refused = Untrusted::Quorum {
            version: 2,
            role,
            signed,
            needed,
        };
        assert_eq!(vault.try_next(&next, labels), Err(refused), "{labels:?}");
    }
}

#[test]
fn the_thresholds_before_count_and_not_the_new_ones() {
    let mut vault = Vault::found([1, 1, 1]);
    let mut draft = vault.draft();
    draft.threshold(Role::Ic, 2);
    let raised = draft.finish().unwrap();
    vault.adopt(&raised, &["alice", "bob", "sue"]);
    let mut draft = vault.draft();
    draft.threshold(Role::Ic, 1);
    let lowered = draft.finish().unwrap();
    let refused = vault.try_next(&lowered, &["alice", "bob", "sue"]);
    let two = Untrusted::Quorum {
        version: 3,
        role: Role::Ic,
        signed: 1,
        needed: 2,
    };
    assert_eq!(refused, Err(two));
    vault.adopt(&lowered, &["alice", "carl", "bob", "sue"]);
    assert_eq!(vault.chain.newest().thresholds.ic, 1);
}

#[test]
fn a_signature_that_is_not_good_spoils_the_manifest() {
    let vault = Vault::found([1, 1, 1]);
    let next = vault.next(|_| {});
    let labels = ["alice", "bob", "sue"];
    let spoilt = |spoil: &dyn Fn(&mut Envelope)| {
        let mut envelope = vault.signed(&next, &labels);
        spoil(&mut envelope);
        vault.chain.clone().extend(&envelope)
    };
    assert_eq!(spoilt(&|_| {}), Ok(()));
    let alice = vault.people[0].tokens[0].id().short();
    let bad = |who: &str, why: &str| Err(Untrusted::Signature(2, format!("{who}: {why}")));
    let does_not = bad(&alice, "it does not verify");
    assert_eq!(spoilt(&|e| e.signatures[0].sig[10] ^= 1), does_not);
    assert_eq!(spoilt(&|e| e.signatures[0].sig.truncate(63)), does_not);
    assert_eq!(spoilt(&|e| e.signatures[0].sig.clear()), does_not);
    let swapped = spoilt(&|e| {
        let sig = e.signatures[1].sig.clone();
        e.signatures[0].sig = sig;
    });
    assert_eq!(swapped, does_not);
    let twice = spoilt(&|e| e.signatures.push(e.signatures[0].clone()));
    assert_eq!(twice, bad(&alice, "twice"));
    let mallory = SoftToken::p256("mallory");
    let stranger = spoilt(&|e| soft::sign_with(e, &mallory));
    assert_eq!(stranger, bad(&mallory.id().short(), "nobody's key"));
    // A rotator signs nothing here.
    let rotator = signer("rotator");
    let by_rotator = spoilt(&|e| {
        let sig = rotator.sign(&e.signed_bytes()).to_vec();
        e.signatures.push(EnvelopeSignature {
            keyid: rotator.key_id(),
            sig,
        });
    });
    assert_eq!(by_rotator, bad(&rotator.key_id().short(), "nobody's key"));
    // The signatures of other bytes: one blank more.
    let mut envelope = vault.signed(&next, &labels);
    envelope.payload.push(b' ');
    assert_eq!(vault.chain.clone().extend(&envelope), does_not);
}

#[test]
fn another_vaults_people_sign_nothing_here() {
    let vault = Vault::found([1, 1, 1]);
    let strangers = [
        person("mallory", Role::Ic),
        person("trudy", Role::Bgo),
        person("eve", Role::So),
    ];
    let next = vault.next(|_| {});
    let forged = soft::signed_by(&next, soft::tokens(&strangers));
    let refused = vault.chain.clone().extend(&forged);
    let who = strangers[0].tokens[0].id().short();
    let nobody = Untrusted::Signature(2, format!("{who}: nobody's key"));
    assert_eq!(refused, Err(nobody));
    // They put themselves in, and sign as those who are added.
    let taken_over = vault.next(|manifest| {
        manifest.retired = manifest.tokens().map(|(_, token)| token.id()).collect();
        manifest.custodians = strangers.iter().map(soft::custodian).collect();
    });
    let forged = soft::signed_by(&taken_over, soft::tokens(&strangers));
    let quorum = Untrusted::Quorum {
        version: 2,
        role: Role::Ic,
        signed: 0,
        needed: 1,
    };
    assert_eq!(vault.chain.clone().extend(&forged), Err(quorum));
}

#[test]
fn what_follows_follows_to_the_letter() {
    let vault = Vault::found([1, 1, 1]);
    let broken = |why, change: Change| {
        let refused = vault.try_next(&vault.next(change), &ALL);
        assert_eq!(refused, Err(Untrusted::Broken(2, why)));
    };
    broken("its number is another", |m| m.version = 3);
    broken("its number is another", |m| m.version = 1);
    broken("its number is another", |m| m.version = 0);
    broken("it names another as the one before", |m| m.previous = None);
    broken("it names another as the one before", |m| {
        m.previous = Some(Digest([3; 32]));
    });
    broken("it is of another vault", |m| m.vault = name("other"));
    broken("it is of another vault", |m| m.nonce[0] ^= 1);
    broken("it forgets a retired token", |m| {
        m.custodians[0].tokens.pop();
    });
    let hands = "a token changes hands, its role or what it proves";
    broken(hands, |m| {
        let spare = m.custodians[0].tokens.pop().unwrap();
        m.custodians[1].tokens.push(spare);
    });
    broken(hands, |m| {
        let spare = m.custodians[0].tokens.pop().unwrap();
        m.custodians[2].tokens.push(spare);
    });
    broken(hands, |m| m.custodians[0].role = Role::Bgo);
    broken(hands, |m| m.custodians[0].name = name("alicia"));
    broken(hands, |m| touch(&mut m.custodians[0].tokens[0]));
    // What only finds a token again may change.
    let moved = vault.next(|m| m.custodians[0].tokens[0].identity.label = "moved".into());
    assert_eq!(vault.try_next(&moved, &ALL), Ok(()));
    let unsound = vault.next(|m| m.compartments.clear());
    let refused = vault.try_next(&unsound, &ALL);
    let why = Unsound::Compartments("there is no compartment".into());
    assert_eq!(refused, Err(Untrusted::Unsound(2, why)));
}

#[test]
fn what_was_retired_stays_retired() {
    let mut vault = Vault::found([1, 1, 1]);
    let spare = vault.id("alice-spare");
    let mut draft = vault.draft();
    draft.retire_token(&spare).unwrap();
    let second = draft.finish().unwrap();
    assert_eq!(second.retired, [spare]);
    // It may sign its own end: it was enrolled until then.
    vault.adopt(&second, &["alice-spare", "bob", "sue"]);
    let next = vault.next(|_| {});
    let refused = vault.try_next(&next, &["alice-spare", "bob", "sue"]);
    let nobody = Untrusted::Signature(3, format!("{}: nobody's key", spare.short()));
    assert_eq!(refused, Err(nobody));
    let labels = ["alice", "bob", "sue"];
    assert_eq!(vault.try_next(&next, &labels), Ok(()));
    let forgotten = vault.next(|m| m.retired.clear());
    let refused = vault.try_next(&forgotten, &labels);
    let broken = Untrusted::Broken(3, "it forgets a retired token");
    assert_eq!(refused, Err(broken));
    let token = vault.people[0].tokens[1].enrolled.clone();
    let again = vault.next(|m| m.custodians[0].tokens.push(token.clone()));
    let refused = vault.try_next(&again, &ALL);
    let retired = Unsound::Retired(token.identity.to_string());
    assert_eq!(refused, Err(Untrusted::Unsound(3, retired)));
    let mut draft = vault.draft();
    draft
        .enrol(&name("alice"), Role::Ic, token.clone())
        .unwrap();
    let refused = draft.finish().err();
    let retired = Unsound::Retired(token.identity.to_string());
    assert_eq!(refused, Some(ChangeRefused::Unsound(retired)));
}

#[test]
fn a_new_token_proves_that_it_holds_its_key() {
    let mut vault = Vault::found([1, 1, 1]);
    vault.people.push(person("dora", Role::Ic));
    let dora = &vault.people[5].tokens[0];
    let mut draft = vault.draft();
    draft
        .enrol(&name("dora"), Role::Ic, dora.enrolled.clone())
        .unwrap();
    let next = draft.finish().unwrap();
    let quorum = ["alice", "bob", "sue"];
    let refused = vault.try_next(&next, &quorum);
    assert_eq!(refused, Err(Untrusted::Possession(2, shown(dora))));
    // Her own signature counts for no quorum yet.
    let refused = vault.try_next(&next, &["dora", "bob", "sue"]);
    let no_ic = Untrusted::Quorum {
        version: 2,
        role: Role::Ic,
        signed: 0,
        needed: 1,
    };
    assert_eq!(refused, Err(no_ic));
    vault.adopt(&next, &["alice", "bob", "sue", "dora"]);
    let after = vault.next(|_| {});
    assert_eq!(vault.try_next(&after, &["dora", "bob", "sue"]), Ok(()));
}

#[test]
fn what_cannot_be_read_is_told_with_its_number() {
    let vault = Vault::found([1, 1, 1]);
    let refused = |change: &dyn Fn(&mut Envelope)| {
        let mut envelope = vault.signed(&vault.next(|_| {}), &ALL);
        change(&mut envelope);
        let mut chain = vault.chain.clone();
        let error = chain.extend(&envelope).err();
        assert_eq!(chain.newest().version, 1);
        error
    };
    let kind = "application/vnd.breakglass.manifest.v2+json";
    let found = refused(&|e| e.payload_type = kind.into());
    assert!(
        matches!(&found, Some(Untrusted::Malformed(2, Malformed::Type { found, .. })) if found == kind),
        "{found:?}"
    );
    let spoils: [&[u8]; 4] = [b"", b"{}", b"[1]", b"\xff\xfe"];
    for payload in spoils {
        let found = refused(&|e| e.payload = payload.to_vec());
        assert!(
            matches!(found, Some(Untrusted::Malformed(2, Malformed::Payload(_)))),
            "{found:?}"
        );
    }
    let unknown = refused(&|e| {
        let text = String::from_utf8(e.payload.clone()).unwrap();
        e.payload = text.replacen('{', "{\"more\":1,", 1).into_bytes();
    });
    assert!(
        matches!(
            unknown,
            Some(Untrusted::Malformed(2, Malformed::Payload(_)))
        ),
        "{unknown:?}"
    );
}

#[test]
fn a_chain_is_compared_with_what_was_seen_before() {
    let mut vault = Vault::found([1, 1, 1]);
    let first = vault.chain.pin();
    let next = vault.next(|_| {});
    vault.adopt(&next, &ALL);
    let second = vault.chain.pin();
    assert_eq!((first.version, second.version), (1, 2));
    assert_eq!((first.vault, first.manifest), (second.vault, first.vault));
    assert_eq!(second.manifest, vault.envelopes[1].digest());
    for pin in [first, second] {
        assert_eq!(vault.chain.compare(&pin), Ok(()));
    }
    let old = Chain::verify(&vault.envelopes[..1]).unwrap();
    let rolled_back = |seen, found| Err(Untrusted::RolledBack { seen, found });
    assert_eq!(old.compare(&second), rolled_back(2, 1));
    let never = Pin {
        version: 0,
        ..first
    };
    assert_eq!(old.compare(&never), rolled_back(0, 1));
    // The same people signed two second manifests.
    let mut other = Chain::verify(&vault.envelopes[..1]).unwrap();
    let parted = vault.envelopes[0].clone();
    let manifest: Manifest = parted.document().unwrap();
    let mut draft = Draft::after(&other, soft::at(6));
    draft.threshold(Role::Ic, 2);
    let envelope = vault.signed(&draft.finish().unwrap(), &ALL);
    other.extend(&envelope).unwrap();
    assert_eq!(other.compare(&first), Ok(()));
    assert_eq!(other.compare(&second), Err(Untrusted::Forked(2)));
    // Another vault of the very same people.
    let mut twin = manifest;
    twin.nonce[0] ^= 1;
    let twin = Chain::verify(&[vault.signed(&twin, &ALL)]).unwrap();
    let substituted = Untrusted::Substituted {
        pinned: first.vault,
        found: twin.vault(),
    };
    assert_eq!(twin.compare(&first), Err(substituted));
    assert_eq!(
        vault.chain.of_version(2).map(|(d, _)| *d),
        Some(second.manifest)
    );
    assert!(vault.chain.of_version(0).is_none() && vault.chain.of_version(3).is_none());
    assert_eq!(
        vault.chain.of_digest(&first.manifest).map(|m| m.version),
        Some(1)
    );
    assert!(vault.chain.of_digest(&Digest([0; 32])).is_none());
}

#[test]
fn every_change_is_drawn_up_on_the_newest_manifest() {
    let vault = Vault::found([1, 1, 1]);
    let draw = |change: &dyn Fn(&mut Draft)| {
        let mut draft = vault.draft();
        change(&mut draft);
        draft.finish()
    };
    let same = draw(&|_| {}).unwrap();
    assert_eq!((same.version, same.created), (2, soft::at(5)));
    assert_eq!(same.previous, Some(vault.chain.newest_digest()));
    let before = vault.chain.newest();
    let mut expected = before.clone();
    (expected.version, expected.previous, expected.created) =
        (same.version, same.previous, same.created);
    assert_eq!(same, expected);

    let unsound = |role, threshold, holders| {
        Err(ChangeRefused::Unsound(Unsound::Threshold {
            role,
            threshold,
            holders,
        }))
    };
    let two = draw(&|d| d.threshold(Role::Bgo, 2)).unwrap();
    assert_eq!(two.thresholds.bgo, 2);
    assert_eq!(
        draw(&|d| d.threshold(Role::Bgo, 3)),
        unsound(Role::Bgo, 3, 2)
    );
    assert_eq!(draw(&|d| d.threshold(Role::Ic, 0)), unsound(Role::Ic, 0, 2));
    assert_eq!(draw(&|d| d.threshold(Role::So, 0)), unsound(Role::So, 0, 1));

    let gone = draw(&|d| d.retire_custodian(&name("carl")).unwrap()).unwrap();
    assert!(gone.custodian(&name("carl")).is_none());
    assert_eq!(gone.retired, [vault.people[1].tokens[0].id()]);
    let both = draw(&|d| d.retire_custodian(&name("alice")).unwrap()).unwrap();
    assert_eq!(both.retired.len(), 2);
    let nobody = draw(&|d| {
        d.retire_custodian(&name("alice")).unwrap();
        d.retire_custodian(&name("carl")).unwrap();
    });
    assert_eq!(nobody, unsound(Role::Ic, 1, 0));
    let unreviewed = draw(&|d| d.retire_custodian(&name("sue")).unwrap()).unwrap();
    assert_eq!(unreviewed.thresholds.so, 0);
    // Where another is left, it stays as it is.
    let token = SoftToken::p256("sam").enrolled;
    let reviewed = draw(&|d| {
        d.enrol(&name("sam"), Role::So, token.clone()).unwrap();
        d.retire_custodian(&name("sue")).unwrap();
    });
    assert_eq!(reviewed.unwrap().thresholds.so, 1);

    let last = vault.people[1].tokens[0].id();
    let without = draw(&|d| d.retire_token(&last).unwrap());
    assert_eq!(without, Err(Unsound::NoToken("carl".into()).into()));

    let more = draw(&|d| d.add_compartment(&name("stage")).unwrap()).unwrap();
    let names: Vec<&str> = more.compartments.iter().map(Name::as_str).collect();
    assert_eq!(names, ["prod", "test", "stage"]);
}

#[test]
fn an_so_is_enrolled_with_a_threshold_and_leaves_with_it() {
    let mut people = people();
    let sue = people.pop().unwrap();
    let first = soft::signed_by(&soft::manifest(&people, [1, 1, 0]), soft::tokens(&people));
    let mut chain = Chain::verify(&[first]).unwrap();
    let mut draft = Draft::after(&chain, soft::now());
    let token = sue.tokens[0].enrolled.clone();
    draft.enrol(&sue.name, Role::So, token).unwrap();
    let second = draft.finish().unwrap();
    assert_eq!(second.thresholds.so, 1);
    let mut envelope = soft::signed_by(&second, [&people[0].tokens[0], &people[2].tokens[0]]);
    soft::sign_with(&mut envelope, &sue.tokens[0]);
    chain.extend(&envelope).unwrap();
    // From then on nothing changes without her, her own leaving included.
    let mut draft = Draft::after(&chain, soft::now());
    draft.retire_custodian(&sue.name).unwrap();
    let third = draft.finish().unwrap();
    let mut envelope = soft::signed_by(&third, [&people[0].tokens[0], &people[2].tokens[0]]);
    let refused = chain.extend(&envelope).err();
    let no_so = Untrusted::Quorum {
        version: 3,
        role: Role::So,
        signed: 0,
        needed: 1,
    };
    assert_eq!(refused, Some(no_so));
    soft::sign_with(&mut envelope, &sue.tokens[0]);
    chain.extend(&envelope).unwrap();
    assert_eq!(chain.newest().thresholds.so, 0);
}

#[test]
fn a_change_of_what_is_not_there_or_is_there_already_is_not_drawn_up() {
    let mut vault = Vault::found([1, 1, 1]);
    let mut draft = vault.draft();
    let unknown = |what, name: &str| Err(ChangeRefused::Unknown(what, name.into()));
    let exists = |what, name: &str| Err(ChangeRefused::Exists(what, name.into()));
    let who = draft.retire_custodian(&name("nobody"));
    assert_eq!(who, unknown("custodian", "nobody"));
    let id = SoftToken::p256("mallory").id();
    assert_eq!(draft.retire_token(&id), unknown("token", &id.to_string()));
    let twice = draft.add_compartment(&name("prod"));
    assert_eq!(twice, exists("compartment", "prod"));
    let rotator = |of: &str, key: &str| Rotator {
        name: name(of),
        public: signer(key).public().to_vec(),
    };
    let twice = draft.add_rotator(rotator("rotator", "other"));
    assert_eq!(twice, exists("rotator", "rotator"));
    let who = draft.retire_rotator(&name("nobody"));
    assert_eq!(who, unknown("rotator", "nobody"));
    let token = || SoftToken::p256("new").enrolled;
    let other = draft.enrol(&name("alice"), Role::Bgo, token());
    let role = ChangeRefused::OtherRole(name("alice"), "Incident Commander");
    assert_eq!(other, Err(role));
    // Nothing of all this left a trace.
    assert_eq!(
        draft.finish().unwrap().custodians,
        vault.chain.newest().custodians
    );

    let mut draft = vault.draft();
    draft.enrol(&name("alice"), Role::Ic, token()).unwrap();
    draft.enrol(&name("dora"), Role::Bgo, token()).unwrap();
    let twice = draft.finish().err();
    let same = Unsound::Token(token().identity.to_string());
    assert_eq!(twice, Some(same.into()));

    let mut draft = vault.draft();
    draft.add_rotator(rotator("spare", "spare")).unwrap();
    draft.retire_rotator(&name("rotator")).unwrap();
    let manifest = draft.finish().unwrap();
    assert!(manifest.rotator(&signer("rotator").key_id()).is_none());
    assert!(manifest.rotator(&signer("spare").key_id()).is_some());
    vault.adopt(&manifest, &ALL);
    let mut draft = vault.draft();
    draft.retire_rotator(&name("spare")).unwrap();
    assert!(matches!(
        draft.finish(),
        Err(ChangeRefused::Unsound(Unsound::Rotators(_)))
    ));
}
