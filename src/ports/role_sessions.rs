//! Sessions of roles, which a key may be turned into.

use std::time::Duration;

use super::CloudError;
use crate::model::{AccessKeyId, AccessRole, Timestamp};
use crate::secret::{AccessKeySecret, SessionToken};

/// Which role is to be assumed, with whose key, as what.
pub struct SessionWish<'a> {
    /// The key.
    pub key: &'a AccessKeyId,
    /// Its secret.
    pub secret: &'a AccessKeySecret,
    /// The role.
    pub role: &'a AccessRole,
    /// The session's name and its source identity, by which CloudTrail tells what it belongs to: 2 to 64 of
    /// letters, digits and `_ + = , . @ -`.
    pub name: &'a str,
    /// For how long, in whole seconds: 900 at least, and no more than the role allows.
    pub lasts: Duration,
}

/// A session: the credentials of a role for a while.
pub struct RoleSession {
    /// Its access key id.
    pub key: AccessKeyId,
    /// Its secret.
    pub secret: AccessKeySecret,
    /// Its token, without which the other two are nothing.
    pub token: SessionToken,
    /// When AWS ends it, by AWS's clock.
    pub expires: Timestamp,
}

/// STS, asked with a key that was opened: nothing here has anything to do with the rotator's credentials.
pub trait RoleSessions {
    /// Assumes a role (STS API, "AssumeRole"). A second session does no harm: it ends by itself.
    ///
    /// # Errors
    /// [`CloudError::Role`] where AWS says no, with its words; others where it says nothing that counts.
    fn assume(&self, wish: &SessionWish<'_>) -> Result<RoleSession, CloudError>;
}
