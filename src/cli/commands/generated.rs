//! `breakglass completions` and `breakglass man`: made from the command line's own description.

use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::args::Args;
use crate::cli::output;
use crate::model::{Class, Failure};

/// Writes a shell's completions to standard output.
pub fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "breakglass", &mut script);
    output::text(&String::from_utf8_lossy(&script));
    ExitCode::SUCCESS
}

/// Writes the manual pages into a folder.
pub fn man(dir: &Path) -> Result<ExitCode, Failure> {
    clap_mangen::generate_to(Args::command(), dir).map_err(|error| {
        Failure::new(
            Class::Failed,
            "man-unwritable",
            format!("{}: {error}", dir.display()),
            "some pages may have been written",
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
