//! What every token behind the ports must do, whatever its make. Written against the traits alone: an
//! adapter's test prepares tokens and runs these.

#![allow(dead_code, unused_imports, unused_macros)] // each test binary uses a part of it

use breakglass::model::{SealSuite, SignAlgorithm, TokenKeys};
use breakglass::ports::{KeyReply, KeyRequest, PinStatus, Token, TokenError, TokenProvider};
use breakglass::secret::Pin;
use p256::ecdsa::signature::Verifier;
use p256::elliptic_curve::sec1::ToSec1Point;
use rsa::pkcs8::DecodePublicKey;

/// One token to be tried, and what its maker knows of it.
pub struct Subject<'a> {
    pub provider: &'a dyn TokenProvider,
    /// Names the token, and no other.
    pub locator: &'a str,
    pub pin: &'a str,
    /// A PIN of good form that is not the token's.
    pub wrong_pin: &'a str,
    /// What the token says of its PIN as long as nobody has entered a wrong one.
    pub untouched: PinStatus,
    /// And after one wrong PIN.
    pub after_wrong_pin: PinStatus,
    /// What the check of keys made on it must say against them, if anything.
    pub unfit: Option<&'a str>,
}

impl Subject<'_> {
    fn open(&self) -> Box<dyn Token + '_> {
        self.provider
            .open(self.locator)
            .expect("the token is there")
    }

    fn check_keys(&self) {
        let checked = self.open().check_keys(&self.pin());
        match (checked, self.unfit) {
            (Ok(()), None) => {}
            (Err(TokenError::UnfitKey { reason, .. }), Some(unfit)) if reason.contains(unfit) => {}
            (other, _) => panic!("{other:?}"),
        }
    }

    fn pin(&self) -> Pin {
        pin(self.pin)
    }
}

pub fn pin(digits: &str) -> Pin {
    Pin::new(digits).expect("a PIN of good form")
}

/// What went wrong, of a result whose value cannot be shown.
pub fn error_of<T>(result: Result<T, TokenError>) -> TokenError {
    match result {
        Ok(_) => panic!("it must not succeed"),
        Err(e) => e,
    }
}

/// The tests of all rules that take nothing but a token: a secured one, which `$fresh` runs a rule on, or one that
/// has its keys, which `$prepared` does.
macro_rules! tests_of_rules {
    ($fresh:ident, $prepared:ident) => {
        $crate::token_rules::tests_of_rules! { $fresh: without_keys_it_says_so }
        $crate::token_rules::tests_of_rules! {
            $prepared:
            it_agrees, it_signs_in_order, a_wrong_pin_opens_nothing, a_bad_point_is_refused
        }
    };
    ($with:ident: $($rule:ident),+) => {
        $(
            #[test]
            fn $rule() {
                $with(stringify!($rule), |_, subject| $crate::token_rules::$rule(subject));
            }
        )+
    };
}
pub(crate) use tests_of_rules;

/// It is listed, its own locator finds it again, and what is opened is what was listed.
pub fn is_listed_and_opened(subject: &Subject<'_>) {
    let listed = subject.provider.list().expect("a list");
    let identity = subject.open().identity().clone();
    assert!(listed.contains(&identity), "{listed:?}");
    assert!(!identity.serial.is_empty() && !identity.locator.is_empty());
    let again = subject
        .provider
        .open(&identity.locator)
        .expect("its own locator finds it");
    assert_eq!(again.identity(), &identity);
}

/// What is not there is told with what is; what is no locator is told so.
pub fn others_are_not_found(subject: &Subject<'_>, absent: &str) {
    let serial = subject.open().identity().serial.clone();
    match error_of(subject.provider.open(absent)) {
        TokenError::Absent { present, .. } => {
            assert!(
                present.iter().any(|one| one.contains(&serial)),
                "{present:?}"
            );
        }
        other => panic!("{other}"),
    }
    for nonsense in ["", "nonsense", "pkcs11", "piv", "file:/etc/passwd"] {
        let error = error_of(subject.provider.open(nonsense));
        assert!(
            matches!(error, TokenError::Locator { .. }),
            "{nonsense}: {error}"
        );
    }
}

