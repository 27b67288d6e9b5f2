//! Public keys and signatures.

use breakglass::crypto::{check_seal_key, check_sign_key, verify};
use breakglass::format::dsse::Envelope;
use breakglass::format::{Record, digest};
use breakglass::model::{Presence, SealKey, SealSuite, SignAlgorithm, SignKey, TokenKeys};
use serde_json::{Value, json};

use crate::{Verdict, all, blob, bytes, text};

fn algorithm(name: &str) -> SignAlgorithm {
    serde_json::from_value(name.into()).expect("an algorithm")
}

pub fn suite(name: &str) -> SealSuite {
    serde_json::from_value(name.into()).expect("a suite")
}

#[test]
fn public_keys() {
    all("keys", 44, |_, case| {
        let checked = match text(case, "use") {
            "seal" => check_seal_key(&SealKey {
                suite: suite(text(case, "kind")),
                public: bytes(case, "public"),
            }),
            "sign" => check_sign_key(&SignKey {
                algorithm: algorithm(text(case, "kind")),
                public: bytes(case, "public"),
            }),
            _ => return Ok(token_id(&case["keys"]).into()),
        };
        checked.map(|()| Value::Null).map_err(Into::into)
    });
}

fn token_id(keys: &Value) -> String {
    let keys = TokenKeys {
        seal: serde_json::from_value(keys["seal"].clone()).expect("a seal key"),
        sign: serde_json::from_value(keys["sign"].clone()).expect("a sign key"),
        presence: Presence::None,
    };
    keys.id().to_string()
}

#[test]
fn envelopes_and_signatures() {
    all("envelopes", 60, |_, case| {
        if case.get("envelope").is_some() {
            return envelope(case);
        }
        let key = SignKey {
            algorithm: algorithm(text(case, "algorithm")),
            public: bytes(case, "public"),
        };
        verify(&key, &bytes(case, "message"), &bytes(case, "signature"))?;
        Ok(Value::Null)
    });
}

fn envelope(case: &Value) -> Verdict {
    let envelope = Envelope::read::<Record>(&blob(&case["envelope"]))?;
    let signed = digest(&envelope.signed_bytes()).to_string();
    Ok(json!({"digest": envelope.digest().to_string(), "signed": signed}))
}
