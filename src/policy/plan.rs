//! What a change of the manifest means, before anybody signs it: what is different, who must sign, what it
//! costs and what must be done next. All of it is read from the two manifests, so it cannot say anything
//! else than what is signed.

use std::collections::BTreeSet;

use super::access::{Access, Touch};
use super::panel::{Held, Losses, Panel};
use super::sealed::{Ending, Exposure, SealedSet, differs, newcomers, sealed_sets};
use super::times::Period;
use crate::attestation::RootName;
use crate::format::{EnrolledToken, Manifest, Policy, Rotator};
use crate::ledger::VaultState;
use crate::manifest::Chain;
use crate::model::{Digest, Firmware, Name, Role, TokenIdentity};

/// One thing that is different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A person gets a role.
    PersonAdded(Name, Role),
    /// A person loses it.
    PersonRetired(Name, Role),
    /// A person gets a token.
    TokenAdded {
        /// Who.
        name: Name,
        /// Their role.
        role: Role,
        /// The token.
        token: Held,
        /// They have another one already, or keep it: this one is a spare.
        spare: bool,
    },
    /// A token is retired.
    TokenRetired {
        /// Whose it was.
        name: Name,
        /// Their role.
        role: Role,
        /// The token.
        token: Held,
        /// Whether it is lost: it signs nothing, and somebody else may have it.
        lost: bool,
    },
    /// Another threshold.
    Threshold {
        /// Of which role.
        role: Role,
        /// Before.
        from: u8,
        /// After.
        to: u8,
    },
    /// Another firmware is the oldest that is taken.
    Firmware {
        /// Before.
        from: Firmware,
        /// After.
        to: Firmware,
    },
    /// Whether the PIN once a session is enough.
    PinOnce(bool),
    /// Another time.
    Period {
        /// Which.
        period: Period,
        /// Before, in its unit.
        from: u32,
        /// After.
        to: u32,
    },
    /// A root of attestation is trusted.
    RootAdded(RootName),
    /// A root is trusted no more.
    RootRemoved(RootName),
    /// A new compartment.
    CompartmentAdded(Name),
    /// A machine may seal.
    RotatorAdded(Rotator),
    /// A machine may seal no more.
    RotatorRetired(Rotator),
}

/// Those of a role who sign the change, as the manifest before demands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers {
    /// How many of whom, with which tokens. Lost tokens are not among them.
    pub panel: Panel,
}

/// A token that is added signs, too, to prove that its keys are its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Whose it is.
    pub name: Name,
    /// In which role.
    pub role: Role,
    /// The token.
    pub token: Held,
}

/// How a role stands before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleChange {
    /// Before.
    pub before: Panel,
    /// After.
    pub after: Panel,
}

/// What gets worse by the change, so that consent is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Worse {
    /// One person or token more could be lost before; now none can.
    NoneToLose {
        /// In which role.
        role: Role,
        /// What could be lost before.
        before: Losses,
        /// What can be lost after.
        after: Losses,
    },
    /// Fewer people than before are needed.
    FewerNeeded {
        /// Of which role.
        role: Role,
        /// Before.
        from: usize,
        /// After.
        to: usize,
    },
    /// Tokens are taken that were refused before for their firmware.
    OlderFirmware {
        /// Before.
        from: Firmware,
        /// After.
        to: Firmware,
    },
    /// Tokens are taken that ask for the PIN once a session.
    PinOnce,
    /// A time that gives an attacker more, or oneself less.
    Period {
        /// Which.
        period: Period,
        /// Before, in its unit.
        from: u32,
        /// After.
        to: u32,
    },
    /// Whoever has the key of this root can say of any key that it takes a touch.
    RootTrusted(RootName),
    /// Every opening proved a touch, and not every one will.
    LessTouch,
    /// Nobody can open what is sealed now, until it is sealed anew: too few of those whom it is sealed to
    /// are left.
    Locked {
        /// The compartment.
        compartment: Name,
        /// The generation.
        generation: u64,
    },
}

