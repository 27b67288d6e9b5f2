//! `breakglass rotate`

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use super::beside;
use super::monitored::{self, Watched};
use crate::cli::app::App;
use crate::cli::args::Command;
use crate::cli::escape::Shown;
use crate::cli::{output, render, words};
use crate::model::{Class, Failure, Name};
use crate::ops::{self, Foreseen, Outcome, RotateRequest, Rotated, Will};

/// Rotates, and tells the monitor how that ended.
pub fn run(
    app: &App,
    request: &RotateRequest,
    metrics: Option<&Path>,
) -> Result<ExitCode, Failure> {
    let Some(metrics) = metrics else {
        return told(app, rotate(app, request), true);
    };
    let watched = Watched::begin();
    let rotated = rotate(app, request);
    // Looked at anew: what the run itself knew at its end may be less than what it has recorded.
    let status = app.in_vault(|vault, _| Ok(ops::status(vault))).ok();
    let run = watched.end(&rotated);
    let written = monitored::write(metrics, status.as_ref(), Some(&run));
    let went_well = rotated
        .as_ref()
        .is_ok_and(|rotated| rotated.failure().is_none());
    let done = told(app, rotated, !monitored::is_output(metrics));
    match written {
        // What is worse is told last: the exit code is its.
        Err(failure) if !went_well => {
            output::error(&format!("warning: {}\n", Shown(&failure.to_string())));
            done
        }
        Err(failure) => Err(failure
            .class(Class::HalfDone)
            .state("the rotation is done; the metrics are those of before")),
        Ok(()) => done,
    }
}

/// Tells the monitor of a run that ended before it could begin.
pub fn not_begun(command: &Command, failure: &Failure) {
    let Command::Rotate { metrics, .. } = command else {
        return;
    };
    if let Some(path) = &metrics.metrics {
        let run = Watched::begin().failed(failure);
        if let Err(failure) = monitored::write(path, None, Some(&run)) {
            output::error(&format!("warning: {}\n", Shown(&failure.to_string())));
        }
    }
}

fn rotate(app: &App, request: &RotateRequest) -> Result<Rotated, Failure> {
    app.in_vault_with_aws(|vault, cloud, terminal| ops::rotate(vault, cloud, request, terminal))
}

