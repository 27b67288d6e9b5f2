//! What a YubiKey says of its keys, and the roots that a company pins.

use std::sync::LazyLock;

use breakglass::attestation::{Attested, Chain, Firmware, Roots, certificates, verify};
use breakglass::model::Timestamp;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};

use crate::made::{self, Made, bits, ecdsa_sha256, old, pem, sequence};
use crate::soft::NOW;

const LEAF: &str = include_str!("../../tests/attestation/real/leaf-9c-5.2.7.pem");
const DEVICE: &str = include_str!("../../tests/attestation/real/device-f9-5.2.7.pem");

/// A chain of our own making, and what stands in it for ever.
struct Ours {
    leaf: Vec<u8>,
    device: Vec<u8>,
    roots: Roots,
    device_key: SigningKey,
    root_key: SigningKey,
}

static OURS: LazyLock<Ours> = LazyLock::new(|| {
    let made: Made = old();
    Ours {
        leaf: made.leaf.der(),
        device: made.device.der(),
        roots: made.roots(),
        device_key: made::key("device"),
        root_key: made::key("root"),
    }
});

static YUBICO: LazyLock<Roots> = LazyLock::new(Roots::yubico);

/// What the one attestation says that anybody here has under Yubico's roots.
static REAL: LazyLock<Attested> = LazyLock::new(|| {
    let (leaf, device) = real();
    under(&YUBICO, &leaf, &device, &[]).expect("it holds")
});

/// The certificates of a real device: the attestation, and that of slot F9.
pub fn real() -> (Vec<u8>, Vec<u8>) {
    let one = |pem: &str| certificates(pem.as_bytes()).expect("PEM").swap_remove(0);
    (one(LEAF), one(DEVICE))
}

fn under(roots: &Roots, leaf: &[u8], device: &[u8], between: &[Vec<u8>]) -> Option<Attested> {
    let chain = Chain {
        leaf,
        device,
        intermediates: between,
    };
    verify(&chain, roots, Some(Timestamp::from_unix(NOW))).ok()
}

/// The first byte chooses how the rest is taken.
pub fn attestation(data: &[u8]) {
    LazyLock::force(&OURS);
    LazyLock::force(&REAL);
    let Some((&kind, rest)) = data.split_first() else {
        return;
    };
    match kind % 4 {
        0 => forged(rest),
        1 => said_by(&OURS.device_key, rest, true),
        2 => said_by(&OURS.root_key, rest, false),
        _ => text(rest),
    }
}

/// A chain of nobody: parts of two bytes of length and that many bytes. What holds is what Yubico signed.
fn forged(mut data: &[u8]) {
    let mut parts = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (part, rest) = rest.split_at(rest.len().min(length));
        parts.push(part.to_vec());
        data = rest;
    }
    let [leaf, device, between @ ..] = parts.as_slice() else {
        return;
    };
    if let Some(attested) = under(&YUBICO, leaf, device, between) {
        assert_eq!(attested, *REAL, "a forgery");
    }
    assert_eq!(under(&OURS.roots, leaf, device, between), None, "a forgery");
}

/// A certificate with any content behind a good signature, as an attestation or as that of the device.
fn said_by(key: &SigningKey, content: &[u8], is_leaf: bool) {
    let signature: DerSignature = key.sign(content);
    let der = sequence(&[content, &ecdsa_sha256(), &bits(signature.as_bytes())]);
    let (leaf, device) = if is_leaf {
        (&der, &OURS.device)
    } else {
        (&OURS.leaf, &der)
    };
    if let Some(attested) = under(&OURS.roots, leaf, device, &[]) {
        assert_eq!(attested.public_key[0], 4);
        let firmware = attested.firmware.to_string().parse();
        assert_eq!(firmware, Ok(attested.firmware));
        // The key of the attestation cannot be changed by what the device's certificate says.
        assert!(is_leaf || attested.public_key == made::point("leaf"));
    }
    assert_eq!(under(&YUBICO, leaf, device, &[]), None, "a forgery");
}

/// PEM: what is read can be written, and read again as the same.
fn text(data: &[u8]) {
    if let Ok(found) = certificates(data) {
        let written: Vec<u8> = found.iter().flat_map(|der| pem(der)).collect();
        assert_eq!(certificates(&written).as_ref(), Ok(&found));
        let roots = Roots::only(data).map(|roots| roots.names().count());
        assert!(roots.is_err() || roots.is_ok_and(|count| (1..=found.len()).contains(&count)));
    } else {
        assert!(Roots::only(data).is_err());
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let firmware = text.parse::<Firmware>();
        assert!(firmware.is_err() || firmware.is_ok_and(|read| read.to_string() == text));
    }
}
