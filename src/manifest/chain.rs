//! Trust: from the pinned fingerprint over every version to the newest manifest, as with the root of a
//! TUF repository.

use std::collections::BTreeSet;

use super::sound::{self, Unsound};
use crate::crypto;
use crate::format::Manifest;
use crate::format::dsse::{Envelope, Malformed};
use crate::ledger::Rights;
use crate::model::{Digest, Name, Role, SignKey};

/// What was seen of a vault before, remembered outside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// The digest of manifest 1.
    pub vault: Digest,
    /// The newest version that was seen.
    pub version: u64,
    /// Its digest.
    pub manifest: Digest,
}

/// Why a vault's manifests are not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// There is none.
    #[error("there is no manifest")]
    None,
    /// One cannot be read.
    #[error("manifest {0}: {1}")]
    Malformed(u64, Malformed),
    /// One contradicts the rules.
    #[error("manifest {0}: {1}")]
    Unsound(u64, Unsound),
    /// One says that it is another, or that it follows another.
    #[error("manifest {0} does not follow from the one before: {1}")]
    Broken(u64, &'static str),
    /// Too few signed.
    #[error(
        "manifest {version} is signed by {signed} of the {needed} {role} custodians that it takes"
    )]
    Quorum {
        /// The version.
        version: u64,
        /// The role.
        role: Role,
        /// How many good signatures of distinct custodians there are.
        signed: usize,
        /// How many it takes.
        needed: usize,
    },
    /// A token that it adds did not sign it.
    #[error("manifest {0} adds the token {1}, which did not prove that it holds its key")]
    Possession(u64, String),
    /// A signature that is none, or of nobody.
    #[error("manifest {0} bears a signature that is not good ({1})")]
    Signature(u64, String),
    /// It is another vault.
    #[error("this is another vault: its fingerprint is {found}, the pinned one is {pinned}")]
    Substituted {
        /// The pinned fingerprint.
        pinned: Digest,
        /// The one of this vault.
        found: Digest,
    },
    /// It is older than what was seen before.
    #[error("this vault is older than what was seen before: manifest {found}, and {seen} was seen")]
    RolledBack {
        /// The version that was seen.
        seen: u64,
        /// The newest version here.
        found: u64,
    },
    /// It parted from what was seen before.
    #[error("manifest {0} is not the one that was seen before")]
    Forked(u64),
}

/// A vault's manifests, from the first to the newest, all valid.
#[derive(Debug, Clone)]
pub struct Chain {
    links: Vec<(Digest, Manifest)>,
}

impl Chain {
    /// Checks the manifests of a vault, in the order of their versions, from 1.
    ///
    /// # Errors
    /// The first reason not to trust them.
    pub fn verify(envelopes: &[Envelope]) -> Result<Self, Untrusted> {
        let mut chain = Self {
            links: Vec::with_capacity(envelopes.len()),
        };
        for envelope in envelopes {
            chain.extend(envelope)?;
        }
        if chain.links.is_empty() {
            Err(Untrusted::None)
        } else {
            Ok(chain)
        }
    }

    /// Checks one more manifest and adds it.
    ///
    /// # Errors
    /// [`Untrusted`]; the chain is then as it was.
    pub fn extend(&mut self, envelope: &Envelope) -> Result<(), Untrusted> {
        let version = self.links.len() as u64 + 1;
        let manifest: Manifest = envelope
            .document()
            .map_err(|e| Untrusted::Malformed(version, e))?;
        let before = self.links.last();
        sound::check_after(&manifest, before.map(|(_, manifest)| manifest))
            .map_err(|e| Untrusted::Unsound(version, e))?;
        follows(version, &manifest, before)?;
        signed(
            version,
            envelope,
            &manifest,
            before.map(|(_, manifest)| manifest),
        )?;
        self.links.push((envelope.digest(), manifest));
        Ok(())
    }

    /// Compares with what was seen before.
    ///
    /// # Errors
    /// [`Untrusted::Substituted`], [`Untrusted::RolledBack`], [`Untrusted::Forked`].
    pub fn compare(&self, pin: &Pin) -> Result<(), Untrusted> {
        if self.vault() != pin.vault {
            return Err(Untrusted::Substituted {
                pinned: pin.vault,
                found: self.vault(),
            });
        }
        let seen = pin
            .version
            .checked_sub(1)
            .and_then(|i| self.links.get(usize::try_from(i).ok()?));
        match seen {
            None => Err(Untrusted::RolledBack {
                seen: pin.version,
                found: self.links.len() as u64,
            }),
            Some((digest, _)) if *digest != pin.manifest => Err(Untrusted::Forked(pin.version)),
            Some(_) => Ok(()),
        }
    }

    /// The vault's fingerprint.
    pub fn vault(&self) -> Digest {
        self.links[0].0
    }

    /// The manifest in force.
    pub fn newest(&self) -> &Manifest {
        &self.links[self.links.len() - 1].1
    }

