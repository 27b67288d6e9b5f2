//! `breakglass vault`: a folder for the safe, and a station that is set up from it.

use std::path::Path;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::copies::{self, Copy};
use super::{safe, trust};
use crate::cli::app::App;
use crate::cli::args::Vault;
use crate::cli::config::Config;
use crate::cli::output;
use crate::cli::terminal::Terminal;
use crate::format::{digest, strict};
use crate::model::{Class, Digest, Failure, Timestamp};
use crate::ops;
use crate::ports::{Clock, Notice, Operator, Remembered, Store, StoreError, StoreKey};
use crate::store::{DirStore, Shelf};
use crate::system::SystemClock;

/// What makes a folder one that an export may replace: what the copy in it stands at.
const PINS: &str = "pins.json";
const VAULT: &str = "vault";
const PROGRAM: &str = "breakglass";

/// `pins.json`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pins {
    /// Always [`FORMAT`].
    format: String,
    /// When the copy was made.
    created: Timestamp,
    /// The version of the program that made it.
    version: String,
    vault: Digest,
    manifest_version: u64,
    manifest: Digest,
    ledger_size: u64,
    ledger_root: Digest,
}

const FORMAT: &str = "breakglass-export/v1";

/// Writes a folder, or trusts one.
pub fn run(app: &App, command: Vault) -> Result<ExitCode, Failure> {
    match command {
        Vault::Export {
            dir,
            without_program,
        } => export(app, &dir, !without_program),
        Vault::Import { dir, fingerprint } => import(app, &dir, &fingerprint),
    }
}

fn export(app: &App, dir: &Path, with_program: bool) -> Result<ExitCode, Failure> {
    let shelf = Shelf::begin(dir, PINS).map_err(not_written)?;
    let exported = app.in_vault(|vault, _| {
        let copy = shelf.vault(VAULT).map_err(not_written)?;
        ops::export(vault, &copy)
    })?;
    let created = SystemClock.now();
    let program = program()?;
    let about = safe::About {
        exported: &exported,
        created,
        program: digest(&program),
    };
    let pins = Pins {
        format: FORMAT.to_owned(),
        created,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        vault: exported.pins.vault,
        manifest_version: exported.pins.version,
        manifest: exported.pins.manifest,
        ledger_size: exported.pins.ledger_size,
        ledger_root: exported.pins.ledger_root,
    };
    let pins = serde_json::to_vec_pretty(&pins).map_err(|error| odd(error.to_string()))?;
    let write = |name: &str, mode, bytes: &[u8]| {
        let written = shelf.write(name, mode, bytes);
        written.map_err(not_written)
    };
    write(
        "README.txt",
        0o600,
        safe::readme(&about, with_program).as_bytes(),
    )?;
    write("CARD.txt", 0o600, safe::card(&about).as_bytes())?;
    if with_program {
        write(PROGRAM, 0o700, &program)?;
    }
    write(PINS, 0o600, &pins)?;
    shelf.put().map_err(not_written)?;
    let copy = Copy {
        place: String::new(),
        vault: exported.pins.vault,
        written: created,
        entries: exported.pins.ledger_size,
    };
    if let Err(failure) = copies::remember(app, dir, copy) {
        let text = format!("status will not tell how old this copy is: {failure}");
        Terminal::default().notice(Notice::Warning(text));
    }
    if app.json() {
        output::json(&serde_json::json!({
            "place": dir,
            "fingerprint": exported.pins.vault,
            "manifest-version": exported.pins.version,
            "entries": exported.pins.ledger_size,
            "objects": exported.objects,
            "created": created,
        }));
    } else {
        output::text(&safe::done(&about, &dir.display().to_string()));
    }
    Ok(ExitCode::SUCCESS)
}

/// This program's own file.
fn program() -> Result<Vec<u8>, Failure> {
    let read = std::env::current_exe().and_then(std::fs::read);
    read.map_err(|error| {
        Failure::new(
            Class::Failed,
            "program-unreadable",
            format!("this program's own file cannot be read: {error}"),
            UNTOUCHED,
        )
    })
}

const UNTOUCHED: &str =
    "the folder is as it was; what was written beside it is removed, and the vault was only read";

fn not_written(error: StoreError) -> Failure {
    match error {
        StoreError::NotEmpty(place) => Failure::new(
            Class::Refused,
            "not-an-export",
            format!("{place} holds something that no export has made"),
            UNTOUCHED,
        )
        .hint("give a folder of its own: it is replaced as a whole each time"),
        StoreError::Unwritable(..) | StoreError::Failed(..) => Failure::new(
            Class::Failed,
            "export-unwritable",
            error.to_string(),
            UNTOUCHED,
        )
        .hint("make room, or mount the medium read-write; and give a folder on it, not its root"),
        other => other.into(),
    }
}

