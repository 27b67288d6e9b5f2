//! The composition root: from the command line and the station's folder to a world that the deeds run
//! in.

use std::path::{Path, PathBuf};

use super::args::Globals;
use super::config::Config;
use super::home::{self, Home};
use super::terminal::Terminal;
use crate::aws::{Aws, AwsSettings, bucket_access};
use crate::crypto::SoftwareSigner;
use crate::model::{Class, Failure, Name, Timestamp};
use crate::ops::{Cloud, Known, OpenVault, Station, World};
use crate::ports::{Clock, Notice, Operator, Store};
use crate::store::{BucketAccess, BucketPlace, BucketStore, SplitStore, StationFolder};
use crate::system::{SystemClock, SystemEntropy};
use crate::token::AllTokens;
use crate::token::piv::PivProvider;
use crate::token::pkcs11::{ModuleConfig, Pkcs11Provider, Profile};

/// Everything that a command starts from.
pub struct App {
    globals: Globals,
    config: Config,
    memory: StationFolder,
}

impl App {
    /// Reads the station's folder.
    pub fn load(globals: Globals) -> Result<Self, Failure> {
        let memory = StationFolder::new(station_folder(&globals)?);
        let config = Config::load(&memory)?;
        Ok(Self {
            globals,
            config,
            memory,
        })
    }

    /// Whether answers are to be JSON.
    pub fn json(&self) -> bool {
        self.globals.json
    }

    /// The station's folder.
    pub fn memory(&self) -> &StationFolder {
        &self.memory
    }

    /// The modules that were named on the command line.
    pub fn named_modules(&self) -> &[PathBuf] {
        &self.globals.module
    }

    /// The vault's folder.
    pub fn vault_path(&self) -> Result<PathBuf, Failure> {
        self.globals
            .vault
            .clone()
            .or_else(|| self.config.vault.clone())
            .ok_or_else(|| {
                Failure::new(
                Class::Usage,
                "no-vault",
                "nothing says which vault is meant",
                "nothing was changed",
            )
            .hint("--vault PLACE, or BREAKGLASS_VAULT, or vault = \"…\" in the station's config.toml")
            })
    }

    /// The folder that takes what is added to the ledger, where that is not the vault.
    pub fn ledger_path(&self) -> Option<&Path> {
        let named = self.globals.ledger.as_deref();
        named.or(self.config.ledger.as_deref())
    }

    /// The vault, with its ledger wherever that goes on.
    pub fn store(&self) -> Result<Box<dyn Store>, Failure> {
        self.store_at(&self.vault_path()?)
    }

    /// The same of a vault at this place.
    pub fn store_at(&self, path: &Path) -> Result<Box<dyn Store>, Failure> {
        let folder = match (Home::of(path)?, self.ledger_path()) {
            (Home::Bucket(_), Some(ledger)) => return Err(home::not_split(ledger)),
            (Home::Bucket(place), None) => return Ok(Box::new(self.bucket(&place)?)),
            (Home::Folder(path), _) => path,
        };
        let vault = home::folder(&folder)?;
        Ok(match self.ledger_path() {
            None => Box::new(vault),
            Some(path) => Box::new(SplitStore::open(vault, SplitStore::medium(path)?)?),
        })
    }

    /// A place in an object store. Nothing is sent yet.
    pub fn bucket(&self, place: &BucketPlace) -> Result<BucketStore, Failure> {
        let (own, common) = (&self.config.store, &self.config.aws);
        let (credentials, region, endpoint) = bucket_access(AwsSettings {
            profile: own.profile.clone().or_else(|| common.profile.clone()),
            region: own.region.clone().or_else(|| common.region.clone()),
            endpoint: own.endpoint.clone(),
            ..AwsSettings::default()
        })?;
        let access = BucketAccess {
            credentials,
            region,
            endpoint,
            patience: BucketAccess::PATIENCE,
        };
        Ok(BucketStore::open(place, access)?)
    }

    /// Refuses what changes more than the ledger, where only that is written.
    pub fn require_whole(&self) -> Result<(), Failure> {
        let Some(path) = self.ledger_path() else {
            return Ok(());
        };
        Err(Failure::new(
            Class::Refused,
            "ledger-elsewhere",
            format!(
                "this vault is opened as a copy whose ledger goes on in {}: it can be opened, and not changed",
                path.display()
            ),
            "nothing was changed",
        )
        .hint(format!(
            "at the main vault: breakglass ledger join {}, then the same command",
            path.display()
        )))
    }

