//! What real devices and Yubico made: a YubiKey with firmware 5.2.7, and the roots.

use breakglass::attestation::{
    Attested, Chain, Dates, Firmware, FormFactor, Part, PinPolicy, Roots, Shape, TouchPolicy,
    Unattested, certificates, verify,
};
use breakglass::model::{Presence, Timestamp};

use crate::made;

fn one(pem: &str) -> Vec<u8> {
    let mut found = certificates(pem.as_bytes()).expect("PEM");
    assert_eq!(found.len(), 1);
    found.remove(0)
}

pub fn leaf() -> Vec<u8> {
    one(include_str!("real/leaf-9c-5.2.7.pem"))
}

pub fn device() -> Vec<u8> {
    one(include_str!("real/device-f9-5.2.7.pem"))
}

pub fn verified(roots: &Roots, now: Option<i64>) -> Result<Attested, Unattested> {
    let chain = Chain {
        leaf: &leaf(),
        device: &device(),
        intermediates: &[],
    };
    verify(&chain, roots, now.map(Timestamp::from_unix))
}

#[test]
fn a_real_attestation_holds() {
    let attested = verified(&Roots::yubico(), Some(made::NOW)).expect("it holds");
    assert_eq!(attested.public_key[0], 4);
    assert_eq!(attested.serial, 0x00eb_5403);
    assert_eq!(attested.firmware, Firmware(5, 2, 7));
    assert_eq!(attested.device_firmware, Some(Firmware(5, 2, 7)));
    assert_eq!(attested.pin_policy, PinPolicy::Always);
    assert_eq!(attested.touch_policy, TouchPolicy::Never);
    assert_eq!(attested.presence(), Presence::None);
    let (shape, fips) = (Shape::UsbCKeychain, false);
    assert_eq!(attested.form_factor, FormFactor { shape, fips });
    assert_eq!(attested.slot, Some(0x9c));
    assert_eq!(attested.root.name, "Yubico PIV Root CA Serial 263751");
    assert!(!attested.root.is_own);
    assert_eq!(attested.dates, Dates::InForce);
}

#[test]
fn it_holds_under_no_other_root() {
    let own = made::old().roots();
    assert_eq!(
        verified(&own, None),
        Err(Unattested::UnknownRoot {
            part: Part::Device,
            issuer: "Yubico PIV Root CA Serial 263751".to_owned()
        })
    );
    let both = Roots::yubico().with_own(&made::pem(&made::old().root.der()));
    assert!(verified(&both.expect("a root"), None).is_ok());
    // A root of the same name with another key.
    let mut forged = made::old().root;
    forged.subject = made::name("Yubico PIV Root CA Serial 263751");
    forged.issuer = forged.subject.clone();
    let forged = Roots::only(&made::pem(&forged.der())).expect("a root");
    assert_eq!(
        verified(&forged, None),
        Err(Unattested::Signature {
            part: Part::Device,
            issuer: "Yubico PIV Root CA Serial 263751".to_owned()
        })
    );
}

#[test]
fn a_made_chain_holds_under_none_of_yubicos_roots() {
    for made in [made::old(), made::new()] {
        let found = made.verify_under(&Roots::yubico());
        assert!(
            matches!(found, Err(Unattested::UnknownRoot { .. })),
            "{found:?}"
        );
    }
}

#[test]
fn the_dates_of_real_devices_end_in_2052() {
    let at = |time: &str| {
        let now = time.parse::<Timestamp>().expect("a time").unix();
        verified(&Roots::yubico(), Some(now)).map(|attested| attested.dates)
    };
    let (part, from) = (Part::Key, "2016-03-14T00:00:00Z".parse().expect("a time"));
    let now = "2016-03-13T23:59:59Z".parse().expect("a time");
    assert_eq!(
        at("2016-03-13T23:59:59Z"),
        Ok(Dates::Early { part, from, now })
    );
    assert_eq!(at("2016-03-14T00:00:00Z"), Ok(Dates::InForce));
    assert_eq!(at("2052-04-17T00:00:00Z"), Ok(Dates::InForce));
    let until = "2052-04-17T00:00:00Z".parse().expect("a time");
    let now = "2052-04-17T00:00:01Z".parse().expect("a time");
    assert_eq!(
        at("2052-04-17T00:00:01Z"),
        Ok(Dates::Late { part, until, now })
    );
}
