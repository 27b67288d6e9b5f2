//! The way to the root, with one fault each.

use breakglass::attestation::{CERTIFICATE_MAX, Chain, Part, Roots, Unattested, verify};

use crate::made::{
    self, CONSTRAINTS, Draft, Extension, Made, USAGE, authority, constraints, hex, name, new, old,
    pem, sequence, tlv,
};

fn signature(part: Part, issuer: &str) -> Unattested {
    let issuer = issuer.to_owned();
    Unattested::Signature { part, issuer }
}

fn unknown(part: Part, issuer: &str) -> Unattested {
    let issuer = issuer.to_owned();
    Unattested::UnknownRoot { part, issuer }
}

/// What is said of the chain once it was changed; before, it holds.
fn after(made: &Made, change: impl FnOnce(&mut Made)) -> Unattested {
    assert!(made.verify().is_ok(), "{:?}", made.verify());
    let mut changed = made.clone();
    change(&mut changed);
    changed.verify().expect_err("a fault")
}

#[test]
fn both_shapes_hold() {
    for made in [old(), new()] {
        let attested = made.verify().expect("it holds");
        assert_eq!(attested.public_key, made::point("leaf"));
        assert_eq!(attested.serial, made::DEVICE);
    }
}

#[test]
fn the_order_of_those_between_does_not_matter_nor_does_one_too_many() {
    let mut made = new();
    made.between.reverse();
    assert!(made.verify().is_ok());
    made.between.push(made.root.clone());
    made.between.push(made.device.clone());
    assert!(made.verify().is_ok());
}

#[test]
fn an_attestation_by_another_key_is_refused() {
    // As whoever imports a key, and writes its attestation himself, would make it.
    let said = after(&old(), |made| made.leaf.signer = "imported".to_owned());
    assert_eq!(said, signature(Part::Key, "Yubico PIV Attestation"));
    let said = after(&old(), |made| {
        made.leaf.issuer = name("Yubico PIV Attestatiom");
    });
    let (issuer, device) = ("Yubico PIV Attestatiom", "Yubico PIV Attestation");
    let (issuer, device) = (issuer.to_owned(), device.to_owned());
    assert_eq!(said, Unattested::OtherDevice { issuer, device });
}

#[test]
fn an_attestation_of_another_device_is_refused() {
    // Its F9 has the same name, and another key.
    let said = after(&old(), |made| made.device.spki = made::spki("another"));
    assert_eq!(said, signature(Part::Key, "Yubico PIV Attestation"));
}

#[test]
fn a_slot_f9_that_its_owner_wrote_over_is_refused() {
    let alone = after(&old(), |made| {
        made.device = Draft::new(
            "Yubico PIV Attestation",
            "Yubico PIV Attestation",
            "device",
            "device",
        )
        .with(Extension::critical(CONSTRAINTS, &constraints(true, None)));
    });
    assert_eq!(alone, unknown(Part::Device, "Yubico PIV Attestation"));
    // In the root's name, signed by itself or by somebody.
    for signer in ["device", "somebody"] {
        let said = after(&old(), |made| made.device.signer = signer.to_owned());
        assert_eq!(said, signature(Part::Device, "Test PIV Root CA"));
    }
    let said = after(&old(), |made| made.device.issuer = name("Somebody"));
    assert_eq!(said, unknown(Part::Device, "Somebody"));
}

#[test]
fn what_is_brought_along_is_no_root() {
    // The whole chain of somebody else, with its root.
    let mut made = old();
    made.device.issuer = name("Somebody");
    made.device.signer = "somebody".to_owned();
    let root = authority("Somebody", "Somebody", "somebody", "somebody", 3);
    made.between = vec![root.clone()];
    assert_eq!(made.verify(), Err(Unattested::Circle));
    let both = Roots::yubico().with_own(&pem(&root.der())).expect("a root");
    assert!(made.verify_under(&both).is_ok());
}

