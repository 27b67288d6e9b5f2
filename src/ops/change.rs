//! Putting the next manifest in force: signed by a quorum of every role of the one before, and by every
//! token that it adds.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::anchor;
use super::enrolment;
use super::open_vault::{OpenVault, key};
use super::people::{self, Use};
use super::policy_rules::PolicyRules;
use super::world::People;
use crate::format::dsse::{Envelope, EnvelopeSignature};
use crate::format::{Custodian, EnrolledToken, Manifest, Rotator, paths};
use crate::ledger::Event;
use crate::manifest::Draft;
use crate::model::{
    Class, Digest, Failure, Name, Presence, Role, SealKey, SealSuite, SignAlgorithm, SignKey,
    TokenIdentity, TokenKeys, TokenKind,
};
use crate::policy::Plan;
use crate::ports::{KeyUse, Notice, TokenError};

/// One change of the manifest.
pub enum Change {
    /// Gives a person a token.
    Enrol {
        /// Who.
        name: Name,
        /// In which role.
        role: Role,
        /// Their token.
        locator: String,
        /// The lost token that it replaces.
        replaces: Option<Digest>,
    },
    /// Retires a person and all their tokens.
    RetireCustodian {
        /// Who.
        name: Name,
        /// Whether their tokens are lost.
        lost: bool,
    },
    /// Retires tokens.
    RetireTokens {
        /// Which.
        ids: Vec<Digest>,
        /// Whether they are lost.
        lost: bool,
    },
    /// Sets a threshold.
    Threshold(Role, u8),
    /// Changes the policy.
    Policy(PolicyRules),
    /// Adds a compartment.
    AddCompartment(Name),
    /// Adds a rotator.
    AddRotator(Rotator),
    /// Takes a rotator's right away.
    RetireRotator(Name),
    /// Puts a rotator in the place of another.
    ReplaceRotator(Name, Rotator),
}

impl Change {
    /// What it is, as the ledger and the PIN prompts have it.
    fn describe(&self, before: &Manifest) -> String {
        match self {
            Self::Enrol {
                name,
                role,
                replaces,
                ..
            } => match (replaces, before.custodian(name)) {
                (Some(id), _) => {
                    format!(
                        "enrol a token for {name} in place of {}",
                        serial(before, id)
                    )
                }
                (None, Some(_)) => format!("enrol a spare token for {name} ({role})"),
                (None, None) => format!("enrol a token of {name} as {role}"),
            },
            Self::RetireCustodian { name, lost: false } => format!("retire {name}"),
            Self::RetireCustodian { name, lost: true } => format!("retire {name}, tokens lost"),
            Self::RetireTokens { ids, lost } => {
                let tokens: Vec<String> = ids.iter().map(|id| serial(before, id)).collect();
                let lost = if *lost { "lost " } else { "" };
                format!("retire the {lost}token {}", tokens.join(", "))
            }
            Self::Threshold(role, threshold) => {
                format!("set the threshold of {role} to {threshold}")
            }
            Self::Policy(rules) => rules.describe(),
            Self::AddCompartment(name) => format!("add the compartment {name}"),
            Self::AddRotator(rotator) => format!("add the rotator {}", rotator.name),
            Self::RetireRotator(name) => format!("retire the rotator {name}"),
            Self::ReplaceRotator(old, new) if *old == new.name => {
                format!("give the rotator {old} another key")
            }
            Self::ReplaceRotator(old, new) => {
                format!("replace the rotator {old} by {}", new.name)
            }
        }
    }

    /// The tokens that are no longer in their owners' hands.
    fn lost(&self, before: &Manifest) -> BTreeSet<Digest> {
        match self {
            Self::RetireTokens { ids, lost: true } => ids.iter().copied().collect(),
            Self::RetireCustodian { name, lost: true } => {
                let tokens = before.custodian(name).map(|c| &c.tokens);
                let all = tokens.into_iter().flatten();
                all.map(EnrolledToken::id).collect()
            }
            Self::Enrol { replaces, .. } => replaces.iter().copied().collect(),
            _ => BTreeSet::new(),
        }
    }
}

/// A token as people know it.
fn serial(manifest: &Manifest, id: &Digest) -> String {
    match manifest.token(id) {
        Some((owner, token)) => format!("serial {} of {}", token.identity.serial, owner.name),
        None => id.short(),
    }
}

/// A change that was drawn up and weighed, and that nobody has signed yet.
pub struct Planned {
    /// What it means.
    pub plan: Plan,
    manifest: Manifest,
    what: String,
    lost: BTreeSet<Digest>,
}

/// Draws up the next manifest and weighs it. A token that is to be enrolled must be there, and its public
/// keys are read; only where it does not show them without is anybody asked for a PIN.
///
/// # Errors
/// [`Failure`] where the change is against the rules, or where too few could sign it.
pub fn plan_change(
    vault: &OpenVault<'_>,
    change: &Change,
    operator: People<'_>,
) -> Result<Planned, Failure> {
    let draft = draw_up(vault, change, Some(operator))?;
    let plan = weigh(vault, change, draft.preview())?;
    Ok(Planned {
        plan,
        manifest: draft.finish()?,
        what: change.describe(vault.manifest()),
        lost: change.lost(vault.manifest()),
    })
}

