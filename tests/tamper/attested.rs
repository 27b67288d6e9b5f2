//! What YubiKeys attest, in each other's place, signed anew by all who may sign it.

use breakglass::format::dsse::Envelope;
use breakglass::manifest::Chain;
use breakglass::model::Role;

use crate::counted;
use crate::fields::{gather, payload, swaps};
use crate::soft::{self, Person, SoftToken, with_tokens};

/// Two ICs and a BGO; each has a YubiKey, one of them a spare that is none.
fn people(vault: &str) -> Vec<Person> {
    let token = |who: &str| SoftToken::p256(&format!("{vault}-{who}"));
    let person = |who: &str, role| with_tokens(who, role, vec![token(who).touched()]);
    let both = vec![token("alice").touched(), token("spare")];
    vec![
        with_tokens("alice", Role::Ic, both),
        person("carl", Role::Ic),
        person("bob", Role::Bgo),
    ]
}

/// A founding manifest, and its signers.
fn founded(vault: &str) -> (Envelope, Vec<Person>) {
    let people = people(vault);
    let manifest = soft::manifest(&people, [1, 1, 0]);
    (soft::signed_by(&manifest, soft::tokens(&people)), people)
}

#[test]
fn no_evidence_fits_another_place() {
    let both = [founded("one"), founded("other")];
    let bytes = both
        .each_ref()
        .map(|(envelope, _)| envelope.to_bytes().expect("JSON"));
    let sources = gather(bytes.iter().map(|bytes| payload(bytes)));
    let [(good, people), _] = &both;
    assert!(Chain::verify(std::slice::from_ref(good)).is_ok());
    let mut cases = 0;
    let concerned = |what: &str| what.contains("attestation") || what.contains("min_firmware");
    for (what, mut changed) in swaps(&bytes[0], &sources) {
        let place = what.rsplit(" at ").next().unwrap_or_default();
        if !concerned(place) {
            continue;
        }
        cases += 1;
        changed.signatures.clear();
        for token in soft::tokens(people) {
            soft::sign_with(&mut changed, token);
        }
        let taken = Chain::verify(&[changed]);
        assert!(taken.is_err(), "{what}");
    }
    counted("evidence in other places, signed anew by all", cases);
}
