//! `breakglass trust`

use std::process::ExitCode;

use crate::cli::app::App;
use crate::cli::{args, output};
use crate::model::{Class, Digest, Failure};
use crate::ops;

/// Pins a vault on this machine.
pub fn run(app: &App, fingerprint: &[String]) -> Result<ExitCode, Failure> {
    let fingerprint = typed(fingerprint)?;
    let store = app.store()?;
    let name = app.in_world(&*store, app.station_name()?, |world, _| {
        ops::trust(world, fingerprint)
    })?;
    if app.json() {
        output::json(&serde_json::json!({ "vault": name, "fingerprint": fingerprint }));
    } else {
        output::text(&format!("This machine trusts the vault {name}.\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The fingerprint that somebody typed from the card.
pub fn typed(fingerprint: &[String]) -> Result<Digest, Failure> {
    args::fingerprint(fingerprint).map_err(|error| {
        Failure::new(
            Class::Usage,
            "not-a-fingerprint",
            error.to_string(),
            "nothing was changed",
        )
        .hint("type all 64 digits of the card in the safe; blanks do no harm")
    })
}
