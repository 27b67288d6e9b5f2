//! The connection, and how a call is tried again.

use std::future::Future;
use std::time::{Duration, Instant};

use aws_sdk_iam::config::http::HttpResponse;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use tokio::runtime::{Builder, Runtime};

use super::errors::{Call, Effect, classify};
use super::settings::{
    AwsSettings, Patience, endpoint_of, load, refuse_clear_text, told, unusable,
};
use crate::ports::CloudError;

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
    /// [`CloudError::Insecure`] where the endpoint would carry secrets over the network in the clear;
    /// [`CloudError::Unreachable`] where the system refuses what a connection needs.
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

#[cfg(test)]
mod tests {
    use super::*;

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
