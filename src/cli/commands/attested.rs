//! What a token shows of its keys, in words.

use serde_json::{Value, json};

use crate::attestation::Attested;
use crate::cli::words;
use crate::ops::{InspectedToken, Shown};

/// Whether what the token says of itself was verified.
pub fn is_shown(token: &InspectedToken) -> bool {
    let shown = token.shown.as_ref();
    shown.is_some_and(|shown| shown.evidence.is_some())
}

/// Rows of a table.
pub fn rows(shown: &Shown) -> Vec<Vec<String>> {
    let row = |what: &str, text: String| vec![what.to_owned(), text];
    let mut rows = Vec::new();
    if let Some(evidence) = &shown.evidence {
        let seal = &evidence.seal;
        rows.push(row("firmware", seal.firmware.to_string()));
        rows.push(row("shape", seal.form_factor.to_string()));
        rows.push(row("attested", policies("seal key", seal)));
        rows.push(row("", policies("sign key", &evidence.sign)));
        rows.push(row("by", words::root(&seal.root)));
    }
    rows.push(match &shown.unfit {
        None => row("fit", "a new vault takes it".to_owned()),
        Some(failure) => row("unfit", failure.what.clone()),
    });
    rows
}

fn policies(which: &str, key: &Attested) -> String {
    let slot = key.slot.map(|slot| format!(" in slot {slot:02x}"));
    format!(
        "{which}{}: PIN {}, touch {}",
        slot.unwrap_or_default(),
        key.pin_policy,
        key.touch_policy
    )
}

/// The same for machines.
pub fn document(shown: &Shown) -> Value {
    let key = |key: &Attested| {
        json!({
            "slot": key.slot.map(|slot| format!("{slot:02x}")),
            "pin-policy": key.pin_policy.to_string(),
            "touch-policy": key.touch_policy.to_string(),
        })
    };
    let evidence = shown.evidence.as_ref().map(|evidence| {
        json!({
            "serial": evidence.seal.serial,
            "firmware": evidence.seal.firmware,
            "form-factor": evidence.seal.form_factor.to_string(),
            "seal": key(&evidence.seal),
            "sign": key(&evidence.sign),
            "root": {
                "name": evidence.seal.root.name,
                "fingerprint": evidence.seal.root.fingerprint,
                "own": evidence.seal.root.is_own,
            },
        })
    });
    json!({
        "evidence": evidence,
        "unfit": shown.unfit.as_ref().map(|failure| json!({
            "code": failure.code,
            "what": failure.what,
        })),
    })
}
