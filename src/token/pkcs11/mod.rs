//! Tokens behind PKCS#11 modules (OASIS PKCS#11 2.40 and 3.0): HSMs, smart cards, SoftHSM.

mod anchor;
mod check;
mod errors;
mod generate;
mod keys;
mod module;
mod profile;
mod profiles;
#[allow(unsafe_code)]
mod raw;
mod session;
mod token;
mod uri;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::TokenIdentity;
use crate::ports::{Token, TokenError, TokenProvider};

pub use keys::{SEAL_LABEL, SIGN_LABEL};
pub use profile::{
    KeyHabits, MadeBy, Mechanisms, NotAProfile, PeerPoint, Profile, Proof, PublicHalf, Quirks,
    ReadWriteSession, Tried,
};
pub use uri::{ObjectType, TokenUri, URI_MAX, UriRefused};

use module::{Module, Present};
use token::Pkcs11Token;

/// A module to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleConfig {
    /// The path of its library.
    pub path: PathBuf,
    /// What is known of it: of these, the first that is for a token's maker. Without a profile the
    /// standard's rules and the module's word are believed.
    pub profiles: Vec<Profile>,
    /// The folder that [`Quirks::start`] is about.
    pub folder: Option<PathBuf>,
}

/// All tokens of some modules. A module is loaded when it is first needed, once in a process; it is
/// finalised when the last provider and token that use it are gone.
pub struct Pkcs11Provider {
    configs: Vec<ModuleConfig>,
    loaded: Mutex<Vec<Option<Arc<Module>>>>,
}

/// Tokens of all modules that work, and what is wrong with the others.
struct Found {
    tokens: Vec<(Arc<Module>, Present)>,
    unreadable: Vec<String>,
    first_failure: Option<TokenError>,
}

impl Pkcs11Provider {
    /// A provider of these modules; none is touched yet. No module but these is ever loaded, whatever a
    /// locator says.
    pub fn new(configs: Vec<ModuleConfig>) -> Self {
        let loaded = Mutex::new(configs.iter().map(|_| None).collect());
        Self { configs, loaded }
    }

    /// Tries every module by itself: its path, and its tokens or what is wrong with it.
    pub fn check(&self) -> Vec<(PathBuf, Result<Vec<TokenIdentity>, TokenError>)> {
        let tokens_of = |at: usize| {
            let walk = self.module(at)?.walk()?;
            Ok(walk
                .present
                .into_iter()
                .map(|found| found.identity)
                .collect())
        };
        let each = self.configs.iter().enumerate();
        each.map(|(at, config)| (config.path.clone(), tokens_of(at)))
            .collect()
    }

    /// What people have to know of the tokens that are present, by the name of their profile.
    pub fn cautions(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        for (module, token) in self.find().tokens {
            let Some(profile) = module.profile_for(&token.identity.manufacturer) else {
                continue;
            };
            for caution in profile.cautions() {
                let one = (profile.name.clone(), caution);
                if !all.contains(&one) {
                    all.push(one);
                }
            }
        }
        all
    }

    fn module(&self, at: usize) -> Result<Arc<Module>, TokenError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = &loaded[at] {
            return Ok(Arc::clone(module));
        }
        let module = Arc::new(Module::load(&self.configs[at])?);
        loaded[at] = Some(Arc::clone(&module));
        Ok(module)
    }

    fn find(&self) -> Found {
        let mut found = Found {
            tokens: Vec::new(),
            unreadable: Vec::new(),
            first_failure: None,
        };
        let mut seen = Vec::new();
        for at in 0..self.configs.len() {
            let walked = self
                .module(at)
                .and_then(|module| Ok((module.walk()?, module)));
            match walked {
                // The same library under two names shows the same tokens twice.
                Ok((_, module)) if seen.contains(&module.path) => {}
                Ok((walk, module)) => {
                    seen.push(module.path.clone());
                    let tokens = walk.present.into_iter();
                    found
                        .tokens
                        .extend(tokens.map(|token| (Arc::clone(&module), token)));
                    found.unreadable.extend(walk.unreadable);
                }
                Err(e) => {
                    found.first_failure.get_or_insert(e);
                }
            }
        }
        found
    }
}

impl TokenProvider for Pkcs11Provider {
    /// All initialised tokens of all modules that work. One broken module does not hide the tokens of the
    /// others ([`Self::check`] tells of it); only where there is no token at all it is the error.
    fn list(&self) -> Result<Vec<TokenIdentity>, TokenError> {
        let found = self.find();
        match found.first_failure {
            Some(failure) if found.tokens.is_empty() => Err(failure),
            _ => Ok(found
                .tokens
                .into_iter()
                .map(|(_, token)| token.identity)
                .collect()),
        }
    }

    /// The one token that the URI means. `module-path` and `module-name` choose among the configured
    /// modules. Where a module does not work and no other has the token, that module is the error.
    fn open(&self, locator: &str) -> Result<Box<dyn Token + '_>, TokenError> {
        let uri = token_uri(locator)?;
        let found = self.find();
        let (mut meant, others): (Vec<_>, Vec<_>) =
            found.tokens.into_iter().partition(|(module, token)| {
                module.is_meant_by(&uri) && module.token_is_meant_by(token, &uri)
            });
        let names = |tokens: &[(Arc<Module>, Present)]| -> Vec<String> {
            tokens.iter().map(|(_, token)| named(token)).collect()
        };
        if meant.len() > 1 {
            let (wanted, present) = (uri.to_string(), names(&meant));
            return Err(TokenError::Ambiguous { wanted, present });
        }
        match (meant.pop(), found.first_failure) {
            (Some((module, token)), _) => Ok(Box::new(Pkcs11Token::new(module, token))),
            (None, Some(failure)) => Err(failure),
            (None, None) => {
                let mut present = names(&others);
                present.extend(found.unreadable);
                Err(TokenError::Absent {
                    wanted: uri.to_string(),
                    present,
                })
            }
        }
    }
}

/// Reads a locator, which names a token and nothing else.
fn token_uri(locator: &str) -> Result<TokenUri, TokenError> {
    let uri = TokenUri::parse(locator).map_err(|refused| TokenError::Locator {
        locator: refused.understood,
        reason: refused.reason,
    })?;
    let reason = if uri.names_object() {
        "it names an object; leave object, id and type out"
    } else if uri.names_no_token() {
        "it names no attribute of a token, such as token or serial"
    } else {
        return Ok(uri);
    };
    Err(TokenError::Locator {
        locator: locator.to_owned(),
        reason: reason.to_owned(),
    })
}

/// A token in an error message: its label for people, its locator to be copied.
fn named(token: &Present) -> String {
    format!("{} <{}>", token.identity, token.identity.locator)
}
