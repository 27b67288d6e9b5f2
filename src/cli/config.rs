//! The station's folder: `config.toml` (written by people), `station.key` and `anchor.json` (written by
//! us).

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Class, Failure, Name};
use crate::ops::Timing;
use crate::store::StationFolder;

/// `config.toml`. Every part may be left out.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// This machine's name in the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The vault's folder, or its place in an object store: `s3://BUCKET/PREFIX`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault: Option<PathBuf>,
    /// The folder that takes what is added to the ledger, where the vault is a copy that nothing is written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<PathBuf>,
    /// The PKCS#11 modules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub module: Vec<Module>,
    /// How AWS is reached.
    #[serde(default, skip_serializing_if = "is_default")]
    pub aws: Aws,
    /// How the vault's object store is reached, where it is in one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub store: Aws,
    /// How patiently AWS is asked for proof.
    #[serde(default, skip_serializing_if = "is_default")]
    pub proof: Proof,
}

/// One `[[module]]`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    /// Its file.
    pub path: PathBuf,
    /// The name of its profile in hsm-config, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The folder of its tokens, where its profile says that the module must be told of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
}

/// `[aws]` and `[store]`: what is left out is taken from the standard environment and profiles.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aws {
    /// The profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Where calls go instead of AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// `[proof]`
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Proof {
    /// How many answers in a row count.
    pub answers: u32,
    /// Seconds between two questions; a fraction is allowed.
    pub interval_seconds: f64,
    /// Seconds after which the answer is no.
    pub patience_seconds: u64,
    /// Seconds by which IAM's lists of keys may lag.
    pub list_lag_seconds: u64,
}

impl Default for Proof {
    /// New keys flap for some seconds and deactivation lags by three or four: three answers over six
    /// seconds, and two minutes at the most. A list that lags by more than twenty seconds loses nothing,
    /// but the key that it shows too late stays until the next rotation.
    fn default() -> Self {
        Self {
            answers: 3,
            interval_seconds: 3.0,
            patience_seconds: 120,
            list_lag_seconds: 20,
        }
    }
}

impl Proof {
    /// The same, checked.
    pub fn timing(&self) -> Result<Timing, Failure> {
        let interval = Duration::try_from_secs_f64(self.interval_seconds).ok();
        let interval = interval.filter(|interval| *interval <= Duration::from_secs(600));
        match interval {
            Some(interval) if (1..=100).contains(&self.answers) => Ok(Timing {
                answers: self.answers,
                interval,
                patience: Duration::from_secs(self.patience_seconds.min(3600)),
                lag: Duration::from_secs(self.list_lag_seconds.min(3600)),
            }),
            _ => Err(bad(
                "[proof]: 1 to 100 answers, 0 to 600 seconds between them".into(),
            )),
        }
    }
}

/// What says nothing is not written.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

const FILE: &str = "config.toml";

/// The most bytes of a configuration.
const MAX: usize = 1 << 16;

impl Config {
    /// Reads `config.toml`; there need not be one. It names modules that run in this process, so it is
    /// read with the same suspicion as the key beside it.
    pub fn load(folder: &StationFolder) -> Result<Self, Failure> {
        let Some(bytes) = folder.read(FILE, MAX)? else {
            return Ok(Self::default());
        };
        Self::parse(&bytes, &folder.shown(FILE))
    }

    /// Reads the bytes of a `config.toml`; `place` names it in an error.
    ///
    /// # Errors
    /// A [`Failure`] of the class [`Class::Usage`] that names the line: no UTF-8, no TOML, an unknown field.
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self, Failure> {
        let text = std::str::from_utf8(bytes).map_err(|_| bad(format!("{place} is not UTF-8")))?;
        toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| {
                let before = text.get(..span.start).unwrap_or_default();
                format!(", line {}", before.matches('\n').count() + 1)
            });
            let line = line.unwrap_or_default();
            bad(format!("{place}{line}: {}", error.message().trim()))
        })
    }
}

fn bad(what: String) -> Failure {
    Failure::new(Class::Usage, "config-unusable", what, "nothing was changed")
        .hint("docs/operations.md describes config.toml")
}
