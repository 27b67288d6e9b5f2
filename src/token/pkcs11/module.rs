//! Modules: shared libraries that are loaded and initialised once in a process, however many ask for
//! them.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::slot::{Slot, TokenInfo};

use crate::model::{TokenIdentity, TokenKind};
use crate::ports::TokenError;

use super::errors::words;
use super::raw;
use super::uri::TokenUri;
use super::{ModuleConfig, Profile};

/// A library in this process. It is never unloaded: modules leave threads and exit handlers behind that
/// would run into the void.
struct Driver {
    context: Pkcs11,
    /// How many [`Module`]s hold it; with none, it is finalised.
    users: usize,
    /// Whether we initialised it. What somebody else in this process initialised is theirs to finalise.
    ours: bool,
    /// Who initialised it: a forked child must leave it alone.
    process: u32,
}

/// All libraries of this process by canonical path: a second `C_Initialize` is an error, and a second
/// context would finalise the first one's tokens away.
static DRIVERS: Mutex<BTreeMap<PathBuf, Driver>> = Mutex::new(BTreeMap::new());

fn drivers() -> MutexGuard<'static, BTreeMap<PathBuf, Driver>> {
    DRIVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A module in use: initialised as long as one of these lives.
pub(super) struct Module {
    /// The canonical path of the library.
    pub(super) path: PathBuf,
    pub(super) context: Pkcs11,
    profiles: Vec<Profile>,
}

/// A token in a slot.
pub(super) struct Present {
    pub(super) slot: Slot,
    pub(super) identity: TokenIdentity,
}

/// What a walk over the slots found.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) present: Vec<Present>,
    /// Slots that hold something which cannot be read, in words for people.
    pub(super) unreadable: Vec<String>,
}

impl Module {
    /// Loads and initialises the library, if this process has not yet.
    pub(super) fn load(config: &ModuleConfig) -> Result<Self, TokenError> {
        let check = config.profiles.first();
        let check = check.map(|profile| profile.check.as_str());
        let failed = |reason: String| TokenError::Module {
            path: config.path.display().to_string(),
            reason: match check {
                Some(check) => format!("{reason}. {check}"),
                None => reason,
            },
        };
        let path = std::fs::canonicalize(&config.path)
            .map_err(|e| failed(format!("{e}; check the module's path in the configuration")))?;
        let mut drivers = drivers();
        if !drivers.contains_key(&path) {
            let context = Pkcs11::new(&path).map_err(|e| failed(not_loaded(&e)))?;
            let process = std::process::id();
            let driver = Driver {
                context,
                users: 0,
                ours: false,
                process,
            };
            drivers.insert(path.clone(), driver);
        }
        let Some(driver) = drivers.get_mut(&path) else {
            return Err(failed("it was lost".to_owned()));
        };
        if driver.users == 0 {
            let parameters = parameters(config).map_err(&failed)?;
            driver.ours = initialise(&driver.context, parameters.as_deref())
                .map_err(|e| failed(not_ready(&e)))?;
            driver.process = std::process::id();
        }
        driver.users += 1;
        let context = driver.context.clone();
        Ok(Self {
            path,
            context,
            profiles: config.profiles.clone(),
        })
    }

    /// The profile for the tokens of this manufacturer.
    pub(super) fn profile_for(&self, manufacturer: &str) -> Option<&Profile> {
        let mut profiles = self.profiles.iter();
        profiles.find(|profile| profile.is_for(manufacturer))
    }

    /// What a token says of itself, whatever its clock says.
    pub(super) fn token_info(&self, slot: Slot) -> Result<TokenInfo, Error> {
        match self.context.get_token_info(slot) {
            // The module answered, and the answer could not be read.
            Err(Error::ParseInt(_) | Error::Utf8(_)) => {
                raw::token_info_without_clock(&self.path, slot)
            }
            told => told,
        }
    }

    /// All initialised tokens. A slot that cannot be read does not hide the others.
    pub(super) fn walk(&self) -> Result<Walk, TokenError> {
        let slots = self
            .context
            .get_slots_with_token()
            .map_err(|e| TokenError::Module {
                path: self.path.display().to_string(),
                reason: words(&e),
            })?;
        let mut walk = Walk::default();
        for slot in slots {
            match self.token_info(slot) {
                Ok(info) if info.token_initialized() => {
                    let identity = identity_of(&info);
                    walk.present.push(Present { slot, identity });
                }
                Ok(_) => {}
                // It was pulled between the two calls.
                Err(Error::Pkcs11(RvError::TokenNotPresent | RvError::SlotIdInvalid, _)) => {}
                Err(e) => walk.unreadable.push(format!(
                    "slot {slot} of {}, which cannot be read ({})",
                    self.path.display(),
                    words(&e)
                )),
            }
        }
        Ok(walk)
    }

