//! Manifests as somebody could make them who holds some of the tokens: drawn up here, signed by the
//! tokens of a scene.
//!
//! SoftHSM finds its tokens through the environment of the process, so [`sign_as_told`] is run once more
//! as a process of its own that signs.

use std::env;
use std::fs;
use std::process::Command;

use breakglass::format::dsse::{Envelope, EnvelopeSignature};
use breakglass::format::{EnrolledToken, Manifest};
use breakglass::model::{
    Presence, SealKey, SealSuite, SignAlgorithm, SignKey, TokenIdentity, TokenKeys, TokenKind,
};
use breakglass::ports::{KeyReply, KeyRequest, TokenProvider as _};
use breakglass::secret::Pin;
use breakglass::token::pkcs11::{ModuleConfig, Pkcs11Provider, Profile};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::sec1::ToSec1Point as _;

use crate::scene::{PINS_OF, Scene, pin, pins_of, softhsm_library, uri};

/// Names the file that is to be signed, in the process that signs; the signature goes beside it.
const TOLD: &str = "BREAKGLASS_TEST_SIGN";
const WITH: &str = "BREAKGLASS_TEST_SIGN_WITH";

#[test]
fn sign_as_told() {
    let (Some(file), Ok(label)) = (env::var_os(TOLD), env::var(WITH)) else {
        return;
    };
    let module = ModuleConfig {
        path: softhsm_library(),
        profiles: vec![Profile::built_in("softhsm2").expect("a profile")],
        folder: None,
    };
    let provider = Pkcs11Provider::new(vec![module]);
    let mut token = provider.open(&uri(&label)).expect("the token is there");
    token.keys().expect("it was prepared");
    let message = fs::read(&file).expect("the message");
    let pin = Pin::new(&pin(&label)).expect("a PIN");
    let replies = token.perform(&pin, &[KeyRequest::Sign(&message)]);
    let Some(KeyReply::Signature(signature)) = replies.expect("it signs").pop() else {
        panic!("no signature");
    };
    let beside = std::path::Path::new(&file).with_extension("sig");
    fs::write(beside, signature).expect("the folder is ours");
}

/// The signature of a token over a message.
fn signature(scene: &Scene, label: &str, message: &[u8]) -> Vec<u8> {
    let file = scene.path("to-sign");
    fs::write(&file, message).expect("ours");
    let output = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "signing::sign_as_told", "--nocapture"])
        .env("SOFTHSM2_CONF", scene.path("softhsm2.conf"))
        .env(TOLD, &file)
        .env(WITH, label)
        .env(PINS_OF, pins_of())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    fs::read(file.with_extension("sig")).expect("a signature")
}

/// The first manifest of a scene's vault.
pub fn first(scene: &Scene) -> (Envelope, Manifest) {
    let bytes = fs::read(scene.vault().join("manifest/00000001.json")).expect("a manifest");
    let envelope = Envelope::read::<Manifest>(&bytes).expect("a manifest");
    let manifest = envelope.document().expect("a manifest");
    (envelope, manifest)
}

/// A second manifest: the first with a change, as yet signed by nobody.
pub fn second(scene: &Scene, change: impl FnOnce(&mut Manifest)) -> Envelope {
    let (envelope, mut manifest) = first(scene);
    manifest.version = 2;
    manifest.previous = Some(envelope.digest());
    change(&mut manifest);
    Envelope::of(&manifest).expect("JSON")
}

/// The same, signed by the tokens with these labels.
pub fn signed_by(scene: &Scene, mut envelope: Envelope, labels: &[&str]) -> Envelope {
    let (_, manifest) = first(scene);
    for label in labels {
        let of = |(_, token): &(_, &EnrolledToken)| token.identity.label == *label;
        let (_, token) = manifest.tokens().find(of).expect("it is enrolled");
        let sig = signature(scene, label, &envelope.signed_bytes());
        let keyid = token.id();
        envelope.signatures.push(EnvelopeSignature { keyid, sig });
    }
    envelope
}

/// A token that is none: two keys in memory, of somebody who wants to be in.
pub struct Intruder {
    seal: SigningKey,
    sign: SigningKey,
}

impl Intruder {
    /// Always the same one.
    pub fn new() -> Self {
        let key = |byte| SigningKey::from_slice(&[byte; 32]).expect("a key");
        Self {
            seal: key(7),
            sign: key(9),
        }
    }

    /// As a manifest would name it.
    pub fn token(&self) -> EnrolledToken {
        EnrolledToken {
            identity: TokenIdentity {
                kind: TokenKind::Pkcs11,
                locator: "pkcs11:token=mallory".into(),
                label: "mallory".into(),
                serial: "666".into(),
                manufacturer: "nobody".into(),
                model: "none".into(),
            },
            keys: TokenKeys {
                seal: SealKey {
                    suite: SealSuite::P256,
                    public: public(&self.seal),
                },
                sign: SignKey {
                    algorithm: SignAlgorithm::EcdsaP256Sha256,
                    public: public(&self.sign),
                },
                presence: Presence::None,
            },
            attestation: None,
        }
    }

    /// Adds its signature.
    pub fn sign(&self, mut envelope: Envelope) -> Envelope {
        let signature: Signature = self.sign.sign(&envelope.signed_bytes());
        envelope.signatures.push(EnvelopeSignature {
            keyid: self.token().id(),
            sig: signature.to_bytes().to_vec(),
        });
        envelope
    }
}

/// The uncompressed point, 65 bytes.
fn public(key: &SigningKey) -> Vec<u8> {
    let point = key.verifying_key().as_affine().to_sec1_point(false);
    point.as_bytes().to_vec()
}
