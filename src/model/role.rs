//! The three roles.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a custodian is entrusted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Incident Commander: declares and authorises.
    Ic,
    /// Break-Glass Operator: retrieves and uses.
    Bgo,
    /// Security Officer: reviews and signs off; opens nothing.
    So,
}

/// The text names none of the roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a role (ic, bgo or so)")]
pub struct UnknownRole;

impl Role {
    /// The roles whose secrets together open a credential, in the order in which they enter the key
    /// schedule.
    pub const OPENING: [Self; 2] = [Self::Ic, Self::Bgo];

    /// All roles, in the order of documents.
    pub const ALL: [Self; 3] = [Self::Ic, Self::Bgo, Self::So];

    /// `ic`, `bgo` or `so`, as in every document.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ic => "ic",
            Self::Bgo => "bgo",
            Self::So => "so",
        }
    }

    /// The role's name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ic => "Incident Commander",
            Self::Bgo => "Break-Glass Operator",
            Self::So => "Security Officer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.label() == text)
            .ok_or(UnknownRole)
    }
}
