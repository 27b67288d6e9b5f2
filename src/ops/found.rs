//! Founding a vault: every founder's token is there and signs the first manifest.

use std::sync::Arc;

use super::enrolment;
use super::open_vault::key;
use super::people::{self, Use};
use super::world::{People, World};
use crate::format::dsse::{Envelope, EnvelopeSignature};
use crate::format::{
    Anchor, Custodian, EnrolledToken, Manifest, Policy, Rotator, Thresholds, paths,
};
use crate::ledger::{Event, Head, Journal};
use crate::manifest::{Chain, Unsound, check};
use crate::model::{Class, Digest, Failure, Name, Role};
use crate::ports::{Notice, Remembered};

/// One person at the founding.
pub struct Founder {
    /// Who.
    pub name: Name,
    /// The role.
    pub role: Role,
    /// Their tokens.
    pub locators: Vec<String>,
}

/// What is to be founded.
pub struct Founding {
    /// The vault's name.
    pub vault: Name,
    /// The people.
    pub founders: Vec<Founder>,
    /// The thresholds.
    pub thresholds: Thresholds,
    /// The compartments.
    pub compartments: Vec<Name>,
    /// What the vault allows.
    pub policy: Policy,
}

/// What was founded.
pub struct Founded {
    /// The fingerprint, for the card in the safe.
    pub fingerprint: Digest,
    /// The first manifest.
    pub manifest: Manifest,
}

/// Founds a vault in an empty store. This station becomes its first rotator.
///
/// # Errors
/// [`Failure`]; up to the last signature nothing is written.
pub fn found(
    world: &World<'_>,
    founding: &Founding,
    operator: People<'_>,
) -> Result<Founded, Failure> {
    if !world.store.list(&key(paths::MANIFESTS)?)?.is_empty() {
        return Err(Failure::new(
            Class::Refused,
            "vault-exists",
            format!("there is a vault in {} already", world.store.place()),
            "it was not touched",
        ));
    }
    if let Some(seen) = world.station.memory.recall()? {
        return Err(Failure::new(
            Class::Refused,
            "station-taken",
            format!(
                "this station belongs to the vault with the fingerprint {}",
                seen.vault
            ),
            "nothing was founded",
        )
        .hint("give the new vault a station folder of its own: --station DIR"));
    }
    let manifest = draw_up(world, founding, operator)?;
    check(&manifest).map_err(refused)?;
    let mut envelope = Envelope::of(&manifest)?;
    sign_all(world, founding, &manifest, &mut envelope, operator)?;
    let chain = Arc::new(Chain::verify(std::slice::from_ref(&envelope))?);
    world
        .store
        .create(&key(paths::manifest(1))?, &envelope.to_bytes()?)?;
    begin_ledger(world, &chain)?;
    Ok(Founded {
        fingerprint: chain.vault(),
        manifest,
    })
}

fn refused(error: Unsound) -> Failure {
    let failure = Failure::new(
        Class::Refused,
        "founding-refused",
        error.to_string(),
        "nothing was founded",
    );
    match error {
        Unsound::NoTouch => failure.hint("--allow-no-touch, if these tokens cannot prove a touch"),
        Unsound::Token(_) => failure.hint("give each of them a token of their own"),
        _ => failure,
    }
}

/// The tokens of all founders, in their order.
fn locators(founding: &Founding) -> impl Iterator<Item = &String> {
    founding.founders.iter().flat_map(|one| &one.locators)
}

