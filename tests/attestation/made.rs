//! Certificates made here, each part of which can be made wrong: DER written by hand, keys on P-256 that are
//! the same in every run.

#![allow(dead_code)] // each user takes a part of it

use breakglass::attestation::{Attested, Chain, Roots, Unattested, verify};
use breakglass::model::Timestamp;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use sha2::{Digest, Sha256};

pub const FIRMWARE: &str = "2b0601040182c40a0303";
pub const SERIAL: &str = "2b0601040182c40a0307";
pub const POLICIES: &str = "2b0601040182c40a0308";
pub const FORM_FACTOR: &str = "2b0601040182c40a0309";
pub const CONSTRAINTS: &str = "551d13";
pub const USAGE: &str = "551d0f";

/// The serial number in [`leaf`].
pub const DEVICE: u32 = 31_234_567;
/// Within all dates: 2026-11-24T03:00:00Z.
pub const NOW: i64 = 1_795_489_200;

pub fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER
        .decode(text.as_bytes())
        .expect("hex")
}

pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short");
    let [high, low] = length.to_be_bytes();
    let mut out = vec![tag];
    match length {
        0..=127 => out.push(low),
        128..=255 => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
    out.extend_from_slice(content);
    out
}

pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

pub fn name(common: &str) -> Vec<u8> {
    named(common, 0x0c)
}

pub fn named(common: &str, string: u8) -> Vec<u8> {
    let attribute = sequence(&[&tlv(6, &hex("550403")), &tlv(string, common.as_bytes())]);
    sequence(&[&tlv(0x31, &attribute)])
}

/// An extension: its OID in hex, its content as it is.
#[derive(Clone)]
pub struct Extension {
    pub oid: &'static str,
    pub critical: bool,
    pub content: Vec<u8>,
}

impl Extension {
    pub fn new(oid: &'static str, content: &[u8]) -> Self {
        let critical = false;
        let content = content.to_vec();
        Self {
            oid,
            critical,
            content,
        }
    }

    pub fn critical(oid: &'static str, content: &[u8]) -> Self {
        let critical = true;
        Self {
            critical,
            ..Self::new(oid, content)
        }
    }

    fn der(&self) -> Vec<u8> {
        let flag: &[u8] = if self.critical { &[1, 1, 0xff] } else { &[] };
        sequence(&[&tlv(6, &hex(self.oid)), flag, &tlv(4, &self.content)])
    }
}

/// The content of basicConstraints.
pub fn constraints(ca: bool, path_length: Option<u8>) -> Vec<u8> {
    let flag: &[u8] = if ca { &[1, 1, 0xff] } else { &[] };
    let length = path_length.map(|length| vec![2, 1, length]);
    sequence(&[flag, &length.unwrap_or_default()])
}

pub fn key(label: &str) -> SigningKey {
    SigningKey::from_slice(&Sha256::digest(label)).expect("a scalar")
}

/// The uncompressed point of [`key`].
pub fn point(label: &str) -> [u8; 65] {
    let key = key(label).verifying_key().to_sec1_point(false);
    key.as_bytes().try_into().expect("65 bytes")
}

pub fn spki(label: &str) -> Vec<u8> {
    let algorithm = sequence(&[
        &tlv(6, &hex("2a8648ce3d0201")),
        &tlv(6, &hex("2a8648ce3d030107")),
    ]);
    sequence(&[&algorithm, &bits(&point(label))])
}

/// A BIT STRING of whole bytes.
pub fn bits(content: &[u8]) -> Vec<u8> {
    tlv(3, &[&[0], content].concat())
}

/// `ecdsa-with-SHA256`
pub fn ecdsa_sha256() -> Vec<u8> {
    sequence(&[&tlv(6, &hex("2a8648ce3d040302"))])
}

/// A certificate before it is signed. Keys are named by their labels.
#[derive(Clone)]
pub struct Draft {
    pub version: Vec<u8>,
    pub subject: Vec<u8>,
    pub issuer: Vec<u8>,
    pub spki: Vec<u8>,
    pub signer: String,
    pub from: &'static str,
    pub until: &'static str,
    pub extensions: Vec<Extension>,
    pub inside: Vec<u8>,
    pub outside: Vec<u8>,
}

impl Draft {
    pub fn new(subject: &str, issuer: &str, label: &str, signer: &str) -> Self {
        Self {
            version: tlv(0xa0, &[2, 1, 2]),
            subject: name(subject),
            issuer: name(issuer),
            spki: spki(label),
            signer: signer.to_owned(),
            from: "20160314000000Z",
            until: "99991231235959Z",
            extensions: Vec::new(),
            inside: ecdsa_sha256(),
            outside: ecdsa_sha256(),
        }
    }

    pub fn with(mut self, extension: Extension) -> Self {
        self.extensions.push(extension);
        self
    }

