//! With whose credentials an account is entered: the rotator's own, those of a profile, or those of a role
//! that is assumed there (AWS STS API, "AssumeRole"). Sessions are renewed before they end.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use tokio::sync::Mutex;

use super::client::{Api, Ask, Aws, Repeat, Signer};
use super::errors::Call;
use super::sts::as_sts;
use crate::model::AccountId;
use crate::ports::{CallerIdentity, CloudError};

/// Sessions are renewed so long before they end, or after three quarters of their time.
const BEFORE_THE_END: Duration = Duration::from_secs(300);

/// The ways from the rotator's credentials into accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ways {
    /// The role, with its path if it has one, in every account that is not the rotator's own.
    pub role: Option<String>,
    /// The external id that its trust policy asks for.
    pub external_id: Option<String>,
    /// The accounts in which it is otherwise.
    pub accounts: BTreeMap<AccountId, Way>,
}

/// The way into one account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Way {
    /// The role there, with its path if it has one.
    pub role: Option<String>,
    /// Its external id.
    pub external_id: Option<String>,
    /// A profile whose credentials are taken instead of the rotator's own: to assume the role with, or, where
    /// no role is named, as they are.
    pub profile: Option<String>,
}

impl Ways {
    /// The way into an account that is the rotator's own, or not. `None`: there is none.
    fn way_into(&self, account: &AccountId, own: bool) -> Option<Way> {
        if let Some(way) = self.accounts.get(account) {
            let mut way = way.clone();
            if way.role.is_some() && way.external_id.is_none() {
                way.external_id.clone_from(&self.external_id);
            }
            return Some(way);
        }
        if own {
            return Some(Way::default());
        }
        self.role.as_ref().map(|role| Way {
            role: Some(role.clone()),
            external_id: self.external_id.clone(),
            profile: None,
        })
    }
}

/// What is known of an account.
#[derive(Default)]
pub(super) enum Door {
    /// Nothing yet.
    #[default]
    Closed,
    /// The rotator's own credentials serve.
    Own,
    /// These serve until they are to be renewed.
    Open(Credentials, Option<SystemTime>),
    /// It cannot be entered; it is not tried again.
    Shut(CloudError),
}

impl Aws {
    /// Whether a way leads into the account.
    pub(super) fn leads_into(&self, account: &AccountId) -> Result<(), CloudError> {
        if self.ways.role.is_some() || self.ways.accounts.contains_key(account) {
            return Ok(());
        }
        let own = self.wait(self.own())?.account;
        if own == *account {
            return Ok(());
        }
        let account = account.clone();
        Err(CloudError::NoRole { account, own })
    }

    /// Whom AWS takes the rotator for by its own credentials; asked once.
    pub(super) async fn own(&self) -> Result<CallerIdentity, CloudError> {
        let mut own = self.own.lock().await;
        if let Some(own) = &*own {
            return Ok(own.clone());
        }
        let asked = self.who_asks(&Signer::Own).await?;
        Ok(own.insert(asked).clone())
    }

    /// The credentials for an account; `None` are the rotator's own.
    pub(super) async fn credentials_in(
        &self,
        account: &AccountId,
    ) -> Result<Option<Credentials>, CloudError> {
        if self.ways == Ways::default() {
            // Then nothing but the own account is ever meant, and nobody needs to ask which that is.
            return Ok(None);
        }
        let door = self.door(account);
        let mut door = door.lock().await;
        let expired = matches!(&*door, Door::Open(_, Some(renew)) if *renew <= SystemTime::now());
        if expired || matches!(*door, Door::Closed) {
            *door = match self.enter(account).await {
                Ok(door) => door,
                Err(error) => Door::Shut(error),
            };
        }
        match &*door {
            Door::Open(credentials, _) => Ok(Some(credentials.clone())),
            Door::Shut(error) => Err(error.clone()),
            Door::Own | Door::Closed => Ok(None),
        }
    }

    /// These credentials have expired, whatever their own date says: others are to be had.
    pub(super) async fn renew(&self, account: &AccountId, expired: &Credentials) -> bool {
        let door = self.door(account);
        let mut door = door.lock().await;
        match &*door {
            Door::Open(known, _) if known.access_key_id() == expired.access_key_id() => {
                *door = Door::Closed;
                true
            }
            // Somebody was faster.
            Door::Open(..) | Door::Closed => true,
            Door::Own | Door::Shut(_) => false,
        }
    }

    fn door(&self, account: &AccountId) -> Rc<Mutex<Door>> {
        let mut doors = self.doors.borrow_mut();
        Rc::clone(doors.entry(account.clone()).or_default())
    }

