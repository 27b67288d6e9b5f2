//! Whether a store keeps the one promise that is asked of it.

use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use object_store::ObjectStoreExt;

use super::BucketStore;
use super::failures::sort_writing;
use crate::ports::{Store, StoreError, StoreKey};

/// How many create the same object at once. A store that looks first and writes then is not caught by fewer, or
/// by one after the other.
const CREATORS: u8 = 8;
/// How many objects are tried before a vault is founded. s3s-fs 0.14 has one winner for every second object by chance.
const OBJECTS: u8 = 10;

/// What the probe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// So many of eight were told that they had created the same object.
    SeveralWon(u8),
    /// None was.
    NoneWon,
    /// The object holds what somebody wrote who was refused.
    AnotherWon,
    /// It could be created once more afterwards.
    Again,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SeveralWon(many) => write!(
                f,
                "of {CREATORS} who created one object at once, {many} were told that it was theirs"
            ),
            Self::NoneWon => f.write_str("nobody could create an object that was not there"),
            Self::AnotherWon => f.write_str("an object holds what was refused"),
            Self::Again => f.write_str("an object was created that was there already"),
        }
    }
}

impl BucketStore {
    /// Tries ten objects, as [`BucketStore::create`] tries one before the first creation: for a place where a vault is to
    /// be founded. A store that looks first and writes later may be lucky with a few.
    ///
    /// # Errors
    /// [`StoreError::Unreliable`] where the store does not keep its promise; what it says where it cannot be asked.
    pub fn probe(&self) -> Result<(), StoreError> {
        (0..OBJECTS).try_for_each(|_| self.probe_one())
    }

    /// Has eight create one object at once, under `probe/`, which nothing else uses: exactly one must succeed, the
    /// object must be that one's, and it must not be created again.
    pub(super) fn probe_one(&self) -> Result<(), StoreError> {
        let key = new_name()?;
        let path = self.path(key.as_str());
        let bodies: Vec<Vec<u8>> = (0..CREATORS).map(|nth| vec![b'0' + nth; 64]).collect();
        let tries = bodies.iter().map(|body| self.create_once(&path, body));
        let answers = self.wait(join_all(tries));
        let mut winners = Vec::new();
        for (body, answer) in bodies.iter().zip(&answers) {
            match answer {
                Ok(()) => winners.push(body),
                Err(object_store::Error::AlreadyExists { .. }) => {}
                Err(error) => return Err(sort_writing(key.as_str(), error).0),
            }
        }
        let unreliable =
            |why: Broken| Err(StoreError::Unreliable(self.place.clone(), why.to_string()));
        let [winner] = winners[..] else {
            let many = u8::try_from(winners.len()).unwrap_or(CREATORS);
            let broken = if many == 0 {
                Broken::NoneWon
            } else {
                Broken::SeveralWon(many)
            };
            return unreliable(broken);
        };
        if self.read(&key, winner.len())? != *winner {
            return unreliable(Broken::AnotherWon);
        }
        match self.wait(self.create_once(&path, b"again")) {
            Err(object_store::Error::AlreadyExists { .. }) => {}
            Ok(()) => return unreliable(Broken::Again),
            Err(error) => return Err(sort_writing(key.as_str(), &error).0),
        }
        // It has served; where we may not delete, it does no harm.
        let _ = self.wait(self.objects.delete(&path));
        self.probed.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// A name that nobody has used.
fn new_name() -> Result<StoreKey, StoreError> {
    let failed = |why: String| StoreError::Failed("probe".to_owned(), why);
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| failed(error.to_string()))?;
    let name = format!("probe/{}", data_encoding::HEXLOWER.encode(&random));
    StoreKey::new(name).map_err(|error| failed(error.to_string()))
}
