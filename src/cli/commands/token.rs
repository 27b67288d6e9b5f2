//! `breakglass token`

use std::process::ExitCode;

use crate::cli::app::App;
use crate::cli::args::Token;
use crate::cli::terminal::Terminal;
use crate::cli::{output, render};
use crate::model::{Failure, Presence};
use crate::ops::{self, InspectedToken};
use crate::ports::{PinStatus, TokenProvider};

/// Looks at tokens or prepares one.
pub fn run(app: &App, command: Token) -> Result<ExitCode, Failure> {
    let tokens = app.tokens()?;
    match command {
        Token::List => {
            let found = tokens.list()?;
            if app.json() {
                output::json(&serde_json::json!({ "tokens": found }));
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
        }
        Token::Inspect { uri } => show(app, &ops::token_inspect(&tokens, &uri)?),
        Token::Generate { uri } => show(app, &ops::token_generate(&tokens, &uri, &mut Terminal)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn show(app: &App, token: &InspectedToken) {
    if app.json() {
        output::json(&serde_json::json!({
            "identity": token.identity,
            "keys": token.keys,
            "id": token.keys.as_ref().map(crate::model::TokenKeys::id),
        }));
        return;
    }
    let mut rows = vec![
        vec!["token".to_owned(), token.identity.to_string()],
        vec!["uri".to_owned(), token.identity.locator.clone()],
        vec!["PIN".to_owned(), pin(token.pin)],
    ];
    match &token.keys {
        None => rows.push(vec![
            "keys".to_owned(),
            "none: breakglass token generate URI".to_owned(),
        ]),
        Some(keys) => {
            let presence = match keys.presence {
                Presence::Touch => "each use takes a touch",
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
    output::text(&render::table(&rows));
}

fn pin(status: PinStatus) -> String {
    match status {
        PinStatus::Untold => "the token does not tell the tries left".to_owned(),
        PinStatus::Left(count) => format!("{count} tries left"),
        PinStatus::CountLow => "a wrong one was entered; few tries are left".to_owned(),
        PinStatus::FinalTry => "one try is left".to_owned(),
        PinStatus::Locked => "blocked".to_owned(),
    }
}
