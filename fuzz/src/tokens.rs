//! What comes from tokens and their owners: URIs, public keys, signatures.

use breakglass::crypto::{check_seal_key, check_sign_key, key_request, verify};
use breakglass::model::{SealKey, SealSuite, SignAlgorithm, SignKey};
use breakglass::token::pkcs11::TokenUri;

/// An RFC 7512 URI: written in the one way, it means the same; a PIN in it is never repeated.
pub fn uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match TokenUri::parse(text) {
        Ok(uri) => {
            let written = uri.to_string();
            if written.len() <= breakglass::token::pkcs11::URI_MAX {
                assert_eq!(TokenUri::parse(&written).as_ref(), Ok(&uri));
            }
            assert_eq!(uri.portable().portable(), uri.portable());
            assert!(!text.contains("pin-value=") && !text.contains("pin-source="));
        }
        Err(refused) => {
            assert!(text.starts_with(refused.understood.trim_end_matches('…')));
            assert!(!refused.understood.contains("pin-value="));
        }
    }
}

/// Public keys of every kind, and what is said to be signed by them or sealed to them.
pub fn keys(data: &[u8]) {
    let Some((&[kind, length], rest)) = data.split_first_chunk() else {
        return;
    };
    let (public, other) = rest.split_at(rest.len().min(usize::from(length) * 4));
    let public = public.to_vec();
    let suites = [SealSuite::P256, SealSuite::RsaOaepSha256];
    let seal = SealKey {
        suite: suites[usize::from(kind) % 2],
        public: public.clone(),
    };
    let asked = key_request(&seal, other);
    assert!(asked.is_err() || check_seal_key(&seal).is_ok());
    let algorithms = [
        SignAlgorithm::EcdsaP256Sha256,
        SignAlgorithm::RsaPkcs1Sha256,
        SignAlgorithm::Ed25519,
    ];
    let sign = SignKey {
        algorithm: algorithms[usize::from(kind) % 3],
        public,
    };
    let verified = verify(&sign, b"nobody ever signed this", other);
    assert!(verified.is_err(), "a forgery");
    let _ = check_sign_key(&sign);
}
