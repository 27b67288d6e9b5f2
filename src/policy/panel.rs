//! The people of one role who can contribute to something, and how many of them may be lost.

use crate::attestation::firmware_told;
use crate::format::{EnrolledToken, Manifest};
use crate::model::{Digest, Firmware, Name, Presence, Role, TokenIdentity};

/// A token in somebody's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its name in documents.
    pub id: Digest,
    /// What finds it.
    pub identity: TokenIdentity,
    /// What it proves.
    pub presence: Presence,
    /// Its firmware, where its attestation tells.
    pub firmware: Option<Firmware>,
}

impl Held {
    /// A token as a manifest names it.
    pub fn of(token: &EnrolledToken) -> Self {
        Self {
            id: token.id(),
            identity: token.identity.clone(),
            presence: token.keys.presence,
            firmware: firmware(token),
        }
    }
}

/// The firmware that a token's attestation tells.
pub fn firmware(token: &EnrolledToken) -> Option<Firmware> {
    firmware_told(&token.attestation.as_ref()?.seal)
}

/// A person with at least one token that can contribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub name: Name,
    /// With which tokens; never empty.
    pub tokens: Vec<Held>,
}

/// Those of one role who can contribute, and how many distinct ones it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel {
    /// The role.
    pub role: Role,
    /// How many it takes.
    pub threshold: usize,
    /// Who there is.
    pub members: Vec<Member>,
}

/// How many may be lost, whichever they are, and it still works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Losses {
    /// People, each with all their tokens.
    pub people: usize,
    /// Tokens.
    pub tokens: usize,
}

impl Losses {
    /// The lesser of both: what two groups can bear that are both needed.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        Self {
            people: self.people.min(other.people),
            tokens: self.tokens.min(other.tokens),
        }
    }
}

impl Panel {
    /// The custodians of a role, as a manifest names them.
    pub fn of(manifest: &Manifest, role: Role) -> Self {
        let of_role = manifest.custodians.iter().filter(|c| c.role == role);
        let members = of_role.map(|custodian| Member {
            name: custodian.name.clone(),
            tokens: custodian.tokens.iter().map(Held::of).collect(),
        });
        Self {
            role,
            threshold: usize::from(manifest.thresholds.of(role)),
            members: members.collect(),
        }
    }

    /// The same with those tokens alone; who has none left is no member.
    #[must_use]
    pub fn keeping(mut self, keep: impl Fn(&Name, &Digest) -> bool) -> Self {
        for member in &mut self.members {
            let name = &member.name;
            member.tokens.retain(|token| keep(name, &token.id));
        }
        self.members.retain(|member| !member.tokens.is_empty());
        self
    }

    /// Whether there are enough of them.
    pub fn is_met(&self) -> bool {
        self.members.len() >= self.threshold
    }

    /// How many may be lost until there are too few; nothing where there are too few already, or where
    /// none is needed.
    pub fn losses(&self) -> Option<Losses> {
        let spare = self.members.len().checked_sub(self.threshold)?;
        if self.threshold == 0 {
            return None;
        }
        // The worst order takes whole people out, those with the fewest tokens first.
        let mut tokens: Vec<usize> = self.members.iter().map(|m| m.tokens.len()).collect();
        tokens.sort_unstable();
        let until_broken: usize = tokens.iter().take(spare + 1).sum();
        Some(Losses {
            people: spare,
            tokens: until_broken.saturating_sub(1),
        })
    }

    /// The people without any of whom there are too few.
    pub fn fatal_people(&self) -> impl Iterator<Item = &Member> {
        let fatal = self.members.len() == self.threshold;
        self.members.iter().filter(move |_| fatal)
    }

    /// The tokens without any of which there are too few.
    pub fn fatal_tokens(&self) -> impl Iterator<Item = (&Name, &Held)> {
        let alone = self.fatal_people().filter(|m| m.tokens.len() == 1);
        alone.flat_map(|m| m.tokens.iter().map(|token| (&m.name, token)))
    }
}
