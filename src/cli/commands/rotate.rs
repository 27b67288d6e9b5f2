//! `breakglass rotate`

use std::process::ExitCode;

use super::close;
use crate::cli::app::App;
use crate::cli::{output, render};
use crate::model::{Failure, Name};
use crate::ops::{self, Alarm, Elsewhere, Outcome, Reaped, RotateRequest, Rotated};

/// Rotates.
pub fn run(app: &App, request: &RotateRequest) -> Result<ExitCode, Failure> {
    let rotated = app
        .in_vault_with_aws(|vault, cloud, terminal| ops::rotate(vault, cloud, request, terminal))?;
    if let Some(failure) = rotated.failure() {
        // Standard output is empty where something failed; what became of each is talk.
        if !app.json() {
            output::error(&text(&rotated));
        }
        return Err(failure);
    }
    if app.json() {
        output::json(&document(&rotated));
    } else {
        output::text(&text(&rotated));
    }
    Ok(ExitCode::SUCCESS)
}

/// What was found beside, then one line for each credential.
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
    text.push_str(&of_credentials(rotated));
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

fn of_credentials(rotated: &Rotated) -> String {
    if rotated.credentials.is_empty() {
        return "Nothing was to be rotated.\n".to_owned();
    }
    let rows: Vec<Vec<String>> = rotated
        .credentials
        .iter()
        .map(|(name, outcome)| {
            let words = match outcome {
                Outcome::Fresh(key) => format!("fresh key {key}, sealed and proved"),
                Outcome::Skipped(why) => format!("left alone: {why}"),
                Outcome::Failed(failure) => format!("FAILED: {failure}"),
            };
            vec![name.to_string(), words]
        })
        .collect();
    render::table(&rows)
}

/// The same for machines.
pub fn document(rotated: &Rotated) -> serde_json::Value {
    let credentials: Vec<_> = rotated
        .credentials
        .iter()
        .map(|(name, outcome)| match outcome {
            Outcome::Fresh(key) => serde_json::json!({ "name": name, "fresh": key }),
            Outcome::Skipped(why) => serde_json::json!({ "name": name, "skipped": why }),
            Outcome::Failed(failure) => failed(name, failure),
        })
        .collect();
    let generations: Vec<_> = rotated
        .generations
        .iter()
        .map(|(name, number)| serde_json::json!({ "compartment": name, "generation": number }))
        .collect();
    let mut document =
        serde_json::json!({ "credentials": credentials, "generations": generations });
    let beside = [
        (
            "alarms",
            rotated.alarms.iter().map(of_alarm).collect::<Vec<_>>(),
        ),
        (
            "elsewhere",
            rotated.elsewhere.iter().map(of_elsewhere).collect(),
        ),
        (
            "reaped",
            rotated.reaped.iter().map(reaped_document).collect(),
        ),
        (
            "unwatched",
            rotated
                .unwatched
                .iter()
                .map(|(name, failure)| failed(name, failure))
                .collect(),
        ),
    ];
    for (name, list) in beside {
        if !list.is_empty() {
            document[name] = list.into();
        }
    }
    document
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

fn failed(name: &Name, failure: &Failure) -> serde_json::Value {
    serde_json::json!({ "name": name, "failed": { "code": failure.code, "what": failure.what } })
}