    /// Whether the URI can mean a token of this module, as far as it names modules.
    pub(super) fn is_meant_by(&self, uri: &TokenUri) -> bool {
        let by_path = uri
            .module_path
            .as_deref()
            .is_none_or(|path| std::fs::canonicalize(path).is_ok_and(|wanted| wanted == self.path));
        let by_name = uri.module_name.as_deref().is_none_or(|name| {
            let own = bare_name(&self.path);
            name == own || own.strip_prefix("lib") == Some(name)
        });
        by_path && by_name
    }

    /// Whether the URI means the token, as far as it names tokens and slots.
    pub(super) fn token_is_meant_by(&self, present: &Present, uri: &TokenUri) -> bool {
        let is = |wanted: &Option<String>, own: &str| {
            wanted
                .as_deref()
                .is_none_or(|wanted| trimmed(wanted) == own)
        };
        is(&uri.token, &present.identity.label)
            && is(&uri.manufacturer, &present.identity.manufacturer)
            && is(&uri.model, &present.identity.model)
            && is(&uri.serial, &present.identity.serial)
            && uri.slot_id.is_none_or(|id| id == present.slot.id())
            && uri.slot_description.as_deref().is_none_or(|wanted| {
                let info = self.context.get_slot_info(present.slot);
                info.is_ok_and(|info| trimmed(info.slot_description()) == trimmed(wanted))
            })
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        let mut drivers = drivers();
        let Some(driver) = drivers.get_mut(&self.path) else {
            return;
        };
        driver.users = driver.users.saturating_sub(1);
        if driver.users == 0 && driver.ours && driver.process == std::process::id() {
            // Nothing is left to be done about a module that does not want to end.
            let _ = driver.context.clone().finalize();
        }
    }
}

/// The text that the module is to be initialised with, if it wants one.
fn parameters(config: &ModuleConfig) -> Result<Option<CString>, String> {
    let start = config.profiles.first();
    let Some(start) = start.and_then(|profile| profile.quirks.start.as_deref()) else {
        return Ok(None);
    };
    let folder = config.folder.as_deref().and_then(Path::to_str);
    let folder = folder
        .ok_or("nothing says in which folder its token lies (folder = \"…\" in its [[module]])")?;
    // It stands between quotes there.
    if folder.contains(['\'', '"', '\\']) {
        return Err("its folder has a quote or a backslash in its name".to_owned());
    }
    let text = CString::new(start.replace("FOLDER", folder));
    text.map(Some).map_err(|e| e.to_string())
}

/// Initialises; says whether it was we who did.
fn initialise(context: &Pkcs11, parameters: Option<&CStr>) -> Result<bool, Error> {
    let initialise = |flags| match parameters {
        Some(text) => raw::initialise_with(context, flags, text),
        None => context.initialize(CInitializeArgs::new(flags)),
    };
    let first = match initialise(CInitializeFlags::OS_LOCKING_OK) {
        // Some modules have no locks, and need none: one thread uses them.
        Err(Error::Pkcs11(RvError::CantLock, _)) => initialise(CInitializeFlags::empty()),
        other => other,
    };
    match first {
        Ok(()) => Ok(true),
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, Function::Initialize)) => Ok(false),
        Err(e) => Err(e),
    }
}

fn not_loaded(error: &Error) -> String {
    format!(
        "{}; check that it is a PKCS#11 module built for this machine and that the libraries it \
         needs are installed",
        words(error)
    )
}

fn not_ready(error: &Error) -> String {
    format!(
        "{}; check the module's own configuration and its service",
        words(error)
    )
}

/// The token's own claims, without the padding that fixed fields have.
pub(super) fn identity_of(info: &TokenInfo) -> TokenIdentity {
    let label = trimmed(info.label()).to_owned();
    let serial = trimmed(info.serial_number()).to_owned();
    let manufacturer = trimmed(info.manufacturer_id()).to_owned();
    let model = trimmed(info.model()).to_owned();
    let named = |text: &String| (!text.is_empty()).then(|| text.clone());
    let uri = TokenUri {
        token: named(&label),
        manufacturer: named(&manufacturer),
        model: named(&model),
        serial: named(&serial),
        ..TokenUri::default()
    };
    TokenIdentity {
        kind: TokenKind::Pkcs11,
        locator: uri.to_string(),
        label,
        serial,
        manufacturer,
        model,
    }
}

/// Fields are padded with blanks (PKCS#11 2.40, section 3.2); some modules pad with zeros.
fn trimmed(text: &str) -> &str {
    text.trim_end_matches([' ', '\0'])
}

fn bare_name(path: &Path) -> &str {
    path.file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default()
}