#[test]
fn those_between_are_verified_too() {
    let said = after(&new(), |made| made.between[0].signer = "x".to_owned());
    assert_eq!(
        said,
        signature(Part::Between, "Test Attestation Intermediate B 1")
    );
    let said = after(&new(), |made| made.between[1].signer = "x".to_owned());
    assert_eq!(said, signature(Part::Between, "Test Attestation Root 1"));
    let said = after(&new(), |made| made.between[1].issuer = name("x"));
    assert_eq!(said, unknown(Part::Between, "x"));
    let said = after(&new(), |made| drop(made.between.remove(1)));
    assert_eq!(
        said,
        unknown(Part::Between, "Test Attestation Intermediate B 1")
    );
}

#[test]
fn among_authorities_of_one_name_the_one_that_signed_is_found() {
    let mut made = new();
    let mut namesake = made.between[0].clone();
    namesake.spki = made::spki("namesake");
    made.between.insert(0, namesake);
    assert!(made.verify().is_ok());
    // A root of the same name and another key stands before the right one.
    let mut other = made.root.clone();
    (other.spki, other.signer) = (made::spki("other"), "other".to_owned());
    let pems = [pem(&other.der()), pem(&made.root.der())].concat();
    let roots = Roots::only(&pems).expect("roots");
    assert!(made.verify_under(&roots).is_ok());
}

#[test]
fn a_way_that_leads_nowhere_does_not_hide_one_that_leads_to_the_root() {
    // The same authority, issued twice: by somebody, and by the one below the root.
    let mut made = new();
    let mut astray = made.between[0].clone();
    (astray.issuer, astray.signer) = (name("Somebody"), "somebody".to_owned());
    made.between.insert(0, astray);
    assert!(made.verify().is_ok());
    made.between.swap(0, 2);
    assert!(made.verify().is_ok());
}

#[test]
fn only_an_authority_signs() {
    let why = "it is not marked as an authority";
    let no = |part| Unattested::NoAuthority { part, why };
    for content in [constraints(false, None), constraints(false, Some(3))] {
        let said = after(&new(), |made| {
            *made.device.content(CONSTRAINTS) = content.clone();
        });
        assert_eq!(said, no(Part::Device));
        let said = after(&new(), |made| {
            *made.between[1].content(CONSTRAINTS) = content.clone();
        });
        assert_eq!(said, no(Part::Between));
    }
    let said = after(&new(), |made| made.device.without(CONSTRAINTS));
    assert_eq!(said, no(Part::Device));
    // The attestation of one key cannot attest another.
    let said = after(&old(), |made| {
        let mut below = made.leaf.clone();
        below.issuer = made.leaf.subject.clone();
        below.signer = "leaf".to_owned();
        made.between = vec![made.device.clone()];
        made.device = std::mem::replace(&mut made.leaf, below);
    });
    assert_eq!(said, no(Part::Device));
}

#[test]
fn the_key_of_an_authority_is_for_certificates() {
    let why = "its key is for other uses";
    for part in [Part::Device, Part::Between] {
        let said = after(&new(), |made| match part {
            Part::Device => made
                .device
                .extensions
                .push(Extension::critical(USAGE, &hex("03020780"))),
            _ => *made.between[0].content(USAGE) = hex("03020102"),
        });
        assert_eq!(said, Unattested::NoAuthority { part, why });
    }
}

#[test]
fn path_lengths_are_kept() {
    let too_long = |part, allowed, found| Unattested::PathLength {
        part,
        allowed,
        found,
    };
    for (at, found) in [(0, 1), (1, 2)] {
        let allowed = u8::try_from(found).expect("small") - 1;
        let said = after(&new(), |made| {
            *made.between[at].content(CONSTRAINTS) = constraints(true, Some(allowed));
        });
        assert_eq!(said, too_long(Part::Between, allowed, found));
    }
    let said = after(&new(), |made| {
        *made.root.content(CONSTRAINTS) = constraints(true, Some(2));
    });
    assert_eq!(said, too_long(Part::Root, 2, 3));
    let said = after(&old(), |made| {
        *made.root.content(CONSTRAINTS) = constraints(true, Some(0));
    });
    assert_eq!(said, too_long(Part::Root, 0, 1));
    // No limit is no limit.
    let mut made = new();
    *made.root.content(CONSTRAINTS) = constraints(true, None);
    assert!(made.verify().is_ok());
}

