//! The roof: what is typed, shown and answered at the terminal, and the composition root.

mod app;
mod args;
mod child;
mod child_env;
mod commands;
pub mod config;
mod credential_args;
pub mod escape;
mod fold;
mod harden;
mod home;
mod metrics;
mod output;
mod profile_file;
mod progress;
mod render;
mod revoke;
mod signals;
pub mod terminal;
pub mod touch;
mod tty;
mod usage;
mod words;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::model::Failure;

/// Runs the command line that this process was started with. Returns the exit code.
pub fn run() -> ExitCode {
    harden::process();
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) if is_answer(&error) => {
            // Help and version go to standard output; the help for a missing subcommand to standard error.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
        Err(error) => {
            return told(
                &usage::failure(&error),
                usage::wants_json(std::env::args_os()),
            );
        }
    };
    let json = args.globals.json;
    match commands::run(args) {
        Ok(code) => code,
        Err(failure) => told(&failure, json),
    }
}

/// What was asked for, rather than a mistake.
fn is_answer(error: &clap::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

fn told(failure: &Failure, json: bool) -> ExitCode {
    render::failure(failure, json);
    ExitCode::from(failure.class.exit_code())
}
