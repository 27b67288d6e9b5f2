//! The ceremony: a state machine that collects the custodians' contributions until both roles have a
//! quorum. Pure: the tokens' answers come from outside.
//!
//! The only way to a secret access key is [`Opening::release`], which takes what only a quorum can make
//! ([`Ceremony<Quorate>`]) and what only a durable append can make ([`Recorded`]).

use std::collections::BTreeMap;
use std::marker::PhantomData;

use crate::crypto::{self, CryptoError, Unlocked};
use crate::format::{GenerationHeader, Manifest, OpenedStatement, Participant, Record};
use crate::ledger::Recorded;
use crate::model::{Digest, Name, Presence, Role};
use crate::secret::{AccessKeySecret, RoleSecret, Share, SharedSecret};

/// Contributions are still missing.
pub enum Collecting {}
/// Both roles have a quorum.
pub enum Quorate {}

/// The opening of one or more generations by one group of people.
pub struct Ceremony<State> {
    headers: Vec<GenerationHeader>,
    manifests: Vec<Manifest>,
    /// For each generation the shares that came in, by role and index.
    shares: Vec<BTreeMap<(Role, u8), Share>>,
    participants: Vec<Participant>,
    state: PhantomData<State>,
}

/// Why a contribution was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// The token's key opens nothing here.
    #[error("nothing is sealed to this token")]
    NotSealedTo,
    /// The custodian has contributed already: nobody counts twice.
    #[error("{0} has contributed already")]
    Twice(Name),
    /// What the token gave does not open its share, or the share is not the one that was sealed.
    #[error("the share of {0} is wrong: {1}")]
    WrongShare(Name, CryptoError),
    /// Fewer answers than generations.
    #[error("the token gave {0} answers where {1} were asked for")]
    Answers(usize, usize),
}

impl Ceremony<Collecting> {
    /// Begins; each generation with the manifest that it was sealed under.
    pub fn new(generations: Vec<(GenerationHeader, Manifest)>) -> Self {
        let shares = generations.iter().map(|_| BTreeMap::new()).collect();
        let (headers, manifests) = generations.into_iter().unzip();
        Self {
            headers,
            manifests,
            shares,
            participants: Vec::new(),
            state: PhantomData,
        }
    }

    /// The next role of which people are missing, and how many.
    pub fn wanted(&self) -> Option<(Role, usize)> {
        Role::OPENING.into_iter().find_map(|role| {
            let needed = self.threshold(role);
            let have = self.participants.iter().filter(|p| p.role == role).count();
            (have < needed).then_some((role, needed - have))
        })
    }

    /// The highest threshold of a role in any of the generations.
    fn threshold(&self, role: Role) -> usize {
        let of = |header: &GenerationHeader| {
            let shares = header.roles.iter().find(|shares| shares.role == role);
            shares.map_or(usize::MAX, |shares| usize::from(shares.threshold))
        };
        self.headers.iter().map(of).max().unwrap_or(usize::MAX)
    }

    /// The tokens that can contribute now: of the wanted role, sealed to in every generation, and of
    /// nobody who has contributed.
    pub fn candidates(&self) -> Vec<Digest> {
        let Some((role, _)) = self.wanted() else {
            return Vec::new();
        };
        let Some(manifest) = self.manifests.last() else {
            return Vec::new();
        };
        manifest
            .tokens()
            .filter(|(custodian, _)| custodian.role == role && !self.has(&custodian.name))
            .map(|(_, token)| token.id())
            .filter(|id| {
                self.headers
                    .iter()
                    .all(|header| crypto::find_share(header, id).is_some())
            })
            .collect()
    }

    fn has(&self, custodian: &Name) -> bool {
        self.participants
            .iter()
            .any(|participant| participant.custodian == *custodian)
    }

