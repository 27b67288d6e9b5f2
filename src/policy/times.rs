//! The times that a policy sets.

use crate::format::Policy;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// After how many days a compartment is due for rotation.
    Rotation,
    /// The longest lease, in minutes.
    Lease,
    /// How long a replaced key stays deactivated, in minutes.
    Grace,
    /// For how many days a replaced key is kept that is known to open.
    Proved,
}

impl Period {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rotation, Self::Lease, Self::Grace, Self::Proved];

    /// What a policy says, in [`Period::unit`]s.
    pub fn of(self, policy: &Policy) -> u32 {
        match self {
            Self::Rotation => policy.rotate_days,
            Self::Lease => policy.max_lease_minutes,
            Self::Grace => policy.grace_minutes,
            Self::Proved => policy.keep_proved_days(),
        }
    }

    /// Lets a policy say another, in [`Period::unit`]s.
    pub fn set(self, policy: &mut Policy, time: u32) {
        match self {
            Self::Rotation => policy.rotate_days = time,
            Self::Lease => policy.max_lease_minutes = time,
            Self::Grace => policy.grace_minutes = time,
            Self::Proved => policy.keep_proved_days = Some(time),
        }
    }

    /// Its unit, in words.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Rotation | Self::Proved => "days",
            Self::Lease | Self::Grace => "minutes",
        }
    }

    /// Whether the change makes something easier for an attacker, or harder to come back from.
    pub(super) fn is_worse(self, from: u32, to: u32) -> bool {
        match self {
            Self::Rotation | Self::Lease => to > from,
            Self::Proved => to < from,
            Self::Grace => false,
        }
    }
}