#[test]
fn a_device_cannot_attest_another_device() {
    // A second F9 below the first, whose path length is 0.
    let said = after(&old(), |made| {
        let mut second = made.device.clone();
        second.subject = name("Second");
        second.issuer = name("Yubico PIV Attestation");
        second.spki = made::spki("second");
        second.signer = "device".to_owned();
        made.leaf.issuer = name("Second");
        made.leaf.signer = "second".to_owned();
        made.between = vec![std::mem::replace(&mut made.device, second)];
    });
    let (part, allowed, found) = (Part::Between, 0, 1);
    assert_eq!(
        said,
        Unattested::PathLength {
            part,
            allowed,
            found
        }
    );
}

#[test]
fn the_attestation_is_of_a_key_and_not_of_an_authority() {
    let said = after(&old(), |made| {
        let content = constraints(true, None);
        made.leaf
            .extensions
            .push(Extension::critical(CONSTRAINTS, &content));
    });
    assert_eq!(said, Unattested::KeyIsAuthority);
    let mut made = old();
    let content = constraints(false, None);
    let plain = Extension::critical(CONSTRAINTS, &content);
    made.leaf.extensions.push(plain);
    assert!(made.verify().is_ok());
}

/// Authorities without limits, each issued by the next; the device by the first.
fn tower(height: usize) -> Made {
    let mut made = old();
    let label = |at: usize| format!("floor {at}");
    let floor = |at: usize| {
        let (above, signer) = if at + 1 == height {
            ("Test PIV Root CA".to_owned(), "root".to_owned())
        } else {
            (label(at + 1), label(at + 1))
        };
        Draft::new(&label(at), &above, &label(at), &signer)
            .with(Extension::critical(CONSTRAINTS, &constraints(true, None)))
    };
    made.between = (0..height).map(floor).collect();
    (made.device.issuer, made.device.signer) = (name(&label(0)), label(0));
    *made.root.content(CONSTRAINTS) = constraints(true, None);
    made
}

#[test]
fn chains_have_six_certificates_at_most() {
    assert!(tower(3).verify().is_ok());
    assert_eq!(tower(4).verify(), Err(Unattested::TooLong));
    assert_eq!(tower(5).verify(), Err(Unattested::TooMany(7)));
}

#[test]
fn circles_end() {
    let mut made = tower(2);
    // The upper one is issued by the lower one.
    (made.between[1].issuer, made.between[1].signer) = (name("floor 0"), "floor 0".to_owned());
    assert_eq!(made.verify(), Err(Unattested::Circle));
    // Four of one name and key, each signed by all: many ways, all of them short.
    let one = &made.between[0].clone();
    made.between = ["2017", "2018", "2019", "2020"]
        .map(|_| one.clone())
        .to_vec();
    for (at, draft) in made.between.iter_mut().enumerate() {
        (draft.issuer, draft.signer) = (name("floor 0"), "floor 0".to_owned());
        draft.from = [
            "20170101000000Z",
            "20180101000000Z",
            "20190101000000Z",
            "20200101000000Z",
        ][at];
    }
    assert!(matches!(
        made.verify(),
        Err(Unattested::Circle | Unattested::TooLong)
    ));
}

#[test]
fn critical_extensions_that_are_not_known_are_refused() {
    let foreign = || Extension::critical("2b0601040182c40a0363", &[5, 0]);
    let oid = "1.3.6.1.4.1.41482.3.99".to_owned();
    let critical = |part| Unattested::Critical {
        part,
        oid: oid.clone(),
    };
    let said = after(&new(), |made| made.leaf.extensions.push(foreign()));
    assert_eq!(said, critical(Part::Key));
    let said = after(&new(), |made| made.device.extensions.push(foreign()));
    assert_eq!(said, critical(Part::Device));
    let said = after(&new(), |made| made.between[1].extensions.push(foreign()));
    assert_eq!(said, critical(Part::Between));
    let mut made = new();
    for draft in [&mut made.leaf, &mut made.device, &mut made.between[0]] {
        let harmless = Extension::new("2b0601040182c40a0363", &[5, 0]);
        draft.extensions.push(harmless);
    }
    assert!(made.verify().is_ok());
    // Those of an attestation are known there, and nowhere else.
    made.leaf.extensions[0].critical = true;
    assert!(made.verify().is_ok());
    made.device.extensions[0].critical = true;
    assert!(matches!(made.verify(), Err(Unattested::Critical { .. })));
}

