//! The connection, and how a call is tried again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use aws_config::Region;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_credential_types::Credentials;
use aws_sdk_iam::config::http::HttpResponse;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex;

use super::accounts::{Door, Ways};
use super::errors::{Call, Effect, classify};
use super::pace::Pace;
use super::settings::{
    AwsSettings, Patience, ProfileFiles, credentials_of, endpoint_of, load, refuse_clear_text,
    told, unusable,
};
use super::several::AtOnce;
use crate::model::AccountId;
use crate::ports::{CallerIdentity, CloudError};

/// Whether a call may be sent again when it is unknown what the first one did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Doing it twice is doing it once.
    Harmless,
    /// A second key might be made: only what provably did nothing is sent again.
    Never,
}

/// An API: each has rates of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Api {
    Iam,
    Sts,
}

/// A call, how it may be repeated, and whose rate it counts against.
pub(super) struct Ask<'a> {
    pub call: Call<'a>,
    pub repeat: Repeat,
    pub api: Api,
    /// The account; `None` is the rotator's own.
    pub account: Option<&'a AccountId>,
}

/// Who signs a call.
pub(super) enum Signer {
    /// The rotator, by its own credentials.
    Own,
    /// The rotator, as whoever it is in this account.
    In(AccountId),
    /// These credentials.
    As(Credentials),
}

/// AWS as one rotator sees it.
pub struct Aws {
    pub(super) iam: aws_sdk_iam::Client,
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) at_once: AtOnce,
    pub(super) ways: Ways,
    pub(super) session: String,
    pub(super) own: Mutex<Option<CallerIdentity>>,
    pub(super) doors: RefCell<BTreeMap<AccountId, Rc<Mutex<Door>>>>,
    runtime: Option<Runtime>,
    patience: Patience,
    endpoint: Option<String>,
    files: Option<ProfileFiles>,
    region: Option<Region>,
    paces: RefCell<BTreeMap<(Option<AccountId>, Api), Pace>>,
    began: Instant,
}

impl Aws {
    /// Reads the settings, the environment and the profiles. Nothing is sent and no credentials are
    /// looked for before the first call.
    ///
    /// # Errors
    /// [`CloudError::Insecure`] where the endpoint would carry secrets over the network in the clear;
    /// [`CloudError::Unreachable`] where the system refuses what a connection needs.
    pub fn connect(settings: AwsSettings) -> Result<Self, CloudError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        let config = runtime.block_on(load(&settings));
        let (iam, sts) = (endpoint_of(&config, "IAM"), endpoint_of(&config, "STS"));
        for endpoint in [&iam, &sts].into_iter().flatten() {
            refuse_clear_text(endpoint)?;
        }
        Ok(Self {
            iam: aws_sdk_iam::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
            at_once: settings.at_once,
            ways: settings.ways,
            session: settings.session.unwrap_or_else(|| "breakglass".to_owned()),
            own: Mutex::default(),
            doors: RefCell::default(),
            runtime: Some(runtime),
            patience: settings.patience,
            endpoint: told(iam, sts),
            files: settings.files,
            region: config.region().cloned(),
            paces: RefCell::default(),
            began: Instant::now(),
        })
    }

    /// Where the calls go, if it is not AWS itself: to be said aloud and recorded, because whoever sets
    /// an environment variable could otherwise redirect a rotation. `None` is AWS.
    pub fn endpoint_override(&self) -> Option<String> {
        self.endpoint.clone()
    }

    /// The credentials of a profile, by the same files.
    pub(super) fn profile(&self, profile: &str) -> ProfileFileCredentialsProvider {
        credentials_of(profile, self.files.as_ref(), self.region.clone())
    }

    /// Runs to its end what has no answer of its own.
    pub(super) fn run(&self, all: impl Future<Output = ()>) {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(all);
        }
    }

    /// Waits for one answer.
    pub(super) fn wait<T>(
        &self,
        answer: impl Future<Output = Result<T, CloudError>>,
    ) -> Result<T, CloudError> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(answer),
            None => Err(unusable("closed".to_owned())),
        }
    }

    /// Does a call, again and again where that is safe, and never faster than AWS takes it.
    ///
    /// # Errors
    /// [`CloudError`]. Where an earlier try may have been done, a later one that surely was not is
    /// still told as [`CloudError::Unclear`].
    pub(super) async fn ask<T, E, F>(
        &self,
        ask: &Ask<'_>,
        signer: &Signer,
        send: impl Fn(Option<Credentials>) -> F,
    ) -> Result<T, CloudError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let answered = self.with_pace(ask, |pace, _| pace.count());
        let mut tries = Tries::new(&self.patience, answered);
        loop {
            let credentials = self.credentials(signer).await?;
            let sent = self.turn(ask).await;
            tries.begun();
            let error = match send(credentials.clone()).await {
                Ok(output) => {
                    self.with_pace(ask, |pace, now| pace.answered(now));
                    return Ok(output);
                }
                Err(error) => error,
            };
            let (error, effect) = classify(&ask.call, &error);
            if self.is_renewed(signer, credentials, &error).await && tries.renew() {
                continue;
            }
            let answered = self.learn(ask, &error, sent);
            if effect == Effect::Unknown {
                tries.unclear = Some(error.clone());
            }
            let again = match effect {
                Effect::Settled => return Err(error),
                Effect::Nothing => true,
                Effect::Unknown => ask.repeat == Repeat::Harmless,
            };
            match tries.pause(&error, answered).filter(|_| again) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(tries.unclear.take().unwrap_or(error)),
            }
        }
    }

    async fn credentials(&self, signer: &Signer) -> Result<Option<Credentials>, CloudError> {
        match signer {
            Signer::Own => Ok(None),
            Signer::As(credentials) => Ok(Some(credentials.clone())),
            // Entering an account is a call itself.
            Signer::In(account) => Box::pin(self.credentials_in(account)).await,
        }
    }

    /// Whether a session has ended before its time and another is to be had: what it signed was refused, so
    /// nothing was done.
    async fn is_renewed(
        &self,
        signer: &Signer,
        credentials: Option<Credentials>,
        error: &CloudError,
    ) -> bool {
        let ended =
            matches!(error, CloudError::Credentials(words) if words.starts_with("ExpiredToken"));
        match (signer, credentials) {
            (Signer::In(account), Some(expired)) if ended => self.renew(account, &expired).await,
            _ => false,
        }
    }

    /// Waits until it is this call's turn. Returns when that was.
    async fn turn(&self, ask: &Ask<'_>) -> f64 {
        let wait = self.with_pace(ask, |pace, now| pace.wait(now));
        if wait > 0.0 {
            tokio::time::sleep(Duration::from_secs_f64(wait)).await;
        }
        self.now()
    }

    /// What a failure tells of the rate. Returns how many calls were answered so far.
    fn learn(&self, ask: &Ask<'_>, error: &CloudError, sent: f64) -> u64 {
        self.with_pace(ask, |pace, now| {
            match error {
                CloudError::Throttled { .. } => pace.throttled(now, sent),
                CloudError::Unclear { .. } | CloudError::Unreachable { .. } => {}
                _ => pace.answered(now),
            }
            pace.count()
        })
    }

    fn with_pace<T>(&self, ask: &Ask<'_>, deed: impl FnOnce(&mut Pace, f64) -> T) -> T {
        let now = self.now();
        let mut paces = self.paces.borrow_mut();
        let key = (ask.account.cloned(), ask.api);
        deed(paces.entry(key).or_default(), now)
    }

    fn now(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}

