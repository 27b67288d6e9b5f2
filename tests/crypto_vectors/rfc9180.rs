//! HPKE: the CFRG's vector of our suite, and another implementation in both directions.

use breakglass::crypto::hpke::{SealedBlob, open_into, seal, seal_with};
use breakglass::crypto::{CryptoError, EphemeralKey, P256Public, aead};
use breakglass::secret::{CredentialKey, SharedSecret};
use data_encoding::HEXLOWER;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use serde_json::Value;

use super::{Scripted, System};

const VECTOR: &str = include_str!("../vectors/rfc9180_p256_sha256_aes256gcm_base.json");

fn bytes(object: &Value, name: &str) -> Vec<u8> {
    let text = object[name].as_str().unwrap_or_else(|| panic!("{name}"));
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn array<const N: usize>(object: &Value, name: &str) -> [u8; N] {
    bytes(object, name).try_into().unwrap()
}

/// What a token does.
fn agree(private: &EphemeralKey, enc: &[u8]) -> SharedSecret {
    private.agree(&P256Public::parse(enc).unwrap())
}

fn opened(sealed: &SealedBlob, recipient: &EphemeralKey, info: &[u8], aad: &[u8]) -> Vec<u8> {
    let dh = agree(recipient, &sealed.enc);
    let mut out = vec![0; sealed.ciphertext.len() - 16];
    open_into(
        &dh,
        &sealed.enc,
        recipient.public(),
        info,
        aad,
        &sealed.ciphertext,
        &mut out,
    )
    .unwrap();
    out
}

#[test]
fn the_vector_is_of_our_suite() {
    let vector: Value = serde_json::from_str(VECTOR).unwrap();
    let suite = ["mode", "kem_id", "kdf_id", "aead_id"].map(|name| vector[name].as_u64());
    assert_eq!(suite, [Some(0), Some(0x10), Some(1), Some(2)]);
}

#[test]
fn key_pairs_are_derived_as_in_the_vector() {
    let vector: Value = serde_json::from_str(VECTOR).unwrap();
    for (ikm, secret, public) in [("ikmE", "skEm", "pkEm"), ("ikmR", "skRm", "pkRm")] {
        let derived = EphemeralKey::derive(&bytes(&vector, ikm)).unwrap();
        assert_eq!(*derived.public(), array::<65>(&vector, public), "{ikm}");
        let stated = EphemeralKey::from_scalar(&array(&vector, secret)).unwrap();
        assert_eq!(stated.public(), derived.public(), "{secret}");
    }
}

#[test]
fn the_vector_is_sealed() {
    let vector: Value = serde_json::from_str(VECTOR).unwrap();
    let first = &vector["encryptions"][0];
    let recipient = P256Public::parse(&bytes(&vector, "pkRm")).unwrap();
    let (info, aad) = (bytes(&vector, "info"), bytes(first, "aad"));
    let wanted = SealedBlob {
        enc: array(&vector, "enc"),
        ciphertext: bytes(first, "ct"),
    };

    let ephemeral = EphemeralKey::derive(&bytes(&vector, "ikmE")).unwrap();
    let sealed = seal_with(ephemeral, &recipient, &info, &aad, &bytes(first, "pt")).unwrap();
    assert_eq!(sealed, wanted);

    // The same through the function that the vault uses, with the vector's ikmE as the chance.
    let chance = Scripted::new(&bytes(&vector, "ikmE"));
    let sealed = seal(&recipient, &info, &aad, &bytes(first, "pt"), &chance).unwrap();
    assert_eq!(sealed, wanted);
}

#[test]
fn the_vector_is_opened() {
    let vector: Value = serde_json::from_str(VECTOR).unwrap();
    let first = &vector["encryptions"][0];
    let sealed = SealedBlob {
        enc: array(&vector, "enc"),
        ciphertext: bytes(first, "ct"),
    };
    let recipient = EphemeralKey::from_scalar(&array(&vector, "skRm")).unwrap();
    let opened = opened(
        &sealed,
        &recipient,
        &bytes(&vector, "info"),
        &bytes(first, "aad"),
    );
    assert_eq!(opened, bytes(first, "pt"));
}

#[test]
fn the_vectors_messages_are_those_of_our_cipher() {
    let vector: Value = serde_json::from_str(VECTOR).unwrap();
    let key = CredentialKey::filled(|out| *out = array(&vector, "key"));
    let messages = vector["encryptions"].as_array().unwrap();
    assert_eq!(messages.len(), 4);
    for message in messages {
        let mut buffer = bytes(message, "pt");
        let aad = bytes(message, "aad");
        let tag = aead::seal(&key, &array(message, "nonce"), &aad, &mut buffer).unwrap();
        buffer.extend_from_slice(&tag);
        assert_eq!(buffer, bytes(message, "ct"));
    }
}

#[test]
fn nothing_is_sealed_without_chance() {
    let vector: Value = serde_json::from_str(VECTOR).unwrap();
    let recipient = P256Public::parse(&bytes(&vector, "pkRm")).unwrap();
    let refused = seal(&recipient, b"", b"", b"x", &Scripted::new(&[7; 31]));
    assert!(matches!(refused, Err(CryptoError::NoEntropy(_))));
}

#[test]
fn ours_opens_with_another_implementation() {
    type Suite = DhP256HkdfSha256;
    for round in 0..200_u32 {
        let (info, aad) = (round.to_le_bytes(), vec![7; round as usize]);
        let message = vec![round as u8; round as usize];
        let (private, public) = Suite::gen_keypair();
        let recipient = P256Public::parse(&public.to_bytes()).unwrap();
        let sealed = seal(&recipient, &info, &aad, &message, &System).unwrap();
        let opened = hpke::single_shot_open::<AesGcm256, HkdfSha256, Suite>(
            &OpModeR::Base,
            &private,
            &<Suite as Kem>::EncappedKey::from_bytes(&sealed.enc).unwrap(),
            &info,
            &sealed.ciphertext,
            &aad,
        );
        assert_eq!(opened.unwrap(), message, "round {round}");
    }
}

#[test]
fn another_implementations_opens_with_ours() {
    type Suite = DhP256HkdfSha256;
    for round in 0..200_u32 {
        let (info, aad) = (round.to_le_bytes(), vec![7; round as usize]);
        let message = vec![round as u8; round as usize];
        let recipient = EphemeralKey::generate(&System).unwrap();
        let (enc, ciphertext) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, Suite>(
            &OpModeS::Base,
            &<Suite as Kem>::PublicKey::from_bytes(recipient.public()).unwrap(),
            &info,
            &message,
            &aad,
        )
        .unwrap();
        let sealed = SealedBlob {
            enc: enc.to_bytes().as_slice().try_into().unwrap(),
            ciphertext,
        };
        assert_eq!(
            opened(&sealed, &recipient, &info, &aad),
            message,
            "round {round}"
        );
    }
}
