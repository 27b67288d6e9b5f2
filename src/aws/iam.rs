//! Access keys, by the IAM API (version 2010-05-08).

use aws_sdk_iam::operation::create_access_key::CreateAccessKeyOutput;
use aws_sdk_iam::types::{AccessKeyMetadata, StatusType};
use zeroize::Zeroizing;

use super::client::{Aws, Repeat};
use super::errors::Call;
use crate::model::{AccessKeyId, Timestamp, UserName};
use crate::ports::{AccessKeyInfo, AccessKeys, CallerIdentity, CloudError, LastUse, NewAccessKey};
use crate::secret::AccessKeySecret;

/// The name of the inline policy by which [`AccessKeys::deny_sessions`] denies old sessions.
pub const REVOKE_POLICY: &str = "breakglass-revoke-sessions";

/// More pages of access keys than this are not an answer of AWS's (a user has two keys).
const PAGES_MAX: usize = 20;

impl AccessKeys for Aws {
    fn rotator(&self) -> Result<CallerIdentity, CloudError> {
        self.who_asks()
    }

    fn list(&self, user: &UserName) -> Result<Vec<AccessKeyInfo>, CloudError> {
        let call = Call {
            action: "iam:ListAccessKeys",
            user: Some(user),
            key: None,
        };
        let mut keys = Vec::new();
        let mut marker = None;
        for _ in 0..PAGES_MAX {
            let page = self.call(&call, Repeat::Harmless, || {
                self.iam
                    .list_access_keys()
                    .user_name(user.as_str())
                    .set_marker(marker.clone())
                    .send()
            })?;
            for listed in page.access_key_metadata() {
                keys.push(key_info(&call, user, listed)?);
            }
            if !page.is_truncated() {
                return Ok(keys);
            }
            marker = page.marker().map(str::to_owned);
            if marker.is_none() {
                return Err(call.unclear("a page says that there is more, and not where"));
            }
        }
        Err(call.unclear("the list of access keys does not end"))
    }

    fn create(&self, user: &UserName) -> Result<NewAccessKey, CloudError> {
        let call = Call {
            action: "iam:CreateAccessKey",
            user: Some(user),
            key: None,
        };
        let answer = self.call(&call, Repeat::Never, || {
            self.iam.create_access_key().user_name(user.as_str()).send()
        })?;
        new_key(&call, user, answer)
    }

    fn deactivate(&self, user: &UserName, key: &AccessKeyId) -> Result<(), CloudError> {
        let call = Call {
            action: "iam:UpdateAccessKey",
            user: Some(user),
            key: Some(key),
        };
        self.call(&call, Repeat::Harmless, || {
            self.iam
                .update_access_key()
                .user_name(user.as_str())
                .access_key_id(key.as_str())
                .status(StatusType::Inactive)
                .send()
        })?;
        Ok(())
    }

    fn delete(&self, user: &UserName, key: &AccessKeyId) -> Result<(), CloudError> {
        let call = Call {
            action: "iam:DeleteAccessKey",
            user: Some(user),
            key: Some(key),
        };
        self.call(&call, Repeat::Harmless, || {
            self.iam
                .delete_access_key()
                .user_name(user.as_str())
                .access_key_id(key.as_str())
                .send()
        })?;
        Ok(())
    }

    fn last_used(&self, key: &AccessKeyId) -> Result<Option<LastUse>, CloudError> {
        let call = Call {
            action: "iam:GetAccessKeyLastUsed",
            user: None,
            key: Some(key),
        };
        let answer = self.call(&call, Repeat::Harmless, || {
            self.iam
                .get_access_key_last_used()
                .access_key_id(key.as_str())
                .send()
        })?;
        let last = answer.access_key_last_used();
        Ok(last.and_then(|last| {
            let at = Timestamp::from_unix(last.last_used_date()?.secs());
            let service = last.service_name().to_owned();
            Some(LastUse { at, service })
        }))
    }

    fn deny_sessions(&self, user: &UserName, before: Timestamp) -> Result<(), CloudError> {
        let call = Call {
            action: "iam:PutUserPolicy",
            user: Some(user),
            key: None,
        };
        let document = revocation(before);
        self.call(&call, Repeat::Harmless, || {
            self.iam
                .put_user_policy()
                .user_name(user.as_str())
                .policy_name(REVOKE_POLICY)
                .policy_document(&document)
                .send()
        })?;
        Ok(())
    }
}

/// A policy that denies everything to sessions issued before then (IAM User Guide, "Revoking IAM role
/// temporary security credentials"). A long-lived key has no issue time and is not concerned.
fn revocation(before: Timestamp) -> String {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {"DateLessThan": {"aws:TokenIssueTime": before}},
        }],
    })
    .to_string()
}

