//! A claim of touch stands on evidence, for whoever reads the manifest.

use breakglass::attestation::{NotARoot, Part, PinPolicy, TouchPolicy, Unattested, Unmet};
use breakglass::format::{Certificate, EnrolledToken, Manifest};
use breakglass::manifest::{Chain, Unproved, Unsound, Untrusted, check};
use breakglass::model::{Attestation, Firmware, Presence, Role, TokenKind};

use crate::soft::certificates::{self, Draft, Extension, FIRMWARE, POLICIES};
use crate::soft::{self, Person, SoftToken, name, person, with_tokens};

/// Alice has a YubiKey; bob has none.
fn people() -> Vec<Person> {
    let yubikey = SoftToken::p256("alice").touched();
    vec![
        with_tokens("alice", Role::Ic, vec![yubikey]),
        person("bob", Role::Bgo),
    ]
}

fn token(manifest: &mut Manifest) -> &mut EnrolledToken {
    &mut manifest.custodians[0].tokens[0]
}

fn shown(manifest: &mut Manifest) -> &mut Attestation {
    token(manifest).attestation.as_mut().expect("attested")
}

fn serial() -> u32 {
    let serial = people()[0].tokens[0].enrolled.identity.serial.clone();
    serial.parse().expect("a number")
}

/// Both attestations, each told to say something else.
fn told(manifest: &mut Manifest, change: impl Fn(&mut Draft)) {
    let keys = token(manifest).keys.clone();
    let of = |slot, point: &[u8]| {
        let mut draft = certificates::attestation(serial(), slot, point);
        change(&mut draft);
        draft.der()
    };
    let (seal, sign) = (of(0x9d, &keys.seal.public), of(0x9c, &keys.sign.public));
    let device = certificates::old().device.der();
    *shown(manifest) = Attestation { seal, sign, device };
}

fn with(change: impl FnOnce(&mut Manifest)) -> Result<(), Unsound> {
    let mut manifest = soft::manifest(&people(), [1, 1, 0]);
    change(&mut manifest);
    check(&manifest)
}

