//! Keys on a PKCS#11 token that somebody else made, or that we did.

#[path = "common/bench.rs"]
mod bench;
#[path = "common/foreign.rs"]
mod foreign;
#[path = "common/softhsm.rs"]
mod softhsm;
#[path = "common/token_rules.rs"]
mod token_rules;

use breakglass::ports::{TokenError, TokenProvider};
use breakglass::token::pkcs11::{SEAL_LABEL, SIGN_LABEL};
use cryptoki::object::{Attribute, ObjectClass};
use foreign::Foreign;
use softhsm::{PIN, SoftHsm, with_tokens};
use token_rules::{error_of, pin};

const ALICE: &str = "pkcs11:token=alice";

fn with_alice(test: &str, body: impl FnOnce(&SoftHsm)) {
    with_tokens(test, &["alice"], "", body);
}

/// What a check says of keys that somebody else put there; `wanted` are parts of it, between dots.
fn check_of(test: &str, put: impl FnOnce(&Foreign), wanted: &str) {
    with_alice(test, |softhsm| {
        let provider = softhsm.provider();
        let mut token = provider.open(ALICE).unwrap();
        let foreign = Foreign::open("alice");
        foreign.log_in();
        put(&foreign);
        let said = match token.keys() {
            Err(e) => e,
            Ok(_) => error_of(token.check_keys(&pin(PIN))),
        };
        assert!(matches!(said, TokenError::UnfitKey { .. }), "{said}");
        let text = said.to_string();
        assert!(wanted.split('…').all(|part| text.contains(part)), "{text}");
    });
}

const GOOD: [Attribute; 3] = [
    Attribute::Sensitive(true),
    Attribute::Extractable(false),
    Attribute::Derive(true),
];

#[test]
fn two_keys_of_one_label_are_refused() {
    check_of(
        "two_keys_of_one_label_are_refused",
        |foreign| {
            foreign.make(SEAL_LABEL, &GOOD);
            foreign.make(SEAL_LABEL, &GOOD);
            foreign.make(SIGN_LABEL, &GOOD);
        },
        "2 objects have the label breakglass-seal",
    );
}

#[test]
fn an_extractable_key_is_unfit() {
    check_of(
        "an_extractable_key_is_unfit",
        |foreign| {
            foreign.make(SEAL_LABEL, &GOOD);
            foreign.make(
                SIGN_LABEL,
                &[Attribute::Sensitive(true), Attribute::Extractable(true)],
            );
        },
        "sign key on alice",
    );
}

#[test]
fn a_key_that_was_not_always_sensitive_is_unfit() {
    check_of(
        "a_key_that_was_not_always_sensitive_is_unfit",
        |foreign| {
            foreign.make(SIGN_LABEL, &GOOD);
            let open = [
                Attribute::Sensitive(false),
                Attribute::Extractable(false),
                Attribute::Derive(true),
            ];
            foreign.make(SEAL_LABEL, &open);
            let label = Attribute::Label(SEAL_LABEL.as_bytes().to_vec());
            let private = [Attribute::Class(ObjectClass::PRIVATE_KEY), label];
            let found = foreign.session.find_objects(&private).unwrap();
            let now = [Attribute::Sensitive(true)];
            foreign.session.update_attributes(found[0], &now).unwrap();
        },
        "CKA_ALWAYS_SENSITIVE is not true",
    );
}

#[test]
fn a_key_of_another_curve_is_unfit() {
    check_of(
        "a_key_of_another_curve_is_unfit",
        |foreign| {
            foreign.make(SIGN_LABEL, &GOOD);
            // P-384: 1.3.132.0.34
            foreign.make_on(
                SEAL_LABEL,
                vec![0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
                &GOOD,
            );
        },
        "another curve",
    );
}

/// Puts the public half of another pair in the place of the key's own.
fn swap_public_half(foreign: &Foreign, which: &str) {
    for label in [SEAL_LABEL, SIGN_LABEL, "stranger"] {
        foreign.make(label, &GOOD);
    }
    let public = |label: &str| {
        let label = Attribute::Label(label.as_bytes().to_vec());
        let template = [Attribute::Class(ObjectClass::PUBLIC_KEY), label];
        foreign.session.find_objects(&template).unwrap()[0]
    };
    let label = Attribute::Label(which.as_bytes().to_vec());
    let stranger = public("stranger");
    foreign.session.destroy_object(public(which)).unwrap();
    foreign
        .session
        .update_attributes(stranger, &[label])
        .unwrap();
}

#[test]
fn halves_of_two_seal_keys_are_unfit() {
    check_of(
        "halves_of_two_seal_keys_are_unfit",
        |foreign| swap_public_half(foreign, SEAL_LABEL),
        "the seal key on alice…does not belong to its public half",
    );
}

#[test]
fn halves_of_two_sign_keys_are_unfit() {
    check_of(
        "halves_of_two_sign_keys_are_unfit",
        |foreign| swap_public_half(foreign, SIGN_LABEL),
        "the sign key on alice…does not belong to its public half",
    );
}

#[test]
fn half_a_key_is_not_overwritten() {
    with_alice("half_a_key_is_not_overwritten", |softhsm| {
        let provider = softhsm.provider();
        let mut token = provider.open(ALICE).unwrap();
        let foreign = Foreign::open("alice");
        foreign.log_in();
        foreign.make(SIGN_LABEL, &GOOD);
        let public = [
            Attribute::Class(ObjectClass::PUBLIC_KEY),
            Attribute::Label(SIGN_LABEL.as_bytes().to_vec()),
        ];
        let found = foreign.session.find_objects(&public).unwrap();
        foreign.session.destroy_object(found[0]).unwrap();
        let error = error_of(token.generate(&pin(PIN)));
        assert!(
            matches!(
                error,
                TokenError::KeyExists {
                    which: "sign key",
                    ..
                }
            ),
            "{error}"
        );
        foreign.log_in();
        assert_eq!(foreign.objects(ObjectClass::PRIVATE_KEY, SIGN_LABEL), 1);
        assert_eq!(foreign.objects(ObjectClass::PRIVATE_KEY, SEAL_LABEL), 0);
    });
}

#[test]
fn private_keys_have_one_use_each() {
    with_alice("private_keys_have_one_use_each", |softhsm| {
        let provider = softhsm.provider();
        provider.open(ALICE).unwrap().generate(&pin(PIN)).unwrap();
        let foreign = Foreign::open("alice");
        foreign.log_in();
        for (label, derives, signs) in [(SEAL_LABEL, true, false), (SIGN_LABEL, false, true)] {
            let template = [
                Attribute::Class(ObjectClass::PRIVATE_KEY),
                Attribute::Label(label.as_bytes().to_vec()),
                Attribute::Derive(derives),
                Attribute::Sign(signs),
                Attribute::Decrypt(false),
                Attribute::Unwrap(false),
                Attribute::Extractable(false),
                Attribute::Private(true),
            ];
            assert_eq!(
                foreign.session.find_objects(&template).unwrap().len(),
                1,
                "{label}"
            );
        }
    });
}
