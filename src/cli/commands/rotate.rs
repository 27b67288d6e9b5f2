//! `breakglass rotate`

use std::process::ExitCode;

use crate::cli::app::App;
use crate::cli::{output, render};
use crate::model::{Failure, Name};
use crate::ops::{self, Outcome, RotateRequest, Rotated};

/// Rotates.
pub fn run(app: &App, compartments: Vec<Name>, due_only: bool) -> Result<ExitCode, Failure> {
    let request = RotateRequest {
        compartments,
        due_only,
    };
    let rotated = app.in_vault_with_aws(|vault, cloud, terminal| {
        ops::rotate(vault, cloud, &request, terminal)
    })?;
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

/// One line for each credential.
pub fn text(rotated: &Rotated) -> String {
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
            Outcome::Failed(failure) => serde_json::json!({
                "name": name,
                "failed": { "code": failure.code, "what": failure.what },
            }),
        })
        .collect();
    let generations: Vec<_> = rotated
        .generations
        .iter()
        .map(|(name, number)| serde_json::json!({ "compartment": name, "generation": number }))
        .collect();
    serde_json::json!({ "credentials": credentials, "generations": generations })
}
