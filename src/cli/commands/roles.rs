//! The roles of credentials on their way through `unseal`.

use crate::cli::app::App;
use crate::cli::args::Unseal;
use crate::cli::terminal::Terminal;
use crate::model::{Class, Failure, Name};
use crate::ops::{self, Handed, OpenVault, Sts, UnsealRequest, Unsealed, Wanted};
use crate::ports::{Notice, Operator};

/// The roles that are wanted of these credentials. That a key goes out although there are roles is said aloud.
pub fn wanted(
    vault: &OpenVault<'_>,
    credentials: &[Name],
    unseal: &Unseal,
    terminal: &mut Terminal,
) -> Result<Wanted, Failure> {
    let wanted = ops::wanted_roles(vault, credentials, &unseal.role)?;
    if !unseal.without_role {
        return Ok(wanted);
    }
    for name in wanted.keys() {
        let text = format!("{name}: not a session but the long-lived key itself is handed over");
        terminal.notice(Notice::Warning(text));
    }
    Ok(Wanted::default())
}

/// A `credential_process` answers with one credential, and so with one session.
pub fn require_one(credentials: &[Name], wanted: &Wanted) -> Result<(), Failure> {
    let refused =
        |what: String| Failure::new(Class::Usage, "one-credential", what, "nothing was opened");
    if credentials.len() != 1 {
        let what = "a credential_process answers with exactly one credential";
        return Err(refused(what.to_owned()));
    }
    match wanted.values().next() {
        Some(roles) if roles.len() > 1 => {
            let what = format!(
                "a credential_process answers with one session, and there are {} roles",
                roles.len()
            );
            let one = |failure: Failure, role: &crate::model::AccessRole| {
                failure.hint(format!("--role {}", role.profile))
            };
            Err(roles.iter().fold(refused(what), one))
        }
        _ => Ok(()),
    }
}

/// Opens, and makes the sessions. Nothing that was needed for that is kept: AWS's answers lie in its connections.
pub fn opened(
    app: &App,
    vault: &mut OpenVault<'_>,
    request: &UnsealRequest,
    wanted: &Wanted,
    terminal: &mut Terminal,
) -> Result<(Unsealed, Vec<Handed>), Failure> {
    let aws = match wanted.is_empty() {
        true => None,
        false => Some(app.aws_for_opened(terminal)?),
    };
    let sts = aws.as_ref().map(|aws| Sts {
        sessions: aws,
        proof: aws,
        endpoint: aws.endpoint_override(),
    });
    if let Some(sts) = &sts {
        ops::reach_sts(vault, sts, wanted)?;
    }
    let mut unsealed = ops::unseal(vault, request, terminal)?;
    let handed = ops::hand_over(vault, sts.as_ref(), wanted, &mut unsealed, terminal)?;
    Ok((unsealed, handed))
}

/// What is in the child's environment.
pub fn told(handed: &Handed, program: &str) -> String {
    let name = &handed.definition().name;
    match handed {
        Handed::Key(key) => format!(
            "{name} ({}) is in the environment of {program} until it ends",
            key.access_key
        ),
        Handed::Sessions(_, sessions) => {
            let profiles: Vec<String> = (sessions.iter())
                .map(|one| format!("--profile {}", one.role.profile))
                .collect();
            let also = match profiles.len() {
                1 => "; it is used without that, too",
                _ => "; nothing is used without one",
            };
            format!(
                "{name}: the AWS tools in {program} know {} until it ends{also}",
                profiles.join(", ")
            )
        }
    }
}
