//! The sessions that outlive an incident: closing ends the key that they were made with, and not them.

use std::collections::BTreeMap;

use crate::ledger::IncidentState;
use crate::model::{Name, RoleArn, Timestamp};

/// What was handed over of one role, and lives on in AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlived {
    /// The credential whose key it was made with.
    pub credential: Name,
    /// The role.
    pub role: RoleArn,
    /// When AWS ends the last of its sessions.
    pub expires: Timestamp,
    /// All of them were made before this: no key was left to make more.
    pub before: Timestamp,
}

/// The roles with sessions of this incident that have not run out, each once.
pub(super) fn outlived(incident: &IncidentState, now: Timestamp) -> Vec<Outlived> {
    let mut roles = BTreeMap::new();
    for session in incident.sessions.iter().filter(|one| one.expires > now) {
        let before = incident.sessions_denied.get(&session.credential);
        let one = Outlived {
            credential: session.credential.clone(),
            role: session.role.clone(),
            expires: session.expires,
            before: before.copied().unwrap_or(now),
        };
        let known = roles
            .entry((&session.credential, session.role.as_str()))
            .or_insert_with(|| one.clone());
        known.expires = known.expires.max(one.expires);
    }
    roles.into_values().collect()
}
