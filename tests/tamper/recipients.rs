//! Recipients, rotators, roles and thresholds substituted in a manifest, signed by whoever is not a quorum of
//! the one before: no command takes it, and no access key is made.

use breakglass::format::dsse::Envelope;
use breakglass::format::{Manifest, Rotator};
use breakglass::model::{Class, Role};
use breakglass::ops::Change;

use crate::bytes::{chain, refused_by_all};
use crate::counted;
use crate::soft::{self, SoftToken, name, sign_with};
use crate::world::{Member, Safe};

/// alice and carl are ICs, two of two, bob and bea BGOs; then carl is retired, and his token with him.
const PEOPLE: [Member<'static>; 5] = [
    ("alice", Role::Ic, &["alice"]),
    ("ann", Role::Ic, &["ann"]),
    ("carl", Role::Ic, &["carl"]),
    ("bob", Role::Bgo, &["bob"]),
    ("sue", Role::So, &["sue"]),
];

fn vault() -> Safe {
    let safe = Safe::found("acme", &PEOPLE, [2, 1, 1]);
    safe.add("deploy", "prod");
    safe.rotate(&["prod"]).expect("rotated");
    let retired = Change::RetireCustodian {
        name: name("carl"),
        lost: false,
    };
    safe.change(&retired).expect("changed");
    safe.rotate(&["prod"]).expect("rotated");
    safe
}

type Substitution = (&'static str, fn(&mut Manifest));

/// What somebody would change who wants to be sealed to, or to seal.
const SUBSTITUTIONS: [Substitution; 16] = [
    ("a seal key", |m| {
        m.custodians[0].tokens[0].keys.seal = soft_keys("mallory").seal;
    }),
    ("a sign key", |m| {
        m.custodians[0].tokens[0].keys.sign = soft_keys("mallory").sign;
    }),
    ("both keys", |m| {
        m.custodians[0].tokens[0].keys = soft_keys("mallory")
    }),
    ("a token", |m| {
        m.custodians[0].tokens[0] = enrolled("mallory")
    }),
    ("one more token", |m| {
        m.custodians[0].tokens.push(enrolled("mallory"))
    }),
    ("one more token of the other role", |m| {
        holder(m, "bob").tokens.push(enrolled("mallory"));
    }),
    ("one more person", |m| {
        let mut more = m.custodians[0].clone();
        more.name = name("mallory");
        more.tokens = vec![enrolled("mallory")];
        m.custodians.push(more);
    }),
    ("the retired token again", |m| {
        m.custodians[0].tokens.push(enrolled("carl"));
        m.retired.clear();
    }),
    ("a lower threshold", |m| m.thresholds.ic = 1),
    ("no security officer", |m| m.thresholds.so = 0),
    ("roles exchanged", |m| {
        holder(m, "ann").role = Role::Bgo;
        m.thresholds.ic = 1;
    }),
    ("tokens exchanged", |m| {
        let tokens = holder(m, "bob").tokens.clone();
        let others = std::mem::replace(&mut m.custodians[0].tokens, tokens);
        holder(m, "bob").tokens = others;
    }),
    ("a rotator's key", |m| {
        m.rotators[0].public = soft::signer("mallory").public().to_vec();
    }),
    ("one more rotator", |m| {
        m.rotators.push(Rotator {
            name: name("mallory"),
            public: soft::signer("mallory").public().to_vec(),
        });
    }),
    ("one more compartment", |m| {
        m.compartments.push(name("more"))
    }),
    ("a longer lease", |m| m.policy.max_lease_minutes = 10_080),
];

fn soft_keys(label: &str) -> breakglass::model::TokenKeys {
    SoftToken::p256(label).enrolled.keys
}

fn enrolled(label: &str) -> breakglass::format::EnrolledToken {
    SoftToken::p256(label).enrolled
}

fn holder<'m>(manifest: &'m mut Manifest, who: &str) -> &'m mut breakglass::format::Custodian {
    let mut all = manifest.custodians.iter_mut();
    all.find(|custodian| custodian.name == name(who))
        .expect("one of them")
}

/// Who signs; the last of each name is what it takes.
const SIGNERS: [(&str, &[&str]); 14] = [
    ("nobody", &[]),
    ("the new one alone", &["mallory"]),
    ("one IC", &["alice"]),
    ("one IC and the new one", &["alice", "mallory"]),
    ("all ICs", &["alice", "ann", "mallory"]),
    ("a BGO", &["bob", "mallory"]),
    ("an SO", &["sue", "mallory"]),
    ("all but one IC", &["alice", "bob", "sue", "mallory"]),
    ("all but the BGO", &["alice", "ann", "sue", "mallory"]),
    ("all but the SO", &["alice", "ann", "bob", "mallory"]),
    (
        "the same IC twice",
        &["alice", "alice", "bob", "sue", "mallory"],
    ),
    (
        "one IC and a retired one",
        &["alice", "carl", "bob", "sue", "mallory"],
    ),
    ("an earlier quorum", &["alice", "carl", "bob", "sue"]),
    (
        "another vault's quorum",
        &["alicia", "anna", "bobby", "susan"],
    ),
];

