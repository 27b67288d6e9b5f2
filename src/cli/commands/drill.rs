//! `breakglass drill`

use std::process::ExitCode;

use super::unseal::members;
use crate::cli::app::App;
use crate::cli::output;
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
    let people: Vec<String> = drill
        .participants
        .iter()
        .map(|one| format!("{} ({})", one.custodian, one.role))
        .collect();
    let count = drill.credentials.len();
    text.push_str(&format!(
        "{count} credential{} open{} with {}. No secret was shown, and no key was changed.\n",
        if count == 1 { "" } else { "s" },
        if count == 1 { "s" } else { "" },
        people.join(" and ")
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
