//! `breakglass token`

use std::process::ExitCode;

use super::{attested, profiles, roots};
use crate::cli::app::App;
use crate::cli::args::{OwnRoots, Token};
use crate::cli::terminal::Terminal;
use crate::cli::{output, render};
use crate::model::{Failure, Presence};
use crate::ops::{self, InspectedToken, Usual};
use crate::ports::{Clock, Notice, Operator, PinStatus, TokenProvider};
use crate::system::SystemClock;
use crate::token::pkcs11::Pkcs11Provider;

/// Looks at tokens or prepares one.
pub fn run(app: &App, command: Token) -> Result<ExitCode, Failure> {
    if let Token::Profiles { name } = command {
        return profiles::run(app, name.as_deref());
    }
    let tokens = app.tokens()?;
    match command {
        Token::Profiles { .. } => {}
        Token::List => {
            let found = tokens.list()?;
            if app.json() {
                let cautions = tokens.pkcs11.cautions().into_iter();
                let cautions: Vec<_> = cautions
                    .map(|(profile, text)| serde_json::json!({ "profile": profile, "text": text }))
                    .collect();
                output::json(&serde_json::json!({ "tokens": found, "cautions": cautions }));
                return Ok(ExitCode::SUCCESS);
            }
            let mut rows = vec![
                ["LABEL", "SERIAL", "MAKER", "MODEL", "NAME IT"]
                    .map(str::to_owned)
                    .to_vec(),
            ];
            for token in found {
                rows.push(vec![
                    token.label,
                    token.serial,
                    token.manufacturer,
                    token.model,
                    token.locator,
                ]);
            }
            output::text(&render::table(&rows));
            say_what_is_known(app, &tokens.pkcs11)?;
        }
        Token::Inspect { uri, roots } => {
            let seen = with_roots(&roots, |usual| ops::token_inspect(&tokens, &uri, usual))?;
            show(app, &seen);
        }
        Token::Generate {
            uri,
            replace_keys,
            roots,
        } => {
            let mut terminal = Terminal::default();
            let made = with_roots(&roots, |usual| {
                ops::token_generate(&tokens, &uri, replace_keys, usual, &mut terminal)
            })?;
            show(app, &made);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a deed with what a new vault would ask of tokens, under Yubico's roots and these.
fn with_roots<T>(
    roots: &OwnRoots,
    deed: impl FnOnce(&Usual<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let policy = roots::usual(roots::read(&roots.attestation_root)?);
    deed(&Usual {
        policy: &policy,
        now: SystemClock.now(),
    })
}

/// What people have to know of the tokens before they rely on them, and which modules are not looked at.
fn say_what_is_known(app: &App, tokens: &Pkcs11Provider) -> Result<(), Failure> {
    for (profile, caution) in tokens.cautions() {
        let text = format!("tokens of {profile}: {caution}");
        Terminal::default().notice(Notice::Warning(text));
    }
    for (profile, path) in app.unused_modules()? {
        Terminal::default().notice(Notice::Step(format!(
            "{profile} is installed and not used unless named: --module {}",
            path.display()
        )));
    }
    Ok(())
}

fn show(app: &App, token: &InspectedToken) {
    if app.json() {
        output::json(&serde_json::json!({
            "identity": token.identity,
            "keys": token.keys,
            "id": token.keys.as_ref().map(crate::model::TokenKeys::id),
            "cautions": token.cautions,
            "attested": token.shown.as_ref().map(attested::document),
        }));
        return;
    }
    let mut rows = vec![
        vec!["token".to_owned(), token.identity.to_string()],
        vec!["uri".to_owned(), token.identity.locator.clone()],
        vec!["PIN".to_owned(), pin(token)],
    ];
    match &token.keys {
        None if token.hidden => rows.push(vec![
            "keys".to_owned(),
            "shown only with its PIN".to_owned(),
        ]),
        None => rows.push(vec![
            "keys".to_owned(),
            "none: breakglass token generate URI".to_owned(),
        ]),
        Some(keys) => {
            let presence = match keys.presence {
                Presence::Touch if attested::is_shown(token) => "each use takes a touch",
                Presence::Touch => "it says that each use takes a touch, and nothing shows it",
                Presence::None => "none: the PIN alone",
            };
            rows.push(vec![
                "seal key".to_owned(),
                keys.seal.suite.label().to_owned(),
            ]);
            rows.push(vec![
                "sign key".to_owned(),
                keys.sign.algorithm.label().to_owned(),
            ]);
            rows.push(vec!["presence".to_owned(), presence.to_owned()]);
            rows.push(vec!["id".to_owned(), keys.id().to_string()]);
        }
    }
    rows.extend(token.shown.iter().flat_map(attested::rows));
    for caution in &token.cautions {
        rows.push(vec!["mind".to_owned(), caution.clone()]);
    }
    output::text(&render::table(&rows));
}

fn pin(token: &InspectedToken) -> String {
    if !token.rules.checked {
        return "it checks none".to_owned();
    }
    let blocks = match (token.rules.locks_after, token.rules.warns) {
        (Some(0), _) => "; wrong ones never block it".to_owned(),
        (Some(count), true) => format!("; blocked after {count} wrong ones, with a warning"),
        (Some(count), false) => format!("; blocked after {count} wrong ones, without a warning"),
        (None, _) => String::new(),
    };
    format!("{}{blocks}", state_of(token.pin))
}

fn state_of(status: PinStatus) -> String {
    match status {
        PinStatus::Untold => "the token does not tell the tries left".to_owned(),
        PinStatus::Left(count) => format!("{count} tries left"),
        PinStatus::CountLow => "a wrong one was entered; few tries are left".to_owned(),
        PinStatus::FinalTry => "one try is left".to_owned(),
        PinStatus::Locked => "blocked".to_owned(),
    }
}
