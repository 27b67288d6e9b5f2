//! What an attestation says, and that it says it exactly so.

use breakglass::attestation::{
    Attested, Firmware, FormFactor, PinPolicy, Shape, TouchPolicy, Unattested,
};
use breakglass::model::Presence;

use crate::made::{self, Draft, FIRMWARE, FORM_FACTOR, POLICIES, SERIAL, hex, name, old};

fn with(change: impl FnOnce(&mut Draft)) -> Result<Attested, Unattested> {
    let mut made = old();
    change(&mut made.leaf);
    made.verify()
}

fn saying(oid: &str, content: &[u8]) -> Result<Attested, Unattested> {
    with(|leaf| *leaf.content(oid) = content.to_vec())
}

fn fact(what: &'static str, why: &'static str) -> Unattested {
    Unattested::Fact { what, why }
}

#[test]
fn each_fact_must_be_there() {
    for (oid, what) in [
        (FIRMWARE, "firmware"),
        (SERIAL, "serial number"),
        (POLICIES, "PIN and touch policy"),
        (FORM_FACTOR, "form factor"),
    ] {
        let said = with(|leaf| leaf.without(oid));
        assert_eq!(said, Err(fact(what, "it is missing")));
    }
}

#[test]
fn the_certificate_of_the_device_does_not_speak_for_the_key() {
    let mut made = old();
    let policies = made.leaf.extensions.remove(2);
    made.device.extensions.push(policies);
    let why = "it is missing";
    assert_eq!(made.verify(), Err(fact("PIN and touch policy", why)));
}

#[test]
fn firmware_is_three_raw_bytes() {
    let read = saying(FIRMWARE, &[5, 7, 4]).map(|it| it.firmware);
    assert_eq!(read, Ok(Firmware(5, 7, 4)));
    for content in [&[][..], &[5, 7], &[5, 7, 4, 0], &[4, 3, 5, 7, 4]] {
        let expected = fact("firmware", "it is not three bytes");
        assert_eq!(saying(FIRMWARE, content), Err(expected));
    }
}

#[test]
fn the_serial_is_one_integer_in_its_one_spelling() {
    for (content, serial) in [
        ("020100", 0),
        ("02017f", 127),
        ("02020080", 128),
        ("020400eb5403", 0x00eb_5403),
        ("02047fffffff", 0x7fff_ffff),
        ("020500ffffffff", u32::MAX),
    ] {
        let read = saying(SERIAL, &hex(content)).map(|it| it.serial);
        assert_eq!(read, Ok(serial), "{content}");
    }
    for content in [
        "",
        "02",
        "0200",
        "01dc9a07",
        "040401dc9a07",
        "0201ff",
        "0204ffffffff",
        "02050100000000",
        "02020001",
        "02040001dc9a",
        "020401dc9a0700",
        "02810101",
        "020401dc9a",
    ] {
        let expected = fact("serial number", "it is no number");
        assert_eq!(saying(SERIAL, &hex(content)), Err(expected), "{content}");
    }
}

#[test]
fn policies_are_two_raw_bytes_that_are_known() {
    for pin in 0..=6 {
        for touch in 0..=4 {
            let known_pin = match pin {
                1 => Some(PinPolicy::Never),
                2 => Some(PinPolicy::Once),
                3 => Some(PinPolicy::Always),
                4 => Some(PinPolicy::MatchOnce),
                5 => Some(PinPolicy::MatchAlways),
                _ => None,
            };
            let known_touch = match touch {
                1 => Some(TouchPolicy::Never),
                2 => Some(TouchPolicy::Always),
                3 => Some(TouchPolicy::Cached),
                _ => None,
            };
            let read = saying(POLICIES, &[pin, touch]);
            match known_pin.zip(known_touch) {
                Some(known) => {
                    let read = read.expect("known");
                    assert_eq!((read.pin_policy, read.touch_policy), known);
                    let always = touch == 2;
                    assert_eq!(read.presence() == Presence::Touch, always);
                }
                None => assert_eq!(
                    read,
                    Err(fact("PIN and touch policy", "it is none that is known"))
                ),
            }
        }
    }
    for content in [&[][..], &[3], &[3, 2, 0], &[4, 2, 3, 2]] {
        let expected = fact("PIN and touch policy", "it is not two bytes");
        assert_eq!(saying(POLICIES, content), Err(expected));
    }
}

