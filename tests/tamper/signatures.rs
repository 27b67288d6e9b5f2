//! Every signature in every other place.

use std::collections::BTreeSet;

use breakglass::format::Rotator;
use breakglass::format::dsse::{Envelope, EnvelopeSignature};
use breakglass::manifest::Chain;
use breakglass::ops::{self, Change};

use crate::bytes::tiny;
use crate::rich::{vault_a, vault_b};
use crate::soft;
use crate::world::Safe;
use crate::{counted, long};

fn envelope(bytes: &[u8]) -> Envelope {
    serde_json::from_slice(bytes).expect("an envelope")
}

fn all(safes: [&Safe; 2]) -> Vec<EnvelopeSignature> {
    let mut found = Vec::new();
    for safe in safes {
        for beginning in ["manifest/", "generation/"] {
            for path in safe.shelf.under(beginning) {
                found.extend(envelope(&safe.shelf.get(&path)).signatures);
            }
        }
    }
    found
}

/// The envelope with this signature, or its key id or its bytes alone, in that place.
fn moved(good: &Envelope, at: usize, other: &EnvelopeSignature) -> Vec<Envelope> {
    let here = &good.signatures[at];
    let forms = [
        other.clone(),
        EnvelopeSignature {
            keyid: other.keyid,
            sig: here.sig.clone(),
        },
        EnvelopeSignature {
            keyid: here.keyid,
            sig: other.sig.clone(),
        },
    ];
    let with = |form: EnvelopeSignature| {
        let mut envelope = good.clone();
        envelope.signatures[at] = form;
        envelope
    };
    let changed = forms.into_iter().filter(|form| form != here);
    changed.map(with).collect()
}

#[test]
fn no_signature_fits_another_document() {
    let (a, b) = (vault_a(), vault_b());
    let signatures = all([&a, &b]);
    let mut cases = 0;
    let paths = a.shelf.under("generation/");
    let good: Vec<Envelope> = paths.iter().map(|p| envelope(&a.shelf.get(p))).collect();
    let forms = |one: &Envelope| -> Vec<Envelope> {
        let all = signatures.iter().flat_map(|other| moved(one, 0, other));
        all.collect()
    };
    let mut left: Vec<Vec<Envelope>> = good.iter().map(forms).collect();
    let seen = a.open(|vault| {
        while left.iter().any(|left| !left.is_empty()) {
            let mut changed = BTreeSet::new();
            for ((path, left), good) in paths.iter().zip(&mut left).zip(&good) {
                let next = left.pop();
                changed.extend(next.is_some().then_some(path));
                let put = next.unwrap_or_else(|| good.clone());
                a.shelf.put(path, &put.to_bytes()?);
            }
            cases += changed.len();
            let found = ops::documents(vault, ops::listed(&a.shelf)?)?;
            let bad: BTreeSet<&String> = found.bad.iter().map(|(path, _)| path).collect();
            assert_eq!(bad, changed);
        }
        Ok(())
    });
    seen.expect("readable");
    counted("signatures of headers and records in other places", cases);
}

/// The short form does so to the newest manifest, the long form to all.
#[test]
fn no_signature_fits_another_manifest() {
    let (a, b) = (vault_a(), vault_b());
    let signatures = all([&a, &b]);
    let manifests: Vec<Envelope> = a
        .shelf
        .under("manifest/")
        .iter()
        .map(|path| envelope(&a.shelf.get(path)))
        .collect();
    let mut cases = 0;
    let first = if long() { 0 } else { manifests.len() - 1 };
    for (index, good) in manifests.iter().enumerate().skip(first) {
        let before = Chain::verify(&manifests[..index]).ok();
        let taken = |envelope: &Envelope| match before.clone() {
            None => Chain::verify(std::slice::from_ref(envelope)).is_ok(),
            Some(mut chain) => chain.extend(envelope).is_ok(),
        };
        assert!(taken(good));
        for at in 0..good.signatures.len() {
            for envelope in signatures.iter().flat_map(|other| moved(good, at, other)) {
                cases += 1;
                assert!(
                    !taken(&envelope),
                    "signature {at} of manifest {}",
                    index + 1
                );
            }
            // One less, or one twice.
            let mut less = good.clone();
            less.signatures.remove(at);
            let mut twice = good.clone();
            twice.signatures.push(good.signatures[at].clone());
            assert!(!taken(&less) && !taken(&twice));
            cases += 2;
        }
        for other in ["generation", "record", "opened"] {
            let mut typed = good.clone();
            typed.payload_type = typed.payload_type.replace("manifest", other);
            assert!(!taken(&typed));
            cases += 1;
        }
    }
    counted("signatures of manifests in other places", cases);
}

/// Not told, because nothing changes that anybody rests on: another good signature over the same payload.
#[test]
fn another_good_signature_changes_nothing() {
    let safe = tiny();
    let second = Rotator {
        name: soft::name("second"),
        public: soft::signer("second").public().to_vec(),
    };
    safe.change(&Change::AddRotator(second)).expect("changed");
    safe.rotate(&["prod"]).expect("rotated");
    let retired = Change::RetireRotator(soft::name("second"));
    safe.change(&retired).expect("changed");
    let told = safe.told().expect("good");
    let put = |path: &str, envelope: &Envelope| {
        safe.shelf.put(path, &envelope.to_bytes().expect("JSON"));
        assert_eq!(safe.told().expect("good"), told, "{path}");
        assert!(safe.verify().expect("good").documents.failure().is_none());
    };
    // The signers in another order, and the other form of an ECDSA signature.
    let path = "manifest/00000002.json";
    let mut manifest = envelope(&safe.shelf.get(path));
    manifest.signatures.reverse();
    put(path, &manifest);
    let signature = &mut manifest.signatures[0].sig;
    let form = p256::ecdsa::Signature::from_slice(signature).expect("a signature");
    let (r, s) = form.split_scalars();
    let other = p256::ecdsa::Signature::from_scalars(r, -*s).expect("a signature");
    *signature = other.to_bytes().to_vec();
    put(path, &manifest);
    // A rotator that was one then, and is retired now.
    for path in safe.shelf.under("generation/prod/00000002/") {
        let mut document = envelope(&safe.shelf.get(&path));
        document.signatures.clear();
        let signed = breakglass::crypto::sign(document, &soft::signer("second"));
        put(&path, &signed);
    }
    let opened = safe.unseal(&["deploy"]).expect("it opens");
    assert_eq!(opened[0].0, "AKIA0000000000000002");
}
