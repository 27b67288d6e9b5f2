//! What an attestation says.

use std::fmt;

use x509_cert::der::Decode;
use x509_cert::der::oid::ObjectIdentifier;

use super::certificate::Certificate;
use super::path::Path;
use super::signature::PublicKey;
use super::{Part, RootName, Unattested};
use crate::model::{Firmware, PinPolicy, Presence, Timestamp, TouchPolicy};

const FIRMWARE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.3");
const SERIAL: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.7");
const POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.8");
const FORM_FACTOR: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.9");

/// The extensions that an attestation must have.
pub(super) const EXTENSIONS: [ObjectIdentifier; 4] = [FIRMWARE, SERIAL, POLICIES, FORM_FACTOR];

/// What the subject of an attestation begins with; the slot follows in hex.
const SUBJECT: &str = "YubiKey PIV Attestation ";

/// A key of which it is proved that it was made on a device, and what the device says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// The key: the uncompressed point on P-256 (04, x, y).
    pub public_key: [u8; 65],
    /// The device's serial number.
    pub serial: u32,
    /// The device's firmware (extension .3), as it was when the key was attested.
    pub firmware: Firmware,
    /// The firmware in the certificate of slot F9, where that tells one: what the device was made with. (It
    /// cannot be changed later, so it is the same in all that is in order.)
    pub device_firmware: Option<Firmware>,
    /// When the PIN is asked for (first byte of extension .8).
    pub pin_policy: PinPolicy,
    /// When a touch is asked for (second byte of extension .8).
    pub touch_policy: TouchPolicy,
    /// What the device looks like (extension .9).
    pub form_factor: FormFactor,
    /// The slot, such as 0x9d, where the subject tells it.
    pub slot: Option<u8>,
    /// The root that stands above all.
    pub root: RootName,
    /// What was found of the dates.
    pub dates: Dates,
}

impl Attested {
    /// What a use of the key proves. A touch that is cached stands for the uses of 15 seconds, so it does
    /// not show that each was meant.
    pub fn presence(&self) -> Presence {
        match self.touch_policy {
            TouchPolicy::Always => Presence::Touch,
            TouchPolicy::Never | TouchPolicy::Cached => Presence::None,
        }
    }
}

/// What was found of the dates of the chain, the root's included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    /// No time was given to compare them with.
    NotAsked,
    /// All are in force.
    InForce,
    /// By the clock, this one is not in force yet.
    Early {
        /// Which.
        part: Part,
        /// When it begins.
        from: Timestamp,
        /// What the clock said.
        now: Timestamp,
    },
    /// By the clock, this one has ended.
    Late {
        /// Which.
        part: Part,
        /// Its last second.
        until: Timestamp,
        /// What the clock said.
        now: Timestamp,
    },
}

/// What a device looks like, and whether it is of the FIPS series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FormFactor {
    /// Its shape (bits 0 to 6).
    pub shape: Shape,
    /// Of the FIPS series (bit 7).
    pub fips: bool,
}

/// The shape of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// 1: USB-A, for a key ring.
    UsbAKeychain,
    /// 2: USB-A, small.
    UsbANano,
    /// 3: USB-C, for a key ring.
    UsbCKeychain,
    /// 4: USB-C, small.
    UsbCNano,
    /// 5: USB-C and Lightning.
    UsbCLightning,
    /// 6: USB-A with a fingerprint reader.
    UsbABio,
    /// 7: USB-C with a fingerprint reader.
    UsbCBio,
    /// Not said (0), or one that is not known here.
    Other(u8),
}

impl FormFactor {
    fn read(byte: u8) -> Self {
        let shape = match byte & 0x7f {
            1 => Shape::UsbAKeychain,
            2 => Shape::UsbANano,
            3 => Shape::UsbCKeychain,
            4 => Shape::UsbCNano,
            5 => Shape::UsbCLightning,
            6 => Shape::UsbABio,
            7 => Shape::UsbCBio,
            other => Shape::Other(other),
        };
        let fips = byte & 0x80 != 0;
        Self { shape, fips }
    }
}

impl fmt::Display for FormFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.shape {
            Shape::UsbAKeychain => "USB-A",
            Shape::UsbANano => "USB-A Nano",
            Shape::UsbCKeychain => "USB-C",
            Shape::UsbCNano => "USB-C Nano",
            Shape::UsbCLightning => "USB-C and Lightning",
            Shape::UsbABio => "USB-A Bio",
            Shape::UsbCBio => "USB-C Bio",
            Shape::Other(_) => "of an unknown shape",
        })?;
        f.write_str(if self.fips { ", FIPS" } else { "" })
    }
}

