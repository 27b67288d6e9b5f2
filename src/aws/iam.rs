//! Access keys, by the IAM API (version 2010-05-08).

use aws_credential_types::Credentials;
use aws_sdk_iam::config::{Builder, Config, IdentityCache};
use aws_sdk_iam::operation::create_access_key::CreateAccessKeyOutput;
use aws_sdk_iam::types::{AccessKeyMetadata, StatusType};
use zeroize::Zeroizing;

use super::client::{Api, Ask, Aws, Repeat, Signer};
use super::errors::Call;
use crate::model::{AccessKeyId, AccountId, Timestamp, UserName};
use crate::ports::{
    AccessKeyInfo, AccessKeys, CallerIdentity, CloudError, IamUser, KeyEnd, LastUse, NewAccessKey,
    Take, UsersKey,
};
use crate::secret::AccessKeySecret;

/// The name of the inline policy by which [`AccessKeys::deny_sessions`] denies old sessions.
pub const REVOKE_POLICY: &str = "breakglass-revoke-sessions";

/// More pages of access keys than this are not an answer of AWS's (a user has two keys).
const PAGES_MAX: usize = 20;

impl Aws {
    async fn list_keys(&self, user: &IamUser) -> Result<Vec<AccessKeyInfo>, CloudError> {
        let (ask, signer) = asked("iam:ListAccessKeys", user, None);
        let mut keys = Vec::new();
        let mut marker = None;
        for _ in 0..PAGES_MAX {
            let page = self
                .ask(&ask, &signer, |credentials| {
                    self.iam
                        .list_access_keys()
                        .user_name(user.name.as_str())
                        .set_marker(marker.clone())
                        .customize()
                        .config_override(as_iam(credentials))
                        .send()
                })
                .await?;
            for listed in page.access_key_metadata() {
                keys.push(key_info(&ask.call, &user.name, listed)?);
            }
            if !page.is_truncated() {
                return Ok(keys);
            }
            marker = page.marker().map(str::to_owned);
            if marker.is_none() {
                return Err(ask
                    .call
                    .unclear("a page says that there is more, and not where"));
            }
        }
        Err(ask.call.unclear("the list of access keys does not end"))
    }

    async fn create_key(&self, user: &IamUser) -> Result<NewAccessKey, CloudError> {
        let (mut ask, signer) = asked("iam:CreateAccessKey", user, None);
        ask.repeat = Repeat::Never;
        let answer = self
            .ask(&ask, &signer, |credentials| {
                self.iam
                    .create_access_key()
                    .user_name(user.name.as_str())
                    .customize()
                    .config_override(as_iam(credentials))
                    .send()
            })
            .await?;
        new_key(&ask.call, &user.name, answer)
    }

    async fn deactivate_key(&self, user: &IamUser, key: &AccessKeyId) -> Result<(), CloudError> {
        let (ask, signer) = asked("iam:UpdateAccessKey", user, Some(key));
        self.ask(&ask, &signer, |credentials| {
            self.iam
                .update_access_key()
                .user_name(user.name.as_str())
                .access_key_id(key.as_str())
                .status(StatusType::Inactive)
                .customize()
                .config_override(as_iam(credentials))
                .send()
        })
        .await?;
        Ok(())
    }

    async fn delete_key(&self, user: &IamUser, key: &AccessKeyId) -> Result<(), CloudError> {
        let (ask, signer) = asked("iam:DeleteAccessKey", user, Some(key));
        self.ask(&ask, &signer, |credentials| {
            self.iam
                .delete_access_key()
                .user_name(user.name.as_str())
                .access_key_id(key.as_str())
                .customize()
                .config_override(as_iam(credentials))
                .send()
        })
        .await?;
        Ok(())
    }

    async fn end_key(&self, end: &KeyEnd) -> Result<(), CloudError> {
        match end.delete {
            true => self.delete_key(&end.user, &end.key).await,
            false => self.deactivate_key(&end.user, &end.key).await,
        }
    }