/// Why alice's token is not taken.
fn refused(change: impl FnOnce(&mut Manifest)) -> Unproved {
    match with(change) {
        Err(Unsound::Evidence(token, why)) => {
            assert!(token.contains("alice"), "{token}");
            why
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_shown_is_taken() {
    assert_eq!(with(|m| m.policy.allow_no_touch = false), Ok(()));
    assert_eq!(with(|m| told(m, |_| {})), Ok(()));
}

#[test]
fn a_claim_is_not_taken_without_evidence() {
    let touch = Unproved::Presence(Presence::Touch);
    let bare = |m: &mut Manifest| m.custodians[0].tokens[0] = SoftToken::p256("alice").enrolled;
    assert_eq!(
        refused(|m| {
            bare(m);
            token(m).keys.presence = Presence::Touch;
        }),
        touch
    );
    assert!(touch.to_string().contains("presence touch"));
    assert_eq!(refused(|m| token(m).attestation = None), Unproved::Missing);
    assert_eq!(
        refused(|m| token(m).identity.kind = TokenKind::Pkcs11),
        Unproved::Foreign
    );
    assert_eq!(
        refused(|m| token(m).keys.presence = Presence::None),
        Unproved::Presence(Presence::None)
    );
    let rsa = SoftToken::rsa("rita").enrolled.keys.seal;
    assert_eq!(refused(|m| token(m).keys.seal = rsa), Unproved::Kinds);
    for spelling in ["", "0", "one", "+1", "4294967296"] {
        let why = refused(|m| token(m).identity.serial = spelling.into());
        let zero = Unmet::Serial {
            expected: 0,
            found: serial(),
        };
        let wanted = match spelling {
            "0" => zero.into(),
            _ => Unproved::Serial,
        };
        assert_eq!(why, wanted, "{spelling}");
    }
}

#[test]
fn the_evidence_is_of_these_keys_and_this_device() {
    let exchanged = |m: &mut Manifest| {
        let shown = shown(m);
        std::mem::swap(&mut shown.seal, &mut shown.sign);
    };
    assert_eq!(refused(exchanged), Unmet::Key { slot: 0x9c }.into());
    let twice = |m: &mut Manifest| shown(m).sign = shown(m).seal.clone();
    assert_eq!(refused(twice), Unmet::Key { slot: 0x9d }.into());
    let other = |m: &mut Manifest| token(m).identity.serial = "7".into();
    let found = serial();
    assert_eq!(refused(other), Unmet::Serial { expected: 7, found }.into());
}

#[test]
fn what_it_shows_has_to_suffice() {
    let policies = |pin, touch| refused(|m| told(m, |d| *d.content(POLICIES) = vec![pin, touch]));
    for (byte, found) in [(1, TouchPolicy::Never), (3, TouchPolicy::Cached)] {
        let why = policies(3, byte);
        assert!(
            matches!(&why, Unproved::Unmet(Unmet::Touch { found: it, .. }) if *it == found),
            "{why}"
        );
    }
    for (byte, found) in [(1, PinPolicy::Never), (2, PinPolicy::Once)] {
        let why = policies(byte, 2);
        assert!(
            matches!(&why, Unproved::Unmet(Unmet::Pin { found: it, .. }) if *it == found),
            "{why}"
        );
    }
    let once = |m: &mut Manifest| told(m, |d| *d.content(POLICIES) = vec![2, 2]);
    assert_eq!(
        with(|m| {
            once(m);
            m.policy.allow_pin_once = true;
        }),
        Ok(())
    );
    let firmware = |min, version: [u8; 3]| {
        with(|m| {
            m.policy.min_firmware = min;
            told(m, |d| *d.content(FIRMWARE) = version.to_vec());
        })
    };
    assert_eq!(firmware(Firmware(5, 4, 3), [5, 4, 3]), Ok(()));
    let old = firmware(Firmware(5, 4, 4), [5, 4, 3]);
    let is_old = |it: &Result<(), Unsound>| {
        matches!(
            it,
            Err(Unsound::Evidence(
                _,
                Unproved::Unmet(Unmet::Firmware { .. })
            ))
        )
    };
    assert!(is_old(&old), "{old:?}");
    let weak = firmware(Firmware(4, 0, 0), [4, 3, 2]);
    assert!(
        matches!(
            weak,
            Err(Unsound::Evidence(_, Unproved::Unmet(Unmet::WeakRsa { .. })))
        ),
        "{weak:?}"
    );
    // One of the two keys is enough.
    let one = refused(|m| {
        let point = token(m).keys.sign.public.clone();
        let mut draft = certificates::attestation(serial(), 0x9c, &point);
        *draft.content(POLICIES) = vec![3, 1];
        shown(m).sign = draft.der();
    });
    assert!(matches!(one, Unproved::Unmet(Unmet::Touch { .. })), "{one}");
}

#[test]
fn nothing_counts_without_a_root() {
    let unknown = refused(|m| m.policy.attestation_roots.clear());
    let part = Part::Device;
    assert!(
        matches!(&unknown, Unproved::Unattested(Unattested::UnknownRoot { part: at, .. }) if *at == part),
        "{unknown}"
    );
    let roots = |own: Vec<Vec<u8>>| {
        with(|m| m.policy.attestation_roots = own.into_iter().map(Certificate).collect())
    };
    let root = soft::root().0;
    let other = |n: usize| {
        let called = format!("Root {n}");
        certificates::authority(&called, &called, &called, &called, 1).der()
    };
    let many = |count| std::iter::once(root.clone()).chain((1..count).map(other));
    assert_eq!(roots(many(8).collect()), Ok(()));
    assert!(matches!(roots(many(9).collect()), Err(Unsound::Policy(_))));
    assert!(matches!(
        roots(vec![root.clone(), root.clone()]),
        Err(Unsound::Policy(_))
    ));
    assert!(matches!(
        roots(vec![root.clone(), vec![0x30, 0]]),
        Err(Unsound::Roots(NotARoot::Unsound(_)))
    ));
    let between = certificates::new().between[0].der();
    assert_eq!(
        roots(vec![between.clone()]),
        Err(Unsound::Roots(NotARoot::NoRoot))
    );
    assert_eq!(roots(vec![between, root]), Ok(()));
}

#[test]
fn an_attestation_is_of_a_key_and_in_form() {
    let critical = refused(|m| {
        told(m, |d| {
            let extension = Extension::critical("2b0601040182c40a030a", &[1]);
            d.extensions.push(extension);
        });
    });
    assert!(
        matches!(critical, Unproved::Unattested(Unattested::Critical { .. })),
        "{critical}"
    );
    for part in 0..3 {
        for bytes in [vec![], vec![0x30], vec![0x30; 9000]] {
            let why = refused(|m| {
                let shown = shown(m);
                let parts = [&mut shown.seal, &mut shown.sign, &mut shown.device];
                *parts.into_iter().nth(part).expect("three") = bytes.clone();
            });
            assert!(matches!(why, Unproved::Unattested(_)), "{why}");
        }
    }
}

/// What was shown once is shown for the manifests that follow, and for no other policy and no other evidence.
#[test]
fn each_manifest_of_a_chain_is_held_to_its_own_policy() {
    let people = people();
    let first = soft::manifest(&people, [1, 1, 0]);
    let tokens = || soft::tokens(&people);
    let one = soft::signed_by(&first, tokens());
    let next = |change: &dyn Fn(&mut Manifest)| {
        let mut second = first.clone();
        second.version = 2;
        second.previous = Some(one.digest());
        change(&mut second);
        let second = soft::signed_by(&second, tokens());
        Chain::verify(&[one.clone(), second]).map(drop)
    };
    assert_eq!(next(&|_| {}), Ok(()));
    assert_eq!(next(&|m| m.policy.min_firmware = Firmware(5, 7, 4)), Ok(()));
    assert_eq!(next(&|m| m.compartments.push(name("more"))), Ok(()));
    let evidence = |it: Result<(), Untrusted>| {
        let is_it = matches!(it, Err(Untrusted::Unsound(2, Unsound::Evidence(..))));
        assert!(is_it, "{it:?}");
    };
    evidence(next(&|m| m.policy.min_firmware = Firmware(5, 7, 5)));
    evidence(next(&|m| m.policy.attestation_roots.clear()));
    evidence(next(&|m| told(m, |d| *d.content(POLICIES) = vec![3, 3])));
    evidence(next(&|m| token(m).attestation = None));
    let roots = next(&|m| {
        let no_certificate = Certificate(vec![0x30, 0]);
        m.policy.attestation_roots.push(no_certificate);
    });
    let unsound = matches!(
        roots,
        Err(Untrusted::Unsound(2, Unsound::Roots(NotARoot::Unsound(_))))
    );
    assert!(unsound, "{roots:?}");
}
