//! Whether what is attested suffices.

use breakglass::attestation::{
    Attested, Expected, Firmware, PinPolicy, Requirements, Roots, TouchPolicy, Unmet,
};

use crate::made::{self, DEVICE, FIRMWARE, Made, POLICIES, SERIAL, hex, name, new, old};
use crate::real;

fn attested(made: &Made) -> Attested {
    made.verify().expect("it holds")
}

fn meets(attested: &Attested, requirements: &Requirements) -> Result<(), Unmet> {
    let expected = Expected {
        serial: DEVICE,
        public_key: &made::point("leaf"),
        slot: 0x9d,
    };
    attested.meets(requirements, &expected)
}

fn usual(made: &Made) -> Result<(), Unmet> {
    meets(&attested(made), &Requirements::default())
}

#[test]
fn what_is_as_it_must_be_is_taken() {
    assert_eq!(usual(&old()), Ok(()));
    assert_eq!(usual(&new()), Ok(()));
}

#[test]
fn the_attestation_of_another_slot_or_key_is_refused() {
    let (expected, found, slot) = (0x9d, 0x9c, 0x9d);
    let mut made = old();
    made.leaf.subject = name("YubiKey PIV Attestation 9c");
    assert_eq!(usual(&made), Err(Unmet::Slot { expected, found }));
    let mut made = old();
    made.leaf.spki = made::spki("another");
    assert_eq!(usual(&made), Err(Unmet::Key { slot }));
    // A subject that tells no slot leaves it to the key.
    made.leaf.subject = name("x");
    assert_eq!(usual(&made), Err(Unmet::Key { slot }));
    let mut made = old();
    made.leaf.subject = name("x");
    assert_eq!(usual(&made), Ok(()));
    // Other spellings of the key are other keys.
    for public_key in [
        &[][..],
        &made::point("leaf")[1..],
        &made::point("leaf")[..64],
    ] {
        let expected = Expected {
            serial: DEVICE,
            public_key,
            slot,
        };
        let said = attested(&old()).meets(&Requirements::default(), &expected);
        assert_eq!(said, Err(Unmet::Key { slot }));
    }
}

#[test]
fn the_attestation_of_another_device_is_refused() {
    let mut made = old();
    *made.leaf.content(SERIAL) = hex("020401dc9a08");
    let (expected, found) = (DEVICE, DEVICE + 1);
    assert_eq!(usual(&made), Err(Unmet::Serial { expected, found }));
}

fn with_firmware(key: [u8; 3], device: Option<[u8; 3]>) -> Made {
    let mut made = old();
    *made.leaf.content(FIRMWARE) = key.to_vec();
    match device {
        Some(device) => *made.device.content(FIRMWARE) = device.to_vec(),
        None => made.device.without(FIRMWARE),
    }
    made
}

#[test]
fn firmware_before_5_7_0_is_refused() {
    let serial = DEVICE;
    for (key, device, refused) in [
        ([5, 7, 0], None, None),
        ([5, 7, 0], Some([5, 7, 0]), None),
        ([6, 0, 0], Some([5, 8, 0]), None),
        ([5, 6, 255], None, Some(Firmware(5, 6, 255))),
        ([5, 2, 7], Some([5, 7, 4]), Some(Firmware(5, 2, 7))),
        // Whoever has computed the key of an old device writes what he likes into an attestation.
        ([5, 7, 4], Some([5, 4, 3]), Some(Firmware(5, 4, 3))),
        ([3, 5, 0], None, Some(Firmware(3, 5, 0))),
    ] {
        let min = Firmware(5, 7, 0);
        let expected = match refused {
            Some(firmware) => Err(Unmet::Firmware {
                serial,
                firmware,
                min,
            }),
            None => Ok(()),
        };
        assert_eq!(usual(&with_firmware(key, device)), expected);
    }
}