    /// The content of the extension, to be changed.
    pub fn content(&mut self, oid: &str) -> &mut Vec<u8> {
        let found = self.extensions.iter_mut().find(|one| one.oid == oid);
        &mut found.expect("the extension").content
    }

    pub fn without(&mut self, oid: &str) {
        self.extensions.retain(|one| one.oid != oid);
    }

    pub fn to_be_signed(&self) -> Vec<u8> {
        // Before 2050 RFC 5280 wants two digits of the year.
        let time = |text: &str| match text.strip_prefix("20") {
            Some(short) if text < "2050" => tlv(0x17, short.as_bytes()),
            _ => tlv(0x18, text.as_bytes()),
        };
        let extensions: Vec<u8> = self.extensions.iter().flat_map(Extension::der).collect();
        let extensions = match extensions.as_slice() {
            [] => Vec::new(),
            some => tlv(0xa3, &sequence(&[some])),
        };
        sequence(&[
            &self.version,
            &[2, 1, 7],
            &self.inside,
            &self.issuer,
            &sequence(&[&time(self.from), &time(self.until)]),
            &self.subject,
            &self.spki,
            &extensions,
        ])
    }

    /// The certificate, signed by whom it names.
    pub fn der(&self) -> Vec<u8> {
        let signed = self.to_be_signed();
        let signature: DerSignature = key(&self.signer).sign(&signed);
        self.with_signature(signature.as_bytes())
    }

    pub fn with_signature(&self, signature: &[u8]) -> Vec<u8> {
        sequence(&[&self.to_be_signed(), &self.outside, &bits(signature)])
    }
}

pub fn authority(subject: &str, issuer: &str, label: &str, signer: &str, below: u8) -> Draft {
    Draft::new(subject, issuer, label, signer)
        .with(Extension::critical(
            CONSTRAINTS,
            &constraints(true, Some(below)),
        ))
        // digitalSignature, keyCertSign, cRLSign
        .with(Extension::critical(USAGE, &hex("03020186")))
}

pub fn leaf() -> Draft {
    Draft::new(
        "YubiKey PIV Attestation 9d",
        "Yubico PIV Attestation",
        "leaf",
        "device",
    )
    .with(Extension::new(FIRMWARE, &[5, 7, 4]))
    .with(Extension::new(SERIAL, &hex("020401dc9a07")))
    .with(Extension::new(POLICIES, &[3, 2]))
    .with(Extension::new(FORM_FACTOR, &[3]))
}

fn device(issuer: &str, signer: &str) -> Draft {
    // As the real ones: the firmware, and no keyUsage.
    Draft::new("Yubico PIV Attestation", issuer, "device", signer)
        .with(Extension::new(FIRMWARE, &[5, 7, 4]))
        .with(Extension::critical(
            CONSTRAINTS,
            &constraints(true, Some(0)),
        ))
}

/// A chain, from the leaf up; the last is the root.
#[derive(Clone)]
pub struct Made {
    pub leaf: Draft,
    pub device: Draft,
    pub between: Vec<Draft>,
    pub root: Draft,
}

/// The shape of the older generation: attestation, F9, root.
pub fn old() -> Made {
    Made {
        leaf: leaf(),
        device: device("Test PIV Root CA", "root"),
        between: Vec::new(),
        root: authority("Test PIV Root CA", "Test PIV Root CA", "root", "root", 1),
    }
}

/// The shape of the newer generation: attestation, F9, PIV Attestation B 1, Attestation Intermediate B 1, root.
pub fn new() -> Made {
    let (piv, middle, root) = (
        "Test PIV Attestation B 1",
        "Test Attestation Intermediate B 1",
        "Test Attestation Root 1",
    );
    Made {
        leaf: leaf(),
        device: device(piv, "piv"),
        between: vec![
            authority(piv, middle, "piv", "middle", 1),
            authority(middle, root, "middle", "root", 2),
        ],
        root: authority(root, root, "root", "root", 3),
    }
}

impl Made {
    /// The root, to be pinned.
    pub fn roots(&self) -> Roots {
        Roots::only(&pem(&self.root.der())).expect("a root")
    }

    pub fn verify(&self) -> Result<Attested, Unattested> {
        self.verify_under(&self.roots())
    }

    pub fn verify_under(&self, roots: &Roots) -> Result<Attested, Unattested> {
        self.verify_leaf(&self.leaf.der(), roots)
    }

    pub fn verify_leaf(&self, leaf: &[u8], roots: &Roots) -> Result<Attested, Unattested> {
        let between: Vec<Vec<u8>> = self.between.iter().map(Draft::der).collect();
        let chain = Chain {
            leaf,
            device: &self.device.der(),
            intermediates: &between,
        };
        verify(&chain, roots, Some(Timestamp::from_unix(NOW)))
    }
}

pub fn pem(der: &[u8]) -> Vec<u8> {
    let text = data_encoding::BASE64.encode(der);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(std::str::from_utf8(line).expect("ASCII"));
        out.push('\n');
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out.into_bytes()
}
