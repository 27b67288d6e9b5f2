//! What a card does with keys of other kinds and from elsewhere, and in other slots.

use data_encoding::HEXLOWER;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::elliptic_curve::ecdh::diffie_hellman;
use p256::elliptic_curve::sec1::ToSec1Point;

use crate::ONE;
use crate::rack::with_cards;
use crate::talk::{SEAL, SELECT, SIGN, Talk, VERIFY, agree, manage, open};

/// A selected card whose management key was shown.
fn managed() -> Talk {
    let card = open(0);
    card.says(SELECT, 0x9000);
    manage(&card);
    card
}

/// GENERATE without a touch: the public key in hexadecimal.
fn generate(card: &Talk, slot: u8, algorithm: u8) -> String {
    let answer = card.data(&format!(
        "004700{slot:02X} 0B AC09 8001{algorithm:02X} AA0102 AB0101"
    ));
    let point = answer.split_once("86").expect("a public key").1;
    point[2..].to_owned()
}

/// GENERAL AUTHENTICATE: 85 agrees, 81 signs.
fn use_key(card: &Talk, slot: u8, algorithm: u8, tag: u8, input: &[u8]) -> Vec<u8> {
    let length = input.len();
    let ask = format!(
        "0087{algorithm:02X}{slot:02X}{:02X} 7C{:02X} 8200 {tag:02X}{length:02X}{}",
        length + 6,
        length + 4,
        HEXLOWER.encode(input)
    );
    let (answer, status) = card.answer(&ask);
    assert_eq!(status, 0x9000, "{ask}");
    assert_eq!((answer[0], answer[2]), (0x7C, 0x82));
    answer[4..].to_vec()
}

#[test]
fn other_curves_agree_and_sign() {
    with_cards(
        "keys::other_curves_agree_and_sign",
        "--readers 1 --card 12345678",
        |_| {
            let card = managed();
            let bytes = |hex: &str| HEXLOWER.decode(hex.as_bytes()).expect("hexadecimal");
            let point = bytes(&generate(&card, SEAL, 0x14));
            let ours = p384::SecretKey::from_slice(&[0x2B; 48]).expect("a scalar");
            let peer = ours.public_key().to_sec1_point(false);
            let theirs = p384::PublicKey::from_sec1_bytes(&point).expect("a point");
            card.says(VERIFY, 0x9000);
            let agreed = use_key(&card, SEAL, 0x14, 0x85, peer.as_bytes());
            let expected = diffie_hellman(ours.to_nonzero_scalar(), theirs.as_affine());
            assert_eq!(agreed, expected.raw_secret_bytes().to_vec());

            let digest = [0x3C; 48];
            let signature = use_key(&card, SEAL, 0x14, 0x81, &digest);
            let signature = p384::ecdsa::DerSignature::from_bytes(&signature).expect("DER");
            let verified =
                p384::ecdsa::VerifyingKey::from(theirs).verify_prehash(&digest, &signature);
            assert!(verified.is_ok());

            let public = bytes(&generate(&card, SEAL, 0xE1));
            let mut ours = [0x4D; 32];
            let peer = x25519_dalek::x25519(ours, x25519_dalek::X25519_BASEPOINT_BYTES);
            let agreed = use_key(&card, SEAL, 0xE1, 0x85, &peer);
            ours = x25519_dalek::x25519(ours, public.try_into().expect("32 bytes"));
            assert_eq!(agreed, ours);
            // It signs nothing, and the card makes no key of a kind that it does not know.
            let sign = format!("0087E19D26 7C24 8200 8120{}", "3C".repeat(32));
            card.says(&sign, 0x6A80);
            for unknown in ["06", "07", "22"] {
                card.says(&format!("0047009D 05 AC03 8001{unknown}"), 0x6A80);
            }
        },
    );
}

#[test]
fn new_curves_came_with_new_firmware() {
    let options = "--readers 1 --card 12345678";
    with_cards("keys::new_curves_came_with_new_firmware", options, |desk| {
        let card = managed();
        desk.tell("firmware 12345678 5.4.3");
        card.says("0047009D 05 AC03 8001E1", 0x6A80);
        generate(&card, SEAL, 0x14);
        desk.tell("firmware 12345678 5.7.0");
        generate(&card, SEAL, 0xE1);
    });
}