    /// What config.toml says of the vault and of where its ledger goes on.
    pub fn configured(&self) -> (Option<&Path>, Option<&Path>) {
        (self.config.vault.as_deref(), self.config.ledger.as_deref())
    }

    /// The vault by itself, wherever its ledger goes on.
    pub fn vault_home(&self) -> Result<Home, Failure> {
        Home::of(&self.vault_path()?)
    }

    /// All tokens: YubiKeys, and those of the PKCS#11 modules.
    pub fn tokens(&self) -> Result<AllTokens, Failure> {
        Ok(AllTokens {
            piv: PivProvider::default(),
            pkcs11: self.pkcs11()?,
        })
    }

    /// The PKCS#11 modules: those of the command line, else of the configuration, else whatever known one
    /// is installed.
    pub fn pkcs11(&self) -> Result<Pkcs11Provider, Failure> {
        Ok(Pkcs11Provider::new(self.modules()?))
    }

    fn modules(&self) -> Result<Vec<ModuleConfig>, Failure> {
        let named = self.globals.module.iter().map(|path| {
            Ok(ModuleConfig {
                path: path.clone(),
                profiles: profiles_of(path)?,
                // The configuration may say where a module that is named here has its tokens.
                folder: self.folder_of(path),
            })
        });
        let configured = self.config.module.iter().map(|module| {
            let profiles = match &module.profile {
                Some(name) => vec![profile(name)?],
                None => profiles_of(&module.path)?,
            };
            Ok(ModuleConfig {
                path: module.path.clone(),
                profiles,
                folder: module.folder.clone(),
            })
        });
        if !self.globals.module.is_empty() {
            return named.collect();
        }
        if !self.config.module.is_empty() {
            return configured.collect();
        }
        let found = installed()?.into_iter();
        let automatic = found.filter(|(profile, _)| profile.automatic);
        Ok(automatic
            .map(|(profile, path)| ModuleConfig {
                path,
                profiles: vec![profile],
                folder: None,
            })
            .collect())
    }

    fn folder_of(&self, path: &Path) -> Option<PathBuf> {
        let mut modules = self.config.module.iter();
        modules
            .find(|module| module.path == path)
            .and_then(|module| module.folder.clone())
    }

    /// The modules that are installed and known, and that are used only where they are named: name of the
    /// profile and path. Nothing where somebody said which modules are meant.
    pub fn unused_modules(&self) -> Result<Vec<(String, PathBuf)>, Failure> {
        if !self.globals.module.is_empty() || !self.config.module.is_empty() {
            return Ok(Vec::new());
        }
        let found = installed()?.into_iter();
        let unused = found.filter(|(profile, _)| !profile.automatic);
        Ok(unused.map(|(profile, path)| (profile.name, path)).collect())
    }

    /// This machine's name in the ledger.
    pub fn station_name(&self) -> Result<Name, Failure> {
        if let Some(name) = &self.config.name {
            return Ok(name.clone());
        }
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .to_lowercase();
        let kept: String = host
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .take(64)
            .collect();
        kept.trim_start_matches('-').parse().map_err(|_| {
            Failure::new(
                Class::Usage,
                "no-station-name",
                format!("the host name \"{host}\" is no name for the ledger"),
                "nothing was changed",
            )
            .hint("name = \"…\" in the station's config.toml")
        })
    }

