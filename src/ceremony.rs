//! The ceremony: a state machine that collects the custodians' contributions until both roles have a
//! quorum. Pure: the tokens' answers come from outside.
//!
//! The only way to a secret access key is [`Opening::release`], which takes what only a quorum can make
//! ([`Ceremony<Quorate>`]) and what only a durable append can make ([`Recorded`]).

use std::collections::BTreeMap;
use std::marker::PhantomData;

use crate::crypto::{self, CryptoError, SealedPlace, Unlocked};
use crate::format::{
    Custodian, EnrolledToken, GenerationHeader, Manifest, OpenedStatement, Participant, Record,
};
use crate::ledger::Recorded;
use crate::manifest::{Misfit, fits};
use crate::model::{Digest, Name, Presence, Role};
use crate::secret::{AccessKeySecret, RoleSecret, Share, SharedSecret};

/// Contributions are still missing.
pub enum Collecting {}
/// Both roles have a quorum.
pub enum Quorate {}

/// The opening of one or more generations by one group of people.
pub struct Ceremony<State> {
    headers: Vec<GenerationHeader>,
    /// Who is who now: a token that was retired since contributes no more.
    in_force: Box<Manifest>,
    /// For each generation the shares that came in, by role and index.
    shares: Vec<BTreeMap<(Role, u8), Share>>,
    participants: Vec<Participant>,
    state: PhantomData<State>,
}

/// A token's place in a ceremony.
struct SealedTo<'c> {
    custodian: &'c Custodian,
    enrolled: &'c EnrolledToken,
    places: Vec<SealedPlace<'c>>,
}

