//! What an answer means: which of AWS's words become which [`CloudError`], and what was done by a call
//! that failed.

use std::error::Error;
use std::io;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_iam::config::http::HttpResponse;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};

use crate::model::{AccessKeyId, UserName};
use crate::ports::CloudError;

/// A call, for the words about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// The permission that it needs, such as `iam:CreateAccessKey`.
    pub action: &'static str,
    /// The user that it is about.
    pub user: Option<&'a UserName>,
    /// The key that it is about.
    pub key: Option<&'a AccessKeyId>,
}

/// What a failed call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing, and the next try may do better.
    Nothing,
    /// Nobody knows.
    Unknown,
    /// Nothing, and the next try would be answered the same.
    Settled,
}

/// Codes by which AWS says "too much, not now"; what is throttled is not done.
const THROTTLED: [&str; 8] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
];

/// Codes about whoever asks. A wrong clock is among them: it makes every signature wrong.
const CREDENTIALS: [&str; 10] = [
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "InvalidToken",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "AuthFailure",
];

impl Call<'_> {
    /// No answer that can be understood.
    pub(super) fn unclear(&self, reason: impl Into<String>) -> CloudError {
        CloudError::Unclear {
            action: self.action.to_owned(),
            reason: reason.into(),
        }
    }

    fn subject(&self) -> String {
        match (self.key, self.user) {
            (Some(key), Some(user)) => format!("access key {key} of user {user}"),
            (Some(key), None) => format!("access key {key}"),
            (None, Some(user)) => format!("user {user}"),
            (None, None) => "it".to_owned(),
        }
    }

    /// AWS says whether it misses the user or the key.
    fn missing(&self, message: &str) -> String {
        match self.user {
            Some(user) if self.key.is_none_or(|key| !message.contains(key.as_str())) => {
                format!("user {user}")
            }
            _ => self.subject(),
        }
    }
}

/// Sorts a failed call.
pub(super) fn classify<E>(
    call: &Call<'_>,
    error: &SdkError<E, HttpResponse>,
) -> (CloudError, Effect)
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(reason) = credentials_failure(error) {
        return (CloudError::Credentials(reason), Effect::Settled);
    }
    match error {
        SdkError::ConstructionFailure(_) => (unreachable(call, chain(error)), Effect::Settled),
        SdkError::DispatchFailure(_) if never_connected(error) => {
            (unreachable(call, chain(error)), Effect::Nothing)
        }
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            answered(call, status, error.code(), error.message())
        }
        _ => (call.unclear(chain(error)), Effect::Unknown),
    }
}

/// Sorts an error that AWS put into words.
fn answered(
    call: &Call<'_>,
    status: u16,
    code: Option<&str>,
    message: Option<&str>,
) -> (CloudError, Effect) {
    let action = call.action.to_owned();
    let message = message.unwrap_or_default();
    let Some(code) = code.filter(|code| !code.is_empty()) else {
        // Somebody between us and AWS may have answered.
        let reason = format!("status {status} without a word from AWS");
        return (call.unclear(reason), Effect::Unknown);
    };
    if THROTTLED.contains(&code) {
        return (CloudError::Throttled { action }, Effect::Nothing);
    }
    if status >= 500 {
        let reason = format!("status {status}, {code}: {message}");
        return (call.unclear(reason), Effect::Unknown);
    }
    let error = match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => denied(call, message),
        "NoSuchEntity" | "NoSuchEntityException" => CloudError::NotFound(call.missing(message)),
        "LimitExceeded" | "LimitExceededException" => CloudError::LimitExceeded(call.subject()),
        code if CREDENTIALS.contains(&code) => {
            CloudError::Credentials(format!("{code}: {message}"))
        }
        code => CloudError::Refused {
            action,
            code: code.to_owned(),
            message: message.to_owned(),
        },
    };
    (error, Effect::Settled)
}

/// Reads `User: arn:… is not authorized to perform: iam:X on resource: Y because …`, as far as it goes;
/// what AWS does not say is filled in from what was asked.
fn denied(call: &Call<'_>, message: &str) -> CloudError {
    let who = between(message, "User: ", " is not authorized")
        .unwrap_or("whoever the rotator's credentials belong to");
    let action = between(message, "to perform: ", " ").unwrap_or(call.action);
    let resource = between(message, "on resource: ", " because ")
        .map(|rest| rest.split(" with an explicit deny").next().unwrap_or(rest))
        .map_or_else(|| call.subject(), str::to_owned);
    CloudError::Denied {
        who: who.to_owned(),
        action: action.to_owned(),
        resource,
    }
}

/// What stands after `start`, up to `end` or the end of the text; nothing if that is empty.
fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let rest = &text[text.find(start)? + start.len()..];
    let found = rest.split(end).next().unwrap_or(rest).trim();
    (!found.is_empty()).then_some(found)
}

fn unreachable(call: &Call<'_>, reason: String) -> CloudError {
    CloudError::Unreachable {
        action: call.action.to_owned(),
        reason,
    }
}

/// Whether the connection was never made. The HTTP client's own type is not ours to name, so its words
/// are read; if they change one day, the answer becomes "unclear", which is the safe one.
fn never_connected(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let words = cause.to_string();
        cause.downcast_ref::<io::Error>().is_some_and(|error| {
            matches!(
                error.kind(),
                io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkUnreachable
            )
        }) || words.contains("client error (Connect)")
            || words.starts_with("HTTP connect timeout")
    })
}

