//! `breakglass unseal`

use std::ffi::OsString;
use std::process::ExitCode;

use zeroize::Zeroizing;

use super::roles;
use crate::cli::app::App;
use crate::cli::args::Unseal;
use crate::cli::terminal::Terminal;
use crate::cli::{child, output};
use crate::ledger::{Delivery, IncidentPhase};
use crate::model::{Class, Failure, Name};
use crate::ops::{self, Handed, OpenVault, UnsealRequest, Unsealed};
use crate::ports::{Clock, Notice, Operator};
use crate::secret::SessionToken;
use crate::system::SystemClock;

/// Opens credentials and hands them over.
pub fn run(app: &App, unseal: Unseal) -> Result<ExitCode, Failure> {
    if unseal.credential_process {
        output::check_secret_target(unseal.output.is_some())?;
    }
    let deed =
        |vault: &mut OpenVault<'_>, terminal: &mut Terminal| open(app, vault, &unseal, terminal);
    match unseal.compartment {
        // Which credentials those are, only the whole ledger tells.
        Some(_) => app.in_vault(deed),
        None => app.in_vault_for(&unseal.credentials, unseal.incident.as_ref(), deed),
    }
}

fn open(
    app: &App,
    vault: &mut OpenVault<'_>,
    unseal: &Unseal,
    terminal: &mut Terminal,
) -> Result<ExitCode, Failure> {
    let credentials = chosen(vault, unseal)?;
    let roles = roles::wanted(vault, &credentials, unseal, terminal)?;
    if unseal.credential_process {
        roles::require_one(&credentials, &roles)?;
    }
    let request = UnsealRequest {
        credentials,
        reason: unseal.reason.clone(),
        incident: unseal.incident.clone(),
        lease: unseal.lease,
    };
    let (unsealed, handed) = roles::opened(app, vault, &request, &roles, terminal)?;
    let code = if unseal.credential_process {
        answer(vault, &unsealed, &handed)
    } else {
        children(vault, &unsealed, handed, command(unseal), terminal)
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
    unsealed: &Unsealed,
    handed: Vec<Handed>,
    command: Vec<OsString>,
    terminal: &mut dyn Operator,
) -> Result<ExitCode, Failure> {
    let program = command
        .first()
        .map(|p| p.to_string_lossy().into_owned())
        .unwrap_or_default();
    let program: String = program.chars().take(200).collect();
    let how = Delivery::Child {
        program: program.clone(),
    };
    ops::delivered(vault, &unsealed.incident, &handed, &how)?;
    let mut last = 0;
    for one in handed {
        terminal.notice(Notice::Step(roles::told(&one, &program)));
        let ended = child::run(&command, one, &unsealed.incident, unsealed.expires)?;
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
fn answer(
    vault: &mut OpenVault<'_>,
    unsealed: &Unsealed,
    handed: &[Handed],
) -> Result<ExitCode, Failure> {
    let [one] = handed else {
        return Ok(ExitCode::SUCCESS);
    };
    let incident = &unsealed.incident;
    ops::delivered(vault, incident, handed, &Delivery::CredentialProcess)?;
    output::secret(&document(one, unsealed)).map_err(|error| {
        Failure::new(
            Class::Failed,
            "answer-not-written",
            format!("the answer could not be written: {error}"),
            format!("the credential was opened in incident {incident}"),
        )
        .hint(format!("breakglass close {incident}"))
    })?;
    ops::released(vault, incident, None)?;
    Ok(ExitCode::SUCCESS)
}

/// None of the values needs escaping: names, secrets and tokens of AWS are of an alphabet without quotes or
/// backslashes, which is checked here all the same.
fn document(handed: &Handed, unsealed: &Unsealed) -> Zeroizing<String> {
    let (key, secret, token, expires) = match handed {
        Handed::Key(key) => (&key.access_key, &key.secret, None, unsealed.expires),
        Handed::Sessions(_, sessions) => match sessions.as_slice() {
            [one] => {
                let made = &one.made;
                let expires = made.expires.min(unsealed.expires);
                (&made.key, &made.secret, Some(&made.token), expires)
            }
            _ => return Zeroizing::default(),
        },
    };
    let token = token.map(SessionToken::expose);
    let room = 1024 + token.map_or(0, str::len);
    let mut text = Zeroizing::new(String::with_capacity(room));
    text.push_str("{\"Version\":1");
    let expires = expires.to_string();
    for (field, value) in [
        ("AccessKeyId", Some(key.as_str())),
        ("SecretAccessKey", Some(secret.expose())),
        ("SessionToken", token),
        ("Expiration", Some(expires.as_str())),
    ] {
        let Some(value) = value else { continue };
        for part in [",\"", field, "\":\""] {
            text.push_str(part);
        }
        for character in value.chars() {
            if matches!(character, '"' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
        text.push('"');
    }
    text.push_str("}\n");
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