    async fn enter(&self, account: &AccountId) -> Result<Door, CloudError> {
        let own = self.own().await?;
        let way = self.ways.way_into(account, own.account == *account);
        let Some(way) = way else {
            let (account, own) = (account.clone(), own.account);
            return Err(CloudError::NoRole { account, own });
        };
        let base = match &way.profile {
            Some(profile) => Some(self.of_profile(profile).await?),
            None => None,
        };
        let Some(role) = &way.role else {
            return self.without_role(account, base, &own).await;
        };
        let partition = own.arn.split(':').nth(1).unwrap_or("aws");
        let role = role.trim_start_matches('/');
        let arn = format!("arn:{partition}:iam::{account}:role/{role}");
        let signer = base.map_or(Signer::Own, Signer::As);
        self.assume(account, &arn, way.external_id.as_deref(), &signer)
            .await
    }

    /// The credentials of a profile are of the account that they are named for, or they are not used.
    async fn without_role(
        &self,
        account: &AccountId,
        base: Option<Credentials>,
        own: &CallerIdentity,
    ) -> Result<Door, CloudError> {
        let Some(credentials) = base else {
            if own.account == *account {
                return Ok(Door::Own);
            }
            let (account, own) = (account.clone(), own.account.clone());
            return Err(CloudError::NoRole { account, own });
        };
        let who = self.who_asks(&Signer::As(credentials.clone())).await?;
        if who.account != *account {
            return Err(CloudError::NoRole {
                account: account.clone(),
                own: who.account,
            });
        }
        let renew = credentials.expiry().map(|end| end - BEFORE_THE_END);
        Ok(Door::Open(credentials, renew))
    }

    async fn of_profile(&self, profile: &str) -> Result<Credentials, CloudError> {
        let provider = self.profile(profile);
        provider
            .provide_credentials()
            .await
            .map_err(|error| CloudError::Credentials(format!("profile {profile}: {error}")))
    }

    async fn assume(
        &self,
        account: &AccountId,
        role: &str,
        external_id: Option<&str>,
        signer: &Signer,
    ) -> Result<Door, CloudError> {
        let ask = Ask {
            call: Call {
                action: "sts:AssumeRole",
                user: None,
                key: None,
            },
            // A second session does no harm: it ends by itself.
            repeat: Repeat::Harmless,
            api: Api::Sts,
            account: None,
        };
        let begun = SystemTime::now();
        let answer = self
            .ask(&ask, signer, |credentials| {
                self.sts
                    .assume_role()
                    .role_arn(role)
                    .role_session_name(&self.session)
                    .set_external_id(external_id.map(str::to_owned))
                    .customize()
                    .config_override(as_sts(credentials))
                    .send()
            })
            .await;
        let shut = |why: String| CloudError::Role {
            role: role.to_owned(),
            why,
        };
        let answer = answer.map_err(|error| shut(error.to_string()))?;
        let (credentials, end) = session(account, answer).map_err(shut)?;
        let lasts = end.duration_since(begun).unwrap_or_default();
        let renew = end - BEFORE_THE_END.min(lasts / 4);
        Ok(Door::Open(credentials, Some(renew)))
    }
}

/// The session in an answer, and when it ends.
fn session(
    account: &AccountId,
    answer: AssumeRoleOutput,
) -> Result<(Credentials, SystemTime), String> {
    let who = answer.assumed_role_user().map(|user| user.arn().to_owned());
    let there = who
        .as_ref()
        .is_some_and(|arn| arn.split(':').nth(4) == Some(account.as_str()));
    let given = answer.credentials.filter(|_| there);
    let Some(given) = given else {
        let who = who.unwrap_or_default();
        return Err(format!("the answer is no session in {account}: {who}"));
    };
    let end = SystemTime::try_from(given.expiration).map_err(|error| error.to_string())?;
    // What the SDK holds of it is wiped when it is freed, by the allocator.
    let credentials = Credentials::new(
        given.access_key_id,
        given.secret_access_key,
        Some(given.session_token),
        Some(end),
        "breakglass",
    );
    Ok((credentials, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(text: &str) -> AccountId {
        text.parse().expect("an account")
    }

    #[test]
    fn the_one_role_leads_into_every_other_account_and_exceptions_go_before_it() {
        let (own, other) = (account("111111111111"), account("222222222222"));
        let mut ways = Ways {
            role: Some("rotator".to_owned()),
            external_id: Some("x".to_owned()),
            accounts: BTreeMap::new(),
        };
        let everywhere = Way {
            role: Some("rotator".to_owned()),
            external_id: Some("x".to_owned()),
            profile: None,
        };
        assert_eq!(ways.way_into(&own, true), Some(Way::default()));
        assert_eq!(ways.way_into(&other, false), Some(everywhere));
        let exception = Way {
            role: Some("other".to_owned()),
            ..Way::default()
        };
        ways.accounts.insert(other.clone(), exception.clone());
        let expected = Way {
            external_id: Some("x".to_owned()),
            ..exception
        };
        assert_eq!(ways.way_into(&other, false), Some(expected));
        let profile = Way {
            profile: Some("there".to_owned()),
            ..Way::default()
        };
        ways.accounts.insert(other.clone(), profile.clone());
        assert_eq!(ways.way_into(&other, false), Some(profile));
        ways.accounts.clear();
        ways.role = None;
        assert_eq!(ways.way_into(&other, false), None);
    }
}
