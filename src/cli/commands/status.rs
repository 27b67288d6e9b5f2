//! `breakglass status`

use std::path::Path;
use std::process::ExitCode;

use super::copies::{self, Copy};
use super::{monitored, policy};
use crate::cli::app::App;
use crate::cli::escape::Shown;
use crate::cli::{output, render, words};
use crate::model::{Class, Failure};
use crate::ops::{self, SealedStatus, Status};

/// Shows how the vault stands; exit 10 if somebody must do something.
pub fn run(app: &App, metrics: Option<&Path>) -> Result<ExitCode, Failure> {
    let status = app.in_vault(|vault, _| Ok(ops::status(vault)));
    let written = match metrics {
        Some(path) => monitored::write(path, status.as_ref().ok(), None),
        None => Ok(()),
    };
    let status = status?;
    let copies = copies::of(app, status.fingerprint);
    if metrics.is_some_and(monitored::is_output) {
        // It has the metrics.
    } else if app.json() {
        output::json(&document(&status, &copies));
    } else {
        output::text(&text(&status, &copies));
    }
    written
        .map_err(|failure| failure.state("the vault was read; the metrics are those of before"))?;
    if status.attention.is_empty() {
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::from(Class::Attention.exit_code()))
    }
}

fn text(status: &Status, copies: &[Copy]) -> String {
    let mut text = String::new();
    for attention in &status.attention {
        text.push_str(&format!(
            "! {}\n    {}\n",
            Shown(&attention.what),
            Shown(&attention.command)
        ));
    }
    let rotators: Vec<&str> = status.rotators.iter().map(|name| name.as_str()).collect();
    let here = if status.is_rotator {
        "this machine is one"
    } else {
        "this machine is none"
    };
    let mut rows = vec![
        vec!["vault".to_owned(), status.vault.to_string()],
        vec!["fingerprint".to_owned(), status.fingerprint.grouped()],
        vec![
            "manifest".to_owned(),
            format!("version {}", status.manifest_version),
        ],
        vec![
            "ledger".to_owned(),
            format!("{} entries", status.ledger_size),
        ],
        vec![
            "rotators".to_owned(),
            format!("{} ({here})", rotators.join(", ")),
        ],
    ];
    for role in &status.roles {
        if !role.custodians.is_empty() {
            rows.push(vec![role.role.to_string(), role_text(role)]);
        }
    }
    for compartment in &status.compartments {
        let words = match (&compartment.committed, &compartment.due) {
            (Some((generation, time)), Some(due)) => {
                format!("generation {generation} of {time}, due {due}")
            }
            _ => "nothing sealed".to_owned(),
        };
        rows.push(vec![format!("compartment {}", compartment.name), words]);
        for set in &compartment.sealed {
            rows.extend(
                sealed_text(set)
                    .into_iter()
                    .map(|what| vec![String::new(), what]),
            );
        }
    }
    for credential in &status.credentials {
        let words = credential_text(credential);
        rows.push(vec![format!("credential {}", credential.name), words]);
    }
    for incident in &status.incidents {
        rows.push(vec![
            format!("incident {}", incident.name),
            incident.reason.clone(),
        ]);
        rows.extend(
            incident
                .outstanding
                .iter()
                .map(|what| vec![String::new(), what.clone()]),
        );
    }
    for copy in copies {
        let behind = copies::behind(copy, status.ledger_size);
        let words = format!("{}: {behind}, written {}", Shown(&copy.place), copy.written);
        rows.push(vec!["copy".to_owned(), words]);
    }
    text.push_str(&render::table(&rows));
    text
}

fn credential_text(credential: &ops::CredentialStatus) -> String {
    let Some((key, generation, _)) = &credential.key else {
        return "no sealed key".to_owned();
    };
    let opens = match credential.exercised {
        Some(time) => format!("shown to open at {time}"),
        None => "never shown to open".to_owned(),
    };
    format!("{key}, generation {generation}, {opens}")
}

/// Who can open what is sealed for others than the manifest in force names, and who still could.
fn sealed_text(set: &SealedStatus) -> Vec<String> {
    let opens = if !set.current {
        "it is not opened any more, and its keys are alive".to_owned()
    } else if set.access.is_possible() {
        format!("opens with {}", words::takes(&set.access))
    } else {
        "NOBODY can open it".to_owned()
    };
    let first = format!(
        "generation {} is sealed under manifest {}: {opens}",
        set.generation, set.manifest
    );
    let mut lines = vec![first];
    lines.extend(set.exposures.iter().map(words::exposure));
    lines
}

fn role_text(role: &ops::RoleStatus) -> String {
    let people: Vec<String> = role
        .custodians
        .iter()
        .map(|(name, tokens)| {
            format!(
                "{name} ({tokens} token{})",
                if *tokens == 1 { "" } else { "s" }
            )
        })
        .collect();
    let presence = match (role.custodians.is_empty(), role.without_touch) {
        (true, _) => "",
        (_, true) => ", presence none",
        (_, false) => ", presence touch",
    };
    let firmware = role.firmware.map(|oldest| format!(", firmware {oldest}"));
    let firmware = firmware.unwrap_or_default();
    let losses = match role.losses_left {
        0 => "NO token may be lost".to_owned(),
        1 => "1 token may be lost".to_owned(),
        count => format!("{count} tokens may be lost"),
    };
    format!(
        "{} of {}: {}; {losses}{presence}{firmware}",
        role.threshold,
        people.len(),
        people.join(", ")
    )
}

fn document(status: &Status, copies: &[Copy]) -> serde_json::Value {
    serde_json::json!({
        "copies": copies.iter().map(|copy| serde_json::json!({
            "place": copy.place,
            "written": copy.written,
            "behind": status.ledger_size.saturating_sub(copy.entries),
        })).collect::<Vec<_>>(),
        "vault": status.vault,
        "fingerprint": status.fingerprint,
        "manifest-version": status.manifest_version,
        "ledger-size": status.ledger_size,
        "rotators": status.rotators,
        "is-rotator": status.is_rotator,
        "roles": status.roles.iter().map(|role| serde_json::json!({
            "role": role.role,
            "threshold": role.threshold,
            "custodians": role.custodians,
            "losses-left": role.losses_left,
            "people-left": role.people_left,
            "without-touch": role.without_touch,
            "oldest-firmware": role.firmware,
        })).collect::<Vec<_>>(),
        "compartments": status.compartments.iter().map(|compartment| serde_json::json!({
            "name": compartment.name,
            "committed": compartment.committed,
            "due": compartment.due,
            "sealed-for-others": compartment.sealed.iter().map(|set| serde_json::json!({
                "generation": set.generation,
                "manifest-version": set.manifest,
                "current": set.current,
                "access": policy::access(&set.access),
                "exposures": set.exposures.iter().map(policy::exposure).collect::<Vec<_>>(),
                "newcomers": policy::newcomers(&set.newcomers),
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "credentials": status.credentials.iter().map(|credential| serde_json::json!({
            "name": credential.name,
            "compartment": credential.compartment,
            "account": credential.account,
            "user": credential.user,
            "key": credential.key,
            "exercised": credential.exercised,
        })).collect::<Vec<_>>(),
        "incidents": status.incidents.iter().map(|incident| serde_json::json!({
            "name": incident.name,
            "reason": incident.reason,
            "expires": incident.expires,
            "closing": incident.closing,
            "outstanding": incident.outstanding,
        })).collect::<Vec<_>>(),
        "attention": status.attention.iter().map(|attention| serde_json::json!({
            "what": attention.what,
            "command": attention.command,
        })).collect::<Vec<_>>(),
    })
}
