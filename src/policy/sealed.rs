//! What is sealed at this moment, and who can open it: who is enrolled, and who was.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::access::Access;
use super::panel::{Held, Panel};
use crate::format::Manifest;
use crate::ledger::VaultState;
use crate::manifest::Chain;
use crate::model::{AccessKeyId, Digest, Name, Role, TokenIdentity};

/// A generation of which at least one key is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSet<'a> {
    /// The compartment.
    pub compartment: Name,
    /// The generation.
    pub generation: u64,
    /// The manifest that it was sealed under.
    pub manifest: &'a Manifest,
    /// Its keys that AWS may still take.
    pub keys: Vec<SealedKey>,
}

/// A sealed key that AWS may still take: it was neither deactivated nor is it gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// The credential.
    pub credential: Name,
    /// The key.
    pub key: AccessKeyId,
    /// Whether it is the one that an opening gives.
    pub current: bool,
    /// The incident that holds it: a rotation leaves it alone, closing replaces it.
    pub incident: Option<Name>,
}

/// The living generations of a compartment, the oldest first.
pub fn sealed_sets<'a>(
    state: &VaultState,
    chain: &'a Chain,
    compartment: &Name,
) -> Vec<SealedSet<'a>> {
    let mut found: BTreeMap<u64, Vec<SealedKey>> = BTreeMap::new();
    for credential in state.members(compartment) {
        let current = credential.current().map(|key| &key.id);
        let live = |name: &&Name| state.incidents.get(*name).is_some_and(|i| i.is_live());
        let alive = credential.keys.iter();
        for key in alive.filter(|key| key.gone.is_none() && key.deactivated.is_none()) {
            found.entry(key.generation).or_default().push(SealedKey {
                credential: credential.definition.name.clone(),
                key: key.id.clone(),
                current: current == Some(&key.id),
                incident: key.opened_in.iter().find(live).cloned(),
            });
        }
    }
    let Some(known) = state.compartments.get(compartment) else {
        return Vec::new();
    };
    let set = |(generation, keys)| {
        Some(SealedSet {
            compartment: compartment.clone(),
            generation,
            manifest: chain.of_digest(known.manifests.get(&generation)?)?,
            keys,
        })
    };
    found.into_iter().filter_map(set).collect()
}

/// Whether other people, with other tokens or other thresholds, open what is sealed under one manifest than
/// what is sealed under the other.
pub fn differs(one: &Manifest, other: &Manifest) -> bool {
    let of = |manifest: &Manifest| {
        Role::OPENING.map(|role| {
            let panel = Panel::of(manifest, role);
            let people: BTreeMap<Name, BTreeSet<Digest>> = panel
                .members
                .into_iter()
                .map(|m| (m.name, m.tokens.iter().map(|token| token.id).collect()))
                .collect();
            (panel.threshold, people)
        })
    };
    of(one) != of(other)
}

/// Tokens that open nothing of what was sealed under `sealed`, and will after the next rotation.
pub fn newcomers(sealed: &Manifest, now: &Manifest) -> Vec<(Name, TokenIdentity)> {
    now.tokens()
        .filter(|(owner, token)| {
            Role::OPENING.contains(&owner.role) && sealed.token(&token.id()).is_none()
        })
        .map(|(owner, token)| (owner.name.clone(), token.identity.clone()))
        .collect()
}

/// What somebody could still open with tokens that are enrolled no more: a generation stays sealed to the
/// tokens that it was sealed to. breakglass refuses them; whoever has a copy of the vault need not use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// The compartment.
    pub compartment: Name,
    /// The generation.
    pub generation: u64,
    /// The version of the manifest that it was sealed under.
    pub manifest: u64,
    /// The credentials whose keys are alive in it.
    pub credentials: Vec<Name>,
    /// Whose tokens they were.
    pub leaver: Name,
    /// In which role.
    pub role: Role,
    /// The tokens.
    pub tokens: Vec<Held>,
    /// Whether that person is still a custodian, with other tokens.
    pub stays: bool,
    /// Who it takes besides: nobody opens anything alone.
    pub partners: Vec<Partners>,
    /// What ends it.
    pub ends: Vec<Ending>,
}

/// So many of these people, in a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partners {
    /// The role.
    pub role: Role,
    /// How many of them.
    pub count: usize,
    /// Of whom.
    pub of: Vec<Name>,
}

/// A command after which AWS has forgotten a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Closing the incident that holds it.
    Close(Name),
    /// Rotating the compartment.
    Rotate(Name),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close(incident) => write!(f, "breakglass close {incident}"),
            Self::Rotate(compartment) => write!(f, "breakglass rotate {compartment}"),
        }
    }
}

impl SealedSet<'_> {
    /// Whether it holds a key that an opening gives.
    pub fn is_current(&self) -> bool {
        self.keys.iter().any(|key| key.current)
    }

    /// What ends the life of its keys. A rotation leaves alone what an incident holds.
    pub fn ends(&self) -> Vec<Ending> {
        let ending = |key: &SealedKey| match &key.incident {
            Some(incident) => Ending::Close(incident.clone()),
            None => Ending::Rotate(self.compartment.clone()),
        };
        let all: BTreeSet<Ending> = self.keys.iter().map(ending).collect();
        all.into_iter().collect()
    }

    /// What leavers could still open of it, where `now` is in force.
    pub fn exposures(&self, now: &Manifest) -> Vec<Exposure> {
        let access = Access::opening(self.manifest);
        let mut found = Vec::new();
        for panel in access.panels() {
            for member in &panel.members {
                let gone: Vec<Held> = member
                    .tokens
                    .iter()
                    .filter(|token| now.token(&token.id).is_none())
                    .cloned()
                    .collect();
                if !gone.is_empty() {
                    found.push(self.exposure(now, &access, panel.role, &member.name, gone));
                }
            }
        }
        found
    }

    fn exposure(
        &self,
        now: &Manifest,
        access: &Access,
        role: Role,
        leaver: &Name,
        tokens: Vec<Held>,
    ) -> Exposure {
        let partners = access.panels().iter().map(|panel| {
            let others = panel.members.iter().filter(|m| m.name != *leaver);
            Partners {
                role: panel.role,
                count: panel.threshold - usize::from(panel.role == role),
                of: others.map(|m| m.name.clone()).collect(),
            }
        });
        Exposure {
            compartment: self.compartment.clone(),
            generation: self.generation,
            manifest: self.manifest.version,
            credentials: self.keys.iter().map(|key| key.credential.clone()).collect(),
            leaver: leaver.clone(),
            role,
            tokens,
            stays: now.custodian(leaver).is_some_and(|c| c.role == role),
            partners: partners.filter(|partners| partners.count > 0).collect(),
            ends: self.ends(),
        }
    }
}