/// Compares the dates of the whole chain with the time; the first that does not fit is told, from the
/// attestation up.
pub(super) fn dates(leaf: &Certificate, path: &Path<'_>, now: Option<Timestamp>) -> Dates {
    let Some(now) = now else {
        return Dates::NotAsked;
    };
    let above = path.certificates.iter().copied();
    for certificate in std::iter::once(leaf)
        .chain(above)
        .chain([&path.root.certificate])
    {
        let (part, (from, until)) = (certificate.part, certificate.valid);
        let (from, until) = (Timestamp::from_unix(from), Timestamp::from_unix(until));
        if now < from {
            return Dates::Early { part, from, now };
        }
        if now > until {
            return Dates::Late { part, until, now };
        }
    }
    Dates::InForce
}

/// The firmware that an attestation tells, verified or not.
pub fn firmware_told(leaf: &[u8]) -> Option<Firmware> {
    let leaf = Certificate::parse(leaf, Part::Key).ok()?;
    leaf.extension(FIRMWARE).and_then(three)
}

/// Reads what a verified attestation says.
pub(super) fn read(
    leaf: &Certificate,
    device: &Certificate,
    root: RootName,
    dates: Dates,
) -> Result<Attested, Unattested> {
    let firmware = leaf.extension(FIRMWARE).map(three);
    let firmware = firmware.flatten().ok_or_else(|| {
        let is_there = leaf.extension(FIRMWARE).is_some();
        fact("firmware", is_there, "it is not three bytes")
    })?;
    let (pin_policy, touch_policy) = policies(leaf)?;
    Ok(Attested {
        public_key: match &leaf.key {
            PublicKey::P256(point) => *point.as_bytes(),
            other => return Err(Unattested::KeyKind(other.kind())),
        },
        serial: serial(leaf)?,
        firmware,
        device_firmware: device.extension(FIRMWARE).and_then(three),
        pin_policy,
        touch_policy,
        form_factor: form_factor(leaf, firmware)?,
        slot: slot(&leaf.subject()),
        root,
        dates,
    })
}

fn fact(what: &'static str, is_there: bool, misshapen: &'static str) -> Unattested {
    let why = if is_there { misshapen } else { "it is missing" };
    Unattested::Fact { what, why }
}

/// Three raw bytes, no DER.
fn three(content: &[u8]) -> Option<Firmware> {
    match *content {
        [major, minor, patch] => Some(Firmware(major, minor, patch)),
        _ => None,
    }
}

/// A DER INTEGER from 0 to 2^32 - 1, in its one spelling.
fn serial(leaf: &Certificate) -> Result<u32, Unattested> {
    let content = leaf.extension(SERIAL);
    let number = content.and_then(|content| u32::from_der(content).ok());
    number.ok_or_else(|| fact("serial number", content.is_some(), "it is no number"))
}

/// Two raw bytes.
fn policies(leaf: &Certificate) -> Result<(PinPolicy, TouchPolicy), Unattested> {
    let what = "PIN and touch policy";
    match leaf.extension(POLICIES) {
        Some(&[pin, touch]) => PinPolicy::read(pin)
            .zip(TouchPolicy::read(touch))
            .ok_or_else(|| fact(what, true, "it is none that is known")),
        other => Err(fact(what, other.is_some(), "it is not two bytes")),
    }
}

/// One raw byte. Devices before firmware 5 leave it out; they are refused for their age.
fn form_factor(leaf: &Certificate, firmware: Firmware) -> Result<FormFactor, Unattested> {
    match leaf.extension(FORM_FACTOR) {
        Some(&[byte]) => Ok(FormFactor::read(byte)),
        None if firmware < Firmware(5, 0, 0) => Ok(FormFactor::read(0)),
        other => Err(fact("form factor", other.is_some(), "it is not one byte")),
    }
}

/// The slot at the end of the subject: two hex digits.
fn slot(subject: &str) -> Option<u8> {
    let digits = subject.strip_prefix(SUBJECT)?;
    let is_plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_plain.then(|| u8::from_str_radix(digits, 16).ok())?
}