#[test]
fn a_key_from_outside_is_told_from_one_made_here() {
    let test = "keys::a_key_from_outside_is_told_from_one_made_here";
    with_cards(test, "--readers 1 --card 12345678", |_| {
        let card = open(0);
        card.says(SELECT, 0x9000);
        let secret = [0x5E; 32];
        let import = format!("00FE119D28 0620{} AA0102 AB0101", HEXLOWER.encode(&secret));
        card.says(&import, 0x6982);
        manage(&card);
        card.says(&import, 0x9000);
        let ours = p256::SecretKey::from_slice(&secret).expect("a scalar");
        let point = ours.public_key().to_sec1_point(false);
        let point = HEXLOWER.encode(point.as_bytes());
        let told = card.data("00F7009D00");
        assert_eq!(
            told,
            format!("010111 02020201 030102 04438641{point}").replace(' ', "")
        );
        card.says("00F99D00", 0x6A80);
        card.says(VERIFY, 0x9000);
        let with_itself = diffie_hellman(ours.to_nonzero_scalar(), ours.public_key().as_affine());
        let agreed = HEXLOWER.encode(with_itself.raw_secret_bytes());
        assert_eq!(card.data(&agree(SEAL, &point)), format!("7c228220{agreed}"));
        // No scalar, too short, under another tag, into a slot that is none.
        for wrong in [
            format!("00FE119D22 0620{}", "00".repeat(32)),
            format!("00FE119D12 0610{}", "11".repeat(16)),
            format!("00FE119D22 0820{}", "11".repeat(32)),
            format!("00FE119B22 0620{}", "11".repeat(32)),
        ] {
            card.says(&wrong, 0x6A80);
        }
        // A key that is made here takes its place.
        generate(&card, SEAL, 0x11);
        assert!(card.data("00F7009D00").contains("030101"));
        assert_eq!(card.answer("00F99D00").1 >> 8, 0x61);
    });
}

#[test]
fn keys_move_and_go() {
    with_cards(
        "keys::keys_move_and_go",
        "--readers 1 --card 12345678",
        |_| {
            let card = open(0);
            card.says(SELECT, 0x9000);
            card.says("00F6829D", 0x6982);
            manage(&card);
            let point = generate(&card, SEAL, 0x11);
            let told = card.data("00F7009D00");
            card.says("00F6829D", 0x9000);
            card.says("00F7009D00", 0x6A88);
            assert_eq!(card.data("00F7008200"), told);
            assert_eq!(card.answer("00F98200").1 >> 8, 0x61);
            card.says("00F99D00", 0x6A88);
            card.says(VERIFY, 0x9000);
            card.says(&agree(SEAL, &point), 0x6A80);
            card.says(&agree(0x82, &point), 0x9000);
            // Nothing is overwritten, nothing comes from nowhere, and the attestation key stays.
            generate(&card, SIGN, 0x11);
            card.says("00F6829C", 0x6A80);
            card.says("00F68382", 0x9000);
            card.says("00F68482", 0x6A88);
            card.says("00F684F9", 0x6A80);
            card.says("00F68383", 0x6A80);
            // FF deletes.
            card.says("00F6FF83", 0x9000);
            card.says("00F6FF83", 0x6A88);
            card.says("00F7008300", 0x6A88);
            assert!(card.data("00F7009C00").starts_with("010111"));
        },
    );
}

/// Within 15 seconds of a touch, which is long after the next command, a key of policy cached is not touched
/// again.
#[test]
fn a_touch_is_remembered_for_its_key_alone() {
    let test = "keys::a_touch_is_remembered_for_its_key_alone";
    with_cards(test, "--readers 1 --card 12345678", |desk| {
        let mut card = managed();
        let cached = |slot: u8| format!("004700{slot:02X} 0B AC09 800111 AA0102 AB0103");
        let seal = card.data(&cached(SEAL))[10..].to_owned();
        card.says(&cached(SIGN), 0x9000);
        assert!(card.data("00F7009D00").contains("02020203"));
        let touches = || {
            let counts = desk.counts(ONE);
            (counts["touch_waits"].clone(), counts["touches"].clone())
        };
        card.says(VERIFY, 0x9000);
        desk.tell("auto-touch 12345678 on");
        card.says(&agree(SEAL, &seal), 0x9000);
        desk.tell("auto-touch 12345678 off");
        desk.tell("touch-limit 12345678 0.05");
        card.says(&agree(SEAL, &seal), 0x9000);
        assert_eq!(touches(), (1.into(), 1.into()));
        card.says(&agree(SIGN, &seal), 0x6982);
        assert_eq!(touches(), (2.into(), 1.into()));
        // A reset forgets it, and so does a new key.
        card = card.reset();
        card.says(SELECT, 0x9000);
        card.says(VERIFY, 0x9000);
        card.says(&agree(SEAL, &seal), 0x6982);
        desk.tell("auto-touch 12345678 on");
        card.says(&agree(SEAL, &seal), 0x9000);
        desk.tell("auto-touch 12345678 off");
        card.says(&agree(SEAL, &seal), 0x9000);
        manage(&card);
        card.says(&cached(SEAL), 0x9000);
        card.says(&agree(SEAL, &seal), 0x6982);
        assert_eq!(touches(), (5.into(), 2.into()));
    });
}
