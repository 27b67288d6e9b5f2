//! Drawing up the next manifest.

use super::chain::Chain;
use super::sound::{self, Unsound};
use crate::format::{Certificate, Custodian, EnrolledToken, Manifest, Policy, Rotator};
use crate::model::{Digest, Name, Role, Timestamp};

/// Why a change was not drawn up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefused {
    /// The result would contradict the rules.
    #[error("{0}")]
    Unsound(#[from] Unsound),
    /// Nobody or nothing of that name.
    #[error("there is no {0} named {1}")]
    Unknown(&'static str, String),
    /// There is one already.
    #[error("there is a {0} named {1} already")]
    Exists(&'static str, String),
    /// The person has another role.
    #[error("{0} is {1}: one person has one role")]
    OtherRole(Name, &'static str),
}

/// A manifest that is being drawn up.
#[derive(Debug, Clone)]
pub struct Draft(Manifest);

impl Draft {
    /// The next version, as yet the same as the newest.
    pub fn after(chain: &Chain, now: Timestamp) -> Self {
        let mut manifest = chain.newest().clone();
        manifest.version += 1;
        manifest.previous = Some(chain.newest_digest());
        manifest.created = now;
        Self(manifest)
    }

    /// Gives a person a token: a new custodian, or one more token for one.
    ///
    /// # Errors
    /// [`ChangeRefused::OtherRole`].
    pub fn enrol(
        &mut self,
        name: &Name,
        role: Role,
        token: EnrolledToken,
    ) -> Result<(), ChangeRefused> {
        let known = self
            .0
            .custodians
            .iter_mut()
            .find(|custodian| custodian.name == *name);
        match known {
            Some(custodian) if custodian.role != role => Err(ChangeRefused::OtherRole(
                name.clone(),
                custodian.role.title(),
            )),
            Some(custodian) => {
                custodian.tokens.push(token);
                Ok(())
            }
            None => {
                self.0.custodians.push(Custodian {
                    name: name.clone(),
                    role,
                    tokens: vec![token],
                });
                if self.0.thresholds.of(role) == 0 {
                    self.0.thresholds.set(role, 1);
                }
                Ok(())
            }
        }
    }

    /// Retires a person with all their tokens.
    ///
    /// # Errors
    /// [`ChangeRefused::Unknown`].
    pub fn retire_custodian(&mut self, name: &Name) -> Result<(), ChangeRefused> {
        let place = self
            .0
            .custodians
            .iter()
            .position(|custodian| custodian.name == *name);
        let place = place.ok_or_else(|| ChangeRefused::Unknown("custodian", name.to_string()))?;
        let gone = self.0.custodians.remove(place);
        self.0
            .retired
            .extend(gone.tokens.iter().map(EnrolledToken::id));
        if gone.role == Role::So && self.0.holders(Role::So).count() == 0 {
            self.0.thresholds.so = 0;
        }
        Ok(())
    }

    /// Retires one token of a person.
    ///
    /// # Errors
    /// [`ChangeRefused::Unknown`].
    pub fn retire_token(&mut self, id: &Digest) -> Result<(), ChangeRefused> {
        let before = self.0.tokens().count();
        for custodian in &mut self.0.custodians {
            custodian.tokens.retain(|token| token.id() != *id);
        }
        if self.0.tokens().count() == before {
            return Err(ChangeRefused::Unknown("token", id.to_string()));
        }
        self.0.retired.push(*id);
        Ok(())
    }

    /// Sets how many custodians of a role make a quorum.
    pub fn threshold(&mut self, role: Role, threshold: u8) {
        self.0.thresholds.set(role, threshold);
    }

    /// The policy, to be changed.
    pub fn policy(&mut self) -> &mut Policy {
        &mut self.0.policy
    }

    /// Adds a root of attestation, or an authority below one.
    ///
    /// # Errors
    /// [`ChangeRefused::Exists`].
    pub fn add_root(&mut self, root: Certificate) -> Result<(), ChangeRefused> {
        let roots = &mut self.0.policy.attestation_roots;
        if roots.contains(&root) {
            let digest = crate::format::digest(&root.0);
            return Err(ChangeRefused::Exists("root", digest.to_string()));
        }
        roots.push(root);
        Ok(())
    }

    /// Takes a root of attestation away, by the SHA-256 of its DER.
    ///
    /// # Errors
    /// [`ChangeRefused::Unknown`].
    pub fn remove_root(&mut self, root: &Digest) -> Result<(), ChangeRefused> {
        let roots = &mut self.0.policy.attestation_roots;
        let before = roots.len();
        roots.retain(|one| crate::format::digest(&one.0) != *root);
        if roots.len() == before {
            return Err(ChangeRefused::Unknown("root", root.to_string()));
        }
        Ok(())
    }

    /// Adds a compartment.
    ///
    /// # Errors
    /// [`ChangeRefused::Exists`].
    pub fn add_compartment(&mut self, name: &Name) -> Result<(), ChangeRefused> {
        if self.0.compartments.contains(name) {
            return Err(ChangeRefused::Exists("compartment", name.to_string()));
        }
        self.0.compartments.push(name.clone());
        Ok(())
    }

    /// Adds a rotator.
    ///
    /// # Errors
    /// [`ChangeRefused::Exists`].
    pub fn add_rotator(&mut self, rotator: Rotator) -> Result<(), ChangeRefused> {
        if self
            .0
            .rotators
            .iter()
            .any(|known| known.name == rotator.name)
        {
            return Err(ChangeRefused::Exists("rotator", rotator.name.to_string()));
        }
        self.0.rotators.push(rotator);
        Ok(())
    }

    /// Takes a rotator's right away.
    ///
    /// # Errors
    /// [`ChangeRefused::Unknown`].
    pub fn retire_rotator(&mut self, name: &Name) -> Result<(), ChangeRefused> {
        let before = self.0.rotators.len();
        self.0.rotators.retain(|rotator| rotator.name != *name);
        if self.0.rotators.len() == before {
            return Err(ChangeRefused::Unknown("rotator", name.to_string()));
        }
        Ok(())
    }

    /// Puts a rotator in the place of another. Both may have one name: a machine that was set up anew.
    ///
    /// # Errors
    /// [`ChangeRefused::Unknown`] for the old one, [`ChangeRefused::Exists`] for the new one.
    pub fn replace_rotator(&mut self, old: &Name, new: Rotator) -> Result<(), ChangeRefused> {
        self.retire_rotator(old)?;
        self.add_rotator(new)
    }

    /// The manifest as it is drawn up so far. It may contradict the rules: it is for looking at.
    pub fn preview(&self) -> &Manifest {
        &self.0
    }

    /// The finished manifest, ready to be signed.
    ///
    /// # Errors
    /// [`ChangeRefused::Unsound`].
    pub fn finish(self) -> Result<Manifest, ChangeRefused> {
        sound::check(&self.0)?;
        Ok(self.0)
    }
}
