//! Access keys of IAM users, and the proof of what a key can still do.

use std::ops::ControlFlow;

use crate::model::{AccessKeyId, AccountId, Timestamp, UserName};
use crate::secret::AccessKeySecret;

/// An IAM user, and the account that it is in: names repeat from account to account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IamUser {
    /// The account.
    pub account: AccountId,
    /// The name.
    pub name: UserName,
}

/// An access key as IAM lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKeyInfo {
    /// Its id.
    pub id: AccessKeyId,
    /// Whether AWS accepts it.
    pub active: bool,
    /// When it was made, if IAM says so.
    pub created: Option<Timestamp>,
}

/// The last use of a key, as IAM tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUse {
    /// When, by AWS's clock.
    pub at: Timestamp,
    /// With which service, as IAM names it (`sts`, `s3`, …).
    pub service: String,
}

/// A key that was just made: the one time that its secret is seen.
pub struct NewAccessKey {
    /// Its id.
    pub id: AccessKeyId,
    /// Its secret.
    pub secret: AccessKeySecret,
}

/// Who AWS says that somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The account.
    pub account: AccountId,
    /// The ARN.
    pub arn: String,
}

/// Why AWS did not do as asked, in the user's words. The texts hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// No credentials for the rotator, or AWS does not know them.
    #[error("the rotator's own credentials cannot be used: {0}")]
    Credentials(String),
    /// A permission is missing.
    #[error("{who} may not {action} on {resource}")]
    Denied {
        /// Who asked, as AWS tells it.
        who: String,
        /// The permission that is missing, such as `iam:CreateAccessKey`.
        action: String,
        /// On what.
        resource: String,
    },
    /// Too many requests; nothing was done.
    #[error("AWS throttles {action}; nothing was done")]
    Throttled {
        /// The call.
        action: String,
    },
    /// The user or the key is not there.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The user has as many keys as IAM allows; nothing was done.
    #[error("{0} has two access keys, which is all that IAM allows")]
    LimitExceeded(String),
    /// AWS was never reached; nothing was done.
    #[error("AWS cannot be reached for {action}: {reason}")]
    Unreachable {
        /// The call.
        action: String,
        /// What the network said.
        reason: String,
    },
    /// The calls would carry secrets over the network in the clear; nothing was sent.
    #[error("{0}")]
    Insecure(String),
    /// The request left, and no reply that can be understood came back: it may have been done.
    #[error("no clear answer to {action}: {reason}")]
    Unclear {
        /// The call.
        action: String,
        /// What came back, if anything.
        reason: String,
    },
    /// Nothing leads from the rotator's credentials into the account; nothing was sent.
    #[error(
        "the rotator's credentials are of account {own}, and no role leads from there to {account}"
    )]
    NoRole {
        /// The account that was meant.
        account: AccountId,
        /// That of the rotator.
        own: AccountId,
    },
    /// The role that leads into an account cannot be assumed; nothing was done there. It is not asked for
    /// again in this run.
    #[error("the role {role} cannot be assumed: {why}")]
    Role {
        /// Its ARN.
        role: String,
        /// What AWS said, in one line.
        why: String,
    },
    /// Anything else that AWS said; nothing was done.
    #[error("AWS refused {action}: {code}: {message}")]
    Refused {
        /// The call.
        action: String,
        /// AWS's code.
        code: String,
        /// AWS's words.
        message: String,
    },
}

/// A key and whose it is.
#[derive(Debug, Clone)]
pub struct UsersKey {
    /// Whose it is.
    pub user: IamUser,
    /// The key.
    pub key: AccessKeyId,
}

/// The end of a key, as one of several calls.
#[derive(Debug, Clone)]
pub struct KeyEnd {
    /// Whose it is.
    pub user: IamUser,
    /// The key.
    pub key: AccessKeyId,
    /// It is deleted; otherwise it is deactivated.
    pub delete: bool,
}

/// Takes the answer to one of several calls, told by its place among them. [`ControlFlow::Break`]: no further
/// call is begun; what is under way is still answered. It must not call the port that it is called by.
pub type Take<'t, T> = &'t mut dyn FnMut(usize, Result<T, CloudError>) -> ControlFlow<()>;

/// The rotator's hands on IAM, in every account that it can reach. Every method names the user: nothing is
/// ever done to "whoever asks". Of several calls an adapter may have some under way at once; the answers are
/// taken one after the other, in the caller's thread, as they come.
pub trait AccessKeys {
    /// Whom AWS takes the rotator for, by its own credentials. AWS is asked once.
    ///
    /// # Errors
    /// [`CloudError`].
    fn rotator(&self) -> Result<CallerIdentity, CloudError>;

