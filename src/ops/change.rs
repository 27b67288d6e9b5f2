//! Putting the next manifest in force: signed by a quorum of every role of the one before, and by every
//! token that it adds.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::open_vault::{OpenVault, key};
use super::people::{self, Use};
use super::world::People;
use crate::format::dsse::{Envelope, EnvelopeSignature};
use crate::format::{Custodian, EnrolledToken, Manifest, Rotator, paths};
use crate::ledger::Event;
use crate::manifest::Draft;
use crate::model::{Class, Digest, Failure, Name, Role};
use crate::ports::{KeyRequest, Notice};

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
    },
    /// Retires a person and all their tokens.
    RetireCustodian(Name),
    /// Retires one token.
    RetireToken(Digest),
    /// Sets a threshold.
    Threshold(Role, u8),
    /// Adds a compartment.
    AddCompartment(Name),
    /// Adds a rotator.
    AddRotator(Rotator),
    /// Takes a rotator's right away.
    RetireRotator(Name),
}

impl Change {
    fn describe(&self) -> String {
        match self {
            Self::Enrol { name, role, .. } => format!("enrol a token of {name} as {role}"),
            Self::RetireCustodian(name) => format!("retire {name}"),
            Self::RetireToken(id) => format!("retire the token {}", id.short()),
            Self::Threshold(role, threshold) => {
                format!("set the threshold of {role} to {threshold}")
            }
            Self::AddCompartment(name) => format!("add the compartment {name}"),
            Self::AddRotator(rotator) => format!("add the rotator {}", rotator.name),
            Self::RetireRotator(name) => format!("retire the rotator {name}"),
        }
    }
}

/// Draws up the next manifest, has it signed, and puts it in force. Returns its version.
///
/// # Errors
/// [`Failure`]; until everybody has signed, nothing is written.
pub fn change_manifest(
    vault: &mut OpenVault<'_>,
    change: &Change,
    operator: People<'_>,
) -> Result<u64, Failure> {
    let before = vault.manifest().clone();
    let manifest = draw_up(vault, change, operator)?;
    let mut envelope = Envelope::of(&manifest)?;
    let what = change.describe();
    sign_by_added(vault, &before, &manifest, &mut envelope, &what, operator)?;
    for role in Role::ALL {
        sign_by_role(vault, &before, role, &mut envelope, &what, operator)?;
    }
    put_in_force(vault, &envelope, what)?;
    Ok(manifest.version)
}

fn draw_up(
    vault: &OpenVault<'_>,
    change: &Change,
    operator: People<'_>,
) -> Result<Manifest, Failure> {
    let mut draft = Draft::after(&vault.chain, vault.world.clock.now());
    match change {
        Change::Enrol {
            name,
            role,
            locator,
        } => {
            let mut token = vault.world.tokens.open(locator)?;
            let identity = token.identity().clone();
            let by = Use {
                custodian: name,
                role: *role,
                purpose: "read the keys of the token",
            };
            let keys = people::keys_of(token.as_mut(), &by, operator)?;
            draft.enrol(name, *role, EnrolledToken { identity, keys })?;
        }
        Change::RetireCustodian(name) => draft.retire_custodian(name)?,
        Change::RetireToken(id) => draft.retire_token(id)?,
        Change::Threshold(role, threshold) => draft.threshold(*role, *threshold),
        Change::AddCompartment(name) => draft.add_compartment(name)?,
        Change::AddRotator(rotator) => draft.add_rotator(rotator.clone())?,
        Change::RetireRotator(name) => draft.retire_rotator(name)?,
    }
    Ok(draft.finish()?)
}

fn sign_by_added(
    vault: &OpenVault<'_>,
    before: &Manifest,
    manifest: &Manifest,
    envelope: &mut Envelope,
    what: &str,
    operator: People<'_>,
) -> Result<(), Failure> {
    let bytes = envelope.signed_bytes();
    for (custodian, enrolled) in manifest.tokens() {
        if before.token(&enrolled.id()).is_some() {
            continue;
        }
        let mut token = vault.world.tokens.open(&enrolled.identity.locator)?;
        let by = Use {
            custodian: &custodian.name,
            role: custodian.role,
            purpose: what,
        };
        let sig = people::prove_and_sign(
            token.as_mut(),
            &enrolled.keys,
            &by,
            &bytes,
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

/// Collects as many signatures of distinct custodians of a role as the manifest before demands.
fn sign_by_role(
    vault: &OpenVault<'_>,
    before: &Manifest,
    role: Role,
    envelope: &mut Envelope,
    what: &str,
    operator: People<'_>,
) -> Result<(), Failure> {
    let bytes = envelope.signed_bytes();
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
            .collect();
        let (id, mut token) = people::await_one(vault.world, &candidates, operator)?;
        let Some((custodian, _)) = before.token(&id) else {
            continue;
        };
        let by = Use {
            custodian: &custodian.name,
            role,
            purpose: what,
        };
        let replies = people::with_pin(
            token.as_mut(),
            &by,
            operator,
            &mut |_| Ok(()),
            |token, pin| token.perform(pin, &[KeyRequest::Sign(&bytes)]),
        )?;
        let (_, signatures) = people::sort(replies);
        let sig = signatures.into_iter().next().unwrap_or_default();
        envelope
            .signatures
            .push(EnvelopeSignature { keyid: id, sig });
        operator.notice(Notice::Step(format!("{} signed: {what}", custodian.name)));
        signed.insert(custodian.name.clone());
    }
    Ok(())
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
