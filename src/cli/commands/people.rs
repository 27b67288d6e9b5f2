//! `breakglass custodian`, `threshold`, `compartment`, `rotator`: the manifest, shown and changed.

use std::process::ExitCode;

use crate::cli::app::App;
use crate::cli::args::{Custodian, Rotator};
use crate::cli::{output, render};
use crate::format::{self, Manifest};
use crate::model::{Class, Failure, Name, Presence, Role};
use crate::ops::{Change, change_manifest};

/// Shows the people and their tokens.
pub fn list_custodians(app: &App) -> Result<ExitCode, Failure> {
    app.in_vault(|vault, _| {
        let manifest = vault.manifest();
        if app.json() {
            output::json(&serde_json::json!({
                "version": manifest.version,
                "thresholds": manifest.thresholds,
                "custodians": manifest.custodians,
            }));
            return Ok(ExitCode::SUCCESS);
        }
        let header = ["NAME", "ROLE", "TOKEN", "SERIAL", "PRESENCE"];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        for (custodian, token) in manifest.tokens() {
            let presence = match token.keys.presence {
                Presence::Touch => "touch",
                Presence::None => "none",
            };
            rows.push(vec![
                custodian.name.to_string(),
                custodian.role.to_string(),
                token.identity.label.clone(),
                token.identity.serial.clone(),
                presence.to_owned(),
            ]);
        }
        output::text(&render::table(&rows));
        Ok(ExitCode::SUCCESS)
    })
}

/// Enrols or retires.
pub fn change_custodians(app: &App, command: Custodian) -> Result<ExitCode, Failure> {
    change(app, |manifest| match command {
        Custodian::List => Err(nothing("custodian list changes nothing".into())),
        Custodian::Enroll { name, role, token } => Ok(Change::Enrol {
            name,
            role,
            locator: token,
        }),
        Custodian::Retire { name, token: None } => Ok(Change::RetireCustodian(name)),
        Custodian::Retire {
            name,
            token: Some(serial),
        } => {
            let of = manifest.custodian(&name);
            let found = of.and_then(|c| {
                c.tokens
                    .iter()
                    .find(|token| token.identity.serial == serial)
            });
            match found {
                Some(token) => Ok(Change::RetireToken(token.id())),
                None => Err(
                    nothing(format!("{name} has no token with the serial {serial}"))
                        .hint("breakglass custodian list"),
                ),
            }
        }
    })
}

/// Sets a threshold.
pub fn threshold(app: &App, role: Role, count: u8) -> Result<ExitCode, Failure> {
    change(app, |_| Ok(Change::Threshold(role, count)))
}

/// Shows the compartments.
pub fn list_compartments(app: &App) -> Result<ExitCode, Failure> {
    names(app, "compartments", |manifest| {
        manifest.compartments.clone()
    })
}

/// Adds a compartment.
pub fn add_compartment(app: &App, name: Name) -> Result<ExitCode, Failure> {
    change(app, |_| Ok(Change::AddCompartment(name)))
}

/// Shows the rotators.
pub fn list_rotators(app: &App) -> Result<ExitCode, Failure> {
    names(app, "rotators", |manifest| {
        manifest.rotators.iter().map(|r| r.name.clone()).collect()
    })
}

/// Adds or retires a rotator.
pub fn change_rotators(app: &App, command: Rotator) -> Result<ExitCode, Failure> {
    change(app, |_| match command {
        Rotator::List => Err(nothing("rotator list changes nothing".into())),
        Rotator::Retire { name } => Ok(Change::RetireRotator(name)),
        Rotator::Add { name, key } => {
            let public = data_encoding::BASE64
                .decode(key.as_bytes())
                .unwrap_or_default();
            if public.len() != 32 {
                return Err(Failure::new(
                    Class::Usage,
                    "not-a-key",
                    "a rotator's key is 32 bytes in base64",
                    "nothing was changed",
                )
                .hint("the machine itself shows its key: breakglass rotate, typed there"));
            }
            Ok(Change::AddRotator(format::Rotator { name, public }))
        }
    })
}

fn names(
    app: &App,
    what: &str,
    of: impl FnOnce(&Manifest) -> Vec<Name>,
) -> Result<ExitCode, Failure> {
    app.in_vault(|vault, _| {
        let names = of(vault.manifest());
        if app.json() {
            output::json(&serde_json::json!({ what: names }));
        } else {
            let lines: Vec<String> = names.iter().map(|name| format!("{name}\n")).collect();
            output::text(&lines.concat());
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn change(
    app: &App,
    draw_up: impl FnOnce(&Manifest) -> Result<Change, Failure>,
) -> Result<ExitCode, Failure> {
    app.in_vault(|vault, terminal| {
        let change = draw_up(vault.manifest())?;
        let version = change_manifest(vault, &change, terminal)?;
        if app.json() {
            output::json(&serde_json::json!({ "version": version }));
            return Ok(ExitCode::SUCCESS);
        }
        output::text(&format!("Manifest {version} is in force.\n"));
        let reseals = matches!(
            change,
            Change::Enrol { .. }
                | Change::RetireCustodian(_)
                | Change::RetireToken(_)
                | Change::Threshold(..)
        );
        if reseals {
            output::text(
                "What is sealed already still opens as before, until: breakglass rotate\n",
            );
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn nothing(what: String) -> Failure {
    Failure::new(
        Class::Refused,
        "change-refused",
        what,
        "the manifest in force stays as it is",
    )
}
