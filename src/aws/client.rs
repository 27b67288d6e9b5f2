//! The connection: settings, time limits, and how a call is tried again.

use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
#[expect(
    deprecated,
    reason = "their new home is a crate that we need for nothing else"
)]
use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles as SdkProfileFiles};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_iam::config::http::HttpResponse;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_types::service_config::ServiceConfigKey;
use tokio::runtime::{Builder, Runtime};

use super::errors::{Call, Effect, classify};
use crate::ports::CloudError;

/// The region where none is set: IAM is global and lives here.
const HOME_REGION: &str = "us-east-1";

/// How AWS is reached. What is `None` is taken from the standard environment and profiles
/// (`AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_IAM`, `AWS_ENDPOINT_URL_STS`, …).
#[derive(Debug, Clone, Default)]
pub struct AwsSettings {
    /// The profile whose credentials the rotator acts with.
    pub profile: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// Where the calls go instead of AWS, as a URL; it wins over environment and profile.
    pub endpoint: Option<String>,
    /// The files that profiles are read from, instead of those in `~/.aws`.
    pub files: Option<ProfileFiles>,
    /// The time limits.
    pub patience: Patience,
}

/// The two files of AWS profiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileFiles {
    /// The one with the settings.
    pub config: PathBuf,
    /// The one with the credentials.
    pub credentials: PathBuf,
}

/// How long AWS is waited for, and how often a call is tried. The SDK has no time limits of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For one try.
    pub attempt: Duration,
    /// For a call with all its tries; none is begun after it.
    pub operation: Duration,
    /// How many tries there are at most.
    pub tries: u32,
    /// The pause before the second try; it doubles with each further one, and up to half of it is left
    /// out by chance, so that many rotators do not come back at once.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            attempt: Duration::from_secs(10),
            operation: Duration::from_secs(30),
            tries: 4,
            pause: Duration::from_millis(500),
        }
    }
}

/// Whether a call may be sent again when it is unknown what the first one did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Doing it twice is doing it once.
    Harmless,
    /// A second key might be made: only what provably did nothing is sent again.
    Never,
}

/// AWS as one rotator sees it.
pub struct Aws {
    pub(super) iam: aws_sdk_iam::Client,
    pub(super) sts: aws_sdk_sts::Client,
    runtime: Option<Runtime>,
    patience: Patience,
    endpoint: Option<String>,
}

impl Aws {
    /// Reads the settings, the environment and the profiles. Nothing is sent and no credentials are
    /// looked for before the first call.
    ///
    /// # Errors
    /// [`CloudError::Unreachable`] where the endpoint would carry secrets over the network in the clear,
    /// or the system refuses what a connection needs.
    pub fn connect(settings: AwsSettings) -> Result<Self, CloudError> {
        let patience = settings.patience;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        let config = runtime.block_on(load(settings));
        let (iam, sts) = (endpoint_of(&config, "IAM"), endpoint_of(&config, "STS"));
        for endpoint in [&iam, &sts].into_iter().flatten() {
            refuse_clear_text(endpoint)?;
        }
        Ok(Self {
            iam: aws_sdk_iam::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
            runtime: Some(runtime),
            patience,
            endpoint: told(iam, sts),
        })
    }

    /// Where the calls go, if it is not AWS itself: to be said aloud and recorded, because whoever sets
    /// an environment variable could otherwise redirect a rotation. `None` is AWS.
    pub fn endpoint_override(&self) -> Option<String> {
        self.endpoint.clone()
    }

    /// Does a call, again and again where that is safe.
    ///
    /// # Errors
    /// [`CloudError`]. Where an earlier try may have been done, a later one that surely was not is
    /// still told as [`CloudError::Unclear`].
    pub(super) fn call<T, E, F>(
        &self,
        call: &Call<'_>,
        repeat: Repeat,
        send: impl Fn() -> F,
    ) -> Result<T, CloudError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let runtime = self
            .runtime
            .as_ref()
            .ok_or_else(|| unusable("closed".to_owned()))?;
        let started = Instant::now();
        let mut unclear = None;
        for attempt in 1_u32.. {
            let error = match runtime.block_on(send()) {
                Ok(output) => return Ok(output),
                Err(error) => error,
            };
            let (error, effect) = classify(call, &error);
            let again = match effect {
                Effect::Settled => return Err(error),
                Effect::Nothing => true,
                Effect::Unknown => repeat == Repeat::Harmless,
            };
            let pause = self.pause_before(attempt);
            if effect == Effect::Unknown {
                unclear = Some(error.clone());
            }
            if !again
                || attempt >= self.patience.tries
                || started.elapsed() + pause >= self.patience.operation
            {
                return Err(unclear.unwrap_or(error));
            }
            runtime.block_on(async { tokio::time::sleep(pause).await });
        }
        // The loop ends by returning; the counter cannot run out before the patience does.
        Err(unusable("too many tries".to_owned()))
    }

    fn pause_before(&self, attempt: u32) -> Duration {
        let whole = self
            .patience
            .pause
            .saturating_mul(1 << (attempt - 1).min(10));
        let mut chance = [0_u8];
        // Without random numbers the pause is the whole one.
        let _ = getrandom::fill(&mut chance);
        whole - whole.mul_f64(f64::from(chance[0]) / 512.0)
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        // A name look-up that hangs must not hold up the end of the program.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn unusable(reason: String) -> CloudError {
    CloudError::Unreachable {
        action: "anything".to_owned(),
        reason,
    }
}

