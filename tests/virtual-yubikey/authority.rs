//! The attestation authority: a root of each rack, a certificate of each card, an attestation of each key.
//!
//! Leaf, F9 certificate, root, as on YubiKeys before firmware 5.7.4; or with two authorities between F9 and the
//! root, as from 5.7.4 on. The leaf has Yubico's extensions 1.3.6.1.4.1.41482.3 (.3 firmware, .7 serial,
//! .8 policies, .9 form factor).

use std::fs;
use std::path::Path;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use x509_cert::Certificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::asn1::{ObjectIdentifier, OctetString};
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{DateTime, Decode, Encode, EncodePem};
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};
use x509_cert::time::Validity;

use crate::keys::{Key, Signing, algorithm, random};
use crate::state::{ATTESTATION, ATTESTATION_CERTIFICATE, Bytes, Slot, State};
use crate::tlv::{find, tlv};
use crate::{Fallible, tlv as ber};

/// The authorities over the F9 certificates, from the root down.
const SHORT: [&str; 1] = ["CN=Virtual YubiKey PIV Root CA Serial 1"];
const LONG: [&str; 3] = [
    "CN=Virtual YubiKey Attestation Root 1",
    "CN=Virtual YubiKey Attestation Intermediate B1",
    "CN=Virtual YubiKey PIV Attestation B1",
];
const F9: &str = "CN=Yubico PIV Attestation";
const ROOT_FILE: &str = "attestation-root.pem";
const INTERMEDIATES_FILE: &str = "attestation-intermediates.pem";
const KEY_FILE: &str = "attestation-issuer.key";
const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const KEY_USAGE: &str = "2.5.29.15";

/// Who stands over the cards' own certificates.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Generation {
    /// The root alone, as before firmware 5.7.4
    Short,
    /// The root and two authorities under it, as from firmware 5.7.4 on
    Long,
}

/// The authority of a rack that signs the cards' certificates.
pub struct Authority {
    key: Key,
    name: Name,
}

impl Authority {
    /// The authorities in this folder, made where there are none: `attestation-root.pem`, the others in
    /// `attestation-intermediates.pem` (from the cards up to the root), and the last one's key.
    pub fn open(folder: &Path, generation: Generation) -> Fallible<Self> {
        let [root, between, key] =
            [ROOT_FILE, INTERMEDIATES_FILE, KEY_FILE].map(|name| folder.join(name));
        let Ok(secret) = fs::read_to_string(&key) else {
            let (made, secret, certificates) = make(generation)?;
            let pem = |certificate: &Certificate| certificate.to_pem(LineEnding::LF);
            let (top, others) = certificates.split_first().ok_or("a root")?;
            fs::write(&root, pem(top)?)?;
            if generation == Generation::Long {
                let others: Result<String, _> = others.iter().rev().map(pem).collect();
                fs::write(&between, others?)?;
            }
            // Last: without it all are made anew.
            fs::write(&key, HEXLOWER.encode(&secret))?;
            return Ok(made);
        };
        if between.exists() != (generation == Generation::Long) {
            return Err("the folder's cards are attested by the other generation".into());
        }
        let lowest = if between.exists() { between } else { root };
        let chain = Certificate::load_pem_chain(&fs::read(lowest)?)?;
        let lowest = chain.first().ok_or("an empty file of certificates")?;
        let secret = HEXLOWER.decode(secret.trim().as_bytes())?;
        Ok(Self {
            key: Key::import(algorithm::P256, &secret)
                .ok_or("attestation-issuer.key holds no key")?,
            name: lowest.tbs_certificate().subject().clone(),
        })
    }

    /// Gives a card from the factory its attestation key and certificate.
    pub fn equip(&self, state: &mut State) -> Fallible<()> {
        let key = Key::generate(algorithm::P256).ok_or("a key")?;
        let profile = authority(Name::from_str(F9)?, self.name.clone(), 0)?;
        let certificate = issue(&self.key, &key.public_der(), profile)?.to_der()?;
        let object = [tlv(0x70, &certificate), tlv(0x71, &[0]), tlv(0xFE, &[])].concat();
        state.objects.insert(ATTESTATION_CERTIFICATE, Bytes(object));
        let slot = Slot {
            key,
            pin: 1,
            touch: 1,
            origin: 1,
        };
        state.slots.insert(ATTESTATION, slot);
        Ok(())
    }
}

