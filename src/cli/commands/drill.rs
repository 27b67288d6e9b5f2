//! `breakglass drill`

use std::process::ExitCode;

use super::unseal::members;
use crate::cli::app::App;
use crate::cli::{output, words};
use crate::model::{Failure, Name};
use crate::ops::{self, Drill};

/// Shows that credentials open.
pub fn run(
    app: &App,
    credentials: Vec<Name>,
    compartment: Option<&Name>,
) -> Result<ExitCode, Failure> {
    let drill = app.in_vault(|vault, terminal| {
        let credentials = match compartment {
            Some(compartment) => members(vault, compartment)?,
            None => credentials,
        };
        ops::drill(vault, &credentials, terminal)
    })?;
    if app.json() {
        output::json(&document(&drill));
    } else {
        output::text(&text(&drill));
    }
    Ok(ExitCode::SUCCESS)
}

fn text(drill: &Drill) -> String {
    let mut text = String::new();
    for one in &drill.credentials {
        text.push_str(&format!(
            "{}: {} opens (generation {} of {})\n",
            one.credential, one.access_key, one.generation, one.compartment
        ));
    }
    text.push_str(&format!(
        "{} with {}. No secret was shown, and no key was changed.\n",
        words::count(
            drill.credentials.len(),
            "credential opens",
            "credentials open"
        ),
        words::participants(&drill.participants)
    ));
    text
}

fn document(drill: &Drill) -> serde_json::Value {
    serde_json::json!({
        "time": drill.time,
        "participants": drill.participants,
        "credentials": drill.credentials.iter().map(|one| serde_json::json!({
            "name": one.credential,
            "compartment": one.compartment,
            "generation": one.generation,
            "key": one.access_key,
        })).collect::<Vec<_>>(),
    })
}
