//! The roof: what is typed, shown and answered at the terminal, and the composition root.

mod app;
mod args;
mod child;
mod commands;
mod config;
pub mod escape;
mod harden;
mod output;
mod render;
mod signals;
pub mod terminal;
mod tty;

use std::process::ExitCode;

use clap::Parser;

/// Runs the command line that this process was started with. Returns the exit code.
pub fn run() -> ExitCode {
    harden::process();
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version go to standard output, mistakes to standard error.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let json = args.globals.json;
    match commands::run(args) {
        Ok(code) => code,
        Err(failure) => {
            render::failure(&failure, json);
            ExitCode::from(failure.class.exit_code())
        }
    }
}