/// A generation that stays sealed as it is, to the people, tokens and thresholds of before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// The compartment.
    pub compartment: Name,
    /// The generation.
    pub generation: u64,
    /// Who opens it, once the change is in force.
    pub access: Access,
    /// Whose tokens open nothing of it.
    pub newcomers: Vec<(Name, TokenIdentity)>,
    /// What ends it.
    pub ends: Vec<Ending>,
}

/// What must be done once it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// What is sealed stays sealed as it was until this is done.
    Seal(Ending),
    /// A compartment has no credential yet.
    AddCredential(Name),
    /// A rotator seals with its next run.
    RunOn(Name),
    /// A machine that was a rotator may still have its rights in AWS.
    DropAwsRights(Name),
}

/// A change of the manifest, weighed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The vault's name.
    pub vault: Name,
    /// The version in force.
    pub from: u64,
    /// The version that is to follow.
    pub to: u64,
    /// What is different.
    pub differences: Vec<Difference>,
    /// Who must sign.
    pub signers: Vec<Signers>,
    /// And which tokens must prove themselves.
    pub proofs: Vec<Proof>,
    /// How each role stands before and after.
    pub roles: Vec<RoleChange>,
    /// What may be lost until nobody can open what is sealed next: before and after.
    pub opening: (Option<Losses>, Option<Losses>),
    /// What may be lost until the manifest can be changed no more: before and after.
    pub changing: (Option<Losses>, Option<Losses>),
    /// What the leavers of this change could still open.
    pub exposed: Vec<Exposure>,
    /// What stays sealed as it is.
    pub stale: Vec<Stale>,
    /// What gets worse.
    pub worse: Vec<Worse>,
    /// What to do next.
    pub next: Vec<Next>,
}

/// Too few are left who could sign a change: it can never be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{needed} of {role} must sign, and without the lost tokens {} could",
    listed(left)
)]
pub struct CannotSign {
    /// The role.
    pub role: Role,
    /// How many it takes.
    pub needed: usize,
    /// Who is left.
    pub left: Vec<Name>,
    /// Whether what will be sealed under the manifest in force still opens without those tokens.
    pub opens: bool,
}

fn listed(names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(Name::as_str).collect();
    if names.is_empty() {
        "nobody".to_owned()
    } else {
        format!("only {}", names.join(", "))
    }
}

impl Plan {
    /// Weighs a change. `lost` are tokens that are no longer in their owners' hands: they sign nothing.
    ///
    /// # Errors
    /// [`CannotSign`] where nobody could put it in force.
    pub fn of(
        before: &Manifest,
        after: &Manifest,
        lost: &BTreeSet<Digest>,
        state: &VaultState,
        chain: &Chain,
    ) -> Result<Self, CannotSign> {
        let signers = signers(before, lost)?;
        let stale: Vec<SealedSet<'_>> = before
            .compartments
            .iter()
            .flat_map(|name| sealed_sets(state, chain, name))
            .filter(|set| differs(set.manifest, after))
            .collect();
        let exposed = stale.iter().flat_map(|set| set.exposures(after));
        let differences = differences(before, after, lost);
        let roles = roles(before, after);
        let losses = |of: fn(&Manifest) -> Access| (of(before).losses(), of(after).losses());
        Ok(Self {
            vault: before.vault.clone(),
            from: before.version,
            to: after.version,
            next: next(&differences, &stale),
            worse: worse(before, after, &roles, &stale),
            opening: losses(Access::opening),
            changing: losses(Access::changing),
            exposed: exposed.filter(|one| left_now(one, before)).collect(),
            stale: stale.iter().map(|set| stays(set, after)).collect(),
            differences,
            signers,
            proofs: proofs(before, after),
            roles,
        })
    }
}

fn stays(set: &SealedSet<'_>, after: &Manifest) -> Stale {
    Stale {
        compartment: set.compartment.clone(),
        generation: set.generation,
        access: Access::ceremony(set.manifest, after),
        newcomers: newcomers(set.manifest, after),
        ends: set.ends(),
    }
}

