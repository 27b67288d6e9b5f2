//! How AWS is reached: settings, time limits, whose credentials, and where the calls go.

use std::path::PathBuf;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
#[expect(
    deprecated,
    reason = "their new home is a crate that we need for nothing else"
)]
use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles as SdkProfileFiles};
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_types::service_config::ServiceConfigKey;

use super::accounts::Ways;
use super::several::AtOnce;
use crate::ports::CloudError;

/// The region where none is set: IAM is global and lives here.
pub(super) const HOME_REGION: &str = "us-east-1";

/// How AWS is reached. What is `None` is taken from the standard environment and profiles
/// (`AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_IAM`, `AWS_ENDPOINT_URL_STS`, …).
#[derive(Debug, Clone, Default)]
pub struct AwsSettings {
    /// The profile whose credentials the rotator acts with; if it is named here, nothing else is.
    pub profile: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// Where the calls go instead of AWS, as a URL; it wins over environment and profile.
    pub endpoint: Option<String>,
    /// The files that profiles are read from, instead of those in `~/.aws`.
    pub files: Option<ProfileFiles>,
    /// The time limits.
    pub patience: Patience,
    /// How many calls may be under way at once.
    pub at_once: AtOnce,
    /// How other accounts are entered.
    pub ways: Ways,
    /// The name of the sessions in other accounts, 2 to 64 characters of `[A-Za-z0-9_+=,.@-]`.
    pub session: Option<String>,
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

/// Nothing can be sent at all.
pub(super) fn unusable(reason: String) -> CloudError {
    CloudError::Unreachable {
        action: "anything".to_owned(),
        reason,
    }
}

/// Reads the environment and the profiles; sends nothing.
pub(super) async fn load(settings: &AwsSettings) -> SdkConfig {
    let patience = settings.patience;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(patience.connect)
        .operation_attempt_timeout(patience.attempt)
        .operation_timeout(patience.operation)
        .build();
    let region = region(settings).region().await;
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .region(region.clone());
    if let Some(files) = &settings.files {
        loader = loader.profile_files(sdk_files(files));
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(profile) = &settings.profile {
        let credentials = credentials_of(profile, settings.files.as_ref(), region);
        loader = loader
            .credentials_provider(credentials)
            .profile_name(profile);
    }
    loader.load().await
}

/// The credentials of a profile that was named, and no others: the SDK's own chain would prefer the
/// environment's, and where the profile is missing take those of the machine that this runs on.
pub(super) fn credentials_of(
    profile: &str,
    files: Option<&ProfileFiles>,
    region: Option<Region>,
) -> ProfileFileCredentialsProvider {
    let mut provider = ProfileFileCredentialsProvider::builder()
        .configure(&ProviderConfig::default().with_region(region))
        .profile_name(profile);
    if let Some(files) = files {
        provider = provider.profile_files(sdk_files(files));
    }
    provider.build()
}

#[expect(deprecated, reason = "see the import")]
fn sdk_files(files: &ProfileFiles) -> SdkProfileFiles {
    SdkProfileFiles::builder()
        .with_file(ProfileFileKind::Config, &files.config)
        .with_file(ProfileFileKind::Credentials, &files.credentials)
        .build()
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
pub(super) fn endpoint_of(config: &SdkConfig, service: &str) -> Option<String> {
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

/// The words for where the services are; nothing if both are at AWS.
pub(super) fn told(iam: Option<String>, sts: Option<String>) -> Option<String> {
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
pub(super) fn refuse_clear_text(endpoint: &str) -> Result<(), CloudError> {
    let lower = endpoint.to_ascii_lowercase();
    if lower.starts_with("https://") {
        return Ok(());
    }
    let authority = lower
        .strip_prefix("http://")
        .unwrap_or_default()
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default();
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
        Err(CloudError::Insecure(format!(
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
            "HTTP://iam.example.com",
            "http://10.0.0.1:4566",
            "iam.example.com",
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
}
