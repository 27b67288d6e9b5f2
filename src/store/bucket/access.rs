//! By what a bucket is reached.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;

/// Credentials are asked for anew so long before they end.
const EARLY: Duration = Duration::from_secs(300);

/// How an object store is reached: as AWS's own tools would.
#[derive(Debug, Clone)]
pub struct BucketAccess {
    /// Whose credentials.
    pub credentials: SharedCredentialsProvider,
    /// The region.
    pub region: String,
    /// Where the store is, as a URL, if it is not AWS's.
    pub endpoint: Option<String>,
    /// How long the store may take for one answer; [`BucketAccess::PATIENCE`] where nothing speaks for another.
    pub patience: Duration,
}

impl BucketAccess {
    /// What a slow store may take for one answer. A call is tried four times.
    pub const PATIENCE: Duration = Duration::from_secs(30);
}

/// The SDK's credentials as the object store's crate takes them, kept until shortly before they end.
pub(super) struct Credentials {
    provider: SharedCredentialsProvider,
    kept: Mutex<Option<(Arc<AwsCredential>, Option<SystemTime>)>>,
}

impl Credentials {
    pub(super) fn of(provider: SharedCredentialsProvider) -> Self {
        Self {
            provider,
            kept: Mutex::default(),
        }
    }

    fn good(&self) -> Option<Arc<AwsCredential>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (credential, ends) = kept.as_ref()?;
        let soon = SystemTime::now() + EARLY;
        ends.is_none_or(|ends| soon < ends)
            .then(|| Arc::clone(credential))
    }

    async fn ask(&self) -> object_store::Result<Arc<AwsCredential>> {
        if let Some(credential) = self.good() {
            return Ok(credential);
        }
        let given = self.provider.provide_credentials().await;
        let given = given.map_err(|error| object_store::Error::Unauthenticated {
            path: String::new(),
            source: Box::new(error),
        })?;
        let credential = Arc::new(AwsCredential {
            key_id: given.access_key_id().to_owned(),
            secret_key: given.secret_access_key().to_owned(),
            token: given.session_token().map(str::to_owned),
        });
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((Arc::clone(&credential), given.expiry()));
        Ok(credential)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

// The trait is written with async_trait; this is what that makes of it.
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    fn get_credential<'a, 'f>(
        &'a self,
    ) -> Pin<Box<dyn Future<Output = object_store::Result<Arc<AwsCredential>>> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        Box::pin(self.ask())
    }
}