/// A locator that several tokens match opens none of them.
pub fn ambiguity_opens_nothing(provider: &dyn TokenProvider, locator: &str, matching: usize) {
    match error_of(provider.open(locator)) {
        TokenError::Ambiguous { present, .. } => assert_eq!(present.len(), matching),
        other => panic!("{other}"),
    }
}

/// A token without keys says so, whatever is asked of it.
pub fn without_keys_it_says_so(subject: &Subject<'_>) {
    let mut token = subject.open();
    let no_key = |error: TokenError| assert!(matches!(error, TokenError::NoKey { .. }), "{error}");
    no_key(error_of(token.keys()));
    no_key(error_of(token.check_keys(&subject.pin())));
    no_key(error_of(
        token.perform(&subject.pin(), &[KeyRequest::Agree(&some_point())]),
    ));
    no_key(error_of(
        token.perform(&subject.pin(), &[KeyRequest::Sign(b"x")]),
    ));
}

/// Keys are made once, are the same for whoever reads them, and are fit. Leaves the token prepared.
pub fn keys_are_made_once(subject: &Subject<'_>) -> TokenKeys {
    let mut token = subject.open();
    let wrong = error_of(token.generate(&pin(subject.wrong_pin)));
    assert!(matches!(wrong, TokenError::WrongPin { .. }), "{wrong}");
    let keys = token.generate(&subject.pin()).expect("keys");
    assert_ne!(keys.seal.public, keys.sign.public);
    assert_eq!(token.keys().expect("keys"), keys);
    let error = error_of(token.generate(&subject.pin()));
    assert!(matches!(error, TokenError::KeyExists { .. }), "{error}");
    drop(token);
    assert_eq!(
        subject.open().keys().expect("keys"),
        keys,
        "nothing was overwritten"
    );
    subject.check_keys();
    keys
}

/// The token's ECDH is the one of everybody else, with a leading zero too.
pub fn it_agrees(subject: &Subject<'_>) {
    let mut token = subject.open();
    let keys = token.keys().expect("keys");
    assert_eq!(keys.seal.suite, SealSuite::P256);
    let seal = p256::PublicKey::from_sec1_bytes(&keys.seal.public).expect("a point");
    let zero_led = (1..=u64::MAX)
        .map(|n| (n, agreed(&scalar(n), &seal)))
        .find(|(_, secret)| secret[0] == 0)
        .map(|(n, _)| scalar(n))
        .expect("one in 256 begins with zero");
    let own: Vec<_> = vec![scalar(0x5eed_0001), zero_led, scalar(0x5eed_0002)];
    let points: Vec<_> = own.iter().map(point).collect();
    let requests: Vec<_> = points.iter().map(KeyRequest::Agree).collect();
    let replies = token
        .perform(&subject.pin(), &requests)
        .expect("agreements");
    assert_eq!(replies.len(), 3);
    for (own, reply) in own.iter().zip(&replies) {
        assert_eq!(&agreed(own, &seal), secret(reply));
    }
}

/// The token opens what was sealed to its public key with RSA-OAEP.
pub fn it_decapsulates(subject: &Subject<'_>, encrypt: impl Fn(&[u8], &[u8; 32]) -> Vec<u8>) {
    let mut token = subject.open();
    let keys = token.keys().expect("keys");
    assert_eq!(keys.seal.suite, SealSuite::RsaOaepSha256);
    let seeds = [[1; 32], [0; 32], [0xff; 32]];
    let sealed: Vec<_> = seeds
        .iter()
        .map(|seed| encrypt(&keys.seal.public, seed))
        .collect();
    let requests: Vec<_> = sealed
        .iter()
        .map(|sealed| KeyRequest::Decapsulate(sealed))
        .collect();
    let replies = token
        .perform(&subject.pin(), &requests)
        .expect("decryptions");
    for (seed, reply) in seeds.iter().zip(&replies) {
        assert_eq!(seed, secret(reply));
    }
    let mut damaged = sealed[0].clone();
    damaged[9] ^= 1;
    error_of(token.perform(&subject.pin(), &[KeyRequest::Decapsulate(&damaged)]));
    let again = [KeyRequest::Decapsulate(&sealed[0])];
    assert!(
        token.perform(&subject.pin(), &again).is_ok(),
        "a failure leaves no trace"
    );
}

