//! `breakglass custodian`, `threshold`, `compartment`, `rotator`: the manifest, shown and changed.

use std::collections::BTreeSet;
use std::process::ExitCode;

use super::{plan, plan_json, roots};
use crate::cli::app::App;
use crate::cli::args::{Custodian, DryRun, PolicySet, Rotator};
use crate::cli::terminal::Terminal;
use crate::cli::{output, render, words};
use crate::format::{self, Manifest};
use crate::model::{Class, Digest, Failure, Name, Role, TokenIdentity};
use crate::ops::{self, Change, PolicyRules};
use crate::policy::{Period, firmware};
use crate::ports::Operator;

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
        let header = ["NAME", "ROLE", "TOKEN", "SERIAL", "PRESENCE", "FIRMWARE"];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        for (custodian, token) in manifest.tokens() {
            rows.push(vec![
                custodian.name.to_string(),
                custodian.role.to_string(),
                token.identity.label.clone(),
                token.identity.serial.clone(),
                words::presence(token.keys.presence).to_owned(),
                words::firmware(firmware(token)),
            ]);
        }
        output::text(&render::table(&rows));
        Ok(ExitCode::SUCCESS)
    })
}

/// Enrols or retires.
pub fn change_custodians(app: &App, command: Custodian) -> Result<ExitCode, Failure> {
    match command {
        Custodian::List => list_custodians(app),
        Custodian::Enroll {
            name,
            role,
            token,
            replaces,
            dry_run,
        } => change(app, dry_run, |manifest| {
            let of_hers = |serial: String| only_token(manifest, Some(&name), &serial);
            Ok(Change::Enrol {
                replaces: replaces.map(of_hers).transpose()?,
                name: name.clone(),
                role,
                locator: token,
            })
        }),
        Custodian::Lost { serials, dry_run } => change(app, dry_run, |manifest| {
            let found = serials
                .iter()
                .map(|serial| only_token(manifest, None, serial));
            let ids: BTreeSet<Digest> = found.collect::<Result<_, _>>()?;
            Ok(Change::RetireTokens {
                ids: ids.into_iter().collect(),
                lost: true,
            })
        }),
        Custodian::Retire {
            name,
            token: None,
            lost,
            dry_run,
        } => change(app, dry_run, |_| Ok(Change::RetireCustodian { name, lost })),
        Custodian::Retire {
            name,
            token: Some(serial),
            lost,
            dry_run,
        } => change(app, dry_run, |manifest| {
            let ids = vec![only_token(manifest, Some(&name), &serial)?];
            Ok(Change::RetireTokens { ids, lost })
        }),
    }
}

/// The one token with a serial number (or with a label, if it has no serial), of somebody or of anybody.
fn only_token(manifest: &Manifest, of: Option<&Name>, serial: &str) -> Result<Digest, Failure> {
    let is_it = |token: &TokenIdentity| {
        token.serial == serial || token.serial.is_empty() && token.label == serial
    };
    let found: Vec<Digest> = manifest
        .tokens()
        .filter(|(owner, _)| of.is_none_or(|name| owner.name == *name))
        .filter(|(_, token)| is_it(&token.identity))
        .map(|(_, token)| token.id())
        .collect();
    let who = of.map_or("nobody", Name::as_str);
    match (found.as_slice(), of) {
        ([one], _) => Ok(*one),
        ([], Some(_)) => Err(nothing(format!(
            "{who} has no token with the serial {serial}"
        ))),
        ([], None) => Err(nothing(format!(
            "nobody has a token with the serial {serial}"
        ))),
        (several, None) => Err(nothing(format!(
            "{} tokens have the serial {serial}",
            several.len()
        ))
        .hint("breakglass custodian retire NAME --token SERIAL --lost")),
        (several, Some(_)) => Err(nothing(format!(
            "{} tokens of {who} have the serial {serial}",
            several.len()
        ))),
    }
    .map_err(|failure| failure.hint("breakglass custodian list"))
}

/// Sets a threshold.
pub fn threshold(app: &App, role: Role, count: u8, dry_run: DryRun) -> Result<ExitCode, Failure> {
    change(app, dry_run, |_| Ok(Change::Threshold(role, count)))
}

/// Shows the compartments.
pub fn list_compartments(app: &App) -> Result<ExitCode, Failure> {
    names(app, "compartments", |manifest| {
        manifest.compartments.clone()
    })
}