    /// Runs a deed that needs no AWS.
    pub fn in_world<T>(
        &self,
        store: &dyn Store,
        name: Name,
        deed: impl FnOnce(&World<'_>, &mut Terminal) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let tokens = self.tokens()?;
        let seed = self.memory.seed(&SystemEntropy)?;
        let station = Station {
            name,
            signer: SoftwareSigner::new(seed),
            memory: &self.memory,
        };
        let world = World {
            store,
            tokens: &tokens,
            clock: &SystemClock,
            entropy: &SystemEntropy,
            station: &station,
        };
        deed(&world, &mut Terminal::default())
    }

    /// Runs a deed on the vault, found good.
    pub fn in_vault<T>(
        &self,
        deed: impl FnOnce(&mut OpenVault<'_>, &mut Terminal) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.in_opened(|world| OpenVault::open(world), deed)
    }

    /// Runs a deed on the vault as far as it concerns these credentials and this incident.
    pub fn in_vault_for<T>(
        &self,
        credentials: &[Name],
        incident: Option<&Name>,
        deed: impl FnOnce(&mut OpenVault<'_>, &mut Terminal) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.in_opened(
            |world| OpenVault::open_for(world, credentials, incident),
            deed,
        )
    }

    fn in_opened<T>(
        &self,
        open: impl for<'w> FnOnce(&'w World<'w>) -> Result<OpenVault<'w>, Failure>,
        deed: impl FnOnce(&mut OpenVault<'_>, &mut Terminal) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let store = self.store()?;
        self.in_world(&*store, self.station_name()?, |world, terminal| {
            let mut vault = open(world)?;
            let done = deed(&mut vault, terminal);
            if let Some(why) = vault.journal.not_derived() {
                let text =
                    format!("the ledger's tiles could not be written ({why}); it is whole without");
                terminal.notice(Notice::Warning(text));
            }
            done
        })
    }

    /// AWS, to be asked with keys that are opened: whoever this machine is there does not count, and need be nobody.
    pub fn aws_for_opened(&self, terminal: &mut Terminal) -> Result<Aws, Failure> {
        let run = session_name(&self.station_name()?, SystemClock.now());
        connect(self.config.aws.settings(run)?, terminal)
    }

    /// Runs a deed on the vault with AWS. The vault is opened first: where it is not good, AWS is never
    /// asked.
    pub fn in_vault_with_aws<T>(
        &self,
        deed: impl FnOnce(&mut OpenVault<'_>, &Cloud<'_>, &mut Terminal) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.require_whole()?;
        let timing = self.config.proof.timing()?;
        let run = session_name(&self.station_name()?, SystemClock.now());
        let settings = self.config.aws.settings(run)?;
        self.in_vault(|vault, terminal| {
            let aws = connect(settings, terminal)?;
            let cloud = Cloud {
                keys: &aws,
                proof: &aws,
                endpoint: aws.endpoint_override(),
                timing,
                known: Known::default(),
            };
            deed(vault, &cloud, terminal)
        })
    }
}

/// AWS. Where the calls go elsewhere, that is said aloud.
fn connect(settings: AwsSettings, terminal: &mut Terminal) -> Result<Aws, Failure> {
    let aws = Aws::connect(settings)?;
    if let Some(endpoint) = aws.endpoint_override() {
        let text = format!("AWS calls go to {endpoint}, not to AWS");
        terminal.notice(Notice::Warning(text));
    }
    Ok(aws)
}

/// The name of this run's sessions in other accounts, by which CloudTrail tells whose they were: station and
/// time, in at most 64 characters (STS API, "AssumeRole").
fn session_name(station: &Name, now: Timestamp) -> String {
    let time: String = now
        .to_string()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .collect();
    let station: String = station.to_string().chars().take(36).collect();
    format!("breakglass-{station}-{time}")
}

/// The profile of this name.
pub fn profile(name: &str) -> Result<Profile, Failure> {
    Profile::built_in(name).map_err(|error| {
        Failure::new(
            Class::Usage,
            "no-such-profile",
            error.to_string(),
            "nothing was changed",
        )
    })
}

/// The profiles whose library has this file name.
fn profiles_of(path: &Path) -> Result<Vec<Profile>, Failure> {
    let all = all_profiles()?.into_iter();
    Ok(all.filter(|profile| profile.is_of_library(path)).collect())
}

/// The profiles whose library is installed, and where it is.
fn installed() -> Result<Vec<(Profile, PathBuf)>, Failure> {
    let all = all_profiles()?.into_iter();
    let place = |profile: &Profile| profile.find_library().map(Path::to_owned);
    Ok(all
        .filter_map(|profile| place(&profile).map(|path| (profile, path)))
        .collect())
}

/// All profiles that are compiled in.
pub fn all_profiles() -> Result<Vec<Profile>, Failure> {
    Profile::built_in_names().map(profile).collect()
}

fn station_folder(globals: &Globals) -> Result<PathBuf, Failure> {
    if let Some(folder) = &globals.station {
        return Ok(folder.clone());
    }
    let config = std::env::var_os("XDG_CONFIG_HOME").filter(|value| !value.is_empty());
    let home = std::env::var_os("HOME").filter(|value| !value.is_empty());
    let base = config
        .map(PathBuf::from)
        .or_else(|| home.map(|home| PathBuf::from(home).join(".config")));
    base.map(|base| base.join("breakglass")).ok_or_else(|| {
        Failure::new(
            Class::Usage,
            "no-station",
            "there is no home folder to keep this machine's pins in",
            "nothing was changed",
        )
        .hint("--station DIR, or BREAKGLASS_STATION")
    })
}