/// Its signatures verify, and replies stand in the order of the requests.
pub fn it_signs_in_order(subject: &Subject<'_>) {
    let mut token = subject.open();
    let keys = token.keys().expect("keys");
    let messages: [&[u8]; 3] = [b"first", b"", &[0xa5; 100_000]];
    let own = scalar(7);
    let peer = point(&own);
    let mut requests: Vec<_> = messages.iter().map(|m| KeyRequest::Sign(m)).collect();
    let agrees = keys.seal.suite == SealSuite::P256;
    if agrees {
        requests.insert(1, KeyRequest::Agree(&peer));
    }
    let mut replies = token.perform(&subject.pin(), &requests).expect("replies");
    if agrees {
        let seal = p256::PublicKey::from_sec1_bytes(&keys.seal.public).expect("a point");
        assert_eq!(&agreed(&own, &seal), secret(&replies.remove(1)));
    }
    assert_eq!(replies.len(), 3);
    for (at, reply) in replies.iter().enumerate() {
        for (other, message) in messages.iter().enumerate() {
            assert_eq!(
                verifies(&keys, message, signature(reply)),
                at == other,
                "{at} {other}"
            );
        }
    }
}

/// A wrong PIN is told as such, opens nothing, and the right one works after it. No request at all is
/// a check of the PIN.
pub fn a_wrong_pin_opens_nothing(subject: &Subject<'_>) {
    let mut token = subject.open();
    let wrong = pin(subject.wrong_pin);
    assert_eq!(token.pin_status(), Ok(subject.untouched));
    let peer = some_point();
    let mut trials = vec![vec![KeyRequest::Sign(b"x")], vec![]];
    if token.keys().expect("keys").seal.suite == SealSuite::P256 {
        trials.push(vec![KeyRequest::Agree(&peer)]);
    }
    for requests in &trials {
        match error_of(token.perform(&wrong, requests)) {
            TokenError::WrongPin { left, .. } => assert_eq!(left, subject.after_wrong_pin),
            other => panic!("{other}"),
        }
        assert_eq!(token.pin_status(), Ok(subject.after_wrong_pin));
        // The counter is as before, and the wrong PIN is wrong also right after a good one.
        assert!(token.perform(&subject.pin(), requests).is_ok());
        assert_eq!(token.pin_status(), Ok(subject.untouched));
    }
    assert!(matches!(
        error_of(token.check_keys(&wrong)),
        TokenError::WrongPin { .. }
    ));
    subject.check_keys();
    let mut other = subject.open();
    assert!(matches!(
        error_of(other.perform(&wrong, &[])),
        TokenError::WrongPin { .. }
    ));
}

/// What is no point of the curve is refused, and no answer is given to what stood before it. It costs
/// no try of the PIN: even a wrong one is not looked at.
pub fn a_bad_point_is_refused(subject: &Subject<'_>) {
    let mut token = subject.open();
    let good = some_point();
    let mut off_curve = good;
    off_curve[64] ^= 1;
    let mut hybrid = good;
    hybrid[0] = 0x06 | (good[64] & 1);
    let mut compressed = good;
    compressed[0] = 0x02;
    for bad in [off_curve, hybrid, compressed, [0; 65], [0xff; 65]] {
        let requests = [KeyRequest::Agree(&good), KeyRequest::Agree(&bad)];
        let error = error_of(token.perform(&subject.pin(), &requests));
        assert!(matches!(error, TokenError::Device { .. }), "{error}");
        let error = error_of(token.perform(&pin(subject.wrong_pin), &requests));
        assert!(matches!(error, TokenError::Device { .. }), "{error}");
    }
    assert_eq!(token.pin_status(), Ok(subject.untouched));
    assert!(
        token
            .perform(&subject.pin(), &[KeyRequest::Agree(&good)])
            .is_ok()
    );
}