#[test]
fn no_extension_stands_there_twice() {
    for part in [Part::Key, Part::Device, Part::Between] {
        let said = after(&new(), |made| {
            let draft = match part {
                Part::Key => &mut made.leaf,
                Part::Device => &mut made.device,
                _ => &mut made.between[0],
            };
            let again = draft.extensions[0].clone();
            draft.extensions.push(again);
        });
        let twice = matches!(said, Unattested::Twice { part: found, .. } if found == part);
        assert!(twice, "{said:?}");
    }
}

#[test]
fn constraints_and_usage_must_be_well_formed() {
    for (oid, content) in [
        (CONSTRAINTS, vec![]),
        (CONSTRAINTS, vec![0x30, 3, 1, 1, 1]),
        (CONSTRAINTS, vec![0x30, 3, 1, 1, 0xff, 0]),
        (CONSTRAINTS, sequence(&[&[1, 1, 0xff], &[2, 1, 0xff]])),
        (CONSTRAINTS, sequence(&[&[1, 1, 0xff], &[2, 2, 1, 0]])),
        (USAGE, vec![5, 0]),
        (USAGE, vec![]),
    ] {
        let said = after(&new(), |made| {
            *made.between[0].content(oid) = content.clone();
        });
        let malformed = matches!(
            said,
            Unattested::Malformed {
                part: Part::Between,
                ..
            }
        );
        assert!(malformed, "{content:x?}: {said:?}");
    }
}

#[test]
fn certificates_are_of_version_3_and_end_after_they_begin() {
    let malformed = |part, why: &str| Unattested::Malformed {
        part,
        why: why.to_owned(),
    };
    let said = after(&old(), |made| made.leaf.version = tlv(0xa0, &[2, 1, 1]));
    assert_eq!(said, malformed(Part::Key, "it is not of version 3"));
    let said = after(&old(), |made| made.device.version = Vec::new());
    assert_eq!(said, malformed(Part::Device, "it is not of version 3"));
    let said = after(&old(), |made| made.leaf.until = "20160313000000Z");
    assert_eq!(said, malformed(Part::Key, "it ends before it begins"));
}

#[test]
fn certificates_have_a_limit() {
    let long = vec![0x30; CERTIFICATE_MAX + 1];
    let made = old();
    let (leaf, device, roots) = (made.leaf.der(), made.device.der(), made.roots());
    for (part, leaf, device, between) in [
        (Part::Key, &long, &device, vec![]),
        (Part::Device, &leaf, &long, vec![]),
        (Part::Between, &leaf, &device, vec![long.clone()]),
    ] {
        let chain = Chain {
            leaf,
            device,
            intermediates: &between,
        };
        let bytes = CERTIFICATE_MAX + 1;
        assert_eq!(
            verify(&chain, &roots, None),
            Err(Unattested::TooLarge { part, bytes })
        );
    }
    // One of the very limit is read, padded by an extension that says nothing.
    let padded = |by: usize| {
        let padding = Extension::new("2b0601040182c40a0363", &vec![0; by]);
        made.leaf.clone().with(padding)
    };
    let short = padded(7000).der().len();
    let full = (7000 + CERTIFICATE_MAX - short - 3..)
        .map(|by| padded(by).der())
        .take(8)
        .find(|der| der.len() == CERTIFICATE_MAX)
        .expect("a long one");
    assert!(made.verify_leaf(&full, &roots).is_ok());
}

#[test]
fn both_names_of_the_algorithm_are_the_same() {
    let sha384 = sequence(&[&tlv(6, &hex("2a8648ce3d040303"))]);
    let said = after(&old(), |made| made.leaf.outside = sha384.clone());
    assert!(matches!(said, Unattested::Malformed { .. }), "{said:?}");
    let said = after(&old(), |made| made.leaf.inside = sha384);
    assert!(matches!(said, Unattested::Malformed { .. }), "{said:?}");
}
