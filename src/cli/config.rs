//! The station's folder: `config.toml` (written by people), `station.key` and `anchor.json` (written by
//! us).

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Class, Failure, Name};
use crate::ops::Timing;

/// `config.toml`. Every part may be left out.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// This machine's name in the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The vault's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault: Option<PathBuf>,
    /// The PKCS#11 modules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub module: Vec<Module>,
    /// How AWS is reached.
    #[serde(default, skip_serializing_if = "is_default")]
    pub aws: Aws,
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
    pub profile: Option<String>,
}

/// `[aws]`: what is left out is taken from the standard environment and profiles.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aws {
    /// The rotator's profile.
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

/// The most bytes of a configuration.
const MAX: u64 = 1 << 16;

impl Config {
    /// Reads `config.toml`; there need not be one.
    pub fn load(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join("config.toml");
        let shown = path.display().to_string();
        let text = match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(bad(format!("{shown}: {error}"))),
            Ok(meta) if !meta.is_file() => return Err(bad(format!("{shown} is not a file"))),
            Ok(meta) if meta.len() > MAX => {
                return Err(bad(format!("{shown} is larger than {MAX} bytes")));
            }
            Ok(_) => std::fs::read_to_string(&path).map_err(|e| bad(format!("{shown}: {e}")))?,
        };
        toml::from_str(&text).map_err(|error| {
            bad(format!(
                "{shown}: {}",
                error.to_string().replace('\n', " ").trim()
            ))
        })
    }
}

fn bad(what: String) -> Failure {
    Failure::new(Class::Usage, "config-unusable", what, "nothing was changed")
        .hint("docs/operations.md describes config.toml")
}
