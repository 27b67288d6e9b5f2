//! What brings back an object that was overwritten or deleted: older versions that the bucket keeps, and a lock
//! against deleting them (Amazon S3 API, "GetBucketVersioning" and "GetObjectLockConfiguration").

use std::time::Duration;

use object_store::aws::AwsAuthorizer;
use object_store::client::{
    HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector,
};
use object_store::path::Path;
use object_store::signer::Signer;

use super::BucketStore;
use crate::ports::StoreError;

/// What a bucket keeps. What it does not say, because it may not be asked, is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protection {
    /// Whether it keeps older versions.
    pub versioned: Option<bool>,
    /// Whether they can be locked against being deleted.
    pub locked: Option<bool>,
}

/// How long a URL would be good, if one were sent.
const VALID: Duration = Duration::from_secs(60);

/// An answer that means no, in the place of a configuration.
const NO_LOCK: &str = "ObjectLockConfigurationNotFoundError";

impl BucketStore {
    /// Asks the bucket what it keeps.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where it cannot be reached.
    pub fn protection(&self) -> Result<Protection, StoreError> {
        let says = |(status, text): (u16, String), yes: &str| match status {
            200 => Some(text.contains(yes)),
            404 if text.contains(NO_LOCK) => Some(false),
            _ => None,
        };
        let client = ReqwestConnector::default().connect(&self.options);
        let client = client.map_err(|e| StoreError::Failed(self.place.clone(), e.to_string()))?;
        Ok(Protection {
            versioned: says(self.ask(&client, "versioning")?, "<Status>Enabled</Status>"),
            locked: says(
                self.ask(&client, "object-lock")?,
                "<ObjectLockEnabled>Enabled</ObjectLockEnabled>",
            ),
        })
    }

    /// The status and the text of the bucket's answer to a question about itself.
    fn ask(&self, client: &HttpClient, question: &str) -> Result<(u16, String), StoreError> {
        let why = || format!("it could not be asked for its {question}");
        let failed = || StoreError::Failed(self.place.clone(), why());
        self.wait(async {
            let request = self.question(question).await.ok_or_else(failed)?;
            let answer = client.execute(request).await.map_err(|_| failed())?;
            let status = answer.status().as_u16();
            let text = answer.into_body().bytes().await.map_err(|_| failed())?;
            Ok((status, String::from_utf8_lossy(&text).into_owned()))
        })
    }

    /// The signed request. Where the bucket is, the crate tells by a URL that is signed itself; of that only the
    /// place is taken.
    async fn question(&self, question: &str) -> Option<HttpRequest> {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        let (method, bucket) = (request.method().clone(), Path::default());
        let mut url = self.objects.signed_url(method, &bucket, VALID).await.ok()?;
        url.set_query(Some(question));
        *request.uri_mut() = url.as_str().parse().ok()?;
        let credential = self.objects.credentials().get_credential().await.ok()?;
        let signer = AwsAuthorizer::new(&credential, "s3", &self.region);
        signer.try_authorize(&mut request, None).ok()?;
        Some(request)
    }
}
