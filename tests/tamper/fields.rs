//! Every field of every signed document in every other place where its type fits.

use std::collections::{BTreeMap, BTreeSet};

use breakglass::crypto::SoftwareSigner;
use breakglass::format::Manifest;
use breakglass::format::dsse::Envelope;
use breakglass::manifest::Chain;
use breakglass::ops;
use serde_json::Value;

use crate::rich::{vault_a, vault_b};
use crate::soft;
use crate::world::Safe;
use crate::{counted, long};

/// What kind of thing a value is: things of one kind fit into each other's places.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "digest or null".to_owned(),
        Value::Bool(_) => "yes or no".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(text) => of_text(text).to_owned(),
        Value::Array(all) => format!("list of {}", all.first().map(kind).unwrap_or_default()),
        Value::Object(fields) => fields.keys().cloned().collect::<Vec<_>>().join(" "),
    }
}

fn of_text(text: &str) -> &'static str {
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if text.len() == 64 && text.chars().all(hex) {
        "digest or null"
    } else if text.ends_with('Z') && text.len() == 20 {
        "time"
    } else if text.len() >= 24 && data_encoding::BASE64.decode(text.as_bytes()).is_ok() {
        "bytes"
    } else if ["ic", "bgo", "so"].contains(&text) {
        "role"
    } else if text.starts_with("AKIA") {
        "access key"
    } else {
        "text"
    }
}

/// Every value in a document, whole objects and lists too, with the pointer to its place.
fn values(value: &Value, at: &str, found: &mut Vec<(String, Value)>) {
    found.push((at.to_owned(), value.clone()));
    match value {
        Value::Array(all) => {
            for (index, one) in all.iter().enumerate() {
                values(one, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (field, one) in fields {
                values(one, &format!("{at}/{field}"), found);
            }
        }
        _ => {}
    }
}

pub fn payload(bytes: &[u8]) -> Value {
    let envelope: Envelope = serde_json::from_slice(bytes).expect("an envelope");
    serde_json::from_slice(&envelope.payload).expect("JSON")
}

/// Values by their kind.
pub type Sources = BTreeMap<String, Vec<Value>>;

/// All values of all documents of these vaults, each once, by kind.
pub fn sources(safes: &[&Safe], beginning: &str) -> Sources {
    let documents = safes.iter().flat_map(|safe| {
        let paths = safe.shelf.under(beginning).into_iter();
        paths.map(|path| payload(&safe.shelf.get(&path)))
    });
    gather(documents)
}

/// All values of these documents, each once, by kind.
pub fn gather(documents: impl Iterator<Item = Value>) -> Sources {
    let mut sources = Sources::new();
    let mut seen = BTreeSet::new();
    for document in documents {
        let mut found = Vec::new();
        values(&document, "", &mut found);
        for (_, value) in found {
            if seen.insert(value.to_string()) {
                sources.entry(kind(&value)).or_default().push(value);
            }
        }
    }
    sources
}

/// The document with another value in each place, signed as it was before, one after the other.
pub fn swaps<'s>(
    bytes: &[u8],
    sources: &'s Sources,
) -> impl Iterator<Item = (String, Envelope)> + 's {
    let envelope: Envelope = serde_json::from_slice(bytes).expect("an envelope");
    let whole = payload(bytes);
    let mut places = Vec::new();
    values(&whole, "", &mut places);
    let pairs = places.into_iter().flat_map(|(place, value)| {
        let fitting = sources.get(&kind(&value)).into_iter().flatten();
        let others: Vec<&Value> = fitting.filter(|other| **other != value).collect();
        others.into_iter().map(move |other| (place.clone(), other))
    });
    pairs.map(move |(place, other)| {
        let mut whole = whole.clone();
        *whole.pointer_mut(&place).expect("a place") = other.clone();
        let changed = Envelope {
            payload: serde_json::to_vec(&whole).expect("JSON"),
            ..envelope.clone()
        };
        let text: String = other.to_string().chars().take(80).collect();
        (format!("{text} at {place}"), changed)
    })
}

/// By whoever can write to the folder and has a rotator's key, too: so the signature holds, and it is the
/// ledger that tells. The short form does so to one generation, the long form to all.
#[test]
fn no_field_of_a_header_or_record_fits_another_place() {
    let (a, b) = (vault_a(), vault_b());
    let sources = sources(&[&a, &b], "generation/");
    let rotator = soft::signer("rotator");
    let mut cases = 0;
    for which in ["header.json", "/record/"] {
        let kept = a.keep();
        // The others are away: they would only take time.
        let here =
            |path: &String| path.contains(which) && (long() || path.contains("/prod/00000002/"));
        let all = a.shelf.under("generation/").into_iter();
        let (paths, away): (Vec<String>, Vec<String>) = all.partition(here);
        away.iter().for_each(|path| a.shelf.remove(path));
        let good: Vec<Vec<u8>> = paths.iter().map(|path| a.shelf.get(path)).collect();
        let mut swaps: Vec<_> = good.iter().map(|bytes| swaps(bytes, &sources)).collect();
        // In all of them at once: each must be named.
        let seen = a.open(|vault| {
            loop {
                let mut changed = BTreeMap::new();
                for ((path, swaps), good) in paths.iter().zip(&mut swaps).zip(&good) {
                    let next = swaps.next();
                    let bytes = next
                        .as_ref()
                        .map(|(_, envelope)| sign_again(envelope, &rotator));
                    a.shelf.put(path, bytes.as_ref().unwrap_or(good));
                    changed.extend(next.map(|(what, _)| (path.clone(), what)));
                }
                if changed.is_empty() {
                    return Ok(());
                }
                cases += changed.len();
                let found = ops::documents(vault, ops::listed(&a.shelf)?)?;
                let bad: BTreeSet<&String> = found.bad.iter().map(|(path, _)| path).collect();
                let named = changed.keys().chain(&away).collect::<BTreeSet<_>>();
                assert_eq!(bad, named, "{changed:?}");
            }
        });
        seen.expect("readable");
        a.restore(&kept);
    }
    counted(
        "fields of headers and records in other places, signed anew",
        cases,
    );
}

fn sign_again(envelope: &Envelope, by: &SoftwareSigner) -> Vec<u8> {
    let mut envelope = envelope.clone();
    envelope.signatures.clear();
    let envelope = breakglass::crypto::sign(envelope, by);
    envelope.to_bytes().expect("JSON")
}

/// The short form does so to the newest manifest, the long form to all.
#[test]
fn no_field_of_a_manifest_fits_another_place() {
    let (a, b) = (vault_a(), vault_b());
    let sources = sources(&[&a, &b], "manifest/");
    let mut cases = 0;
    let mut before: Vec<Envelope> = Vec::new();
    for path in a.shelf.under("manifest/") {
        let good = a.shelf.get(&path);
        let chain = Chain::verify(&before).ok();
        before.push(Envelope::read::<Manifest>(&good).expect("good"));
        if !long() && before.len() < 3 {
            continue;
        }
        for (what, envelope) in swaps(&good, &sources) {
            cases += 1;
            let taken = match chain.clone() {
                None => Chain::verify(std::slice::from_ref(&envelope)).is_ok(),
                Some(mut chain) => chain.extend(&envelope).is_ok(),
            };
            assert!(!taken, "{what} of {path}");
        }
    }
    counted("fields of manifests in other places", cases);
}