/// Why two generations cannot be opened together.
fn clash(one: &GenerationHeader, other: &GenerationHeader) -> Option<&'static str> {
    if one.vault != other.vault {
        return Some("it is of another vault than the others");
    }
    let twins = one.compartment == other.compartment && one.generation == other.generation;
    twins.then_some("it is there twice")
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
    /// Begins; each generation with the manifest that it was sealed under, and the manifest that is in
    /// force now.
    ///
    /// # Errors
    /// [`Misfit`] where a header is not what a rotation makes under its manifest, or where they do not
    /// belong together.
    pub fn new(
        in_force: Manifest,
        generations: Vec<(GenerationHeader, Manifest)>,
    ) -> Result<Self, Misfit> {
        let mut headers: Vec<GenerationHeader> = Vec::with_capacity(generations.len());
        for (header, manifest) in generations {
            fits(&header, &manifest)?;
            if let Some(why) = headers.iter().find_map(|other| clash(other, &header)) {
                return Err(Misfit {
                    compartment: header.compartment,
                    generation: header.generation,
                    why,
                });
            }
            headers.push(header);
        }
        Ok(Self {
            shares: headers.iter().map(|_| BTreeMap::new()).collect(),
            headers,
            in_force: Box::new(in_force),
            participants: Vec::new(),
            state: PhantomData,
        })
    }

    /// The next role of which people are missing, and how many.
    pub fn wanted(&self) -> Option<(Role, usize)> {
        Role::OPENING.into_iter().find_map(|role| {
            let needed = self.threshold(role);
            let have = self.participants.iter().filter(|p| p.role == role).count();
            let missing = needed.saturating_sub(have);
            (missing > 0).then_some((role, missing))
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
        self.in_force
            .tokens()
            .filter(|(custodian, _)| custodian.role == role && !self.has(&custodian.name))
            .map(|(_, token)| token.id())
            .filter(|id| self.sealed_to(id).is_ok())
            .collect()
    }

    fn has(&self, custodian: &Name) -> bool {
        self.participants
            .iter()
            .any(|participant| participant.custodian == *custodian)
    }

    /// Whose a token is, and where its share stands in each generation: as the same person's, in the same
    /// role.
    fn sealed_to(&self, token: &Digest) -> Result<SealedTo<'_>, NotTaken> {
        let (custodian, enrolled) = self.in_force.token(token).ok_or(NotTaken::NotSealedTo)?;
        let place = |header| {
            crypto::find_share(header, token)
                .filter(|at| at.role() == custodian.role && *at.custodian() == custodian.name)
                .ok_or(NotTaken::NotSealedTo)
        };
        Ok(SealedTo {
            custodian,
            enrolled,
            places: self.headers.iter().map(place).collect::<Result<_, _>>()?,
        })
    }

    /// What a token is to be asked, one operation for each generation.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn operations(&self, token: &Digest) -> Result<Vec<crypto::Operation>, NotTaken> {
        let to = self.sealed_to(token)?;
        let wrong = |error| NotTaken::WrongShare(to.custodian.name.clone(), error);
        let operation =
            |place: &SealedPlace<'_>| place.operation(&to.enrolled.keys.seal).map_err(wrong);
        to.places.iter().map(operation).collect()
    }

    /// Takes a token's answers, one for each generation in the order of [`Self::operations`].
    ///
    /// # Errors
    /// [`NotTaken`]; the ceremony is then as it was.
    pub fn contribute(&mut self, token: &Digest, answers: &[SharedSecret]) -> Result<(), NotTaken> {
        if answers.len() != self.headers.len() {
            return Err(NotTaken::Answers(answers.len(), self.headers.len()));
        }
        let to = self.sealed_to(token)?;
        let (name, keys) = (&to.custodian.name, &to.enrolled.keys);
        if self.has(name) {
            return Err(NotTaken::Twice(name.clone()));
        }
        let mut opened = Vec::with_capacity(answers.len());
        for (place, answer) in to.places.iter().zip(answers) {
            let share = place
                .open(&keys.seal, answer)
                .map_err(|e| NotTaken::WrongShare(name.clone(), e))?;
            opened.push(((place.role(), place.index()), share));
        }
        let participant = Participant {
            role: to.custodian.role,
            custodian: name.clone(),
            token: *token,
            presence: keys.presence,
        };
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
            in_force: self.in_force,
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
        let about = &record.about;
        let of = |header: &GenerationHeader| {
            header.vault == about.vault
                && header.manifest == about.manifest
                && header.compartment == about.compartment
                && header.generation == about.generation
        };
        let place = self.headers.iter().position(of);
        place.ok_or(CryptoError::OtherGeneration)
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

/// A credential that a quorum has unlocked, on its way out. Only a quorum unlocks:
///
/// ```
/// use breakglass::{ceremony::*, crypto::CryptoError, format::Record};
/// fn unlock(c: Ceremony<Quorate>, records: Vec<Record>) -> Result<Vec<Opening>, CryptoError> {
///     c.unlock(records)
/// }
/// ```
///
/// ```compile_fail
/// use breakglass::{ceremony::*, crypto::CryptoError, format::Record};
/// fn unlock(c: Ceremony<Collecting>, records: Vec<Record>) -> Result<Vec<Opening>, CryptoError> {
///     c.unlock(records)
/// }
/// ```
///
/// And what it unlocked comes out for an entry of the ledger alone, for the statement itself it does not:
///
/// ```
/// use breakglass::{ceremony::Opening, format::OpenedStatement, ledger::Recorded};
/// fn release(opening: Opening, entry: Recorded<OpenedStatement>) {
///     let _ = opening.release(entry);
/// }
/// ```
///
/// ```compile_fail
/// use breakglass::{ceremony::Opening, format::OpenedStatement, ledger::Recorded};
/// fn release(opening: Opening, entry: OpenedStatement) {
///     let _ = opening.release(entry);
/// }
/// ```
///
/// One entry releases one secret:
///
/// ```compile_fail
/// use breakglass::{ceremony::Opening, format::OpenedStatement, ledger::Recorded};
/// fn release(opening: Opening, other: Opening, entry: Recorded<OpenedStatement>) {
///     let _ = opening.release(entry);
///     let _ = other.release(entry);
/// }
/// ```
///
/// There is no way past it below, either: what is unlocked can be looked at, and not decrypted.
///
/// ```
/// fn look(unlocked: breakglass::crypto::Unlocked) {
///     let _ = unlocked.record();
/// }
/// ```
///
/// ```compile_fail
/// fn look(unlocked: breakglass::crypto::Unlocked) {
///     let _ = unlocked.decrypt();
/// }
/// ```
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

    /// Whether it opens: the secret is decrypted and wiped, and nothing of it leaves.
    ///
    /// # Errors
    /// [`CryptoError`] where the record was changed.
    pub fn verify(&self) -> Result<(), CryptoError> {
        self.unlocked.verify()
    }

    /// The secret access key, once the ledger holds the statement that it was opened. One entry releases
    /// one secret.
    ///
    /// # Errors
    /// [`CryptoError`] where the record was changed; [`CryptoError::Unrecorded`] where what was recorded
    /// is another opening.
    pub fn release(
        self,
        recorded: Recorded<OpenedStatement>,
    ) -> Result<AccessKeySecret, CryptoError> {
        let (about, stated) = (&self.record().about, recorded.what());
        let same = stated.vault == about.vault
            && stated.compartment == about.compartment
            && stated.generation == about.generation
            && stated.credential == about.credential
            && stated.access_key == about.access_key;
        if !same {
            return Err(CryptoError::Unrecorded);
        }
        self.unlocked.decrypt()
    }
}
