//! `breakglass unseal`

use std::ffi::OsString;
use std::process::ExitCode;

use zeroize::Zeroizing;

use crate::cli::app::App;
use crate::cli::args::Unseal;
use crate::cli::terminal::Terminal;
use crate::cli::{child, output};
use crate::ledger::{Delivery, IncidentPhase};
use crate::model::{Class, Failure, Name};
use crate::ops::{self, OpenVault, Released, UnsealRequest, Unsealed};
use crate::ports::{Clock, Notice, Operator};
use crate::system::SystemClock;

/// Opens credentials and hands them over.
pub fn run(app: &App, unseal: Unseal) -> Result<ExitCode, Failure> {
    if unseal.credential_process {
        output::check_secret_target(unseal.output.is_some())?;
    }
    let deed = |vault: &mut OpenVault<'_>, terminal: &mut Terminal| open(vault, &unseal, terminal);
    match unseal.compartment {
        // Which credentials those are, only the whole ledger tells.
        Some(_) => app.in_vault(deed),
        None => app.in_vault_for(&unseal.credentials, unseal.incident.as_ref(), deed),
    }
}

fn open(
    vault: &mut OpenVault<'_>,
    unseal: &Unseal,
    terminal: &mut Terminal,
) -> Result<ExitCode, Failure> {
    let credentials = chosen(vault, unseal)?;
    if unseal.credential_process && credentials.len() != 1 {
        return Err(Failure::new(
            Class::Usage,
            "one-credential",
            "a credential_process answers with exactly one credential",
            "nothing was opened",
        ));
    }
    let request = UnsealRequest {
        credentials,
        reason: unseal.reason.clone(),
        incident: unseal.incident.clone(),
        lease: unseal.lease,
    };
    let mut unsealed = ops::unseal(vault, &request, terminal)?;
    let code = if unseal.credential_process {
        answer(vault, &unsealed)
    } else {
        children(vault, &mut unsealed, command(unseal), terminal)
    };
    remind(vault, &unsealed, terminal);
    code
}

fn chosen(vault: &OpenVault<'_>, unseal: &Unseal) -> Result<Vec<Name>, Failure> {
    let mut names = unseal.credentials.clone();
    if let Some(compartment) = &unseal.compartment {
        let members = members(vault, compartment)?.into_iter();
        names.extend(members.filter(|name| !unseal.credentials.contains(name)));
    }
    Ok(names)
}

/// The credentials of a compartment.
pub fn members(vault: &OpenVault<'_>, compartment: &Name) -> Result<Vec<Name>, Failure> {
    let members = vault.state().members(compartment);
    let members: Vec<Name> = members.map(|c| c.definition.name.clone()).collect();
    if members.is_empty() {
        return Err(Failure::new(
            Class::Refused,
            "empty-compartment",
            format!("there is no credential in a compartment {compartment}"),
            "nothing was opened",
        )
        .hint("breakglass credential list"));
    }
    Ok(members)
}

/// What was asked for, or the user's shell.
fn command(unseal: &Unseal) -> Vec<OsString> {
    if unseal.command.is_empty() {
        vec![std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into())]
    } else {
        unseal.command.clone()
    }
}

fn children(
    vault: &mut OpenVault<'_>,
    unsealed: &mut Unsealed,
    command: Vec<OsString>,
    terminal: &mut dyn Operator,
) -> Result<ExitCode, Failure> {
    let program = command
        .first()
        .map(|p| p.to_string_lossy().into_owned())
        .unwrap_or_default();
    let program: String = program.chars().take(200).collect();
    ops::delivered(
        vault,
        unsealed,
        Delivery::Child {
            program: program.clone(),
        },
    )?;
    let mut last = 0;
    for opened in std::mem::take(&mut unsealed.credentials) {
        terminal.notice(Notice::Step(format!(
            "{} ({}) is in the environment of {program} until it ends",
            opened.definition.name, opened.access_key
        )));
        let ended = child::run(&command, opened, &unsealed.incident, unsealed.expires)?;
        if ended.out_of_time {
            terminal.notice(Notice::Warning(
                "the lease ran out: the command was ended".into(),
            ));
        }
        ops::released(vault, &unsealed.incident, Some(ended.code))?;
        last = if last == 0 { ended.code } else { last };
        if ended.out_of_time {
            break;
        }
    }
    Ok(ExitCode::from(u8::try_from(last).unwrap_or(255)))
}

/// The answer of a credential_process (AWS SDKs reference, "Process credential provider", version 1).
fn answer(vault: &mut OpenVault<'_>, unsealed: &Unsealed) -> Result<ExitCode, Failure> {
    let [opened] = unsealed.credentials.as_slice() else {
        return Ok(ExitCode::SUCCESS);
    };
    ops::delivered(vault, unsealed, Delivery::CredentialProcess)?;
    output::secret(&document(opened, unsealed)).map_err(|error| {
        Failure::new(
            Class::Failed,
            "answer-not-written",
            format!("the answer could not be written: {error}"),
            format!(
                "the credential was opened in incident {}",
                unsealed.incident
            ),
        )
        .hint(format!("breakglass close {}", unsealed.incident))
    })?;
    ops::released(vault, &unsealed.incident, None)?;
    Ok(ExitCode::SUCCESS)
}

/// None of the values needs escaping: names and secrets of AWS are of an alphabet without quotes or
/// backslashes, which is checked here all the same.
fn document(opened: &Released, unsealed: &Unsealed) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(1024));
    for part in [
        "{\"Version\":1,\"AccessKeyId\":\"",
        opened.access_key.as_str(),
    ] {
        text.push_str(part);
    }
    text.push_str("\",\"SecretAccessKey\":\"");
    for character in opened.secret.expose().chars() {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push_str("\",\"Expiration\":\"");
    text.push_str(&unsealed.expires.to_string());
    text.push_str("\"}\n");
    text
}

fn remind(vault: &OpenVault<'_>, unsealed: &Unsealed, terminal: &mut dyn Operator) {
    let Unsealed {
        incident, expires, ..
    } = unsealed;
    let known = vault.state().incidents.get(incident);
    if known.is_some_and(|incident| incident.phase == IncidentPhase::Closed) {
        let text = format!("incident {incident} was closed meanwhile");
        terminal.notice(Notice::Step(text));
        return;
    }
    let state = if SystemClock.now() < *expires {
        format!("is open until {expires}")
    } else {
        "is past its lease and NOT CLOSED".to_owned()
    };
    terminal.notice(Notice::Step(format!(
        "incident {incident} {state}; when the work is done: breakglass close {incident}"
    )));
}