#[test]
fn the_form_factor_is_one_raw_byte() {
    for (byte, shape, fips, words) in [
        (0x01, Shape::UsbAKeychain, false, "USB-A"),
        (0x02, Shape::UsbANano, false, "USB-A Nano"),
        (0x83, Shape::UsbCKeychain, true, "USB-C, FIPS"),
        (0x04, Shape::UsbCNano, false, "USB-C Nano"),
        (
            0x85,
            Shape::UsbCLightning,
            true,
            "USB-C and Lightning, FIPS",
        ),
        (0x06, Shape::UsbABio, false, "USB-A Bio"),
        (0x07, Shape::UsbCBio, false, "USB-C Bio"),
        (0x00, Shape::Other(0), false, "of an unknown shape"),
        (0x7f, Shape::Other(0x7f), false, "of an unknown shape"),
    ] {
        let read = saying(FORM_FACTOR, &[byte]).map(|it| it.form_factor);
        assert_eq!(read, Ok(FormFactor { shape, fips }));
        assert_eq!(read.expect("read").to_string(), words);
    }
    for content in [&[][..], &[1, 0], &[2, 1, 1]] {
        let expected = fact("form factor", "it is not one byte");
        assert_eq!(saying(FORM_FACTOR, content), Err(expected));
    }
}

#[test]
fn old_devices_need_tell_no_form_factor() {
    let old = with(|leaf| {
        leaf.without(FORM_FACTOR);
        *leaf.content(FIRMWARE) = vec![4, 3, 7];
    });
    let (shape, fips) = (Shape::Other(0), false);
    let read = old.map(|it| it.form_factor);
    assert_eq!(read, Ok(FormFactor { shape, fips }));
    let younger = with(|leaf| {
        leaf.without(FORM_FACTOR);
        *leaf.content(FIRMWARE) = vec![5, 0, 0];
    });
    assert_eq!(younger, Err(fact("form factor", "it is missing")));
}

#[test]
fn the_slot_is_told_by_the_subject() {
    for (subject, slot) in [
        ("YubiKey PIV Attestation 9c", Some(0x9c)),
        ("YubiKey PIV Attestation 82", Some(0x82)),
        ("YubiKey PIV Attestation 9C", Some(0x9c)),
        ("YubiKey PIV Attestation ", None),
        ("YubiKey PIV Attestation 9", None),
        ("YubiKey PIV Attestation +9", None),
        ("YubiKey PIV Attestation 9c ", None),
        ("YubiKey PIV Attestation \u{e9}", None),
        ("something else", None),
    ] {
        let read = with(|leaf| leaf.subject = name(subject)).map(|it| it.slot);
        assert_eq!(read, Ok(slot), "{subject}");
    }
    let read = with(|leaf| leaf.subject = made::sequence(&[])).map(|it| it.slot);
    assert_eq!(read, Ok(None));
}

#[test]
fn a_firmware_has_one_spelling() {
    for (text, firmware) in [
        ("5.7.0", Firmware(5, 7, 0)),
        ("255.255.255", Firmware(255, 255, 255)),
    ] {
        assert_eq!(text.parse(), Ok(firmware));
        assert_eq!(firmware.to_string(), text);
    }
    for text in [
        "", "5", "5.7", "5.7.0.0", "5.07.0", "+5.7.0", "5.7.256", " 5.7.0", "5.7.0 ", "5.7.-1",
        "5..0", "v5.7.0",
    ] {
        assert!(text.parse::<Firmware>().is_err(), "{text}");
    }
    let mut sorted = ["5.10.0", "5.7.4", "4.3.7", "5.2.7"].map(|text| {
        let firmware: Firmware = text.parse().expect("a version");
        firmware
    });
    sorted.sort();
    let sorted = sorted.map(|firmware| firmware.to_string());
    assert_eq!(sorted, ["4.3.7", "5.2.7", "5.7.4", "5.10.0"]);
}
