//! What a person is told: the reason, the state of the world, the mend.

use std::collections::BTreeMap;

use breakglass::attestation::{
    Firmware, NotARoot, Part, PinPolicy, Roots, TouchPolicy, Unattested, Unmet,
};
use breakglass::model::{Class, Failure, Timestamp};

fn unattested() -> Vec<(Unattested, &'static str)> {
    let part = Part::Device;
    let text = || "x".to_owned();
    let (why, what) = (text(), text());
    vec![
        (Unattested::TooMany(7), "attestation-unsound"),
        (
            Unattested::TooLarge { part, bytes: 9000 },
            "attestation-unsound",
        ),
        (Unattested::Malformed { part, why }, "attestation-unsound"),
        (Unattested::Algorithm { part, what }, "attestation-unsound"),
        (
            Unattested::OtherDevice {
                issuer: text(),
                device: text(),
            },
            "attestation-forged",
        ),
        (
            Unattested::Signature {
                part,
                issuer: text(),
            },
            "attestation-forged",
        ),
        (Unattested::KeyIsAuthority, "attestation-unsound"),
        (
            Unattested::NoAuthority { part, why: "x" },
            "attestation-unsound",
        ),
        (
            Unattested::PathLength {
                part,
                allowed: 0,
                found: 1,
            },
            "attestation-unsound",
        ),
        (
            Unattested::Critical { part, oid: text() },
            "attestation-unsound",
        ),
        (
            Unattested::Twice { part, oid: text() },
            "attestation-unsound",
        ),
        (
            Unattested::Fact {
                what: "firmware",
                why: "it is missing",
            },
            "attestation-unsound",
        ),
        (
            Unattested::UnknownRoot {
                part,
                issuer: text(),
            },
            "attestation-root-unknown",
        ),
        (Unattested::Circle, "attestation-root-unknown"),
        (Unattested::TooLong, "attestation-root-unknown"),
        (
            Unattested::NotForPiv { issuer: text() },
            "attestation-root-unknown",
        ),
        (Unattested::KeyKind(text()), "attested-key-kind"),
    ]
}

fn unmet() -> Vec<(Unmet, &'static str)> {
    let (serial, slot, part) = (7, 0x9d, Part::Key);
    let (min, now) = (Firmware(5, 8, 0), Timestamp::from_unix(0));
    let allowed = || "always".to_owned();
    let (expected, found) = (0x9d, 0x9c);
    vec![
        (Unmet::Slot { expected, found }, "attested-key-differs"),
        (Unmet::Key { slot }, "attested-key-differs"),
        (
            Unmet::Serial {
                expected: 1,
                found: 2,
            },
            "attested-serial-differs",
        ),
        (
            Unmet::WeakRsa {
                serial,
                firmware: Firmware(4, 3, 1),
            },
            "firmware-too-old",
        ),
        (
            Unmet::Firmware {
                serial,
                firmware: Firmware(5, 7, 0),
                min,
            },
            "firmware-too-old",
        ),
        (
            Unmet::Touch {
                serial,
                slot,
                found: TouchPolicy::Never,
                allowed: allowed(),
            },
            "touch-policy",
        ),
        (
            Unmet::Pin {
                serial,
                slot,
                found: PinPolicy::Once,
                allowed: allowed(),
            },
            "pin-policy",
        ),
        (
            Unmet::Early {
                part,
                from: now,
                now,
            },
            "attestation-dates",
        ),
        (
            Unmet::Late {
                part,
                until: now,
                now,
            },
            "attestation-dates",
        ),
    ]
}

#[test]
fn each_refusal_names_the_reason_and_the_mend() {
    let mut said = BTreeMap::new();
    let first = unattested().into_iter();
    let failures = first
        .map(|(error, code)| (error.to_string(), Failure::from(error), code))
        .chain(
            unmet()
                .into_iter()
                .map(|(error, code)| (error.to_string(), Failure::from(error), code)),
        );
    for (text, failure, code) in failures {
        assert_eq!(failure.code, code, "{text}");
        assert_eq!(failure.class, Class::Refused);
        assert_eq!(failure.what, text);
        assert_eq!(
            failure.state,
            "nothing was enrolled, and the token is as it was"
        );
        assert!(!failure.hints.is_empty(), "{text}");
        assert!(!text.contains('{') && text.len() > 20, "{text}");
        assert_eq!(said.insert(text.clone(), code), None, "twice: {text}");
    }
}

#[test]
fn the_least_firmware_is_named_in_the_mend() {
    let (_, error) = (0, unmet().swap_remove(4).0);
    let failure = Failure::from(error);
    assert_eq!(
        failure.what,
        "the YubiKey 7 has firmware 5.7.0, older than 5.8.0"
    );
    assert!(failure.hints[0].contains("5.8.0"), "{:?}", failure.hints);
}

#[test]
fn a_root_that_cannot_be_pinned_is_a_matter_of_the_configuration() {
    for pem in [
        &b"hello"[..],
        b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
    ] {
        let error = Roots::only(pem).map(|_| ()).expect_err("no root");
        let failure = Failure::from(error);
        assert_eq!(failure.class, Class::Usage);
        assert_eq!(failure.code, "attestation-root-unusable");
        assert!(failure.what.starts_with("the root is not usable: "));
        assert!(!failure.hints.is_empty());
    }
    let none = Failure::from(NotARoot::NoRoot);
    assert_eq!(none.class, Class::Usage);
}
