//! The crate `yubikey`, which prepares tokens for us.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::pkcs8::DecodePublicKey;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};
use yubikey::piv::{self, AlgorithmId, ManagementSlotId, Origin, RetiredSlotId, SlotId};
use yubikey::{Error, MgmAlgorithmId, MgmKey, PinPolicy, Serial, TouchPolicy, YubiKey};

use crate::rack::{self, with_cards};

const SEAL: SlotId = SlotId::KeyManagement;
const SIGN: SlotId = SlotId::Signature;
const ONE: u32 = 12_345_678;

fn open(serial: u32) -> YubiKey {
    let found = YubiKey::open_by_serial(Serial(serial)).expect("the card is there");
    assert_eq!(found.serial(), Serial(serial));
    found
}

/// The factory's management key, of the firmware's kind.
fn manage(card: &mut YubiKey) {
    let key = MgmKey::get_default(card).expect("a kind that it knows");
    card.authenticate(&key).expect("it is the card's");
}

fn generate(card: &mut YubiKey, slot: SlotId) -> p256::PublicKey {
    let made = piv::generate(
        card,
        slot,
        AlgorithmId::EccP256,
        PinPolicy::Always,
        TouchPolicy::Always,
    );
    let der = made.expect("a key").to_der().expect("DER");
    p256::PublicKey::from_public_key_der(&der).expect("a point")
}

#[test]
fn it_prepares_cards_of_both_kinds() {
    with_cards(
        "yubikey_crate::it_prepares_cards_of_both_kinds",
        "--readers 2 --card 12345678 --card 23456789:5.4.3",
        |desk| {
            for (serial, kind) in [
                (ONE, MgmAlgorithmId::Aes192),
                (23_456_789, MgmAlgorithmId::ThreeDes),
            ] {
                desk.tell(&format!("auto-touch {serial} on"));
                prepare(open(serial), kind);
                use_keys(open(serial));
            }
        },
    );
}

/// Another management key, keys, and what the card tells of them.
fn prepare(mut card: YubiKey, kind: MgmAlgorithmId) {
    let factory = MgmKey::get_default(&card).expect("a kind that it knows");
    assert_eq!(factory.algorithm_id(), kind);
    let slot = SlotId::Management(ManagementSlotId::Management);
    let told = piv::metadata(&mut card, slot).expect("metadata");
    assert_eq!(told.default, Some(true));
    let unmanaged = piv::generate(
        &mut card,
        SEAL,
        AlgorithmId::EccP256,
        PinPolicy::Always,
        TouchPolicy::Always,
    );
    assert!(
        matches!(unmanaged, Err(Error::AuthenticationError)),
        "{unmanaged:?}"
    );
    manage(&mut card);
    let other = MgmKey::from_bytes([0x5B; 24].map(|byte| byte ^ 0x20), Some(kind)).expect("a key");
    other.set_manual(&mut card, false).expect("it is set");
    let serial = card.serial();
    drop(card);
    let mut card = open(serial.0);
    assert!(matches!(
        card.authenticate(&factory),
        Err(Error::AuthenticationError)
    ));
    card.authenticate(&other).expect("it is the card's");
    MgmKey::set_default(&mut card).expect("it is set");

    let made = generate(&mut card, SEAL);
    let told = piv::metadata(&mut card, SEAL).expect("metadata");
    assert_eq!(told.policy, Some((PinPolicy::Always, TouchPolicy::Always)));
    assert_eq!(told.origin, Some(Origin::Generated));
    let shown = told.public.expect("its public half").to_der().expect("DER");
    assert_eq!(p256::PublicKey::from_public_key_der(&shown), Ok(made));
    let leaf = piv::attest(&mut card, SEAL).expect("an attestation");
    let leaf = Certificate::from_der(&leaf).expect("a certificate");
    let attested = leaf
        .tbs_certificate()
        .subject_public_key_info()
        .to_der()
        .expect("DER");
    assert_eq!(attested, shown);
    generate(&mut card, SIGN);
}