fn signed(manifest: &Manifest, labels: &[&str]) -> Envelope {
    let mut envelope = Envelope::of(manifest).expect("JSON");
    for label in labels {
        sign_with(&mut envelope, &SoftToken::p256(label));
    }
    envelope
}

/// The manifest in the vault with a substitution: as the next version, in the place of the newest, and in
/// the place of the first.
fn places(safe: &Safe, change: fn(&mut Manifest)) -> Vec<(u64, Manifest)> {
    let chain = chain(safe);
    let mut next = chain.newest().clone();
    next.version += 1;
    next.previous = Some(chain.newest_digest());
    let (_, first) = chain.of_version(1).expect("the first");
    let all = [(3, next), (2, chain.newest().clone()), (1, first.clone())];
    let changed = all.into_iter().map(|(version, mut manifest)| {
        change(&mut manifest);
        (version, manifest)
    });
    changed.collect()
}

#[test]
fn no_recipient_can_be_substituted() {
    let safe = vault();
    let kept = safe.keep();
    let (made, calls) = (safe.iam.made.get(), safe.iam.calls.get());
    let mut cases = 0;
    for (what, change) in SUBSTITUTIONS {
        for (version, manifest) in places(&safe, change) {
            for (who, labels) in SIGNERS {
                cases += 1;
                let envelope = signed(&manifest, labels);
                let path = format!("manifest/{version:08}.json");
                safe.shelf.put(&path, &envelope.to_bytes().expect("JSON"));
                let refused = safe.rotate(&[]).err().map(|failure| failure.class);
                let case = format!("{what} in manifest {version}, signed by {who}");
                assert_eq!(refused, Some(Class::Integrity), "{case}");
                if cases % 64 == 0 {
                    refused_by_all(&safe, &case);
                }
                safe.restore(&kept);
            }
        }
    }
    assert_eq!(safe.iam.made.get(), made, "an access key was made");
    assert_eq!(safe.iam.calls.get(), calls, "AWS was asked");
    counted("substituted recipients", cases);
}

/// The same substitutions under the old signatures, and with each signature of the one before.
#[test]
fn what_a_quorum_signed_cannot_be_changed_afterwards() {
    let safe = vault();
    let kept = safe.keep();
    let calls = safe.iam.calls.get();
    let mut cases = 0;
    for (what, change) in SUBSTITUTIONS {
        for (version, manifest) in places(&safe, change) {
            let path = format!("manifest/{version:08}.json");
            for signed in [1, 2] {
                cases += 1;
                let from = kept.files[&format!("manifest/{signed:08}.json")].clone();
                let mut envelope: Envelope = serde_json::from_slice(&from).expect("an envelope");
                envelope.payload = serde_json::to_vec(&manifest).expect("JSON");
                safe.shelf.put(&path, &envelope.to_bytes().expect("JSON"));
                let refused = safe.rotate(&[]).err().map(|failure| failure.class);
                assert_eq!(refused, Some(Class::Integrity), "{what} in {version}");
                safe.restore(&kept);
            }
        }
    }
    assert_eq!(safe.iam.calls.get(), calls, "AWS was asked");
    counted("manifests changed under their signatures", cases);
}

/// A whole quorum may do all of it, or the rest would show nothing.
#[test]
fn a_quorum_may() {
    let safe = vault();
    let kept = safe.keep();
    let quorum = ["alice", "ann", "bob", "sue", "mallory"];
    let mut taken = Vec::new();
    for (what, change) in SUBSTITUTIONS {
        let (_, manifest) = places(&safe, change).remove(0);
        let mut labels = quorum.to_vec();
        if !manifest
            .tokens()
            .any(|(_, token)| token.identity.label == "mallory")
        {
            labels.pop();
        }
        let envelope = signed(&manifest, &labels);
        let bytes = envelope.to_bytes().expect("JSON");
        safe.shelf.put("manifest/00000003.json", &bytes);
        if safe.told().is_ok() {
            taken.push(what);
        }
        safe.restore(&kept);
    }
    // Whatever keeps a token's hands and role, no retired one, and sound numbers.
    let may = [
        "one more token",
        "one more token of the other role",
        "one more person",
        "a lower threshold",
        "a rotator's key",
        "one more rotator",
        "one more compartment",
        "a longer lease",
    ];
    assert_eq!(taken, may);
}
