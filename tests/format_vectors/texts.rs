//! FIELDS, texts with a rule, JSON's strictness.

use breakglass::format::{Fields, strict};
use breakglass::ledger::Entry;
use breakglass::model::{AccessKeyId, AccountId, Digest, Name, Reason, Timestamp, UserName};
use serde_json::Value;

use crate::class::Class;
use crate::{all, blob, hex, text};

#[test]
fn fields_and_texts() {
    all("texts", 80, |_, case| match text(case, "kind") {
        "fields" => Ok(fields(case).into()),
        kind => parsed(kind, text(case, "text")).ok_or(Class::Form),
    });
}

fn parsed(kind: &str, text: &str) -> Option<Value> {
    #[derive(serde::Deserialize)]
    struct Bytes(#[serde(with = "breakglass::format::base64")] Vec<u8>);
    let is = match kind {
        "name" => text.parse::<Name>().is_ok(),
        "account" => text.parse::<AccountId>().is_ok(),
        "user" => text.parse::<UserName>().is_ok(),
        "access-key" => text.parse::<AccessKeyId>().is_ok(),
        "reason" => text.parse::<Reason>().is_ok(),
        "time" => text.parse::<Timestamp>().is_ok(),
        "digest" => text.parse::<Digest>().is_ok(),
        "base64" => serde_json::from_value::<Bytes>(text.into())
            .map(|bytes| drop(bytes.0))
            .is_ok(),
        other => panic!("{other}"),
    };
    is.then_some(Value::Null)
}

fn fields(case: &Value) -> String {
    let values = case["values"].as_array().expect("values");
    let made = values.iter().fold(Fields::new(text(case, "label")), add);
    hex(made.as_bytes())
}

fn add(fields: Fields, value: &Value) -> Fields {
    if let Some(text) = value["text"].as_str() {
        return fields.text(text);
    }
    if let Some(number) = value["number"].as_u64() {
        return fields.number(number);
    }
    let bytes = data_encoding::HEXLOWER.decode(text(value, "hex").as_bytes());
    fields.bytes(&bytes.expect("hex"))
}

#[test]
fn entries() {
    all("entries", 129, |_, case| {
        let entry = strict::read::<Entry>(&blob(&case["entry"]));
        entry.map(|_| Value::Null).map_err(|_| Class::Form)
    });
}