/// New authorities, from the root down: the lowest one with its secret, and the certificates of all.
fn make(generation: Generation) -> Fallible<(Authority, [u8; 32], Vec<Certificate>)> {
    let names: &[&str] = match generation {
        Generation::Short => &SHORT,
        Generation::Long => &LONG,
    };
    let mut lowest: Option<(Authority, [u8; 32])> = None;
    let mut certificates = Vec::new();
    for (below, name) in (1..=names.len()).rev().zip(names) {
        let name = Name::from_str(name)?;
        let (key, secret) = fresh();
        let issuer = lowest.as_ref().map(|(above, _)| above);
        let profile = authority(
            name.clone(),
            issuer.map_or(&name, |issuer| &issuer.name).clone(),
            u8::try_from(below)?,
        )?;
        let signer = issuer.map_or(&key, |issuer| &issuer.key);
        certificates.push(issue(signer, &key.public_der(), profile)?);
        lowest = Some((Authority { key, name }, secret));
    }
    let (lowest, secret) = lowest.ok_or("there is a root")?;
    Ok((lowest, secret, certificates))
}

/// A new key with its secret.
fn fresh() -> (Key, [u8; 32]) {
    loop {
        let secret = random::<32>();
        if let Some(key) = Key::import(algorithm::P256, &secret) {
            return (key, secret);
        }
    }
}

/// The certificate, in DER, that says that the key in this slot was made on the card.
pub fn attest(state: &State, number: u8, slot: &Slot) -> Fallible<Vec<u8>> {
    let signer = &state
        .slots
        .get(&ATTESTATION)
        .ok_or("there is no attestation key")?
        .key;
    let [major, minor, patch] = state.firmware;
    let serial = tlv(0x02, &integer(state.shown_serial()));
    let profile = Profile {
        subject: Name::from_str(&format!("CN=YubiKey PIV Attestation {number:02x}"))?,
        issuer: subject_of(state)?,
        extensions: vec![
            extension("1.3.6.1.4.1.41482.3.3", false, &[major, minor, patch])?,
            extension("1.3.6.1.4.1.41482.3.7", false, &serial)?,
            extension("1.3.6.1.4.1.41482.3.8", false, &[slot.pin, slot.touch])?,
            extension("1.3.6.1.4.1.41482.3.9", false, &[state.form_factor])?,
        ],
    };
    Ok(issue(signer, &slot.key.public_der(), profile)?.to_der()?)
}

/// The name in the attestation key's certificate, which its owner may have replaced.
fn subject_of(state: &State) -> Fallible<Name> {
    let object = state
        .objects
        .get(&ATTESTATION_CERTIFICATE)
        .ok_or("there is no F9 certificate")?;
    let elements = ber::all(&object.0).ok_or("the F9 certificate is malformed")?;
    let der = find(&elements, 0x70).ok_or("the F9 certificate is malformed")?;
    Ok(Certificate::from_der(der)?
        .tbs_certificate()
        .subject()
        .clone())
}

struct Profile {
    subject: Name,
    issuer: Name,
    extensions: Vec<Extension>,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(self.extensions.clone())
    }
}

/// A certificate that may issue others, over so many more authorities.
fn authority(subject: Name, issuer: Name, below: u8) -> Fallible<Profile> {
    let constraints = tlv(0x30, &[tlv(0x01, &[0xFF]), tlv(0x02, &[below])].concat());
    // keyCertSign and cRLSign
    let usage = tlv(0x03, &[0x01, 0x06]);
    Ok(Profile {
        subject,
        issuer,
        extensions: vec![
            extension(BASIC_CONSTRAINTS, true, &constraints)?,
            extension(KEY_USAGE, true, &usage)?,
        ],
    })
}

fn extension(id: &str, critical: bool, value: &[u8]) -> Fallible<Extension> {
    Ok(Extension {
        extn_id: ObjectIdentifier::new(id)?,
        critical,
        extn_value: OctetString::new(value)?,
    })
}

/// The shortest DER integer of a number.
fn integer(number: u32) -> Vec<u8> {
    let bytes = [&[0], &number.to_be_bytes()[..]].concat();
    let first = (0..4)
        .find(|&at| bytes[at] != 0 || bytes[at + 1] & 0x80 != 0)
        .unwrap_or(4);
    bytes[first..].to_vec()
}

fn issue(signer: &Key, public: &[u8], profile: Profile) -> Fallible<Certificate> {
    let validity = Validity::new(
        DateTime::new(2016, 3, 14, 0, 0, 0)?.into(),
        DateTime::new(2052, 4, 17, 0, 0, 0)?.into(),
    );
    let mut serial = random::<16>();
    serial[0] = serial[0] & 0x7F | 0x40;
    let public = SubjectPublicKeyInfo::from_der(public)?;
    let builder = CertificateBuilder::new(profile, SerialNumber::new(&serial)?, validity, public)?;
    match signer.signing().ok_or("the attestation key cannot sign")? {
        Signing::P256(key) => Ok(builder.build::<_, p256::ecdsa::DerSignature>(&key)?),
        Signing::P384(key) => Ok(builder.build::<_, p384::ecdsa::DerSignature>(&key)?),
    }
}