    /// Its digest.
    pub fn newest_digest(&self) -> Digest {
        self.links[self.links.len() - 1].0
    }

    /// The manifest of that digest, if it is or was in force.
    pub fn of_digest(&self, digest: &Digest) -> Option<&Manifest> {
        self.links
            .iter()
            .find(|(d, _)| d == digest)
            .map(|(_, manifest)| manifest)
    }

    /// The manifest of that version.
    pub fn of_version(&self, version: u64) -> Option<(&Digest, &Manifest)> {
        let index = usize::try_from(version.checked_sub(1)?).ok()?;
        self.links
            .get(index)
            .map(|(digest, manifest)| (digest, manifest))
    }

    /// What is to be remembered.
    pub fn pin(&self) -> Pin {
        Pin {
            vault: self.vault(),
            version: self.newest().version,
            manifest: self.newest_digest(),
        }
    }
}

impl Rights for Chain {
    fn vault(&self) -> Digest {
        Self::vault(self)
    }

    fn digest(&self, version: u64) -> Option<Digest> {
        self.of_version(version).map(|(digest, _)| *digest)
    }

    fn is_rotator(&self, version: u64, key: &Digest) -> bool {
        self.of_version(version)
            .is_some_and(|(_, manifest)| manifest.rotator(key).is_some())
    }
}

fn follows(
    version: u64,
    manifest: &Manifest,
    before: Option<&(Digest, Manifest)>,
) -> Result<(), Untrusted> {
    let broken = |why| Err(Untrusted::Broken(version, why));
    if manifest.version != version {
        return broken("its number is another");
    }
    let Some((digest, before)) = before else {
        return if manifest.previous.is_none() {
            Ok(())
        } else {
            broken("the first follows none")
        };
    };
    if manifest.previous != Some(*digest) {
        return broken("it names another as the one before");
    }
    if manifest.vault != before.vault || manifest.nonce != before.nonce {
        return broken("it is of another vault");
    }
    let same_hands = before.tokens().all(|(owner, token)| {
        manifest.token(&token.id()).is_none_or(|(now, again)| {
            (&now.name, now.role) == (&owner.name, owner.role) && again.keys == token.keys
        })
    });
    if !same_hands {
        // Shares stay sealed to it: another's hands would hold what was never meant for them.
        return broken("a token changes hands, its role or what it proves");
    }
    let kept = before
        .retired
        .iter()
        .all(|token| manifest.retired.contains(token));
    let gone = before
        .tokens()
        .filter(|(_, token)| manifest.token(&token.id()).is_none())
        .all(|(_, token)| manifest.retired.contains(&token.id()));
    if kept && gone {
        Ok(())
    } else {
        broken("it forgets a retired token")
    }
}

/// Every signature must be good; there must be enough of them in every role of the manifest before (of
/// itself for the first, which all its tokens sign); and every token that is added must have signed.
fn signed(
    version: u64,
    envelope: &Envelope,
    manifest: &Manifest,
    before: Option<&Manifest>,
) -> Result<(), Untrusted> {
    let bytes = envelope.signed_bytes();
    let mut signers = BTreeSet::new();
    for signature in &envelope.signatures {
        let bad = |why: &str| {
            Untrusted::Signature(version, format!("{}: {why}", signature.keyid.short()))
        };
        let key =
            sign_key(&signature.keyid, manifest, before).ok_or_else(|| bad("nobody's key"))?;
        if !signers.insert(signature.keyid) {
            return Err(bad("twice"));
        }
        crypto::verify(key, &bytes, &signature.sig).map_err(|_| bad("it does not verify"))?;
    }
    let added = |token: &Digest| before.is_none_or(|b| b.token(token).is_none());
    for (_, token) in manifest.tokens() {
        if added(&token.id()) && !signers.contains(&token.id()) {
            return Err(Untrusted::Possession(version, token.identity.to_string()));
        }
    }
    before.map_or(Ok(()), |before| quorum(version, before, &signers))
}

fn sign_key<'a>(
    id: &Digest,
    manifest: &'a Manifest,
    before: Option<&'a Manifest>,
) -> Option<&'a SignKey> {
    let found = before
        .and_then(|b| b.token(id))
        .or_else(|| manifest.token(id));
    found.map(|(_, token)| &token.keys.sign)
}

fn quorum(version: u64, before: &Manifest, signers: &BTreeSet<Digest>) -> Result<(), Untrusted> {
    for role in Role::ALL {
        let people: BTreeSet<&Name> = before
            .tokens()
            .filter(|(custodian, token)| custodian.role == role && signers.contains(&token.id()))
            .map(|(custodian, _)| &custodian.name)
            .collect();
        let needed = usize::from(before.thresholds.of(role));
        if people.len() < needed {
            return Err(Untrusted::Quorum {
                version,
                role,
                signed: people.len(),
                needed,
            });
        }
    }
    Ok(())
}