/// The same for looking at: a token that is to be enrolled need not be there.
///
/// # Errors
/// [`Failure`] as for [`plan_change`].
pub fn preview_change(vault: &OpenVault<'_>, change: &Change) -> Result<Plan, Failure> {
    let draft = draw_up(vault, change, None)?;
    let plan = weigh(vault, change, draft.preview())?;
    let unseen = |token: &EnrolledToken| token.keys.seal.public.is_empty();
    if !draft.preview().tokens().any(|(_, token)| unseen(token)) {
        draft.finish()?;
    }
    Ok(plan)
}

fn weigh(vault: &OpenVault<'_>, change: &Change, after: &Manifest) -> Result<Plan, Failure> {
    let before = vault.manifest();
    let lost = change.lost(before);
    Ok(Plan::of(before, after, &lost, vault.state(), &vault.chain)?)
}

/// Has a planned change signed, and puts it in force. Returns its version.
///
/// # Errors
/// [`Failure`]; until everybody has signed, nothing is written.
pub fn carry_out(
    vault: &mut OpenVault<'_>,
    planned: Planned,
    operator: People<'_>,
) -> Result<u64, Failure> {
    let before = vault.manifest().clone();
    let mut envelope = Envelope::of(&planned.manifest)?;
    sign_by_added(vault, &before, &planned, &mut envelope, operator)?;
    for role in Role::ALL {
        sign_by_role(vault, &before, role, &planned, &mut envelope, operator)?;
    }
    vault.world.tokens.let_go();
    put_in_force(vault, &envelope, planned.what)?;
    Ok(planned.manifest.version)
}

/// The manifest with the change in it. A token that is to be enrolled is asked for its keys by the people;
/// without them it need not be there, and where it is, it is asked what it tells everybody.
fn draw_up(
    vault: &OpenVault<'_>,
    change: &Change,
    people: Option<People<'_>>,
) -> Result<Draft, Failure> {
    let mut draft = Draft::after(&vault.chain, vault.world.clock.now());
    match change {
        Change::Enrol {
            name,
            role,
            locator,
            replaces,
        } => {
            let token = match people {
                Some(operator) => enrollable(vault, name, *role, locator, operator)?,
                None => glance(vault, locator)?,
            };
            if let Some(id) = replaces {
                draft.retire_token(id)?;
            }
            draft.enrol(name, *role, token)?;
        }
        Change::RetireCustodian { name, .. } => draft.retire_custodian(name)?,
        Change::RetireTokens { ids, .. } => {
            for id in ids {
                draft.retire_token(id)?;
            }
        }
        Change::Threshold(role, threshold) => draft.threshold(*role, *threshold),
        Change::Policy(rules) => rules.draw_up(&mut draft)?,
        Change::AddCompartment(name) => draft.add_compartment(name)?,
        Change::AddRotator(rotator) => draft.add_rotator(rotator.clone())?,
        Change::RetireRotator(name) => draft.retire_rotator(name)?,
        Change::ReplaceRotator(old, new) => draft.replace_rotator(old, new.clone())?,
    }
    Ok(draft)
}

fn enrollable(
    vault: &OpenVault<'_>,
    name: &Name,
    role: Role,
    locator: &str,
    operator: People<'_>,
) -> Result<EnrolledToken, Failure> {
    let mut token = vault.world.tokens.open(locator)?;
    let policy = &vault.manifest().policy;
    let attested = enrolment::enrollable(vault.world, token.as_mut(), policy, Some(operator))?;
    if let Some(enrolled) = attested {
        return Ok(enrolled);
    }
    let identity = token.identity().clone();
    let by = Use {
        custodian: name,
        role,
        purpose: "read the keys of the token",
    };
    let keys = people::keys_of(token.as_mut(), &by, operator)?;
    Ok(EnrolledToken {
        identity,
        keys,
        attestation: None,
    })
}

/// A token as far as it shows itself to anybody; the rest is not known.
fn glance(vault: &OpenVault<'_>, locator: &str) -> Result<EnrolledToken, Failure> {
    let mut token = match vault.world.tokens.open(locator) {
        Err(TokenError::Absent { .. }) => return Ok(not_there(locator)),
        opened => opened?,
    };
    let policy = &vault.manifest().policy;
    if let Some(enrolled) = enrolment::enrollable(vault.world, token.as_mut(), policy, None)? {
        return Ok(enrolled);
    }
    let identity = token.identity().clone();
    match token.keys() {
        Err(TokenError::KeysNeedPin { .. }) => Ok(EnrolledToken {
            identity,
            ..not_there(locator)
        }),
        keys => Ok(EnrolledToken {
            identity,
            keys: keys?,
            attestation: None,
        }),
    }
}

