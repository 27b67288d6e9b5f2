//! The vectors of docs/format.md, section 11, against our library: the same verdict, the same class of
//! fault, the same result as the second implementation, which made them.

mod class;
mod documents;
mod keys;
mod ledger;
mod memory;
mod sealed;
mod texts;

use std::fs;
use std::path::Path;

use class::Class;
use serde_json::Value;

/// What a vector gives where it is good; null where it gives nothing.
type Verdict = Result<Value, Class>;

/// Runs all vectors of a file. `count` is how many there are at least: a file that was emptied proves
/// nothing.
fn all(subject: &str, count: usize, run: impl Fn(&Value, &Value) -> Verdict) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors/format")
        .join(format!("{subject}.json"));
    let text = fs::read_to_string(path).expect("the vectors");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(file["subject"], subject);
    let cases = file["cases"].as_array().expect("cases");
    assert!(cases.len() >= count, "{subject} has {}", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| difference(case, &run(&file["shared"], case)))
        .collect();
    assert!(wrong.is_empty(), "{subject}:\n{}", wrong.join("\n"));
}

fn difference(case: &Value, verdict: &Verdict) -> Option<String> {
    let (found, gives) = match verdict {
        Ok(gives) => ("ok", gives.clone()),
        Err(class) => (class.name(), Value::Null),
    };
    let same = case["expect"] == found && case["gives"] == gives;
    (!same).then(|| {
        format!(
            "  {}: {found} {gives}, not {} {}",
            case["name"], case["expect"], case["gives"]
        )
    })
}

/// A text of a vector.
fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} of {value}"))
}

/// Bytes of a vector, in base64.
fn bytes(value: &Value, field: &str) -> Vec<u8> {
    let found = data_encoding::BASE64.decode(text(value, field).as_bytes());
    found.expect("base64")
}

/// A file of a vector: a text, or base64.
fn blob(value: &Value) -> Vec<u8> {
    match value["text"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => bytes(value, "base64"),
    }
}

/// A digest of a vector, or other 32 bytes in hexadecimal.
fn hex32(text: &str) -> [u8; 32] {
    let found = data_encoding::HEXLOWER.decode(text.as_bytes());
    found.expect("hex").try_into().expect("32 bytes")
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