/// How often a call was tried, and for how long.
struct Tries<'a> {
    patience: &'a Patience,
    begun: Option<Instant>,
    count: u32,
    answered: u64,
    renewed: bool,
    unclear: Option<CloudError>,
}

impl<'a> Tries<'a> {
    fn new(patience: &'a Patience, answered: u64) -> Self {
        Self {
            patience,
            begun: None,
            count: 0,
            answered,
            renewed: false,
            unclear: None,
        }
    }

    fn begun(&mut self) {
        self.begun.get_or_insert_with(Instant::now);
        self.count += 1;
    }

    /// A session is renewed once for a call.
    fn renew(&mut self) -> bool {
        !std::mem::replace(&mut self.renewed, true)
    }

    /// The pause before the next try, if there may be one. A call that is throttled while others are answered
    /// only waits for its turn: it is not what is too much.
    fn pause(&mut self, error: &CloudError, answered: u64) -> Option<Duration> {
        let others = answered > std::mem::replace(&mut self.answered, answered);
        if matches!(error, CloudError::Throttled { .. }) && others {
            (self.begun, self.count) = (None, 0);
            return Some(Duration::ZERO);
        }
        let pause = pause_before(self.patience, self.count);
        let spent = self.begun.map(|begun| begun.elapsed()).unwrap_or_default();
        let over = self.count >= self.patience.tries || spent + pause >= self.patience.operation;
        (!over).then_some(pause)
    }
}

/// The pause after so many tries.
fn pause_before(patience: &Patience, attempt: u32) -> Duration {
    let whole = patience
        .pause
        .saturating_mul(1 << attempt.saturating_sub(1).min(10));
    let mut chance = [0_u8];
    // Without random numbers the pause is the whole one.
    let _ = getrandom::fill(&mut chance);
    whole - whole.mul_f64(f64::from(chance[0]) / 512.0)
}

impl Drop for Aws {
    fn drop(&mut self) {
        // A name look-up that hangs must not hold up the end of the program.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_are_never_longer_than_that() {
        let patience = Patience::default();
        for (attempt, most) in [(1, 500), (2, 1000), (3, 2000), (40, 512_000)] {
            let pause = pause_before(&patience, attempt);
            assert!(pause <= Duration::from_millis(most), "{attempt}: {pause:?}");
            assert!(
                pause >= Duration::from_millis(most / 2),
                "{attempt}: {pause:?}"
            );
        }
    }
}