#[test]
fn the_least_firmware_can_be_set() {
    let requirements = |min_firmware| Requirements {
        min_firmware,
        ..Requirements::default()
    };
    let old = attested(&with_firmware([5, 4, 3], None));
    assert_eq!(meets(&old, &requirements(Firmware(5, 4, 3))), Ok(()));
    let (serial, firmware, min) = (DEVICE, Firmware(5, 4, 3), Firmware(5, 4, 4));
    let refused = Unmet::Firmware {
        serial,
        firmware,
        min,
    };
    assert_eq!(meets(&old, &requirements(min)), Err(refused));
}

#[test]
fn the_devices_with_weak_rsa_keys_are_refused_whatever_is_asked() {
    let lax = Requirements {
        min_firmware: Firmware(0, 0, 0),
        dates: false,
        ..Requirements::default()
    };
    let serial = DEVICE;
    for (version, is_weak) in [
        ([4, 2, 5], false),
        ([4, 2, 6], true),
        ([4, 2, 255], true),
        ([4, 3, 0], true),
        ([4, 3, 4], true),
        ([4, 3, 5], false),
        ([5, 3, 0], false),
    ] {
        let [major, minor, patch] = version;
        let firmware = Firmware(major, minor, patch);
        assert_eq!(firmware.makes_weak_rsa_keys(), is_weak);
        let expected = if is_weak {
            Err(Unmet::WeakRsa { serial, firmware })
        } else {
            Ok(())
        };
        let by_key = attested(&with_firmware(version, None));
        assert_eq!(meets(&by_key, &lax), expected.clone());
        let by_device = attested(&with_firmware([5, 7, 4], Some(version)));
        assert_eq!(meets(&by_device, &lax), expected);
    }
}

fn with_policies(pin: u8, touch: u8) -> Made {
    let mut made = old();
    *made.leaf.content(POLICIES) = vec![pin, touch];
    made
}

#[test]
fn a_key_that_opens_without_pin_or_touch_is_refused() {
    let (serial, slot) = (DEVICE, 0x9d);
    let allowed = || "always".to_owned();
    for (byte, found) in [(1, TouchPolicy::Never), (3, TouchPolicy::Cached)] {
        let expected = Unmet::Touch {
            serial,
            slot,
            found,
            allowed: allowed(),
        };
        assert_eq!(usual(&with_policies(3, byte)), Err(expected));
    }
    for (byte, found) in [
        (1, PinPolicy::Never),
        (2, PinPolicy::Once),
        (4, PinPolicy::MatchOnce),
        (5, PinPolicy::MatchAlways),
    ] {
        let expected = Unmet::Pin {
            serial,
            slot,
            found,
            allowed: allowed(),
        };
        assert_eq!(usual(&with_policies(byte, 2)), Err(expected));
    }
}

#[test]
fn other_policies_can_be_allowed() {
    let requirements = Requirements {
        pin_policies: vec![PinPolicy::Always, PinPolicy::Once],
        touch_policies: vec![TouchPolicy::Always, TouchPolicy::Cached],
        ..Requirements::default()
    };
    let said = |pin, touch| meets(&attested(&with_policies(pin, touch)), &requirements);
    assert_eq!(said(2, 3), Ok(()));
    assert_eq!(said(3, 2), Ok(()));
    let text = said(3, 1).expect_err("never").to_string();
    assert!(text.ends_with("it must be always or cached"), "{text}");
    let text = said(1, 2).expect_err("never").to_string();
    assert!(text.ends_with("it must be always or once"), "{text}");
}

#[test]
fn the_real_device_is_told_its_age() {
    let real = real::verified(&Roots::yubico(), None).expect("it holds");
    let expected = Expected {
        serial: 0x00eb_5403,
        public_key: &real.public_key,
        slot: 0x9c,
    };
    let said = real.meets(&Requirements::default(), &expected);
    assert_eq!(
        said.expect_err("too old").to_string(),
        "the YubiKey 15422467 has firmware 5.2.7, older than 5.7.0: before 5.7.0 its keys can be taken out by \
         whoever has it in hand (CVE-2024-45678)"
    );
}
