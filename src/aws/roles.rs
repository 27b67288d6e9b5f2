//! The roles that a credential's own key is turned into (AWS STS API, version 2011-06-15, "AssumeRole").

use aws_credential_types::Credentials;
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;

use super::client::{Api, Ask, Aws, Repeat, Signer};
use super::errors::Call;
use super::sts::as_sts;
use crate::model::{RoleArn, Timestamp};
use crate::ports::{CloudError, RoleSession, RoleSessions, SessionWish};
use crate::secret::{AccessKeySecret, SessionToken};

impl RoleSessions for Aws {
    fn assume(&self, wish: &SessionWish<'_>) -> Result<RoleSession, CloudError> {
        self.wait(self.assume_with(wish))
            .map_err(|error| of_role(&wish.role.arn, error))
    }
}

impl Aws {
    async fn assume_with(&self, wish: &SessionWish<'_>) -> Result<RoleSession, CloudError> {
        let ask = Ask {
            call: Call {
                action: "sts:AssumeRole",
                user: None,
                key: Some(wish.key),
            },
            repeat: Repeat::Harmless,
            api: Api::Sts,
            account: None,
        };
        // The credentials live for this call alone.
        let (key, secret) = (wish.key.as_str(), wish.secret.expose());
        let signer = Signer::As(Credentials::new(key, secret, None, None, "breakglass"));
        let external_id = wish.role.external_id.as_ref();
        let seconds = i32::try_from(wish.lasts.as_secs()).unwrap_or(i32::MAX);
        let answer = self.ask(&ask, &signer, |credentials| {
            self.sts
                .assume_role()
                .role_arn(wish.role.arn.as_str())
                .role_session_name(wish.name)
                .source_identity(wish.name)
                .duration_seconds(seconds)
                .set_external_id(external_id.map(|id| id.as_str().to_owned()))
                .customize()
                .config_override(as_sts(credentials))
                .send()
        });
        session(wish, answer.await?).map_err(|why| ask.call.unclear(why))
    }
}

/// The session in an answer, if it is one of the role that was asked for.
fn session(wish: &SessionWish<'_>, answer: AssumeRoleOutput) -> Result<RoleSession, String> {
    let who = answer.assumed_role_user().map(|user| user.arn());
    let who = who.unwrap_or_default();
    if !is_of(&wish.role.arn, who) {
        return Err(format!("the answer is no session of the role: {who}"));
    }
    let given = answer.credentials().ok_or("the answer has no session")?;
    Ok(RoleSession {
        key: (given.access_key_id().parse()).map_err(|_| "the answer has no access key id")?,
        secret: AccessKeySecret::new(given.secret_access_key().as_bytes())
            .map_err(|error| error.to_string())?,
        token: SessionToken::new(given.session_token().as_bytes())
            .map_err(|error| error.to_string())?,
        expires: Timestamp::from_unix(given.expiration().secs()),
    })
}

/// Whether `arn:…:sts::ACCOUNT:assumed-role/NAME/SESSION` is of this role. It has no path.
fn is_of(role: &RoleArn, who: &str) -> bool {
    let parts: Vec<&str> = who.splitn(6, ':').collect();
    let ["arn", _, "sts", "", account, resource] = parts.as_slice() else {
        return false;
    };
    let name = resource.strip_prefix("assumed-role/");
    let name = name.and_then(|rest| rest.split_once('/'));
    *account == role.account() && name.is_some_and(|(name, _)| name == role.role_name())
}

/// What AWS said is about the role and the key, not about the rotator.
fn of_role(role: &RoleArn, error: CloudError) -> CloudError {
    let why = match error {
        CloudError::Credentials(words) => words,
        CloudError::Denied { .. } | CloudError::Refused { .. } | CloudError::NotFound(_) => {
            error.to_string()
        }
        other => return other,
    };
    let role = role.to_string();
    CloudError::Role { role, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_one_of_the_role_that_was_asked_for() {
        let role = "arn:aws:iam::210987654321:role/breakglass/access/deploy";
        let role: RoleArn = role.parse().expect("an ARN");
        assert!(is_of(
            &role,
            "arn:aws:sts::210987654321:assumed-role/deploy/breakglass-1"
        ));
        for other in [
            "",
            "arn:aws:sts::210987654321:assumed-role/deploy",
            "arn:aws:sts::210987654321:assumed-role/deployer/breakglass-1",
            "arn:aws:sts::210987654320:assumed-role/deploy/breakglass-1",
            "arn:aws:sts::210987654321:federated-user/deploy/breakglass-1",
            "arn:aws:iam::210987654321:user/deploy",
        ] {
            assert!(!is_of(&role, other), "{other}");
        }
    }

    #[test]
    fn what_aws_says_of_the_key_is_told_of_the_role() {
        let role: RoleArn = "arn:aws:iam::210987654321:role/deploy"
            .parse()
            .expect("an ARN");
        let said = of_role(&role, CloudError::Credentials("ExpiredToken: x".into()));
        assert_eq!(
            said,
            CloudError::Role {
                role: role.to_string(),
                why: "ExpiredToken: x".into()
            }
        );
        let away = CloudError::Unreachable {
            action: "sts:AssumeRole".into(),
            reason: "x".into(),
        };
        assert_eq!(of_role(&role, away.clone()), away);
    }
}
