//! What a rotation found beside its own work: alarms, leases that had run out, other rotators.

use super::close;
use crate::model::{Failure, Name};
use crate::ops::{Alarm, Elsewhere, Reaped, Rotated};

/// A line or some for each; the loudest first.
pub fn text(rotated: &Rotated) -> String {
    let mut text = String::new();
    for alarm in &rotated.alarms {
        text.push_str(&format!("ALARM: {}\n", alarm.failure()));
    }
    for reaped in &rotated.reaped {
        text.push_str(&of_reaped(reaped));
    }
    for (name, failure) in &rotated.unwatched {
        text.push_str(&format!(
            "{name}: it is not known when its keys were last used: {failure}\n"
        ));
    }
    for left in &rotated.elsewhere {
        text.push_str(&format!("{}\n", left.failure()));
    }
    text
}

fn of_reaped(reaped: &Reaped) -> String {
    match &reaped.outcome {
        Ok(closed) => format!(
            "The lease of incident {} had run out.\n{}",
            reaped.incident,
            close::text(closed)
        ),
        Err(failure) => format!(
            "The lease of incident {} had run out, and it is NOT CLOSED: {failure}\n",
            reaped.incident
        ),
    }
}

/// The same for machines; a list that is empty is left out.
pub fn add(rotated: &Rotated, document: &mut serde_json::Value) {
    let alarms: Vec<_> = rotated.alarms.iter().map(of_alarm).collect();
    let elsewhere = rotated.elsewhere.iter().map(of_elsewhere).collect();
    let reaped = rotated.reaped.iter().map(reaped_document).collect();
    let unwatched = rotated.unwatched.iter();
    let unwatched = unwatched.map(|(name, why)| unasked(name, why)).collect();
    for (name, list) in [
        ("alarms", alarms),
        ("elsewhere", elsewhere),
        ("reaped", reaped),
        ("unwatched", unwatched),
    ] {
        if !list.is_empty() {
            document[name] = list.into();
        }
    }
}

fn of_alarm(alarm: &Alarm) -> serde_json::Value {
    serde_json::json!({ "name": alarm.credential, "key": alarm.key, "used": alarm.used })
}

fn of_elsewhere(left: &Elsewhere) -> serde_json::Value {
    serde_json::json!({ "compartment": left.compartment, "rotator": left.rotator, "until": left.until })
}

fn reaped_document(reaped: &Reaped) -> serde_json::Value {
    match &reaped.outcome {
        Ok(closed) => close::document(closed),
        Err(failure) => serde_json::json!({
            "incident": reaped.incident,
            "not-closed": { "code": failure.code, "what": failure.what },
        }),
    }
}

fn unasked(name: &Name, failure: &Failure) -> serde_json::Value {
    serde_json::json!({ "name": name, "failed": { "code": failure.code, "what": failure.what } })
}
