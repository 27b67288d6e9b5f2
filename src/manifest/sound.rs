//! What must hold of any manifest, whoever signed it.

use std::collections::BTreeSet;

use super::evidence::{self, ROOTS_MAX, Unproved};
use crate::attestation::NotARoot;
use crate::format::{Manifest, Policy};
use crate::model::{Presence, Role, SignAlgorithm, SignKey, TokenKind};

/// Why a manifest contradicts the rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// Two custodians of one name; a person has one role.
    #[error("{0} appears twice: one person has one role")]
    Person(String),
    /// A token with two owners, or twice with one.
    #[error("the token {0} appears twice: one key has one role")]
    Token(String),
    /// A custodian without a token.
    #[error("{0} has no token")]
    NoToken(String),
    /// A token that was retired.
    #[error("the token {0} was retired and cannot come back")]
    Retired(String),
    /// A threshold that the role cannot meet.
    #[error("{role}: a threshold of {threshold} with {holders} custodians")]
    Threshold {
        /// The role.
        role: Role,
        /// The threshold.
        threshold: u8,
        /// How many hold the role.
        holders: usize,
    },
    /// A quorum could come together without any touch, and the policy does not allow it.
    #[error("a quorum could come together without any touch, which the policy does not allow")]
    NoTouch,
    /// No rotator, or two of one name or key.
    #[error("{0}")]
    Rotators(String),
    /// A compartment twice, or none.
    #[error("{0}")]
    Compartments(String),
    /// A key that is none.
    #[error("the {1} of token {0} is not a key of its kind")]
    Key(String, &'static str),
    /// A token that is not shown to be what it claims.
    #[error("the token {0} is not taken: {1}")]
    Evidence(String, Unproved),
    /// The roots of attestation are none, or are too many.
    #[error("the policy's roots of attestation: {0}")]
    Roots(NotARoot),
    /// A number out of its range.
    #[error("{0}")]
    Policy(&'static str),
}

/// Checks a manifest against itself.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(manifest: &Manifest) -> Result<(), Unsound> {
    check_after(manifest, None)
}

/// The same after a manifest that holds: what that one shows of a token need not be shown again.
pub(super) fn check_after(manifest: &Manifest, before: Option<&Manifest>) -> Result<(), Unsound> {
    people(manifest)?;
    tokens(manifest)?;
    policy(manifest)?;
    if before.is_none_or(|b| b.policy.attestation_roots != manifest.policy.attestation_roots) {
        roots(&manifest.policy)?;
    }
    evidence::check(manifest, before)?;
    thresholds(manifest)?;
    touch(manifest)?;
    rotators(manifest)?;
    compartments(manifest)
}

fn people(manifest: &Manifest) -> Result<(), Unsound> {
    let mut names = BTreeSet::new();
    for custodian in &manifest.custodians {
        if !names.insert(&custodian.name) {
            return Err(Unsound::Person(custodian.name.to_string()));
        }
        if custodian.tokens.is_empty() {
            return Err(Unsound::NoToken(custodian.name.to_string()));
        }
    }
    Ok(())
}

/// The same device must not appear twice under whatever key: neither its keys nor its serial.
fn tokens(manifest: &Manifest) -> Result<(), Unsound> {
    let (mut devices, mut keys_seen) = (BTreeSet::new(), BTreeSet::new());
    for (_, token) in manifest.tokens() {
        let identity = &token.identity;
        // A YubiKey's serial number is attested; who made it is a word.
        let maker = match identity.kind {
            TokenKind::Piv => None,
            TokenKind::Pkcs11 => Some(&identity.manufacturer),
        };
        let new = devices.insert((maker, &identity.serial))
            && keys_seen.insert(&token.keys.seal.public)
            && keys_seen.insert(&token.keys.sign.public);
        if !new {
            return Err(Unsound::Token(identity.to_string()));
        }
        if manifest.retired.contains(&token.id()) {
            return Err(Unsound::Retired(identity.to_string()));
        }
        keys(token)?;
    }
    Ok(())
}

