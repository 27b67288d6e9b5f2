//! What the attestations say, and who signed them.

use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::BasicConstraints;

use crate::rack::{Desk, with_cards};
use crate::talk::{SELECT, Talk, manage, open};

const FIRMWARE: &str = "1.3.6.1.4.1.41482.3.3";
const SERIAL: &str = "1.3.6.1.4.1.41482.3.7";
const POLICIES: &str = "1.3.6.1.4.1.41482.3.8";
const FORM_FACTOR: &str = "1.3.6.1.4.1.41482.3.9";

/// Makes a key with policies, and its attestation.
fn attested(card: &Talk, slot: u8, algorithm: u8, pin: u8, touch: u8) -> Certificate {
    let generate =
        format!("004700{slot:02X} 0B AC09 8001{algorithm:02X} AA01{pin:02X} AB01{touch:02X} 00");
    card.says(&generate, 0x9000);
    let (der, status) = card.answer(&format!("00F9{slot:02X}00 000000"));
    assert_eq!(status, 0x9000);
    Certificate::from_der(&der).expect("a certificate")
}

/// The attestation key's own certificate.
fn f9(card: &Talk) -> Certificate {
    let (object, status) = card.answer("00CB3FFF000005 5C035FFF01 0000");
    assert_eq!(status, 0x9000);
    // 53, 70 with two bytes of length each; 71 01 00, FE 00.
    let (head, rest) = object.split_at(8);
    assert_eq!(
        [head[0], head[1], head[4], head[5]],
        [0x53, 0x82, 0x70, 0x82]
    );
    let length = usize::from(u16::from_be_bytes([head[6], head[7]]));
    assert_eq!(rest[length..], [0x71, 0x01, 0x00, 0xFE, 0x00]);
    Certificate::from_der(&rest[..length]).expect("a certificate")
}

/// The value of an extension that is there and not critical.
fn extension(certificate: &Certificate, id: &str) -> Vec<u8> {
    let all = certificate
        .tbs_certificate()
        .extensions()
        .expect("extensions");
    let found = all
        .iter()
        .find(|extension| extension.extn_id.to_string() == id);
    let found = found.expect("the extension");
    assert!(!found.critical);
    found.extn_value.as_bytes().to_vec()
}

fn file(desk: &Desk, name: &str) -> Vec<Certificate> {
    let pem = std::fs::read(desk.folder().join(name)).expect("a file");
    Certificate::load_pem_chain(&pem).expect("certificates")
}

/// Each certificate is signed by the next one, and the last one by itself; each authority may stand over as many
/// others as are below it.
fn is_a_chain(chain: &[&Certificate]) {
    for (at, certificate) in chain.iter().enumerate() {
        let tbs = certificate.tbs_certificate();
        let issuer = chain.get(at + 1).unwrap_or(certificate).tbs_certificate();
        assert_eq!(tbs.issuer(), issuer.subject());
        let key = issuer.subject_public_key_info().to_der().expect("DER");
        let key = VerifyingKey::from_public_key_der(&key).expect("a P-256 key");
        let signature = DerSignature::from_bytes(certificate.signature().raw_bytes());
        let signed = tbs.to_der().expect("DER");
        let verified = key.verify(&signed, &signature.expect("a signature"));
        assert!(verified.is_ok(), "{}", tbs.subject());
        let constraints = tbs.get_extension::<BasicConstraints>().expect("readable");
        let below = constraints.map(|(critical, found)| {
            assert!(critical && found.ca);
            found.path_len_constraint.expect("a path length")
        });
        let expected = at
            .checked_sub(1)
            .map(|below| u8::try_from(below).expect("few"));
        assert_eq!(below, expected, "{}", tbs.subject());
    }
}

#[test]
fn it_tells_firmware_serial_policies_and_form() {
    let test = "attestation::it_tells_firmware_serial_policies_and_form";
    let options = "--readers 4 --card 12345678:5.7.2@0 --card 7@1 --card 128@2 --card 4294967295@3";
    with_cards(test, options, |desk| {
        let card = open(0);
        card.says(SELECT, 0x9000);
        manage(&card);
        let f9 = f9(&card);
        let root = file(desk, "attestation-root.pem");
        for (slot, algorithm, pin, touch) in
            [(0x9D, 0x11, 3, 2), (0x82, 0x14, 2, 3), (0x95, 0xE1, 1, 1)]
        {
            let leaf = attested(&card, slot, algorithm, pin, touch);
            is_a_chain(&[&leaf, &f9, &root[0]]);
            let subject = leaf.tbs_certificate().subject().to_string();
            assert_eq!(subject, format!("CN=YubiKey PIV Attestation {slot:02x}"));
            assert_eq!(extension(&leaf, FIRMWARE), [5, 7, 2]);
            assert_eq!(
                extension(&leaf, SERIAL),
                [0x02, 0x04, 0x00, 0xBC, 0x61, 0x4E]
            );
            assert_eq!(extension(&leaf, POLICIES), [pin, touch]);
            assert_eq!(extension(&leaf, FORM_FACTOR), [0x01]);
            // The key is the slot's.
            let told = card.data(&format!("00F700{slot:02X}00"));
            let key = leaf.tbs_certificate().subject_public_key_info();
            let key = data_encoding::HEXLOWER.encode(key.subject_public_key.raw_bytes());
            assert!(told.ends_with(&key), "{told} {key}");
        }
        // The serial number is the device's own, whatever it claims elsewhere; a high first bit stays positive.
        // Form factor and firmware are what they are set to.
        for (reader, serial, integer) in [
            (1, 7, "020107"),
            (2, 128, "02020080"),
            (3, u32::MAX, "020500ffffffff"),
        ] {
            desk.tell(&format!("serial {serial} 99"));
            let card = open(reader);
            card.says(SELECT, 0x9000);
            manage(&card);
            desk.tell(&format!("form-factor {serial} 131"));
            desk.tell(&format!("firmware {serial} 5.4.3"));
            let leaf = attested(&card, 0x9A, 0x11, 1, 1);
            let said = extension(&leaf, SERIAL);
            assert_eq!(data_encoding::HEXLOWER.encode(&said), integer);
            assert_eq!(extension(&leaf, FORM_FACTOR), [0x83]);
            assert_eq!(extension(&leaf, FIRMWARE), [5, 4, 3]);
        }
        card.says("00F9F900", 0x6A80);
        card.says("00F98300", 0x6A88);
    });
}

#[test]
fn two_more_authorities_stand_over_new_cards() {
    let test = "attestation::two_more_authorities_stand_over_new_cards";
    let options = "--readers 2 --attestation long --card 12345678:5.7.4 --card 23456789:5.7.4";
    with_cards(test, options, |desk| {
        let root = file(desk, "attestation-root.pem");
        let between = file(desk, "attestation-intermediates.pem");
        assert_eq!((root.len(), between.len()), (1, 2));
        let f9s = [0, 1].map(|reader| {
            let card = open(reader);
            card.says(SELECT, 0x9000);
            manage(&card);
            let f9 = f9(&card);
            let leaf = attested(&card, 0x9D, 0x11, 3, 2);
            is_a_chain(&[&leaf, &f9, &between[0], &between[1], &root[0]]);
            f9
        });
        // Each card has its own.
        let [one, two] = f9s.map(|f9| f9.tbs_certificate().subject_public_key_info().to_der());
        assert_ne!(one.expect("DER"), two.expect("DER"));
    });
}