    async fn last_use(
        &self,
        user: &IamUser,
        key: &AccessKeyId,
    ) -> Result<Option<LastUse>, CloudError> {
        let (mut ask, signer) = asked("iam:GetAccessKeyLastUsed", user, Some(key));
        // The call names no user.
        ask.call.user = None;
        let answer = self
            .ask(&ask, &signer, |credentials| {
                self.iam
                    .get_access_key_last_used()
                    .access_key_id(key.as_str())
                    .customize()
                    .config_override(as_iam(credentials))
                    .send()
            })
            .await?;
        let last = answer.access_key_last_used();
        Ok(last.and_then(|last| {
            let at = Timestamp::from_unix(last.last_used_date()?.secs());
            let service = last.service_name().to_owned();
            Some(LastUse { at, service })
        }))
    }
}

/// A call on a user, or on a key of the user, that may be repeated; and who signs it.
fn asked<'a>(
    action: &'static str,
    user: &'a IamUser,
    key: Option<&'a AccessKeyId>,
) -> (Ask<'a>, Signer) {
    let ask = Ask {
        call: Call {
            action,
            user: Some(&user.name),
            key,
        },
        repeat: Repeat::Harmless,
        api: Api::Iam,
        account: Some(&user.account),
    };
    (ask, Signer::In(user.account.clone()))
}

/// A call with these credentials, or as the client is set up.
fn as_iam(credentials: Option<Credentials>) -> Builder {
    let config = Config::builder();
    match credentials {
        // They are at hand, and are not to outlive the call in a cache.
        Some(credentials) => config
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::no_cache()),
        None => config,
    }
}

impl AccessKeys for Aws {
    fn rotator(&self) -> Result<CallerIdentity, CloudError> {
        self.wait(self.own())
    }

    fn reaches(&self, account: &AccountId) -> Result<(), CloudError> {
        self.leads_into(account)
    }

    fn list(&self, user: &IamUser) -> Result<Vec<AccessKeyInfo>, CloudError> {
        self.wait(self.list_keys(user))
    }

    fn create(&self, user: &IamUser) -> Result<NewAccessKey, CloudError> {
        self.wait(self.create_key(user))
    }

    fn deactivate(&self, user: &IamUser, key: &AccessKeyId) -> Result<(), CloudError> {
        self.wait(self.deactivate_key(user, key))
    }

    fn delete(&self, user: &IamUser, key: &AccessKeyId) -> Result<(), CloudError> {
        self.wait(self.delete_key(user, key))
    }

    fn last_used(&self, user: &IamUser, key: &AccessKeyId) -> Result<Option<LastUse>, CloudError> {
        self.wait(self.last_use(user, key))
    }

    fn deny_sessions(&self, user: &IamUser, before: Timestamp) -> Result<(), CloudError> {
        let (ask, signer) = asked("iam:PutUserPolicy", user, None);
        let document = revocation(before);
        self.wait(self.ask(&ask, &signer, |credentials| {
            self.iam
                .put_user_policy()
                .user_name(user.name.as_str())
                .policy_name(REVOKE_POLICY)
                .policy_document(&document)
                .customize()
                .config_override(as_iam(credentials))
                .send()
        }))?;
        Ok(())
    }

    fn list_each(&self, users: &[IamUser], take: Take<'_, Vec<AccessKeyInfo>>) {
        let accounts = users.iter().map(|user| &user.account).collect();
        self.several(accounts, |at| self.list_keys(&users[at]), take);
    }

    fn last_used_each(&self, keys: &[UsersKey], take: Take<'_, Option<LastUse>>) {
        let accounts = keys.iter().map(|of| &of.user.account).collect();
        self.several(
            accounts,
            |at| self.last_use(&keys[at].user, &keys[at].key),
            take,
        );
    }

    fn create_each(&self, users: &[IamUser], take: Take<'_, NewAccessKey>) {
        let accounts = users.iter().map(|user| &user.account).collect();
        self.several(accounts, |at| self.create_key(&users[at]), take);
    }

    fn end_each(&self, ends: &[KeyEnd], take: Take<'_, ()>) {
        let accounts = ends.iter().map(|end| &end.user.account).collect();
        self.several(accounts, |at| self.end_key(&ends[at]), take);
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
