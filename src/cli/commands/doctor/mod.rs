//! `breakglass doctor`: what would stop an opening tonight, and what to type about it. It asks for no PIN and
//! changes nothing: no folder is made, no key drawn, nothing recorded or remembered.

mod devices;
mod machine;
mod vault;

use std::process::ExitCode;

use crate::cli::app::App;
use crate::cli::escape::Shown;
use crate::cli::output;
use crate::model::{Class, Failure};
use crate::ops::{Finding, Level};
use crate::ports::PinStatus;

/// Looks at everything; exit 10 if something would stop an opening.
pub fn run(app: &App) -> Result<ExitCode, Failure> {
    let mut findings = machine::look();
    let looked = vault::look(app);
    let manifest = looked.papers.as_ref().map(|papers| &papers.manifest);
    let devices = devices::look(app, manifest)?;
    findings.extend(devices.findings.iter().cloned());
    for token in &devices.tokens {
        findings.extend(token.findings.iter().cloned());
    }
    findings.extend(looked.findings);
    if let Some(manifest) = manifest {
        findings.extend(crate::ops::quorum(manifest, &devices.tokens));
    }
    let stopped = findings.iter().any(|one| one.level == Level::Problem);
    if app.json() {
        output::json(&document(&findings, &devices));
    } else {
        output::text(&text(&findings, &devices, looked.named));
    }
    Ok(if stopped {
        ExitCode::from(Class::Attention.exit_code())
    } else {
        ExitCode::SUCCESS
    })
}

fn mark(level: Level) -> &'static str {
    match level {
        Level::Good => "ok",
        Level::Warning => "warning",
        Level::Problem => "PROBLEM",
    }
}

fn text(findings: &[Finding], devices: &devices::Devices, vault: bool) -> String {
    let mut text = String::new();
    for token in &devices.tokens {
        let worst = token.findings.iter().map(|one| one.level).max();
        text.push_str(&format!(
            "{:<8} {:<14} {}\n",
            mark(worst.unwrap_or(Level::Good)),
            "token",
            Shown(&token_text(token))
        ));
    }
    for finding in findings {
        text.push_str(&format!(
            "{:<8} {:<14} {}\n",
            mark(finding.level),
            finding.about,
            Shown(&finding.what)
        ));
        for step in &finding.mend {
            text.push_str(&format!("{:24}-> {}\n", "", Shown(step)));
        }
    }
    text.push_str(&verdict(findings, vault));
    text
}

fn token_text(token: &crate::ops::SeenToken) -> String {
    let identity = &token.identity;
    let owner = match &token.owner {
        Some((name, role)) => format!("of {name} ({role})"),
        None => "of nobody here".to_owned(),
    };
    let tries = match token.pin {
        None => "its PIN could not be asked about".to_owned(),
        Some(PinStatus::Untold) => "it does not tell the tries left".to_owned(),
        Some(PinStatus::Left(count)) => format!("{count} tries left"),
        Some(PinStatus::CountLow) => "few tries left".to_owned(),
        Some(PinStatus::FinalTry) => "1 try left".to_owned(),
        Some(PinStatus::Locked) => "blocked".to_owned(),
    };
    format!("{identity}, {}: {owner}; {tries}", identity.model)
}

fn verdict(findings: &[Finding], vault: bool) -> String {
    let count = |level| findings.iter().filter(|one| one.level == level).count();
    let (problems, warnings) = (count(Level::Problem), count(Level::Warning));
    let looked = if vault {
        ""
    } else {
        " No vault was looked at: --vault PLACE."
    };
    let warned = match warnings {
        0 => String::new(),
        1 => " One warning.".to_owned(),
        many => format!(" {many} warnings."),
    };
    match problems {
        0 => format!("\nNothing found that would stop an opening.{warned}{looked}\n"),
        1 => format!(
            "\nOne problem would stop an opening tonight: mend it, and run this again.{warned}{looked}\n"
        ),
        many => format!(
            "\n{many} problems would stop an opening tonight: mend them, and run this again.{warned}{looked}\n"
        ),
    }
}

fn document(findings: &[Finding], devices: &devices::Devices) -> serde_json::Value {
    let level = |level| match level {
        Level::Good => "ok",
        Level::Warning => "warning",
        Level::Problem => "problem",
    };
    let stopped = findings.iter().any(|one| one.level == Level::Problem);
    serde_json::json!({
        "opening": if stopped { "stopped" } else { "possible" },
        "findings": findings.iter().map(|finding| serde_json::json!({
            "level": level(finding.level),
            "about": finding.about,
            "what": finding.what,
            "mend": finding.mend,
        })).collect::<Vec<_>>(),
        "readers": devices.readers.iter().map(|reader| serde_json::json!({
            "name": reader.name,
            "card": devices::card_name(reader.card),
        })).collect::<Vec<_>>(),
        "programs": devices.holders.iter().map(|holder| serde_json::json!({
            "name": holder.name,
            "pid": holder.pid,
        })).collect::<Vec<_>>(),
        "tokens": devices.tokens.iter().map(|token| serde_json::json!({
            "identity": token.identity,
            "custodian": token.owner.as_ref().map(|(name, _)| name),
            "role": token.owner.as_ref().map(|(_, role)| role),
            "pin": token.pin.map(pin_name),
            "tries": token.pin.and_then(tries),
            "factory": {
                "pin": token.factory.pin,
                "puk": token.factory.puk,
                "management-key": token.factory.management,
            },
        })).collect::<Vec<_>>(),
    })
}

fn pin_name(status: PinStatus) -> &'static str {
    match status {
        PinStatus::Untold => "untold",
        PinStatus::Left(_) => "counted",
        PinStatus::CountLow => "count-low",
        PinStatus::FinalTry => "final-try",
        PinStatus::Locked => "locked",
    }
}

fn tries(status: PinStatus) -> Option<u32> {
    match status {
        PinStatus::Left(count) => Some(count),
        PinStatus::FinalTry => Some(1),
        PinStatus::Locked => Some(0),
        PinStatus::Untold | PinStatus::CountLow => None,
    }
}
