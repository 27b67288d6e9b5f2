//! By what a bucket is reached: the same settings, credentials and endpoints as everything else at AWS.

use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::runtime::Builder;

use super::settings::{AwsSettings, HOME_REGION, endpoint_of, load, unusable};
use crate::ports::CloudError;

/// Credentials, region, and the endpoint where it is not AWS's own (`AWS_ENDPOINT_URL_S3`, or what the
/// settings say). Nothing is sent.
///
/// # Errors
/// [`CloudError::Unreachable`] where the system refuses what a connection needs;
/// [`CloudError::Credentials`] where there are none.
pub fn bucket_access(
    settings: AwsSettings,
) -> Result<(SharedCredentialsProvider, String, Option<String>), CloudError> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| unusable(error.to_string()))?;
    let config = runtime.block_on(load(&settings));
    let credentials = config.credentials_provider();
    let credentials =
        credentials.ok_or_else(|| CloudError::Credentials("there are none".to_owned()))?;
    let region = config
        .region()
        .map_or(HOME_REGION, |region| region.as_ref());
    Ok((credentials, region.to_owned(), endpoint_of(&config, "S3")))
}