/// Adds a compartment.
pub fn add_compartment(app: &App, name: Name, dry_run: DryRun) -> Result<ExitCode, Failure> {
    change(app, dry_run, |_| Ok(Change::AddCompartment(name)))
}

/// Shows the rotators.
pub fn list_rotators(app: &App) -> Result<ExitCode, Failure> {
    names(app, "rotators", |manifest| {
        manifest.rotators.iter().map(|r| r.name.clone()).collect()
    })
}

/// Adds, replaces or retires a rotator.
pub fn change_rotators(app: &App, command: Rotator) -> Result<ExitCode, Failure> {
    match command {
        Rotator::List => list_rotators(app),
        Rotator::Retire { name, dry_run } => {
            change(app, dry_run, |_| Ok(Change::RetireRotator(name)))
        }
        Rotator::Add { name, key, dry_run } => change(app, dry_run, |_| {
            Ok(Change::AddRotator(rotator(name, &key)?))
        }),
        Rotator::Replace {
            old,
            new,
            key,
            dry_run,
        } => change(app, dry_run, |_| {
            Ok(Change::ReplaceRotator(old, rotator(new, &key)?))
        }),
    }
}

fn rotator(name: Name, key: &str) -> Result<format::Rotator, Failure> {
    let public = data_encoding::BASE64
        .decode(key.as_bytes())
        .unwrap_or_default();
    if public.len() == 32 {
        return Ok(format::Rotator { name, public });
    }
    Err(Failure::new(
        Class::Usage,
        "not-a-key",
        "a rotator's key is 32 bytes in base64",
        "nothing was changed",
    )
    .hint("the machine itself shows its key: breakglass rotate, typed there"))
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

/// Changes the policy.
pub fn policy_set(app: &App, given: PolicySet) -> Result<ExitCode, Failure> {
    let times = [
        (Period::Rotation, given.rotate_days),
        (Period::Lease, given.max_lease),
        (Period::Grace, given.grace),
        (Period::Proved, given.keep_proved),
    ];
    let times = times.into_iter();
    let times = times.filter_map(|(period, time)| Some((period, time?)));
    let rules = PolicyRules {
        min_firmware: given.min_firmware,
        pin_once: match (given.allow_pin_once, given.refuse_pin_once) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
        add_roots: roots::read(&given.add_root)?,
        remove_roots: given.remove_root,
        times: times.collect(),
    };
    change(app, given.dry_run, |_| Ok(Change::Policy(rules)))
}

/// Plans a change, shows the plan, has it signed and says what is in force then.
fn change(
    app: &App,
    DryRun { dry_run }: DryRun,
    draw_up: impl FnOnce(&Manifest) -> Result<Change, Failure>,
) -> Result<ExitCode, Failure> {
    app.require_whole()?;
    app.in_vault(|vault, terminal| {
        let change = draw_up(vault.manifest())?;
        if dry_run {
            let plan = ops::preview_change(vault, &change)?;
            if app.json() {
                output::json(&serde_json::json!({ "plan": plan_json::document(&plan) }));
            } else {
                output::text(&plan::text(&plan));
            }
            return Ok(ExitCode::SUCCESS);
        }
        let planned = ops::plan_change(vault, &change, terminal)?;
        let plan = planned.plan.clone();
        terminal.show(&plan::text(&plan));
        if !plan.worse.is_empty() {
            consent(terminal)?;
        }
        let version = ops::carry_out(vault, planned, terminal)?;
        if app.json() {
            output::json(&serde_json::json!({
                "version": version,
                "plan": plan_json::document(&plan),
            }));
        } else {
            output::text(&format!("Manifest {version} is in force.\n"));
            if !plan.next.is_empty() {
                output::text(&format!("Next:\n{}", plan::next(&plan)));
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Consent to what the plan marks as worse.
fn consent(terminal: &mut Terminal) -> Result<(), Failure> {
    let state = "nobody was asked to sign, and nothing was changed";
    let declined = |error| Failure::from(error).state(state);
    terminal
        .confirm(
            "What is marked with ! gets worse. Go on all the same?",
            "yes",
        )
        .map_err(declined)
}

fn nothing(what: String) -> Failure {
    Failure::new(
        Class::Refused,
        "change-refused",
        what,
        "the manifest in force stays as it is",
    )
}
