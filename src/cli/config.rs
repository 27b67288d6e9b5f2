//! The station's folder: `config.toml` (written by people), `station.key` and `anchor.json` (written by
//! us).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::aws::{AtOnce, AwsSettings, Way, Ways};
use crate::model::{AccountId, Class, Failure, Name};
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
    pub store: Bucket,
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

/// `[store]`: what is left out is that of `[aws]`, then of the standard environment; the endpoint that of S3.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bucket {
    /// The profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Where the store is, if it is not AWS's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// `[aws]`: what is left out is taken from the standard environment and profiles.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
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
    /// The role, with its path if it has one, that is assumed in every account but the rotator's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The external id that its trust policy asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// How many calls may be under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_once: Option<usize>,
    /// How many of them in one account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_once_per_account: Option<usize>,
    /// The accounts in which it is otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub account: Vec<Account>,
}

/// One `[[aws.account]]`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// The role there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Its external id, if it is another than that of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The profile whose credentials are taken there instead of the rotator's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// The most calls that may be under way at once.
const AT_ONCE_MOST: usize = 64;

impl Aws {
    /// The settings of the connection, checked; `session` names the run in other accounts.
    ///
    /// # Errors
    /// A [`Failure`] of the class [`Class::Usage`] for what AWS could never take.
    pub fn settings(&self, session: String) -> Result<AwsSettings, Failure> {
        let usual = AtOnce::default();
        let at_once = AtOnce {
            all: self.at_once.unwrap_or(usual.all),
            account: self.at_once_per_account.unwrap_or(usual.account),
        };
        let sound = |count| (1..=AT_ONCE_MOST).contains(&count);
        if !sound(at_once.all) || !sound(at_once.account) {
            let what = format!("[aws]: 1 to {AT_ONCE_MOST} calls at once");
            return Err(bad(what));
        }
        Ok(AwsSettings {
            profile: self.profile.clone(),
            region: self.region.clone(),
            endpoint: self.endpoint.clone(),
            at_once,
            ways: self.ways()?,
            session: Some(session),
            ..AwsSettings::default()
        })
    }

    fn ways(&self) -> Result<Ways, Failure> {
        check_role(self.role.as_deref(), self.external_id.as_deref())?;
        let mut accounts = BTreeMap::new();
        for account in &self.account {
            check_role(account.role.as_deref(), account.external_id.as_deref())?;
            let way = Way {
                role: account.role.clone(),
                external_id: account.external_id.clone(),
                profile: account.profile.clone(),
            };
            if way.role.is_none() && way.profile.is_none() {
                let what = format!("[[aws.account]] {}: a role, a profile, or both", account.id);
                return Err(bad(what));
            }
            if accounts.insert(account.id.clone(), way).is_some() {
                return Err(bad(format!(
                    "[[aws.account]] {} is there twice",
                    account.id
                )));
            }
        }
        Ok(Ways {
            role: self.role.clone(),
            external_id: self.external_id.clone(),
            accounts,
        })
    }
}

/// Whether AWS could take a role and an external id (IAM API, "CreateRole"; STS API, "AssumeRole"). The account
/// is known from elsewhere, so an ARN is no role here.
fn check_role(role: Option<&str>, external_id: Option<&str>) -> Result<(), Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-/".contains(c);
    if let Some(role) = role {
        let name = role.rsplit('/').next().unwrap_or_default();
        let sound = role.chars().all(plain) && (1..=64).contains(&name.len()) && role.len() <= 512;
        if !sound {
            return Err(bad(format!(
                "[aws]: {role:?} is no name of a role, such as breakglass-rotator or ops/breakglass-rotator"
            )));
        }
    }
    let plain = |c: char| plain(c) || c == ':';
    match external_id {
        Some(id) if !(2..=1224).contains(&id.len()) || !id.chars().all(plain) => Err(bad(format!(
            "[aws]: {id:?} is no external id: 2 to 1224 of A-Z, a-z, 0-9 and +=,.@:/-"
        ))),
        _ => Ok(()),
    }
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
    /// New keys flap for some seconds and deactivation lags by three or four: two answers ten seconds apart,
    /// and two minutes at the most. More answers would be more calls for each user. A list that lags by more than twenty seconds loses nothing,
    /// but the key that it shows too late stays until the next rotation.
    fn default() -> Self {
        Self {
            answers: 2,
            interval_seconds: 10.0,
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
