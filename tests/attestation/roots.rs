//! Which roots are pinned, and which can be.

use breakglass::attestation::{NotARoot, Part, Roots, Unattested, certificates};

use crate::made::{self, CONSTRAINTS, Extension, USAGE, constraints, hex, name, pem};

#[test]
fn yubicos_roots_are_these_two_and_no_others() {
    let names: Vec<(String, String, bool)> = Roots::yubico()
        .names()
        .map(|root| (root.name, root.fingerprint.to_string(), root.is_own))
        .collect();
    let expected = [
        (
            "Yubico PIV Root CA Serial 263751",
            "63ece914e54dd87915f34033c85af4c0696ba1512f8add66ced738331207b546",
        ),
        (
            "Yubico Attestation Root 1",
            "62760c6a6ef91679f454c8902b80fd009825b3f25da90f1fbace2ec6586cd5a8",
        ),
    ]
    .map(|(name, fingerprint)| (name.to_owned(), fingerprint.to_owned(), false));
    assert_eq!(names, expected);
}

#[test]
fn a_root_of_ones_own_is_told_as_such() {
    let roots = Roots::yubico().with_own(&pem(&made::old().root.der()));
    let last = roots.expect("a root").names().last().expect("a root");
    assert_eq!(last.name, "Test PIV Root CA");
    assert!(last.is_own);
    let attested = made::old().verify().expect("it holds");
    assert_eq!(attested.root, last);
}

#[test]
fn authorities_below_a_root_of_ones_own_may_stand_in_its_file() {
    let mut made = made::new();
    let mut file = b"The company's authorities.\n".to_vec();
    for draft in made.between.drain(..).chain([made.root.clone()]) {
        file.extend_from_slice(b"subject=/CN=x\n");
        file.extend_from_slice(&pem(&draft.der()));
    }
    let roots = Roots::only(&file).expect("roots");
    assert_eq!(roots.names().count(), 1);
    assert!(made.verify_under(&roots).is_ok());
    // Without them the chain has a gap.
    let gap = made.verify();
    assert_eq!(
        gap,
        Err(Unattested::UnknownRoot {
            part: Part::Device,
            issuer: "Test PIV Attestation B 1".to_owned()
        })
    );
}

#[test]
fn a_root_with_other_uses_can_be_bound_to_an_authority() {
    let made = made::new();
    let under = |authority: &str| {
        let yubicos = Roots::yubico();
        let roots = yubicos.with_own_through(&pem(&made.root.der()), authority);
        made.verify_under(&roots.expect("a root"))
    };
    assert!(under("Test PIV Attestation ").is_ok());
    let refused = Unattested::NotForPiv {
        issuer: "Test PIV Attestation B 1".to_owned(),
    };
    assert_eq!(under("Test FIDO Attestation "), Err(refused));
}

#[test]
fn what_is_no_root_is_not_pinned() {
    let root = made::old().root;
    let leaf = made::leaf();
    let said = |pem: &[u8]| Roots::only(pem).map(|_| ()).expect_err("no root");
    assert_eq!(
        said(b"hello"),
        NotARoot::Pem("it holds no certificate (-----BEGIN CERTIFICATE-----)")
    );
    assert_eq!(said(&[0xff, 0xfe]), NotARoot::Pem("it is not text"));
    // An authority alone.
    let [middle, _] = made::new().between.try_into().ok().expect("two");
    assert_eq!(said(&pem(&middle.der())), NotARoot::NoRoot);
    // A leaf; a root that is no authority; one whose key is for other uses; one whose own signature is wrong.
    let part = Part::Between;
    let why = "it is not marked as an authority";
    let no_authority = Unattested::NoAuthority { part, why };
    assert_eq!(said(&pem(&leaf.der())), NotARoot::Unsound(no_authority));
    let mut plain = root.clone();
    *plain.content(CONSTRAINTS) = constraints(false, None);
    let part = Part::Root;
    let no_authority = Unattested::NoAuthority { part, why };
    assert_eq!(said(&pem(&plain.der())), NotARoot::Unsound(no_authority));
    let mut other = root.clone();
    *other.content(USAGE) = hex("03020780");
    let why = "its key is for other uses";
    let other_use = Unattested::NoAuthority { part, why };
    assert_eq!(said(&pem(&other.der())), NotARoot::Unsound(other_use));
    let mut wrong = root.clone();
    wrong.signer = "somebody".to_owned();
    assert_eq!(said(&pem(&wrong.der())), NotARoot::NoRoot);
    let mut nameless = root;
    nameless.subject = made::sequence(&[]);
    nameless.issuer = made::sequence(&[]);
    assert_eq!(said(&pem(&nameless.der())), NotARoot::NoRoot);
}

#[test]
fn pem_is_read_strictly() {
    let der = made::old().root.der();
    let good = String::from_utf8(pem(&der)).expect("text");
    assert_eq!(certificates(good.as_bytes()), Ok(vec![der.clone()]));
    assert_eq!(
        certificates(good.replace('\n', "\r\n").as_bytes()),
        Ok(vec![der.clone()])
    );
    let twice = good.repeat(2);
    assert_eq!(certificates(twice.as_bytes()), Ok(vec![der.clone(), der]));
    for (text, why) in [
        (
            good.replace("CERTIFICATE", "PRIVATE KEY"),
            "it holds something else than certificates",
        ),
        (
            format!("{good}-----BEGIN CERTIFICATE REQUEST-----\n"),
            "it holds something else than certificates",
        ),
        (
            good.replace("-----END CERTIFICATE-----", ""),
            "a certificate has no end",
        ),
        (
            good.replace("MII", "M*I"),
            "a certificate is not well-formed PEM",
        ),
        (good.repeat(17), "it holds more than 16 certificates"),
        ("x".repeat(400_000), "it is too long"),
    ] {
        assert_eq!(certificates(text.as_bytes()), Err(why));
    }
    let long = pem(&made::tlv(4, &[0; 9000]));
    assert_eq!(certificates(&long), Err("a certificate is too long"));
}

#[test]
fn a_critical_name_constraint_on_a_root_is_not_passed_over() {
    let root = made::old()
        .root
        .with(Extension::critical("551d1e", &made::sequence(&[])));
    let (part, oid) = (Part::Between, "2.5.29.30".to_owned());
    assert_eq!(
        Roots::only(&pem(&root.der())).map(|_| ()),
        Err(NotARoot::Unsound(Unattested::Critical { part, oid }))
    );
}

#[test]
fn names_may_be_written_in_another_type_of_string() {
    let mut made = made::old();
    made.device.issuer = made::named("Test PIV Root CA", 0x13);
    assert!(made.verify().is_ok());
    made.device.issuer = made::named("Test PIV Root CA", 0x16);
    assert!(made.verify().is_err());
    made.device.issuer = name("test PIV Root CA");
    assert!(made.verify().is_err());
}