/// A token of which nothing is known but where to look for it. Its keys are none, so no manifest with it can
/// ever be finished.
fn not_there(locator: &str) -> EnrolledToken {
    EnrolledToken {
        identity: TokenIdentity {
            kind: TokenKind::Pkcs11,
            locator: locator.to_owned(),
            label: locator.to_owned(),
            serial: String::new(),
            manufacturer: String::new(),
            model: String::new(),
        },
        keys: TokenKeys {
            seal: SealKey {
                suite: SealSuite::P256,
                public: Vec::new(),
            },
            sign: SignKey {
                algorithm: SignAlgorithm::EcdsaP256Sha256,
                public: Vec::new(),
            },
            presence: Presence::None,
        },
        attestation: None,
    }
}

fn sign_by_added(
    vault: &OpenVault<'_>,
    before: &Manifest,
    planned: &Planned,
    envelope: &mut Envelope,
    operator: People<'_>,
) -> Result<(), Failure> {
    let bytes = envelope.signed_bytes();
    let anchor = so_far(vault)?;
    let signing = people::Signing {
        message: &bytes,
        anchor: &anchor,
    };
    for (custodian, enrolled) in planned.manifest.tokens() {
        if before.token(&enrolled.id()).is_some() {
            continue;
        }
        let mut token = vault.world.tokens.open(&enrolled.identity.locator)?;
        let by = Use {
            custodian: &custodian.name,
            role: custodian.role,
            purpose: &planned.what,
        };
        let sig = people::prove_and_sign(
            token.as_mut(),
            &enrolled.keys,
            &by,
            &signing,
            vault.world,
            operator,
        )?;
        envelope.signatures.push(EnvelopeSignature {
            keyid: enrolled.id(),
            sig,
        });
    }
    Ok(())
}

/// Collects as many signatures of distinct custodians of a role as the manifest before demands. A lost token
/// is not asked: whoever holds it is not its custodian.
fn sign_by_role(
    vault: &OpenVault<'_>,
    before: &Manifest,
    role: Role,
    planned: &Planned,
    envelope: &mut Envelope,
    operator: People<'_>,
) -> Result<(), Failure> {
    let bytes = envelope.signed_bytes();
    let anchor = so_far(vault)?;
    let signing = people::Signing {
        message: &bytes,
        anchor: &anchor,
    };
    let mut signed: BTreeSet<Name> = BTreeSet::new();
    for (custodian, token) in before
        .tokens()
        .filter(|(custodian, _)| custodian.role == role)
    {
        if envelope
            .signatures
            .iter()
            .any(|signature| signature.keyid == token.id())
        {
            signed.insert(custodian.name.clone());
        }
    }
    while signed.len() < usize::from(before.thresholds.of(role)) {
        let candidates: Vec<(&Custodian, &EnrolledToken)> = before
            .tokens()
            .filter(|(custodian, _)| custodian.role == role && !signed.contains(&custodian.name))
            .filter(|(_, token)| !planned.lost.contains(&token.id()))
            .collect();
        let missing = usize::from(before.thresholds.of(role)) - signed.len();
        let turn = people::turn(role, missing, &planned.what, &candidates);
        let people::Found { id, mut token } =
            people::await_one(vault.world, &candidates, &turn, KeyUse::Sign, operator)?;
        let Some((custodian, enrolled)) = before.token(&id) else {
            continue;
        };
        anchor::check(vault, enrolled, token.as_mut(), operator)?;
        let by = Use {
            custodian: &custodian.name,
            role,
            purpose: &planned.what,
        };
        let sig = people::sign(token.as_mut(), &enrolled.keys, &by, &signing, operator)?;
        envelope
            .signatures
            .push(EnvelopeSignature { keyid: id, sig });
        operator.notice(Notice::Step(format!(
            "{} signed: {}",
            custodian.name, planned.what
        )));
        signed.insert(custodian.name.clone());
    }
    Ok(())
}

/// The anchor of the vault as it is now: what is being signed is not in force yet, and may never be. An anchor is
/// a lower bound.
fn so_far(vault: &OpenVault<'_>) -> Result<Envelope, Failure> {
    let now = vault.world.clock.now();
    anchor::draw_up(&vault.chain, &vault.journal.head(), now)
}

fn put_in_force(
    vault: &mut OpenVault<'_>,
    envelope: &Envelope,
    change: String,
) -> Result<(), Failure> {
    let mut chain = (*vault.chain).clone();
    chain.extend(envelope)?;
    let (version, manifest) = (chain.newest().version, chain.newest_digest());
    let now = vault.world.clock.now();
    vault.journal.record(
        now,
        Event::ManifestIntended {
            version,
            manifest,
            change,
        },
    )?;
    match vault
        .world
        .store
        .create(&key(paths::manifest(version))?, &envelope.to_bytes()?)
    {
        Ok(()) => {}
        Err(crate::ports::StoreError::AlreadyExists(_)) => {
            return Err(Failure::new(
                Class::Refused,
                "manifest-overtaken",
                format!("somebody else put a manifest {version} in force meanwhile"),
                "yours was not written",
            )
            .hint("breakglass custodian list, then run the same command again"));
        }
        Err(other) => return Err(other.into()),
    }
    vault.chain = Arc::new(chain);
    vault.journal.adopt(vault.chain.clone());
    vault
        .journal
        .record(now, Event::ManifestAdopted { version, manifest })?;
    vault.remember()
}