/// Agreement and signature, compared with what they are in software.
fn use_keys(mut card: YubiKey) {
    let key_in = |card: &mut YubiKey, slot| {
        let told = piv::metadata(card, slot).expect("metadata");
        let der = told.public.expect("its public half").to_der().expect("DER");
        p256::PublicKey::from_public_key_der(&der).expect("a point")
    };
    let (seal, sign) = (key_in(&mut card, SEAL), key_in(&mut card, SIGN));
    let ours = p256::SecretKey::from_slice(&[0x17; 32]).expect("a scalar");
    let point = ours.public_key().to_sec1_point(false);
    let expected = p256::ecdh::diffie_hellman(ours.to_nonzero_scalar(), seal.as_affine());
    let agree =
        |card: &mut YubiKey| piv::decrypt_data(card, point.as_bytes(), AlgorithmId::EccP256, SEAL);
    assert!(matches!(agree(&mut card), Err(Error::AuthenticationError)));
    card.verify_pin(rack::PIN.as_bytes()).expect("the PIN");
    let agreed = agree(&mut card).expect("an agreement");
    assert_eq!(agreed[..], expected.raw_secret_bytes()[..]);
    // Policy always: once for each use.
    assert!(matches!(agree(&mut card), Err(Error::AuthenticationError)));
    card.verify_pin(rack::PIN.as_bytes()).expect("the PIN");
    let digest = [0xD1; 32];
    let signature =
        piv::sign_data(&mut card, &digest, AlgorithmId::EccP256, SIGN).expect("a signature");
    let signature = p256::ecdsa::DerSignature::from_bytes(&signature[..]).expect("DER");
    let verifying = p256::ecdsa::VerifyingKey::from(sign);
    verifying
        .verify_prehash(&digest, &signature)
        .expect("its signature");
    // No key, and a point that is none.
    let retired = SlotId::Retired(RetiredSlotId::R1);
    assert!(piv::attest(&mut card, retired).is_err());
    assert!(piv::metadata(&mut card, retired).is_err());
}

#[test]
fn it_counts_tries_and_unblocks() {
    with_cards(
        "yubikey_crate::it_counts_tries_and_unblocks",
        "--readers 1 --card 12345678",
        |_| {
            let mut card = open(ONE);
            assert_eq!(card.get_pin_retries(), Ok(3));
            for tries in [2, 1, 0] {
                assert_eq!(card.verify_pin(b"111111"), Err(Error::WrongPin { tries }));
            }
            assert_eq!(
                card.verify_pin(rack::PIN.as_bytes()),
                Err(Error::WrongPin { tries: 0 })
            );
            card.unblock_pin(rack::PUK.as_bytes(), b"234567")
                .expect("the PUK");
            card.change_pin(b"234567", b"345678").expect("the PIN");
            card.verify_pin(b"345678").expect("the PIN");
            card.change_puk(rack::PUK.as_bytes(), b"87654321")
                .expect("the PUK");
            manage(&mut card);
            card.verify_pin(b"345678").expect("the PIN");
            card.set_pin_retries(7, 5).expect("both were shown");
            let slot = SlotId::Management(ManagementSlotId::Pin);
            let told = piv::metadata(&mut card, slot).expect("metadata");
            let retries = told.retries.expect("of a PIN");
            assert_eq!((retries.retry_count, retries.remaining_count), (7, 7));
            assert_eq!(told.default, Some(true));

            generate(&mut card, SEAL);
            card.block_puk().expect("it is blocked");
            for _ in 0..7 {
                assert!(card.verify_pin(b"111111").is_err());
            }
            card.reset_device().expect("both are blocked");
            assert_eq!(card.get_pin_retries(), Ok(3));
            assert!(piv::metadata(&mut card, SEAL).is_err());
        },
    );
}
