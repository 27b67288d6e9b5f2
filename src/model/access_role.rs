//! The roles that a credential's user may assume, and that are what an opening of it hands over.

use serde::{Deserialize, Serialize};

use super::{ExternalId, Name, RoleArn};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessRole {
    /// What the child's AWS profile with its session is called.
    pub profile: Name,
    /// The role.
    pub arn: RoleArn,
    /// What its trust policy asks for, if it does.
    pub external_id: Option<ExternalId>,
}
