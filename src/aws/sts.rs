//! Who a key is, and whether AWS still takes it, by `sts:GetCallerIdentity` (version 2011-06-15).

use aws_credential_types::Credentials;
use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::config::{Builder, Config, IdentityCache};
use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::get_caller_identity::{
    GetCallerIdentityError, GetCallerIdentityOutput,
};
use zeroize::Zeroizing;

use super::client::{Api, Ask, Aws, Repeat, Signer};
use super::errors::Call;
use crate::model::{AccessKeyId, AccountId};
use crate::ports::{CallerIdentity, Claimed, CloudError, KeyProof, ProbeAnswer, ProofAnswer, Take};
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

/// A call as these credentials, or as the client is set up.
pub(super) fn as_sts(credentials: Option<Credentials>) -> Builder {
    let config = Config::builder();
    match credentials {
        // They are at hand, and are not to outlive the call in a cache.
        Some(credentials) => config
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::no_cache()),
        None => config,
    }
}

impl Aws {
    /// Whom AWS takes the signer for.
    pub(super) async fn who_asks(&self, signer: &Signer) -> Result<CallerIdentity, CloudError> {
        let ask = asked(None, None);
        let answer = self
            .ask(&ask, signer, |credentials| self.who(credentials))
            .await?;
        identity(&ask.call, &answer)
    }

    async fn who(
        &self,
        credentials: Option<Credentials>,
    ) -> Result<GetCallerIdentityOutput, SdkError<GetCallerIdentityError, HttpResponse>> {
        let call = self.sts.get_caller_identity().customize();
        call.config_override(as_sts(credentials)).send().await
    }

    /// Asks as somebody else than the rotator. The credentials live for this call alone.
    async fn ask_as(
        &self,
        account: Option<&AccountId>,
        key: &AccessKeyId,
        secret: &str,
    ) -> Result<Asked, CloudError> {
        let ask = asked(account, Some(key));
        let credentials = Credentials::new(key.as_str(), secret, None, None, "breakglass");
        let signer = Signer::As(credentials);
        let answer = self
            .ask(&ask, &signer, |credentials| self.who(credentials))
            .await;
        match answer {
            Ok(answer) => identity(&ask.call, &answer).map(Asked::Is),
            Err(CloudError::Credentials(words)) => sort_refusal(words),
            Err(error) => Err(error),
        }
    }

    async fn identify_in(
        &self,
        account: Option<&AccountId>,
        key: &AccessKeyId,
        secret: &AccessKeySecret,
    ) -> Result<ProofAnswer, CloudError> {
        match self.ask_as(account, key, secret.expose()).await? {
            Asked::Is(identity) => Ok(ProofAnswer::Is(identity)),
            Asked::UnknownKey => Ok(ProofAnswer::NotYet),
            Asked::WrongSignature(message) => Err(CloudError::Refused {
                action: ACTION.to_owned(),
                code: WRONG_SIGNATURE.to_owned(),
                message,
            }),
        }
    }
}

fn asked<'a>(account: Option<&'a AccountId>, key: Option<&'a AccessKeyId>) -> Ask<'a> {
    Ask {
        call: Call {
            action: ACTION,
            user: None,
            key,
        },
        repeat: Repeat::Harmless,
        api: Api::Sts,
        account,
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
        self.wait(self.identify_in(None, key, secret))
    }

    fn identify_each(&self, keys: &[Claimed<'_>], take: Take<'_, ProofAnswer>) {
        let accounts = keys.iter().map(|one| one.account).collect();
        let identify = |at: usize| {
            let one = &keys[at];
            self.identify_in(Some(one.account), one.key, one.secret)
        };
        self.several(accounts, identify, take);
    }

    /// An endpoint that answers a made-up secret as if it were right checks no signatures; the key is
    /// accepted there all the same, so that is the answer.
    fn probe(&self, key: &AccessKeyId) -> Result<ProbeAnswer, CloudError> {
        let secret = made_up_secret()?;
        match self.wait(self.ask_as(None, key, &secret))? {
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