fn keys(token: &crate::format::EnrolledToken) -> Result<(), Unsound> {
    let name = || token.identity.to_string();
    if crate::crypto::check_seal_key(&token.keys.seal).is_err() {
        return Err(Unsound::Key(name(), "seal key"));
    }
    let sign = &token.keys.sign;
    // An Ed25519 key is a software key: no token signs with it.
    let software = sign.algorithm == SignAlgorithm::Ed25519;
    if !software && crate::crypto::check_sign_key(sign).is_ok() {
        Ok(())
    } else {
        Err(Unsound::Key(name(), "sign key"))
    }
}

fn thresholds(manifest: &Manifest) -> Result<(), Unsound> {
    for role in Role::ALL {
        // Not by `holders`, which ends where the indices of shares do.
        let of_role = manifest.custodians.iter().filter(|c| c.role == role);
        let holders = of_role.count();
        let threshold = manifest.thresholds.of(role);
        let least = if role == Role::So && holders == 0 {
            0
        } else {
            1
        };
        if usize::from(threshold) > holders || threshold < least || holders > usize::from(u8::MAX) {
            return Err(Unsound::Threshold {
                role,
                threshold,
                holders,
            });
        }
    }
    Ok(())
}

/// Without leave, every way to a quorum must take at least one touch: that is so if in one opening role
/// fewer people than its threshold have a token that needs none.
fn touch(manifest: &Manifest) -> Result<(), Unsound> {
    let needs_touch = |role: Role| {
        let without = manifest
            .holders(role)
            .filter(|(_, c)| c.tokens.iter().any(|t| t.keys.presence == Presence::None))
            .count();
        without < usize::from(manifest.thresholds.of(role))
    };
    if manifest.policy.allow_no_touch || Role::OPENING.into_iter().any(needs_touch) {
        Ok(())
    } else {
        Err(Unsound::NoTouch)
    }
}

fn rotators(manifest: &Manifest) -> Result<(), Unsound> {
    let (mut names, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for rotator in &manifest.rotators {
        let public = SignKey {
            algorithm: SignAlgorithm::Ed25519,
            public: rotator.public.clone(),
        };
        if crate::crypto::check_sign_key(&public).is_err() {
            return Err(Unsound::Rotators(format!(
                "the key of rotator {} is none",
                rotator.name
            )));
        }
        if !names.insert(&rotator.name) || !seen.insert(&rotator.public) {
            return Err(Unsound::Rotators(format!(
                "the rotator {} appears twice",
                rotator.name
            )));
        }
    }
    if manifest.rotators.is_empty() {
        return Err(Unsound::Rotators(
            "there is no rotator, so nothing could ever be sealed".into(),
        ));
    }
    Ok(())
}

fn compartments(manifest: &Manifest) -> Result<(), Unsound> {
    let names: BTreeSet<_> = manifest.compartments.iter().collect();
    if names.is_empty() {
        return Err(Unsound::Compartments("there is no compartment".into()));
    }
    if names.len() != manifest.compartments.len() {
        return Err(Unsound::Compartments("a compartment appears twice".into()));
    }
    Ok(())
}

fn policy(manifest: &Manifest) -> Result<(), Unsound> {
    let policy = &manifest.policy;
    if !(1..=365).contains(&policy.rotate_days) {
        return Err(Unsound::Policy("rotation must be due after 1 to 365 days"));
    }
    if !(1..=7 * 24 * 60).contains(&policy.max_lease_minutes) {
        return Err(Unsound::Policy(
            "the longest lease must be 1 minute to 7 days",
        ));
    }
    if policy.grace_minutes > 30 * 24 * 60 {
        return Err(Unsound::Policy("the grace must not be longer than 30 days"));
    }
    if policy.keep_proved_days() > 365 {
        return Err(Unsound::Policy(
            "a proved key must be kept for at most 365 days",
        ));
    }
    if manifest.nonce.len() != 16 {
        return Err(Unsound::Policy("the nonce must be 16 bytes"));
    }
    Ok(())
}

fn roots(policy: &Policy) -> Result<(), Unsound> {
    let own = &policy.attestation_roots;
    if own.is_empty() {
        return Ok(());
    }
    if own.len() > ROOTS_MAX {
        return Err(Unsound::Policy(
            "there must be at most 8 roots of attestation",
        ));
    }
    if own.iter().collect::<BTreeSet<_>>().len() != own.len() {
        return Err(Unsound::Policy("a root of attestation appears twice"));
    }
    evidence::roots(policy).map(drop).map_err(Unsound::Roots)
}
