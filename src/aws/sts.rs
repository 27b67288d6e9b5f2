//! Who a key is, and whether AWS still takes it, by `sts:GetCallerIdentity` (version 2011-06-15).

use aws_credential_types::Credentials;
use aws_sdk_sts::config::Config;
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityOutput;
use zeroize::Zeroizing;

use super::client::{Aws, Repeat};
use super::errors::Call;
use crate::model::AccessKeyId;
use crate::ports::{CallerIdentity, CloudError, KeyProof, ProbeAnswer, ProofAnswer};
use crate::secret::AccessKeySecret;

const ACTION: &str = "sts:GetCallerIdentity";

/// AWS's word for a key that it does not take: unknown, deactivated or deleted.
const UNKNOWN_KEY: &str = "InvalidClientTokenId";
/// AWS's word for a key that it takes, with another secret.
const WRONG_SIGNATURE: &str = "SignatureDoesNotMatch";

/// What one question with a given key and secret was answered.
enum Asked {
    Is(CallerIdentity),
    UnknownKey,
    WrongSignature(String),
}

impl Aws {
    /// Whom AWS takes the rotator for.
    pub(super) fn who_asks(&self) -> Result<CallerIdentity, CloudError> {
        let call = Call {
            action: ACTION,
            user: None,
            key: None,
        };
        let answer = self.call(&call, Repeat::Harmless, || {
            self.sts.get_caller_identity().send()
        })?;
        identity(&call, &answer)
    }

    /// Asks as somebody else than the rotator. The credentials live for this call alone.
    fn ask_as(&self, key: &AccessKeyId, secret: &str) -> Result<Asked, CloudError> {
        let call = Call {
            action: ACTION,
            user: None,
            key: Some(key),
        };
        let answer = self.call(&call, Repeat::Harmless, || {
            let credentials = Credentials::new(key.as_str(), secret, None, None, "breakglass");
            self.sts
                .get_caller_identity()
                .customize()
                .config_override(Config::builder().credentials_provider(credentials))
                .send()
        });
        match answer {
            Ok(answer) => identity(&call, &answer).map(Asked::Is),
            Err(CloudError::Credentials(words)) => sort_refusal(words),
            Err(error) => Err(error),
        }
    }
}

/// These are words about the key that was asked with, not about the rotator.
fn sort_refusal(words: String) -> Result<Asked, CloudError> {
    let (code, message) = words.split_once(": ").unwrap_or((&words, ""));
    // A clock that is wrong makes every signature wrong, also that of a key that AWS would not take.
    let of_the_clock = message.starts_with("Signature expired")
        || message.starts_with("Signature not yet current");
    match code {
        UNKNOWN_KEY => Ok(Asked::UnknownKey),
        WRONG_SIGNATURE if !of_the_clock => Ok(Asked::WrongSignature(message.to_owned())),
        _ => Err(CloudError::Refused {
            action: ACTION.to_owned(),
            code: code.to_owned(),
            message: message.to_owned(),
        }),
    }
}

impl KeyProof for Aws {
    /// A key that AWS knows with another secret is an error ([`CloudError::Refused`] with the code
    /// `SignatureDoesNotMatch`), not [`ProofAnswer::NotYet`]: id and secret become known together, so
    /// waiting does not help, and what is at hand is not the key's secret.
    fn identify(
        &self,
        key: &AccessKeyId,
        secret: &AccessKeySecret,
    ) -> Result<ProofAnswer, CloudError> {
        match self.ask_as(key, secret.expose())? {
            Asked::Is(identity) => Ok(ProofAnswer::Is(identity)),
            Asked::UnknownKey => Ok(ProofAnswer::NotYet),
            Asked::WrongSignature(message) => Err(CloudError::Refused {
                action: ACTION.to_owned(),
                code: WRONG_SIGNATURE.to_owned(),
                message,
            }),
        }
    }

    /// An endpoint that answers a made-up secret as if it were right checks no signatures; the key is
    /// accepted there all the same, so that is the answer.
    fn probe(&self, key: &AccessKeyId) -> Result<ProbeAnswer, CloudError> {
        match self.ask_as(key, &made_up_secret()?)? {
            Asked::UnknownKey => Ok(ProbeAnswer::Refused),
            Asked::WrongSignature(_) | Asked::Is(_) => Ok(ProbeAnswer::Accepted),
        }
    }
}

/// 40 characters of the alphabet of secret access keys, drawn anew: nobody's secret.
fn made_up_secret() -> Result<Zeroizing<String>, CloudError> {
    let mut bytes = [0_u8; 30];
    getrandom::fill(&mut bytes).map_err(|error| CloudError::Unreachable {
        action: ACTION.to_owned(),
        reason: format!("the system gives no random numbers: {error}"),
    })?;
    Ok(Zeroizing::new(data_encoding::BASE64.encode(&bytes)))
}

fn identity(
    call: &Call<'_>,
    answer: &GetCallerIdentityOutput,
) -> Result<CallerIdentity, CloudError> {
    let account = answer.account().and_then(|account| account.parse().ok());
    let arn = answer.arn().filter(|arn| arn.starts_with("arn:"));
    match (account, arn) {
        (Some(account), Some(arn)) => Ok(CallerIdentity {
            account,
            arn: arn.to_owned(),
        }),
        _ => Err(call.unclear("the answer names no proper account and ARN")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_words_that_tell_are_taken_for_an_answer() {
        let sort = |words: &str| sort_refusal(words.to_owned());
        assert!(matches!(
            sort("InvalidClientTokenId: The security token included in the request is invalid."),
            Ok(Asked::UnknownKey)
        ));
        assert!(matches!(
            sort("SignatureDoesNotMatch: The request signature we calculated does not match"),
            Ok(Asked::WrongSignature(_))
        ));
        for other in [
            "SignatureDoesNotMatch: Signature expired: 20261124T030000Z is now earlier than …",
            "SignatureDoesNotMatch: Signature not yet current: 20261124T030000Z is still later …",
            "IncompleteSignature: what",
            "ExpiredToken: old",
            "no credentials at all",
            "",
        ] {
            assert!(
                matches!(sort(other), Err(CloudError::Refused { .. })),
                "{other}"
            );
        }
    }

    #[test]
    fn a_made_up_secret_looks_like_one_and_is_never_the_same() {
        let (one, two) = (made_up_secret(), made_up_secret());
        let (one, two) = (one.expect("random numbers"), two.expect("random numbers"));
        assert_eq!(one.len(), 40);
        assert_ne!(one, two);
        assert!(AccessKeySecret::new(one.as_bytes()).is_ok());
    }
}
