//! `breakglass ledger join`

use std::path::Path;
use std::process::ExitCode;

use crate::cli::app::App;
use crate::cli::escape::Shown;
use crate::cli::output;
use crate::model::{Class, Failure, Name};
use crate::ops;
use crate::ports::StoreError;
use crate::store::DirStore;

/// Brings what was recorded offline into the vault's ledger; exit 10 if an incident is open then.
pub fn run(app: &App, dir: &Path) -> Result<ExitCode, Failure> {
    app.require_whole()?;
    let medium = medium(dir)?;
    let joined = app.in_vault(|vault, _| ops::join(vault, &medium))?;
    if app.json() {
        output::json(&serde_json::json!({
            "joined": joined.entries,
            "entries": joined.size,
            "parted": joined.parted,
            "open": joined.open,
        }));
    } else {
        output::text(&text(&joined));
    }
    Ok(if joined.open.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(Class::Attention.exit_code())
    })
}

fn text(joined: &ops::Joined) -> String {
    let mut text = match joined.entries {
        0 => "Nothing was to be joined: it stands in the vault's ledger already.\n".to_owned(),
        count => format!(
            "{count} entries were joined; the ledger has {} now.\n",
            joined.size
        ),
    };
    if joined.parted {
        text.push_str(
            "Both ledgers had gone on. The other one is kept in the vault as evidence, an entry names both heads,\n\
             and what was opened by it is open here.\n",
        );
    }
    let open: Vec<&str> = joined.open.iter().map(Name::as_str).collect();
    for incident in open {
        text.push_str(&format!(
            "Incident {0} is open: breakglass close {0}\n",
            Shown(incident)
        ));
    }
    text
}

fn medium(dir: &Path) -> Result<DirStore, Failure> {
    match DirStore::open(dir) {
        Err(StoreError::NotFound(_)) => Err(Failure::new(
            Class::Failed,
            "ledger-missing",
            format!("there is no folder {}", dir.display()),
            "nothing was changed",
        )
        .hint("it takes the folder that was given with --ledger when the vault was opened")),
        opened => Ok(opened?),
    }
}