fn told(
    app: &App,
    rotated: Result<Rotated, Failure>,
    to_output: bool,
) -> Result<ExitCode, Failure> {
    let rotated = rotated?;
    match (rotated.failure(), app.json()) {
        (None, true) if to_output => output::json(&document(&rotated)),
        (None, false) if to_output => output::text(&text(&rotated)),
        (None, true) => {}
        (None, false) => output::error(&text(&rotated)),
        (Some(failure), true) if to_output => {
            let mut all = document(&rotated);
            all["error"] = render::document(&failure);
            output::json(&all);
            return Ok(ExitCode::from(failure.class.exit_code()));
        }
        (Some(failure), true) => return Err(failure),
        (Some(failure), false) => {
            // Standard output is empty where something failed; what became of each is talk.
            output::error(&text(&rotated));
            return Err(failure);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what a rotation would do.
pub fn foresee(app: &App, request: &RotateRequest) -> Result<ExitCode, Failure> {
    let foreseen = app.in_vault(|vault, _| ops::foresee(vault, request))?;
    if app.json() {
        let credentials: Vec<_> = foreseen.iter().map(foreseen_document).collect();
        output::json(&serde_json::json!({ "credentials": credentials }));
        return Ok(ExitCode::SUCCESS);
    }
    if foreseen.is_empty() {
        output::text("There is no credential to rotate.\n");
    }
    for one in &foreseen {
        let first = format!("{} in {}: {}", one.name, one.account, will(one.will));
        let mut why = one.why.join("; ");
        if !one.going.is_empty() {
            let going: Vec<&str> = one.going.iter().map(|key| key.as_str()).collect();
            why.push_str(&format!("; old keys that would go: {}", going.join(", ")));
        }
        output::text(&words::wrapped(
            "",
            "  ",
            &format!("{first}: {}", Shown(&why)),
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn will(will: Will) -> &'static str {
    match will {
        Will::Rotate => "would be rotated",
        Will::Tidy => "what was left would be cleared away",
        Will::Leave => "would be left alone",
    }
}

fn foreseen_document(one: &Foreseen) -> serde_json::Value {
    let will = match one.will {
        Will::Rotate => "rotate",
        Will::Tidy => "tidy",
        Will::Leave => "leave",
    };
    serde_json::json!({
        "name": one.name,
        "compartment": one.compartment,
        "account": one.account,
        "will": will,
        "why": one.why,
        "going": one.going,
    })
}

/// So many lines are read; beyond that, those that went well are counted.
const MOST_ROWS: usize = 50;

/// What was found beside, then one line for each credential, then what failed, account by account.
pub fn text(rotated: &Rotated) -> String {
    format!("{}{}", beside::text(rotated), of_credentials(rotated))
}

fn of_credentials(rotated: &Rotated) -> String {
    if rotated.credentials.is_empty() {
        return "Nothing was to be rotated.\n".to_owned();
    }
    let all = &rotated.credentials;
    let fresh = all.iter().filter(|(_, o)| matches!(o, Outcome::Fresh(_)));
    let short = all.len() > MOST_ROWS;
    let mut text = match short {
        true => format!(
            "{} of {} credentials have fresh keys, sealed and proved\n",
            fresh.count(),
            all.len()
        ),
        false => String::new(),
    };
    let rows = all.iter().filter_map(|(name, outcome)| {
        let words = match outcome {
            Outcome::Fresh(_) if short => return None,
            Outcome::Fresh(key) => format!("fresh key {key}, sealed and proved"),
            Outcome::Skipped(why) => format!("left alone: {why}"),
            Outcome::Failed(_) => return None,
        };
        Some(vec![name.to_string(), words])
    });
    text.push_str(&render::table(&rows.collect::<Vec<_>>()));
    text.push_str(&failures(rotated));
    text
}

/// What failed: in each account each failure once, with the credentials that it concerns.
fn failures(rotated: &Rotated) -> String {
    let mut accounts: BTreeMap<String, BTreeMap<String, Vec<&Name>>> = BTreeMap::new();
    for (name, outcome) in &rotated.credentials {
        if let Outcome::Failed(failure) = outcome {
            let account = rotated.accounts.get(name).map(ToString::to_string);
            let account = accounts.entry(account.unwrap_or_default()).or_default();
            account.entry(failure.to_string()).or_default().push(name);
        }
    }
    let mut text = String::new();
    for (account, failures) in accounts {
        let count: usize = failures.values().map(Vec::len).sum();
        text.push_str(&format!("account {account}: {count} FAILED\n"));
        for (failure, names) in failures {
            let shown: Vec<String> = names.iter().take(5).map(ToString::to_string).collect();
            let more = match names.len().saturating_sub(shown.len()) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let line = format!("{}{more}: FAILED: {}", shown.join(", "), Shown(&failure));
            text.push_str(&words::wrapped("  ", "    ", &line));
        }
    }
    text
}

/// The same for machines.
pub fn document(rotated: &Rotated) -> serde_json::Value {
    let (mut fresh, mut skipped, mut failed) = (0, 0, 0);
    let one = |(name, outcome): &(Name, Outcome)| {
        let account = rotated.accounts.get(name);
        let mut one = serde_json::json!({ "name": name, "account": account });
        match outcome {
            Outcome::Fresh(key) => {
                fresh += 1;
                one["fresh"] = serde_json::json!(key);
            }
            Outcome::Skipped(why) => {
                skipped += 1;
                one["skipped"] = serde_json::json!(why);
            }
            Outcome::Failed(failure) => {
                failed += 1;
                let failure = serde_json::json!({ "code": failure.code, "what": failure.what });
                one["failed"] = failure;
            }
        }
        one
    };
    let credentials: Vec<_> = rotated.credentials.iter().map(one).collect();
    let generations: Vec<_> = rotated
        .generations
        .iter()
        .map(|(name, number)| serde_json::json!({ "compartment": name, "generation": number }))
        .collect();
    let counts = serde_json::json!({ "fresh": fresh, "skipped": skipped, "failed": failed });
    let mut document = serde_json::json!({
        "counts": counts, "credentials": credentials, "generations": generations,
    });
    beside::add(rotated, &mut document);
    document
}