    /// What a token is to be asked, one operation for each generation.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn operations(&self, token: &Digest) -> Result<Vec<crypto::Operation>, NotTaken> {
        let mut operations = Vec::with_capacity(self.headers.len());
        for (header, manifest) in self.headers.iter().zip(&self.manifests) {
            let (custodian, enrolled) = manifest.token(token).ok_or(NotTaken::NotSealedTo)?;
            let place = crypto::find_share(header, token).ok_or(NotTaken::NotSealedTo)?;
            let operation = place
                .operation(&enrolled.keys.seal)
                .map_err(|e| NotTaken::WrongShare(custodian.name.clone(), e))?;
            operations.push(operation);
        }
        Ok(operations)
    }

    /// Takes a token's answers, one for each generation in the order of [`Self::operations`].
    ///
    /// # Errors
    /// [`NotTaken`]; the ceremony is then as it was.
    pub fn contribute(&mut self, token: &Digest, answers: &[SharedSecret]) -> Result<(), NotTaken> {
        if answers.len() != self.headers.len() {
            return Err(NotTaken::Answers(answers.len(), self.headers.len()));
        }
        let manifest = self.manifests.last().ok_or(NotTaken::NotSealedTo)?;
        let (custodian, enrolled) = manifest.token(token).ok_or(NotTaken::NotSealedTo)?;
        if self.has(&custodian.name) {
            return Err(NotTaken::Twice(custodian.name.clone()));
        }
        let participant = Participant {
            role: custodian.role,
            custodian: custodian.name.clone(),
            token: *token,
            presence: enrolled.keys.presence,
        };
        let mut opened = Vec::with_capacity(answers.len());
        for (header, answer) in self.headers.iter().zip(answers) {
            let place = crypto::find_share(header, token).ok_or(NotTaken::NotSealedTo)?;
            let share = place
                .open(&enrolled.keys.seal, answer)
                .map_err(|e| NotTaken::WrongShare(custodian.name.clone(), e))?;
            opened.push(((place.role(), place.index()), share));
        }
        for (shares, (key, share)) in self.shares.iter_mut().zip(opened) {
            shares.insert(key, share);
        }
        self.participants.push(participant);
        Ok(())
    }

    /// The ceremony with its quorum, or as it was if somebody is still missing.
    pub fn quorate(self) -> Result<Ceremony<Quorate>, Self> {
        if self.wanted().is_some() {
            return Err(self);
        }
        Ok(Ceremony {
            headers: self.headers,
            manifests: self.manifests,
            shares: self.shares,
            participants: self.participants,
            state: PhantomData,
        })
    }
}

impl<State> Ceremony<State> {
    /// Who has contributed.
    pub fn participants(&self) -> &[Participant] {
        &self.participants
    }

    /// Whether anybody's touch was attested.
    pub fn has_touch(&self) -> bool {
        self.participants
            .iter()
            .any(|participant| participant.presence == Presence::Touch)
    }
}

impl Ceremony<Quorate> {
    /// Unlocks credentials of one of the generations: their keys are known to be right, and nothing is
    /// decrypted.
    ///
    /// # Errors
    /// [`CryptoError`] where a record was not sealed with these role secrets.
    pub fn unlock(&self, records: Vec<Record>) -> Result<Vec<Opening>, CryptoError> {
        let mut secrets: BTreeMap<usize, (RoleSecret, RoleSecret)> = BTreeMap::new();
        let mut openings = Vec::with_capacity(records.len());
        for record in records {
            let place = self.place(&record)?;
            if let std::collections::btree_map::Entry::Vacant(vacant) = secrets.entry(place) {
                vacant.insert((
                    self.combine(place, Role::Ic)?,
                    self.combine(place, Role::Bgo)?,
                ));
            }
            let (ic, bgo) = secrets.get(&place).ok_or(CryptoError::Quorum)?;
            let name = record.about.credential.clone();
            let unlocked = crypto::unlock(
                &crypto::narrow(ic, &name)?,
                &crypto::narrow(bgo, &name)?,
                record,
            )?;
            openings.push(Opening { unlocked });
        }
        Ok(openings)
    }

    fn place(&self, record: &Record) -> Result<usize, CryptoError> {
        let of = |header: &GenerationHeader| {
            header.generation == record.about.generation
                && header.compartment == record.about.compartment
        };
        self.headers.iter().position(of).ok_or(CryptoError::Quorum)
    }

    fn combine(&self, place: usize, role: Role) -> Result<RoleSecret, CryptoError> {
        let shares: Vec<(u8, &Share)> = self.shares[place]
            .iter()
            .filter(|((of, _), _)| *of == role)
            .map(|((_, index), share)| (*index, share))
            .collect();
        let role = self.headers[place]
            .roles
            .iter()
            .find(|shares| shares.role == role);
        crypto::combine(role.ok_or(CryptoError::Quorum)?, &shares)
    }
}

/// A credential that a quorum has unlocked, on its way out.
pub struct Opening {
    unlocked: Unlocked,
}

impl Opening {
    /// Its record.
    pub fn record(&self) -> &Record {
        self.unlocked.record()
    }

    /// Signs what is to be recorded.
    pub fn witness(&self) -> &crypto::SoftwareSigner {
        self.unlocked.witness()
    }

    /// The secret access key, once the ledger holds the statement that it was opened.
    ///
    /// # Errors
    /// [`CryptoError`] where the record was changed; [`CryptoError::Unrecorded`] where what was recorded
    /// is another opening.
    pub fn release(
        self,
        recorded: &Recorded<OpenedStatement>,
    ) -> Result<AccessKeySecret, CryptoError> {
        let about = &self.record().about;
        let stated = recorded.what();
        if stated.access_key != about.access_key || stated.generation != about.generation {
            return Err(CryptoError::Unrecorded);
        }
        self.unlocked.decrypt()
    }
}