fn odd(what: String) -> Failure {
    Failure::new(Class::Bug, "internal", what, UNTOUCHED)
}

fn import(app: &App, dir: &Path, fingerprint: &[String]) -> Result<ExitCode, Failure> {
    let fingerprint = trust::typed(fingerprint)?;
    let dir = std::path::absolute(dir).map_err(|error| not_an_export(dir, &error.to_string()))?;
    let pins = pins(&dir)?;
    let vault = dir.join(VAULT);
    let store: Box<dyn Store> = app.store_at(&vault)?;
    let name = app.in_world(&*store, app.station_name()?, |world, _| {
        ops::import(world, fingerprint, &pins)
    })?;
    if let Some(other) = save_config(app, &vault)? {
        Terminal::default().notice(Notice::Warning(other));
    }
    if app.json() {
        output::json(&serde_json::json!({
            "vault": name,
            "fingerprint": fingerprint,
            "place": vault,
            "manifest-version": pins.version,
            "entries": pins.ledger_size,
        }));
    } else {
        output::text(&format!(
            "This machine trusts the vault {name}, manifest {} and {} entries, and opens it from\n{}.\n\n\
             Next: breakglass doctor\n",
            pins.version,
            pins.ledger_size,
            crate::cli::escape::Shown(&vault.display().to_string()),
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn pins(dir: &Path) -> Result<Remembered, Failure> {
    let read = DirStore::open(dir).and_then(|folder| {
        let key = StoreKey::new(PINS)
            .map_err(|error| StoreError::Failed(PINS.to_owned(), error.to_string()))?;
        folder.read(&key, 4096)
    });
    let bytes = match read {
        Err(error @ StoreError::NotFound(_)) => return Err(not_an_export(dir, &error.to_string())),
        read => read?,
    };
    let pins: Pins = strict::read(&bytes).map_err(|error| not_an_export(dir, &error))?;
    if pins.format != FORMAT {
        return Err(not_an_export(dir, "it is of another version"));
    }
    Ok(Remembered {
        vault: pins.vault,
        version: pins.manifest_version,
        manifest: pins.manifest,
        ledger_size: pins.ledger_size,
        ledger_root: pins.ledger_root,
    })
}

fn not_an_export(dir: &Path, why: &str) -> Failure {
    Failure::new(
        Class::Failed,
        "not-an-export",
        format!(
            "{} is no folder that vault export has made: {why}",
            dir.display()
        ),
        "nothing was changed",
    )
    .hint("a vault that is no export is trusted with: breakglass --vault PLACE trust FINGERPRINT")
}

/// What the next commands need to know, unless somebody wrote a configuration already: then what has to be given
/// with each, if it says something else.
fn save_config(app: &App, vault: &Path) -> Result<Option<String>, Failure> {
    let unusable = |what: String| {
        Failure::new(
            Class::HalfDone,
            "config-unwritable",
            what,
            "the vault is trusted; only config.toml is missing",
        )
        .hint("give --vault, and --ledger, with every command, or write config.toml by hand")
    };
    let ledger = app.ledger_path().map(std::path::absolute).transpose();
    let ledger = ledger.map_err(|error| unusable(error.to_string()))?;
    let file = "config.toml";
    let there = app
        .memory()
        .read(file, 1)
        .map_or(true, |read| read.is_some());
    if there {
        let same = app.configured() == (Some(vault), ledger.as_deref());
        return Ok((!same).then(|| elsewhere(app.memory().shown(file), vault, ledger.as_deref())));
    }
    let config = Config {
        vault: Some(vault.to_owned()),
        ledger,
        ..Config::default()
    };
    let text = toml::to_string(&config).map_err(|error| unusable(error.to_string()))?;
    let written = app.memory().write_new(file, text.as_bytes());
    written.map_err(|error| unusable(error.to_string()))?;
    Ok(None)
}

fn elsewhere(file: String, vault: &Path, ledger: Option<&Path>) -> String {
    let ledger = ledger.map(|ledger| format!(" --ledger {}", ledger.display()));
    format!(
        "{file} is there and was left as it is; it does not say what this folder needs: give --vault {}{} with each \
         command, or write it there",
        vault.display(),
        ledger.unwrap_or_default()
    )
}