/// The rotator's credentials could not be found or fetched: nothing was sent to IAM.
fn credentials_failure(error: &(dyn Error + 'static)) -> Option<String> {
    causes(error)
        .find(|cause| cause.is::<CredentialsError>())
        .map(chain)
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The error and what lies under it, in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    for cause in causes(error) {
        // Some layers say it on several lines.
        let said = cause.to_string();
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        // Some layers repeat what the one below says.
        if words.last().is_none_or(|last| !last.contains(&said)) {
            words.push(said);
        }
    }
    words.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> UserName {
        "deploy-emergency".parse().expect("a user name")
    }

    fn key() -> AccessKeyId {
        "AKIAIOSFODNN7EXAMPLE".parse().expect("a key id")
    }

    fn said(status: u16, code: &str, message: &str) -> (CloudError, Effect) {
        let (user, key) = (user(), key());
        let call = Call {
            action: "iam:UpdateAccessKey",
            user: Some(&user),
            key: Some(&key),
        };
        answered(&call, status, Some(code), Some(message))
    }

    #[test]
    fn a_missing_permission_is_told_in_aws_own_words() {
        let message = "User: arn:aws:iam::123456789012:user/rotator is not authorized to perform: \
             iam:UpdateAccessKey on resource: user deploy-emergency because no identity-based policy \
             allows the iam:UpdateAccessKey action";
        let expected = |resource: &str| CloudError::Denied {
            who: "arn:aws:iam::123456789012:user/rotator".to_owned(),
            action: "iam:UpdateAccessKey".to_owned(),
            resource: resource.to_owned(),
        };
        assert_eq!(
            said(403, "AccessDenied", message),
            (expected("user deploy-emergency"), Effect::Settled)
        );
        let explicit = message.replace("because no", "with an explicit deny in an");
        assert_eq!(
            said(403, "AccessDenied", &explicit).0,
            expected("user deploy-emergency")
        );
        let terse = "User: arn:aws:iam::123456789012:user/rotator is not authorized to perform: \
             iam:UpdateAccessKey";
        assert_eq!(
            said(403, "AccessDenied", terse).0,
            expected("access key AKIAIOSFODNN7EXAMPLE of user deploy-emergency")
        );
    }

    #[test]
    fn a_denial_without_words_still_names_what_was_asked() {
        for message in ["", "Access denied", "User: ", "on resource: "] {
            let (error, _) = said(403, "AccessDenied", message);
            let CloudError::Denied {
                who,
                action,
                resource,
            } = error
            else {
                panic!("{error:?}");
            };
            assert_eq!(who, "whoever the rotator's credentials belong to");
            assert_eq!(action, "iam:UpdateAccessKey");
            assert!(resource.contains("deploy-emergency"));
        }
    }

    #[test]
    fn only_throttling_is_sure_to_have_done_nothing() {
        for code in THROTTLED {
            for status in [400, 429, 503] {
                let expected = CloudError::Throttled {
                    action: "iam:UpdateAccessKey".to_owned(),
                };
                assert_eq!(
                    said(status, code, "Rate exceeded"),
                    (expected, Effect::Nothing)
                );
            }
        }
        for code in ["ServiceUnavailable", "ServiceFailure", "InternalFailure"] {
            let (error, effect) = said(503, code, "");
            assert!(matches!(error, CloudError::Unclear { .. }), "{error:?}");
            assert_eq!(effect, Effect::Unknown);
        }
    }

    #[test]
    fn an_answer_without_a_code_is_unclear_whatever_its_status() {
        let call = Call {
            action: "iam:CreateAccessKey",
            user: None,
            key: None,
        };
        for status in [200, 302, 400, 403, 407, 502] {
            for code in [None, Some("")] {
                let (error, effect) = answered(&call, status, code, None);
                assert!(matches!(error, CloudError::Unclear { .. }), "{error:?}");
                assert_eq!(effect, Effect::Unknown);
            }
        }
    }

    #[test]
    fn it_is_told_whether_the_user_or_the_key_is_missing() {
        let missing = |message: &str| said(404, "NoSuchEntity", message);
        assert_eq!(
            missing("The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found."),
            (
                CloudError::NotFound(
                    "access key AKIAIOSFODNN7EXAMPLE of user deploy-emergency".to_owned()
                ),
                Effect::Settled
            )
        );
        assert_eq!(
            missing("The user with name deploy-emergency cannot be found.").0,
            CloudError::NotFound("user deploy-emergency".to_owned())
        );
    }

    #[test]
    fn the_rest_keeps_its_meaning() {
        for code in CREDENTIALS {
            let expected = CloudError::Credentials(format!("{code}: why"));
            assert_eq!(said(403, code, "why"), (expected, Effect::Settled));
        }
        assert!(matches!(
            said(409, "LimitExceeded", "").0,
            CloudError::LimitExceeded(_)
        ));
        assert_eq!(
            said(409, "ConcurrentModification", "wait"),
            (
                CloudError::Refused {
                    action: "iam:UpdateAccessKey".to_owned(),
                    code: "ConcurrentModification".to_owned(),
                    message: "wait".to_owned(),
                },
                Effect::Settled
            )
        );
    }
}