fn draw_up(
    world: &World<'_>,
    founding: &Founding,
    operator: People<'_>,
) -> Result<Manifest, Failure> {
    let mut seen = look_at(world, founding, operator)?.into_iter();
    let mut custodians = Vec::new();
    for founder in &founding.founders {
        let mut enrolled = Vec::new();
        for (locator, attested) in founder.locators.iter().zip(seen.by_ref()) {
            if let Some(one) = attested {
                enrolled.push(one);
                continue;
            }
            let mut token = world.tokens.open(locator)?;
            let by = Use {
                custodian: &founder.name,
                role: founder.role,
                purpose: "read the keys of the token",
            };
            enrolled.push(EnrolledToken {
                identity: token.identity().clone(),
                keys: people::keys_of(token.as_mut(), &by, operator)?,
                attestation: None,
            });
        }
        custodians.push(Custodian {
            name: founder.name.clone(),
            role: founder.role,
            tokens: enrolled,
        });
    }
    let mut nonce = vec![0; 16];
    world.entropy.fill(&mut nonce)?;
    Ok(Manifest {
        vault: founding.vault.clone(),
        version: 1,
        previous: None,
        created: world.clock.now(),
        nonce,
        policy: founding.policy.clone(),
        thresholds: founding.thresholds,
        custodians,
        rotators: vec![Rotator {
            name: world.station.name.clone(),
            public: world.station.signer.public().to_vec(),
        }],
        compartments: founding.compartments.clone(),
        retired: Vec::new(),
    })
}

/// Looks at all tokens, in the order of the founders: what they attest is verified before anybody is asked for a
/// PIN. Each is let go, for it may be named twice.
fn look_at(
    world: &World<'_>,
    founding: &Founding,
    operator: People<'_>,
) -> Result<Vec<Option<EnrolledToken>>, Failure> {
    let mut seen: Vec<Option<EnrolledToken>> = Vec::new();
    for locator in locators(founding) {
        let mut token = world.tokens.open(locator)?;
        let policy = &founding.policy;
        let enrolled = enrolment::enrollable(world, token.as_mut(), policy, Some(operator))?;
        if let Some(one) = &enrolled
            && seen.iter().flatten().any(|other| other.id() == one.id())
        {
            return Err(refused(Unsound::Token(one.identity.to_string())));
        }
        seen.push(enrolled);
    }
    Ok(seen)
}

/// Each token is opened when its turn comes: one that is kept in our hands could only be in the way of the next.
fn sign_all(
    world: &World<'_>,
    founding: &Founding,
    manifest: &Manifest,
    envelope: &mut Envelope,
    operator: People<'_>,
) -> Result<(), Failure> {
    let bytes = envelope.signed_bytes();
    // What is being founded is known by its digest already; if it comes to nothing, the next founding that the
    // token signs for takes the anchor's place.
    let anchor = Envelope::of(&Anchor {
        vault: envelope.digest(),
        version: 1,
        manifest: envelope.digest(),
        ledger_size: 0,
        ledger_root: Head::default().root,
        written: manifest.created,
    })?;
    let signing = people::Signing {
        message: &bytes,
        anchor: &anchor,
    };
    let purpose = format!("found the vault {}", manifest.vault);
    for ((custodian, enrolled), locator) in manifest.tokens().zip(locators(founding)) {
        let mut token = world.tokens.open(locator)?;
        let by = Use {
            custodian: &custodian.name,
            role: custodian.role,
            purpose: &purpose,
        };
        let sig = people::prove_and_sign(
            token.as_mut(),
            &enrolled.keys,
            &by,
            &signing,
            world,
            operator,
        )?;
        envelope.signatures.push(EnvelopeSignature {
            keyid: enrolled.id(),
            sig,
        });
        operator.notice(Notice::Step(format!(
            "{} signed with {}",
            custodian.name, enrolled.identity
        )));
    }
    Ok(())
}

fn begin_ledger(world: &World<'_>, chain: &Arc<Chain>) -> Result<(), Failure> {
    let station = world.station;
    let mut journal = Journal::open(
        world.store,
        chain.clone(),
        None,
        &station.name,
        &station.signer,
    )?;
    journal.record(
        world.clock.now(),
        Event::VaultFounded {
            vault: chain.vault(),
        },
    )?;
    let head = journal.head();
    station.memory.remember(&Remembered {
        vault: chain.vault(),
        version: 1,
        manifest: chain.newest_digest(),
        ledger_size: head.size,
        ledger_root: head.root,
    })?;
    Ok(())
}
