//! What a token's attestation must show, so that its presence may be believed.
//!
//! Dates are not compared here: they say nothing of a key (see [`crate::attestation`]), and a manifest that holds
//! today must hold for ever.

use super::sound::Unsound;
use crate::attestation::{
    self, Attested, Expected, NotARoot, PinPolicy, Requirements, Roots, TouchPolicy,
};
use crate::attestation::{Unattested, Unmet};
use crate::format::{EnrolledToken, Manifest, Policy};
use crate::model::{Attestation, Presence, SealSuite, SignAlgorithm, Timestamp, TokenKind};

/// The most certificates in [`Policy::attestation_roots`].
pub const ROOTS_MAX: usize = 8;

/// The slots that keys are in where their attestations do not tell.
const USUAL: [u8; 2] = [0x9d, 0x9c];

/// What was shown of both keys of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Of the seal key.
    pub seal: Attested,
    /// Of the sign key.
    pub sign: Attested,
}

impl Evidence {
    /// What a use of whichever key proves at the least.
    pub fn presence(&self) -> Presence {
        match (self.seal.presence(), self.sign.presence()) {
            (Presence::Touch, Presence::Touch) => Presence::Touch,
            _ => Presence::None,
        }
    }
}

/// Why a token is not taken for what it is said to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// A YubiKey without an attestation.
    #[error("it is a YubiKey and has no attestation")]
    Missing,
    /// An attestation of something that is none.
    #[error("it has an attestation and is no YubiKey")]
    Foreign,
    /// Keys that no attestation speaks of.
    #[error("its keys are not of the kinds that are attested")]
    Kinds,
    /// A serial number that is none of a YubiKey.
    #[error("its serial number is none of a YubiKey")]
    Serial,
    /// The presence that it claims is not what was shown.
    #[error("it claims the presence {}, which is not what is shown of it", claimed(.0))]
    Presence(Presence),
    /// The attestation proves nothing.
    #[error("{0}")]
    Unattested(#[from] Unattested),
    /// What it proves does not suffice.
    #[error("{0}")]
    Unmet(#[from] Unmet),
}

fn claimed(presence: &Presence) -> &'static str {
    match presence {
        Presence::Touch => "touch",
        Presence::None => "none",
    }
}

/// What this policy asks of a YubiKey's keys: touch at every use, PIN at every use or, where it is allowed,
/// once a session.
pub fn requirements(policy: &Policy) -> Requirements {
    let mut pin_policies = vec![PinPolicy::Always];
    if policy.allow_pin_once {
        pin_policies.push(PinPolicy::Once);
    }
    Requirements {
        min_firmware: policy.min_firmware,
        pin_policies,
        touch_policies: vec![TouchPolicy::Always],
        dates: false,
    }
}

/// The makers' roots and the policy's own.
///
/// # Errors
/// [`NotARoot`]
pub fn roots(policy: &Policy) -> Result<Roots, NotARoot> {
    let own = policy.attestation_roots.iter();
    Roots::yubico().with_own_der(own.map(|one| one.0.as_slice()))
}

/// Checks what a token's attestation shows against a policy, and tells it; nothing of a token that has none to
/// show. Its presence is not looked at. `now` is what the dates are compared with, for telling alone.
///
/// # Errors
/// [`Unproved`]
pub fn prove(
    token: &EnrolledToken,
    policy: &Policy,
    roots: &Roots,
    now: Option<Timestamp>,
) -> Result<Option<Evidence>, Unproved> {
    let attestation = match (token.identity.kind, &token.attestation) {
        (TokenKind::Pkcs11, None) => return Ok(None),
        (TokenKind::Pkcs11, Some(_)) => return Err(Unproved::Foreign),
        (TokenKind::Piv, None) => return Err(Unproved::Missing),
        (TokenKind::Piv, Some(attestation)) => attestation,
    };
    let keys = &token.keys;
    if (keys.seal.suite, keys.sign.algorithm) != (SealSuite::P256, SignAlgorithm::EcdsaP256Sha256) {
        return Err(Unproved::Kinds);
    }
    let serial = serial(&token.identity.serial).ok_or(Unproved::Serial)?;
    let requirements = requirements(policy);
    let [seal_slot, sign_slot] = USUAL;
    let of = |leaf: &[u8], public_key: &[u8], usual: u8| {
        let attested = read(leaf, attestation, roots, now)?;
        let slot = attested.slot.unwrap_or(usual);
        let expected = Expected {
            serial,
            public_key,
            slot,
        };
        attested.meets(&requirements, &expected)?;
        Ok::<_, Unproved>(attested)
    };
    Ok(Some(Evidence {
        seal: of(&attestation.seal, &keys.seal.public, seal_slot)?,
        sign: of(&attestation.sign, &keys.sign.public, sign_slot)?,
    }))
}

/// What the attestation says, whether or not it suffices; for showing.
///
/// # Errors
/// [`Unattested`]
pub fn read_both(
    attestation: &Attestation,
    roots: &Roots,
    now: Option<Timestamp>,
) -> Result<Evidence, Unattested> {
    Ok(Evidence {
        seal: read(&attestation.seal, attestation, roots, now)?,
        sign: read(&attestation.sign, attestation, roots, now)?,
    })
}

fn read(
    leaf: &[u8],
    attestation: &Attestation,
    roots: &Roots,
    now: Option<Timestamp>,
) -> Result<Attested, Unattested> {
    let chain = attestation::Chain {
        leaf,
        device: &attestation.device,
        intermediates: &[],
    };
    attestation::verify(&chain, roots, now)
}

/// A serial number in its one spelling: decimal, no sign, no zero before it.
fn serial(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Checks the evidence of all tokens. What the manifest before shows under the same policy, this one shows, too: so
/// a chain of many manifests costs no more than its tokens.
pub(super) fn check(manifest: &Manifest, before: Option<&Manifest>) -> Result<(), Unsound> {
    let policy = &manifest.policy;
    let before = before.filter(|before| is_same(&before.policy, policy));
    let shown: Vec<&EnrolledToken> = before
        .iter()
        .flat_map(|before| before.tokens().map(|(_, token)| token))
        .collect();
    let mut known = None;
    for (_, token) in manifest.tokens() {
        if shown.contains(&token) {
            continue;
        }
        let refused = |why: Unproved| Unsound::Evidence(token.identity.to_string(), why);
        // Without a YubiKey nobody needs the roots.
        let evidence = match (token.identity.kind, &token.attestation) {
            (TokenKind::Pkcs11, None) => None,
            _ => {
                let roots =
                    known.get_or_insert_with(|| roots(policy).unwrap_or_else(|_| Roots::yubico()));
                prove(token, policy, roots, None).map_err(refused)?
            }
        };
        let presence = evidence.map_or(Presence::None, |evidence| evidence.presence());
        if token.keys.presence != presence {
            return Err(refused(Unproved::Presence(token.keys.presence)));
        }
    }
    Ok(())
}

fn is_same(one: &Policy, other: &Policy) -> bool {
    let of = |policy: &Policy| (policy.min_firmware, policy.allow_pin_once);
    of(one) == of(other) && one.attestation_roots == other.attestation_roots
}