fn proofs(before: &Manifest, after: &Manifest) -> Vec<Proof> {
    let proof = |(name, role, token)| Proof {
        name,
        role,
        token: Held::of(token),
    };
    added(before, after).map(proof).collect()
}

/// Who must sign, if there are enough of them.
fn signers(before: &Manifest, lost: &BTreeSet<Digest>) -> Result<Vec<Signers>, CannotSign> {
    let there = |panel: &Panel| panel.clone().keeping(|_, id| !lost.contains(id));
    let opens = Access::opening(before);
    let opens = opens.panels().iter().all(|panel| there(panel).is_met());
    let access = Access::changing(before);
    let each = access.panels().iter().map(|panel| {
        let panel = there(panel);
        if panel.is_met() {
            return Ok(Signers { panel });
        }
        Err(CannotSign {
            role: panel.role,
            needed: panel.threshold,
            left: panel.members.into_iter().map(|m| m.name).collect(),
            opens,
        })
    });
    each.collect()
}

/// Whether it is this change that makes somebody a leaver, not an earlier one.
fn left_now(exposure: &Exposure, before: &Manifest) -> bool {
    let enrolled = |token: &Held| before.token(&token.id).is_some();
    exposure.tokens.iter().any(enrolled)
}

fn added<'m>(
    before: &'m Manifest,
    after: &'m Manifest,
) -> impl Iterator<Item = (Name, Role, &'m EnrolledToken)> {
    after
        .tokens()
        .filter(|(_, token)| before.token(&token.id()).is_none())
        .map(|(owner, token)| (owner.name.clone(), owner.role, token))
}

fn differences(before: &Manifest, after: &Manifest, lost: &BTreeSet<Digest>) -> Vec<Difference> {
    let mut found = Vec::new();
    for custodian in &before.custodians {
        let stays = holds(after, &custodian.name, custodian.role);
        if !stays {
            let (name, role) = (custodian.name.clone(), custodian.role);
            found.push(Difference::PersonRetired(name, role));
        }
    }
    for custodian in &after.custodians {
        if !holds(before, &custodian.name, custodian.role) {
            let (name, role) = (custodian.name.clone(), custodian.role);
            found.push(Difference::PersonAdded(name, role));
        }
    }
    for (name, role, token) in added(after, before) {
        let (lost, token) = (lost.contains(&token.id()), Held::of(token));
        found.push(Difference::TokenRetired {
            name,
            role,
            token,
            lost,
        });
    }
    for (name, role, token) in added(before, after) {
        let spare = after.custodian(&name).is_some_and(|c| c.tokens.len() > 1);
        let token = Held::of(token);
        found.push(Difference::TokenAdded {
            name,
            role,
            token,
            spare,
        });
    }
    for role in Role::ALL {
        let (from, to) = (before.thresholds.of(role), after.thresholds.of(role));
        if from != to {
            found.push(Difference::Threshold { role, from, to });
        }
    }
    found.extend(rules(&before.policy, &after.policy));
    let new = |name: &&Name| !before.compartments.contains(name);
    let compartments = after.compartments.iter().filter(new).cloned();
    found.extend(compartments.map(Difference::CompartmentAdded));
    let old = before
        .rotators
        .iter()
        .filter(|r| !after.rotators.contains(r));
    found.extend(old.cloned().map(Difference::RotatorRetired));
    let new = after
        .rotators
        .iter()
        .filter(|r| !before.rotators.contains(r));
    found.extend(new.cloned().map(Difference::RotatorAdded));
    found
}