/// A token that is pulled is told as gone, whatever is asked of it next.
pub fn a_pulled_token_is_gone(subject: &Subject<'_>, pull: impl FnOnce()) {
    let mut token = subject.open();
    token.keys().expect("keys");
    pull();
    let gone = |error: TokenError| assert!(matches!(error, TokenError::Gone { .. }), "{error}");
    let peer = some_point();
    gone(error_of(
        token.perform(&subject.pin(), &[KeyRequest::Agree(&peer)]),
    ));
    gone(error_of(
        token.perform(&pin(subject.wrong_pin), &[KeyRequest::Sign(b"x")]),
    ));
    gone(error_of(token.keys()));
    gone(error_of(token.check_keys(&subject.pin())));
    gone(error_of(token.generate(&subject.pin())));
    gone(error_of(token.pin_status()));
}

/// A private key of somebody's own.
pub fn scalar(n: u64) -> p256::SecretKey {
    let mut bytes = [0; 32];
    bytes[24..].copy_from_slice(&n.to_be_bytes());
    p256::SecretKey::from_slice(&bytes).expect("below the order")
}

fn point(key: &p256::SecretKey) -> [u8; 65] {
    let point = key.public_key().to_sec1_point(false);
    point.as_bytes().try_into().expect("65 bytes")
}

pub fn some_point() -> [u8; 65] {
    point(&scalar(11))
}

/// What the two agree on.
pub fn agreed(own: &p256::SecretKey, peer: &p256::PublicKey) -> [u8; 32] {
    let shared = own.diffie_hellman(peer);
    shared
        .raw_secret_bytes()
        .as_slice()
        .try_into()
        .expect("32 bytes")
}

/// The secret that a token gave.
pub fn secret(reply: &KeyReply) -> &[u8; 32] {
    match reply {
        KeyReply::Secret(secret) => secret.expose(),
        KeyReply::Signature(_) => panic!("a signature where a secret was asked for"),
    }
}

fn signature(reply: &KeyReply) -> &[u8] {
    match reply {
        KeyReply::Signature(signature) => signature,
        KeyReply::Secret(_) => panic!("a secret where a signature was asked for"),
    }
}

fn verifies(keys: &TokenKeys, message: &[u8], signature: &[u8]) -> bool {
    match keys.sign.algorithm {
        SignAlgorithm::EcdsaP256Sha256 => {
            assert_eq!(signature.len(), 64);
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&keys.sign.public).expect("a key");
            let signature = p256::ecdsa::Signature::from_slice(signature).expect("r and s");
            key.verify(message, &signature).is_ok()
        }
        SignAlgorithm::RsaPkcs1Sha256 => {
            let key = rsa::RsaPublicKey::from_public_key_der(&keys.sign.public).expect("a key");
            let key = rsa::pkcs1v15::VerifyingKey::<sha2::Sha256>::new(key);
            let signature = rsa::pkcs1v15::Signature::try_from(signature).expect("a number");
            key.verify(message, &signature).is_ok()
        }
        SignAlgorithm::Ed25519 => panic!("no token signs so"),
    }
}

/// RSA-OAEP with SHA-256. The seed of the padding need not be secret in a test.
pub fn encrypt(public: &[u8], seed: &[u8; 32]) -> Vec<u8> {
    let key = rsa::RsaPublicKey::from_public_key_der(public).unwrap();
    key.encrypt(&mut Counter(1), rsa::Oaep::<sha2::Sha256>::new(), seed)
        .unwrap()
}

/// Bytes that count.
struct Counter(u8);

impl rand_core::TryRng for Counter {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(7)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(7)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Counter {}
