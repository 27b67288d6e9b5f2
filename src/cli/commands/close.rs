//! `breakglass close`

use std::process::ExitCode;

use super::rotate;
use crate::cli::app::App;
use crate::cli::{output, revoke};
use crate::model::{Class, Failure, Name};
use crate::ops::{self, Closed, OpenVault};

/// Closes an incident.
pub fn run(app: &App, incident: Option<Name>) -> Result<ExitCode, Failure> {
    let closed = app.in_vault_with_aws(|vault, cloud, terminal| {
        let incident = incident.map_or_else(|| only_one(vault), Ok)?;
        ops::close(vault, cloud, &incident, terminal)
    })?;
    if app.json() {
        output::json(&document(&closed));
    } else {
        output::text(&text(&closed));
    }
    Ok(ExitCode::SUCCESS)
}

fn only_one(vault: &OpenVault<'_>) -> Result<Name, Failure> {
    let live: Vec<&Name> = vault
        .state()
        .incidents
        .iter()
        .filter(|(_, i)| i.is_live())
        .map(|(name, _)| name)
        .collect();
    match live.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(Failure::new(
            Class::Refused,
            "no-open-incident",
            "there is no open incident",
            "nothing was changed",
        )
        .hint("breakglass status")),
        several => {
            let mut failure = Failure::new(
                Class::Usage,
                "which-incident",
                format!("{} incidents are open", several.len()),
                "nothing was changed",
            );
            for name in several {
                failure = failure.hint(format!("breakglass close {name}"));
            }
            Err(failure)
        }
    }
}

/// What closing did, a line for each key.
pub fn text(closed: &Closed) -> String {
    if closed.already {
        let text = format!("Incident {} was closed before.\n", closed.incident);
        return text + &living(closed);
    }
    let mut text = String::new();
    for (name, key, used) in &closed.revoked {
        let used = used.map_or_else(|| "never".to_owned(), |time| time.to_string());
        text.push_str(&format!("{name}: AWS refuses {key} (last used: {used})\n"));
    }
    if !closed.rotated.credentials.is_empty() {
        text.push_str(&rotate::text(&closed.rotated));
    }
    text.push_str(&format!("Incident {} is closed.\n", closed.incident));
    text + &living(closed)
}

fn living(closed: &Closed) -> String {
    closed.outlived.iter().map(revoke::text).collect()
}

/// The same for machines.
pub fn document(closed: &Closed) -> serde_json::Value {
    let revoked: Vec<_> = closed
        .revoked
        .iter()
        .map(|(name, key, used)| serde_json::json!({ "name": name, "key": key, "last-used": used }))
        .collect();
    serde_json::json!({
        "incident": closed.incident,
        "closed-before": closed.already,
        "revoked": revoked,
        "rotated": rotate::document(&closed.rotated),
        "sessions": closed.outlived.iter().map(revoke::document).collect::<Vec<_>>(),
    })
}