async fn load(settings: AwsSettings) -> SdkConfig {
    let patience = settings.patience;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(patience.connect)
        .operation_attempt_timeout(patience.attempt)
        .operation_timeout(patience.operation)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .region(region(&settings));
    if let Some(endpoint) = settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(profile) = settings.profile {
        loader = loader.profile_name(profile);
    }
    with_files(loader, settings.files).load().await
}

#[expect(deprecated, reason = "see the import")]
fn sdk_files(files: &ProfileFiles) -> SdkProfileFiles {
    SdkProfileFiles::builder()
        .with_file(ProfileFileKind::Config, &files.config)
        .with_file(ProfileFileKind::Credentials, &files.credentials)
        .build()
}

fn with_files(loader: ConfigLoader, files: Option<ProfileFiles>) -> ConfigLoader {
    match files {
        Some(files) => loader.profile_files(sdk_files(&files)),
        None => loader,
    }
}

/// The SDK's own chain would ask the instance metadata service, over the network, before giving up.
fn region(settings: &AwsSettings) -> RegionProviderChain {
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &settings.profile {
        profile = profile.profile_name(name);
    }
    if let Some(files) = &settings.files {
        profile = profile.profile_files(sdk_files(files));
    }
    RegionProviderChain::first_try(settings.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
        .or_else(HOME_REGION)
}

/// The endpoint that a client of this service takes, by the SDK's own rules: what the program says,
/// then the service's own variable or profile entry, then the one for all.
fn endpoint_of(config: &SdkConfig, service: &str) -> Option<String> {
    let for_all = config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return for_all;
    }
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    config
        .service_config()
        .and_then(|service| service.load_config(key))
        .or(for_all)
}

fn told(iam: Option<String>, sts: Option<String>) -> Option<String> {
    match (iam, sts) {
        (None, None) => None,
        (Some(iam), Some(sts)) if iam == sts => Some(iam),
        (iam, sts) => {
            let name = |endpoint: Option<String>| endpoint.unwrap_or_else(|| "AWS".to_owned());
            Some(format!("IAM at {}, STS at {}", name(iam), name(sts)))
        }
    }
}

/// The answer to CreateAccessKey is a secret: it travels encrypted, or does not leave this machine.
fn refuse_clear_text(endpoint: &str) -> Result<(), CloudError> {
    let Some(rest) = endpoint.strip_prefix("http://") else {
        return Ok(());
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let host = match host_and_port.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => host_and_port.split(':').next().unwrap_or_default(),
    };
    let here = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    if here {
        Ok(())
    } else {
        Err(unusable(format!(
            "the endpoint {endpoint} is neither encrypted nor on this machine, and a new key's secret \
             would cross the network in the clear"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_travel_in_the_clear() {
        for good in [
            "https://iam.example.com",
            "http://127.0.0.1:4566",
            "http://localhost:1/x",
            "http://[::1]:80",
            "http://127.9.9.9",
        ] {
            assert_eq!(refuse_clear_text(good), Ok(()), "{good}");
        }
        for bad in [
            "http://iam.example.com",
            "http://127.0.0.1.example.com:80",
            "http://127.0.0.1@example.com",
            "http://10.0.0.1:4566",
            "http://",
        ] {
            assert!(refuse_clear_text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_redirection_of_one_service_alone_is_told() {
        let here = || Some("http://127.0.0.1:1".to_owned());
        assert_eq!(told(None, None), None);
        assert_eq!(told(here(), here()), here());
        assert_eq!(
            told(here(), None),
            Some("IAM at http://127.0.0.1:1, STS at AWS".to_owned())
        );
    }

    #[test]
    fn pauses_double_and_are_never_longer_than_that() {
        let settings = AwsSettings::default();
        let aws = Aws::connect(settings).expect("connect sends nothing");
        for (attempt, most) in [(1, 500), (2, 1000), (3, 2000), (40, 512_000)] {
            let pause = aws.pause_before(attempt);
            assert!(pause <= Duration::from_millis(most), "{attempt}: {pause:?}");
            assert!(
                pause >= Duration::from_millis(most / 2),
                "{attempt}: {pause:?}"
            );
        }
    }
}
