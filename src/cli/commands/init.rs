//! `breakglass init`

use std::path::Path;
use std::process::ExitCode;

use super::roots;
use crate::cli::app::App;
use crate::cli::args::{self, Init};
use crate::cli::config::{Config, Module};
use crate::cli::home::Home;
use crate::cli::output;
use crate::format::{Policy, Thresholds};
use crate::model::{Class, Failure, Name, Role};
use crate::ops::{Founded, Founder, Founding, found};
use crate::ports::Store;
use crate::store::DirStore;

/// Founds a vault.
pub fn run(app: &App, init: Init) -> Result<ExitCode, Failure> {
    let path = app.vault_path()?;
    let name = init
        .station_name
        .clone()
        .map_or_else(|| app.station_name(), Ok)?;
    let founding = founding(init)?;
    let found_in = |store: &dyn Store| {
        app.in_world(store, name.clone(), |world, terminal| {
            found(world, &founding, terminal)
        })
    };
    let home = app.vault_home()?;
    let founded = match &home {
        Home::Folder(path) => in_folder(path, found_in)?,
        Home::Bucket(place) => {
            let store = app.bucket(place)?;
            store.require_empty()?;
            store.probe()?;
            found_in(&store)?
        }
    };
    save_config(app, name, &home)?;
    if app.json() {
        output::json(&serde_json::json!({
            "vault": founded.manifest.vault,
            "fingerprint": founded.fingerprint,
            "place": path,
        }));
    } else {
        output::text(&card(&founded, &path.display().to_string()));
    }
    Ok(ExitCode::SUCCESS)
}

fn in_folder(
    path: &Path,
    found_in: impl FnOnce(&dyn Store) -> Result<Founded, Failure>,
) -> Result<Founded, Failure> {
    let is_new = std::fs::symlink_metadata(path).is_err();
    let store = DirStore::found(path)?;
    found_in(&store).inspect_err(|_| {
        // Only if it is empty still: nothing was founded then, and nothing of it is to be left.
        if is_new {
            let _ = std::fs::remove_dir(path);
        }
    })
}

fn founding(init: Init) -> Result<Founding, Failure> {
    let mut founders = Vec::new();
    gather(&mut founders, Role::Ic, init.ic);
    gather(&mut founders, Role::Bgo, init.bgo);
    gather(&mut founders, Role::So, init.so);
    let security = founders.iter().any(|founder| founder.role == Role::So);
    Ok(Founding {
        vault: init.name,
        founders,
        thresholds: Thresholds {
            ic: init.ic_threshold,
            bgo: init.bgo_threshold,
            so: u8::from(security),
        },
        compartments: init.compartment,
        policy: Policy {
            allow_no_touch: init.allow_no_touch,
            rotate_days: init.rotate_days,
            max_lease_minutes: init.max_lease,
            grace_minutes: init.grace,
            keep_proved_days: Some(init.keep_proved),
            min_firmware: init.min_firmware,
            allow_pin_once: init.allow_pin_once,
            attestation_roots: roots::read(&init.roots.attestation_root)?,
        },
    })
}

/// One person with several tokens is one founder; one name in two roles stays two, and is refused later.
fn gather(founders: &mut Vec<Founder>, role: Role, given: Vec<args::Founder>) {
    for one in given {
        let known = founders
            .iter_mut()
            .find(|f| f.name == one.name && f.role == role);
        match known {
            Some(founder) => founder.locators.push(one.locator),
            None => founders.push(Founder {
                name: one.name,
                role,
                locators: vec![one.locator],
            }),
        }
    }
}

/// What the next commands need to know is written down, unless somebody wrote a configuration already.
fn save_config(app: &App, name: Name, vault: &Home) -> Result<(), Failure> {
    let unusable = |what: String| {
        Failure::new(
            Class::HalfDone,
            "config-unwritable",
            what,
            "the vault is founded; only config.toml is missing",
        )
        .hint("give --vault and --module with every command, or write config.toml by hand")
    };
    let absolute = vault.lasting().map_err(|e| unusable(e.to_string()))?;
    let module = app.named_modules().iter().map(|path| Module {
        path: path.clone(),
        profile: None,
        folder: None,
    });
    let config = Config {
        name: Some(name),
        vault: Some(absolute),
        module: module.collect(),
        ..Config::default()
    };
    let text = toml::to_string(&config).map_err(|e| unusable(e.to_string()))?;
    app.memory()
        .write_new("config.toml", text.as_bytes())
        .map_err(|e| unusable(e.to_string()))
}

fn card(founded: &Founded, place: &str) -> String {
    format!(
        "The vault {} is founded in {place}.\n\n\
         Write its fingerprint on the card in the safe, and compare it on every new machine:\n\n  {}\n\n\
         Next: breakglass credential add NAME --user IAM-USER, then breakglass rotate\n",
        founded.manifest.vault,
        founded.fingerprint.grouped(),
    )
}