fn key_info(
    call: &Call<'_>,
    user: &UserName,
    listed: &AccessKeyMetadata,
) -> Result<AccessKeyInfo, CloudError> {
    if listed.user_name().is_some_and(|name| name != user.as_str()) {
        return Err(call.unclear("a key of another user is listed"));
    }
    let id = listed.access_key_id().and_then(|id| id.parse().ok());
    let active = match listed.status() {
        Some(StatusType::Active) => Some(true),
        Some(StatusType::Inactive | StatusType::Expired) => Some(false),
        _ => None,
    };
    match (id, active) {
        (Some(id), Some(active)) => Ok(AccessKeyInfo {
            id,
            active,
            created: listed
                .create_date()
                .map(|date| Timestamp::from_unix(date.secs())),
        }),
        _ => Err(call.unclear("a key is listed without a proper id or status")),
    }
}

/// Takes the secret out of the answer. The SDK's string is wiped; what HTTP and TLS buffered of it is out
/// of reach.
fn new_key(
    call: &Call<'_>,
    user: &UserName,
    mut answer: CreateAccessKeyOutput,
) -> Result<NewAccessKey, CloudError> {
    let Some(key) = answer.access_key.as_mut() else {
        return Err(call.unclear("the answer holds no key"));
    };
    let secret = Zeroizing::new(std::mem::take(&mut key.secret_access_key));
    if key.user_name() != user.as_str() {
        return Err(call.unclear("the answer is about another user"));
    }
    let Ok(id) = key.access_key_id().parse() else {
        return Err(call.unclear("the answer holds no proper key id"));
    };
    match AccessKeySecret::new(secret.as_bytes()) {
        Ok(secret) => Ok(NewAccessKey { id, secret }),
        Err(_) => Err(call.unclear(format!(
            "the answer holds no proper secret for access key {id}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_iam::types::AccessKey;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn user() -> UserName {
        "deploy-emergency".parse().expect("a user name")
    }

    fn call(user: &UserName) -> Call<'_> {
        Call {
            action: "iam:CreateAccessKey",
            user: Some(user),
            key: None,
        }
    }

    fn answer(user: &str, id: &str, secret: &str) -> CreateAccessKeyOutput {
        let key = AccessKey::builder()
            .user_name(user)
            .access_key_id(id)
            .secret_access_key(secret)
            .status(StatusType::Active)
            .build()
            .expect("all fields are there");
        CreateAccessKeyOutput::builder().access_key(key).build()
    }

    #[test]
    fn a_whole_answer_is_taken_and_no_other() {
        let user = user();
        let id = "AKIAIOSFODNN7EXAMPLE";
        let take = |who, id, secret| new_key(&call(&user), &user, answer(who, id, secret));
        let key = take("deploy-emergency", id, SECRET).expect("a whole answer");
        assert_eq!((key.id.as_str(), key.secret.expose()), (id, SECRET));
        for (who, id, secret) in [
            ("somebody-else", id, SECRET),
            ("deploy-emergency", "", SECRET),
            ("deploy-emergency", "AKIA", SECRET),
            ("deploy-emergency", id, ""),
            ("deploy-emergency", id, "short"),
            (
                "deploy-emergency",
                id,
                "wJalrXUtnFEMI/K7MDENG bPxRfiCYEXAMPLEKEY",
            ),
        ] {
            let error = take(who, id, secret).err().expect("not a whole answer");
            assert!(matches!(error, CloudError::Unclear { .. }), "{error:?}");
            assert!(secret.is_empty() || !error.to_string().contains(secret));
        }
    }

    #[test]
    fn the_sdk_does_not_print_the_secret() {
        let printed = format!("{:?}", answer("u", "AKIAIOSFODNN7EXAMPLE", SECRET));
        assert!(printed.contains("AKIAIOSFODNN7EXAMPLE"));
        assert!(!printed.contains(SECRET));
    }

    #[test]
    fn a_key_in_no_known_state_is_not_guessed_at() {
        let user = user();
        let listed = |status: Option<StatusType>| {
            let listed = AccessKeyMetadata::builder()
                .user_name("deploy-emergency")
                .access_key_id("AKIAIOSFODNN7EXAMPLE")
                .set_status(status)
                .build();
            key_info(&call(&user), &user, &listed).map(|info| info.active)
        };
        assert_eq!(listed(Some(StatusType::Active)), Ok(true));
        assert_eq!(listed(Some(StatusType::Inactive)), Ok(false));
        assert_eq!(listed(Some(StatusType::Expired)), Ok(false));
        assert!(listed(Some(StatusType::from("Dormant"))).is_err());
        assert!(listed(None).is_err());
    }

    #[test]
    fn the_revocation_is_to_the_letter() {
        let before = "2026-11-24T03:00:00Z".parse().expect("a time");
        let document: serde_json::Value =
            serde_json::from_str(&revocation(before)).expect("the document is JSON");
        let statement = &document["Statement"][0];
        assert_eq!(statement["Effect"], "Deny");
        assert_eq!(statement["Action"], "*");
        assert_eq!(statement["Resource"], "*");
        assert_eq!(
            statement["Condition"]["DateLessThan"]["aws:TokenIssueTime"],
            "2026-11-24T03:00:00Z"
        );
    }
}