fn rules(before: &Policy, after: &Policy) -> Vec<Difference> {
    let mut found = Vec::new();
    let (from, to) = (before.min_firmware, after.min_firmware);
    if from != to {
        found.push(Difference::Firmware { from, to });
    }
    if before.allow_pin_once != after.allow_pin_once {
        found.push(Difference::PinOnce(after.allow_pin_once));
    }
    let gone = roots_beyond(before, after);
    found.extend(gone.map(Difference::RootRemoved));
    let new = roots_beyond(after, before);
    found.extend(new.map(Difference::RootAdded));
    let periods = Period::ALL.into_iter().filter_map(|period| {
        let (from, to) = (period.of(before), period.of(after));
        (from != to).then_some(Difference::Period { period, from, to })
    });
    found.extend(periods);
    found
}

/// The roots that one policy has and the other has not.
fn roots_beyond<'p>(one: &'p Policy, other: &'p Policy) -> impl Iterator<Item = RootName> + 'p {
    let roots = one.attestation_roots.iter();
    roots
        .filter(|root| !other.attestation_roots.contains(root))
        .map(|root| RootName::of(&root.0))
}

/// What is asked of tokens, where it is less than before, and the times that are worse.
fn weaker_rules(before: &Policy, after: &Policy) -> Vec<Worse> {
    let weaker = |difference| match difference {
        Difference::Firmware { from, to } if to < from => Some(Worse::OlderFirmware { from, to }),
        Difference::PinOnce(true) => Some(Worse::PinOnce),
        Difference::RootAdded(root) => Some(Worse::RootTrusted(root)),
        Difference::Period { period, from, to } if period.is_worse(from, to) => {
            Some(Worse::Period { period, from, to })
        }
        _ => None,
    };
    let rules = rules(before, after).into_iter();
    rules.filter_map(weaker).collect()
}

fn holds(manifest: &Manifest, name: &Name, role: Role) -> bool {
    manifest.custodian(name).is_some_and(|c| c.role == role)
}

fn roles(before: &Manifest, after: &Manifest) -> Vec<RoleChange> {
    let change = |role| RoleChange {
        before: Panel::of(before, role),
        after: Panel::of(after, role),
    };
    let held = |change: &RoleChange| change.before.threshold > 0 || change.after.threshold > 0;
    Role::ALL.into_iter().map(change).filter(held).collect()
}

fn worse(
    before: &Manifest,
    after: &Manifest,
    roles: &[RoleChange],
    stale: &[SealedSet<'_>],
) -> Vec<Worse> {
    let mut found = Vec::new();
    for change in roles {
        let role = change.after.role;
        let (from, to) = (change.before.threshold, change.after.threshold);
        if to < from {
            found.push(Worse::FewerNeeded { role, from, to });
        }
        let (Some(before), Some(after)) = (change.before.losses(), change.after.losses()) else {
            continue;
        };
        let none_left = |before, after| before > 0 && after == 0;
        if none_left(before.tokens, after.tokens) || none_left(before.people, after.people) {
            found.push(Worse::NoneToLose {
                role,
                before,
                after,
            });
        }
    }
    found.extend(weaker_rules(&before.policy, &after.policy));
    let touch = |manifest| Access::opening(manifest).touch();
    if touch(before) == Touch::Always && touch(after) != Touch::Always {
        found.push(Worse::LessTouch);
    }
    for set in stale.iter().filter(|set| set.is_current()) {
        let opens = |now| Access::ceremony(set.manifest, now).is_possible();
        if opens(before) && !opens(after) {
            found.push(Worse::Locked {
                compartment: set.compartment.clone(),
                generation: set.generation,
            });
        }
    }
    found
}

fn next(differences: &[Difference], stale: &[SealedSet<'_>]) -> Vec<Next> {
    let ends: BTreeSet<Ending> = stale.iter().flat_map(SealedSet::ends).collect();
    let mut found: Vec<Next> = ends.into_iter().map(Next::Seal).collect();
    for difference in differences {
        match difference {
            Difference::CompartmentAdded(name) => found.push(Next::AddCredential(name.clone())),
            Difference::RotatorAdded(rotator) => found.push(Next::RunOn(rotator.name.clone())),
            Difference::RotatorRetired(rotator) => {
                found.push(Next::DropAwsRights(rotator.name.clone()));
            }
            _ => {}
        }
    }
    found
}