    /// Whether anything leads from the rotator's credentials into the account; whether AWS agrees is not asked.
    ///
    /// # Errors
    /// [`CloudError::NoRole`] where nothing does, and what [`AccessKeys::rotator`] fails with.
    fn reaches(&self, account: &AccountId) -> Result<(), CloudError> {
        let own = self.rotator()?.account;
        if own == *account {
            return Ok(());
        }
        let account = account.clone();
        Err(CloudError::NoRole { account, own })
    }

    /// All access keys of the user.
    ///
    /// # Errors
    /// [`CloudError`].
    fn list(&self, user: &IamUser) -> Result<Vec<AccessKeyInfo>, CloudError>;

    /// Makes a key. Sent once: after [`CloudError::Unclear`] there may be a key whose secret nobody has.
    ///
    /// # Errors
    /// [`CloudError`].
    fn create(&self, user: &IamUser) -> Result<NewAccessKey, CloudError>;

    /// Makes AWS refuse the key from now on. Doing it twice is doing it once.
    ///
    /// # Errors
    /// [`CloudError`].
    fn deactivate(&self, user: &IamUser, key: &AccessKeyId) -> Result<(), CloudError>;

    /// Deletes the key. A key that is not there any more is [`CloudError::NotFound`].
    ///
    /// # Errors
    /// [`CloudError`].
    fn delete(&self, user: &IamUser, key: &AccessKeyId) -> Result<(), CloudError>;

    /// When and with what the user's key was last used, if ever. A use may show up only after some minutes (IAM
    /// User Guide, "Find unused AWS credentials").
    ///
    /// # Errors
    /// [`CloudError`].
    fn last_used(&self, user: &IamUser, key: &AccessKeyId) -> Result<Option<LastUse>, CloudError>;

    /// Denies everything to sessions of the user that were issued before `before`: temporary credentials
    /// outlive the key that they were made with.
    ///
    /// # Errors
    /// [`CloudError`].
    fn deny_sessions(&self, user: &IamUser, before: Timestamp) -> Result<(), CloudError>;

    /// [`AccessKeys::list`] for several users.
    fn list_each(&self, users: &[IamUser], take: Take<'_, Vec<AccessKeyInfo>>) {
        one_by_one(users, |user| self.list(user), take);
    }

    /// [`AccessKeys::last_used`] for several keys.
    fn last_used_each(&self, keys: &[UsersKey], take: Take<'_, Option<LastUse>>) {
        one_by_one(keys, |of| self.last_used(&of.user, &of.key), take);
    }

    /// [`AccessKeys::create`] for several users. Of one whose answer was never taken, nothing was sent.
    fn create_each(&self, users: &[IamUser], take: Take<'_, NewAccessKey>) {
        one_by_one(users, |user| self.create(user), take);
    }

    /// [`AccessKeys::deactivate`] or [`AccessKeys::delete`] for several keys.
    fn end_each(&self, ends: &[KeyEnd], take: Take<'_, ()>) {
        let end = |end: &KeyEnd| match end.delete {
            true => self.delete(&end.user, &end.key),
            false => self.deactivate(&end.user, &end.key),
        };
        one_by_one(ends, end, take);
    }
}

fn one_by_one<C, T>(
    calls: &[C],
    mut call: impl FnMut(&C) -> Result<T, CloudError>,
    take: Take<'_, T>,
) {
    for (at, one) in calls.iter().enumerate() {
        if take(at, call(one)).is_break() {
            return;
        }
    }
}

/// What AWS answered to a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofAnswer {
    /// It knows the key as this identity.
    Is(CallerIdentity),
    /// It does not know the key, or does not know it yet everywhere.
    NotYet,
}

/// What AWS answered to a key whose secret is not at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeAnswer {
    /// It does not accept the key: deactivated or deleted.
    Refused,
    /// It knows the key, and would accept it with the right secret.
    Accepted,
}

/// A key that is to be proved, and where it is.
pub struct Claimed<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// The key.
    pub key: &'a AccessKeyId,
    /// Its secret.
    pub secret: &'a AccessKeySecret,
}

/// The proof of a key itself, with `sts:GetCallerIdentity`, which needs no permission and which no
/// policy can deny.
pub trait KeyProof {
    /// Asks who the key is, with its secret.
    ///
    /// # Errors
    /// [`CloudError`].
    fn identify(
        &self,
        key: &AccessKeyId,
        secret: &AccessKeySecret,
    ) -> Result<ProofAnswer, CloudError>;

    /// Asks with a signature that cannot be right: an active key is refused for its signature
    /// (`SignatureDoesNotMatch`), any other for itself (`InvalidClientTokenId`).
    ///
    /// # Errors
    /// [`CloudError`].
    fn probe(&self, key: &AccessKeyId) -> Result<ProbeAnswer, CloudError>;

    /// [`KeyProof::identify`] for several keys, as [`AccessKeys`] does several calls.
    fn identify_each(&self, keys: &[Claimed<'_>], take: Take<'_, ProofAnswer>) {
        one_by_one(keys, |one| self.identify(one.key, one.secret), take);
    }
}
