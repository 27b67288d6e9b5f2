//! `breakglass ledger`

use std::process::ExitCode;

use super::join;
use crate::cli::app::App;
use crate::cli::args::Ledger;
use crate::cli::{output, render, words};
use crate::format::{DrilledStatement, OpenedStatement};
use crate::ledger::{Completeness, Event, Verified};
use crate::model::{Class, Failure};
use crate::ops::{self, LedgerReport, LoggedEntry};
use crate::ports::StoreKey;

/// Verifies, shows or joins the ledger.
pub fn run(app: &App, command: Ledger) -> Result<ExitCode, Failure> {
    if let Ledger::Join { dir } = command {
        return join::run(app, &dir);
    }
    let store = app.store()?;
    let name = app.station_name()?;
    match command {
        Ledger::Verify => {
            let report = app.in_world(&*store, name, |world, _| ops::ledger_verify(world))?;
            verified(app, report)
        }
        Ledger::Log { incident } => {
            let entries = app.in_world(&*store, name, |world, _| {
                ops::ledger_log(world, incident.as_ref())
            })?;
            log(app, &entries);
            Ok(ExitCode::SUCCESS)
        }
        Ledger::Join { .. } => Ok(ExitCode::SUCCESS),
    }
}

fn verified(app: &App, report: LedgerReport) -> Result<ExitCode, Failure> {
    let complete = completeness(&report.verified)?;
    let is_complete = report.is_complete();
    let LedgerReport {
        verified,
        rotators,
        joined,
        documents,
    } = report;
    let good = documents.good;
    if let Some(failure) = documents.failure() {
        return Err(failure);
    }
    let derived = &verified.derived;
    if app.json() {
        output::json(&serde_json::json!({
            "intact": true,
            "complete": is_complete,
            "entries": verified.entries,
            "root": verified.head.root,
            "documents": good,
            "joined": joined,
            "checkpoint_ahead": verified.checkpoint_ahead.map(|ahead| ahead.size),
            "tiles": {
                "missing": names(&derived.missing),
                "wrong": names(&derived.wrong),
                "odd": names(&derived.odd),
            },
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![
        vec![
            "intact".to_owned(),
            format!(
                "yes: {} entries in {} commits",
                verified.entries, verified.commits
            ),
        ],
        vec!["complete".to_owned(), complete],
        vec![
            "documents".to_owned(),
            format!("{good} headers and records, as the ledger names them"),
        ],
        vec!["head".to_owned(), verified.head.root.to_string()],
    ];
    if joined > 0 {
        let what = format!("{joined} ledgers that were recorded offline, kept and carried over");
        rows.push(vec!["joined".to_owned(), what]);
    }
    for signer in &verified.signers {
        let enrolled = if rotators.iter().any(|r| r.public == signer.key) {
            "rotator"
        } else {
            "station"
        };
        rows.push(vec![
            format!("{enrolled} {}", signer.name),
            format!("{} commits", signer.commits),
        ]);
    }
    rows.extend(hints_of_derived(&verified));
    output::text(&render::table(&rows));
    Ok(ExitCode::SUCCESS)
}

fn names(keys: &[StoreKey]) -> Vec<&str> {
    keys.iter().map(StoreKey::as_str).collect()
}

/// What the files say that are derived from the ledger; it takes nothing from the ledger.
fn hints_of_derived(verified: &Verified) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let row = |text: String| vec!["tiles".to_owned(), text];
    if !verified.derived.is_ok() {
        rows.push(row(
            "some are missing or stale; the next append mends them".to_owned()
        ));
    }
    if let Some(first) = verified.derived.odd.first() {
        rows.push(row(format!(
            "{} files that belong to no tile, such as {first}: nothing reads them; remove them",
            verified.derived.odd.len()
        )));
    }
    if let Some(ahead) = verified.checkpoint_ahead {
        rows.push(row(format!(
            "the plain checkpoint is of {} entries: were the newest cut off?",
            ahead.size
        )));
    }
    rows
}

/// The second verdict, in words.
fn completeness(verified: &Verified) -> Result<String, Failure> {
    Ok(match &verified.complete {
        Completeness::Complete { newest } => {
            format!(
                "yes, as far as this machine remembers ({} entries)",
                newest.size
            )
        }
        Completeness::NoAnchor => {
            "UNKNOWN: this machine remembers nothing to compare with".to_owned()
        }
        Completeness::Missing { anchor } => {
            return Err(integrity(
                "ledger-cut-off",
                format!(
                    "the ledger has {} entries, and {} were seen before",
                    verified.entries, anchor.size
                ),
            ));
        }
        Completeness::Forked { anchor, .. } => {
            return Err(integrity(
                "ledger-forked",
                format!(
                    "the ledger differs from what was seen before, within its first {} entries",
                    anchor.size
                ),
            ));
        }
    })
}

fn integrity(code: &'static str, what: String) -> Failure {
    Failure::new(
        Class::Integrity,
        code,
        what,
        "what is there is intact; what is missing is not known",
    )
    .hint("stop, leave the vault as it is, and call the security officer")
}

fn log(app: &App, entries: &[LoggedEntry]) {
    if app.json() {
        let all: Vec<_> = entries
            .iter()
            .map(|logged| {
                serde_json::json!({
                    "index": logged.index,
                    "commit": logged.commit,
                    "signer": logged.signer,
                    "time": logged.entry.time,
                    "event": logged.entry.event,
                })
            })
            .collect();
        output::json(&serde_json::json!({ "entries": all }));
        return;
    }
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|logged| {
            vec![
                logged.index.to_string(),
                logged.entry.time.to_string(),
                logged.signer.to_string(),
                logged.entry.event.name(),
                particulars(&logged.entry.event),
            ]
        })
        .collect();
    output::text(&render::table(&rows));
}

/// What is particular to an entry, in a few words.
fn particulars(event: &Event) -> String {
    match event {
        Event::Opened { statement } => match statement.document::<OpenedStatement>() {
            Ok(opened) => {
                let by = words::participants(&opened.participants);
                format!(
                    "{} {} by {by} in {}: {}",
                    opened.credential, opened.access_key, opened.incident, opened.reason
                )
            }
            Err(error) => error.to_string(),
        },
        Event::Drilled { statement } => match statement.document::<DrilledStatement>() {
            Ok(drilled) => {
                let by = words::participants(&drilled.participants);
                format!("{} {} by {by}", drilled.credential, drilled.access_key)
            }
            Err(error) => error.to_string(),
        },
        other => match serde_json::to_value(other) {
            Ok(serde_json::Value::Object(map)) => map.values().map(fields).collect(),
            _ => String::new(),
        },
    }
}

/// `name=value` for the fields of an entry; keys of 32 bytes are left out.
fn fields(value: &serde_json::Value) -> String {
    let serde_json::Value::Object(map) = value else {
        return value.to_string();
    };
    let shown =
        map.iter()
            .filter(|(name, _)| *name != "witness")
            .map(|(name, value)| match value {
                serde_json::Value::String(text) => format!("{name}={text}"),
                serde_json::Value::Object(_) => fields(value),
                other => format!("{name}={other}"),
            });
    shown.collect::<Vec<_>>().join(" ")
}
