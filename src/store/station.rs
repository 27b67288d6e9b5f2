//! The station's folder: the software key, the anchor and the configuration, each a plain file that nobody
//! else can write to.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::folder::make_way;
use super::{DirStore, archive};
use crate::model::Digest;
use crate::ports::{
    Archive, Archived, Entropy, Forgetful, Memory, Remembered, Store, StoreError, StoreKey,
};
use crate::secret::SigningSeed;

const ANCHOR: &str = "anchor.json";
const KEY: &str = "station.key";
const STATE: &str = "state.archive";

/// The folder of one machine.
pub struct StationFolder {
    path: PathBuf,
}

/// `anchor.json`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnchorFile {
    vault: Digest,
    manifest_version: u64,
    manifest: Digest,
    ledger_size: u64,
    ledger_root: Digest,
}

impl StationFolder {
    /// The folder at this path; it need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The station's signing seed; drawn and stored the first time.
    ///
    /// # Errors
    /// [`Forgetful`] where the folder cannot be used, or holds something else than a key.
    pub fn seed(&self, entropy: &dyn Entropy) -> Result<SigningSeed, Forgetful> {
        let store = self.store()?;
        let key = name(KEY)?;
        match store.read(&key, SigningSeed::LEN) {
            Ok(bytes) => {
                let bytes = zeroize::Zeroizing::new(bytes);
                let whole = <&[u8; SigningSeed::LEN]>::try_from(bytes.as_slice());
                let whole = whole.map_err(|_| {
                    let size = format!(
                        "{} bytes, where a key has {}",
                        bytes.len(),
                        SigningSeed::LEN
                    );
                    self.damaged(KEY, size)
                })?;
                Ok(SigningSeed::filled(|out| out.copy_from_slice(whole)))
            }
            Err(StoreError::NotFound(_)) => {
                let seed = SigningSeed::try_filled(|out| entropy.fill(out))
                    .map_err(|error| Forgetful::Unusable(error.to_string()))?;
                store.create(&key, seed.expose()).map_err(forgetful)?;
                Ok(seed)
            }
            Err(error) => Err(self.unread(KEY, error)),
        }
    }

    /// The bytes of a file of the folder, at most `limit`; nothing if there is no such file or folder. The
    /// folder is not made for it.
    ///
    /// # Errors
    /// [`Forgetful`]: what somebody else can write to, or is no plain file, is not read.
    pub fn read(&self, file: &str, limit: usize) -> Result<Option<Vec<u8>>, Forgetful> {
        let read = DirStore::open(&self.path).and_then(|store| {
            let key = StoreKey::new(file)
                .map_err(|error| StoreError::Failed(file.to_owned(), error.to_string()))?;
            store.read(&key, limit)
        });
        match read {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(forgetful(error)),
        }
    }

    /// Writes a file of the folder if it is absent.
    ///
    /// # Errors
    /// [`Forgetful`].
    pub fn write_new(&self, file: &str, bytes: &[u8]) -> Result<(), Forgetful> {
        match self.store()?.create(&name(file)?, bytes) {
            Ok(()) | Err(StoreError::AlreadyExists(_)) => Ok(()),
            Err(error) => Err(forgetful(error)),
        }
    }

    /// Puts a file into the folder in the place of an older one. It may be lost.
    ///
    /// # Errors
    /// [`Forgetful`].
    pub fn replace(&self, file: &str, bytes: &[u8]) -> Result<(), Forgetful> {
        self.store()?
            .replace(&name(file)?, bytes)
            .map_err(forgetful)
    }

    /// Whether something could be kept in the folder now, as far as that can be told without writing or making
    /// it.
    ///
    /// # Errors
    /// [`Forgetful`].
    pub fn check_writable(&self) -> Result<(), Forgetful> {
        match DirStore::open(&self.path) {
            Err(StoreError::NotFound(_)) => Ok(()),
            opened => {
                // A name that nothing in it has.
                let below = name("kept")?;
                let checked = opened.and_then(|store| store.check_writable(&below));
                checked.map(drop).map_err(forgetful)
            }
        }
    }

    /// The path of a file of the folder, for people.
    pub fn shown(&self, file: &str) -> String {
        self.path.join(file).display().to_string()
    }

    fn damaged(&self, file: &str, why: String) -> Forgetful {
        let place = self.shown(file);
        Forgetful::Damaged { place, why }
    }

    /// What is no plain file of a possible size is as good as damaged.
    fn unread(&self, file: &str, error: StoreError) -> Forgetful {
        match error {
            StoreError::TooLarge(_, limit) => {
                self.damaged(file, format!("it has more than {limit} bytes"))
            }
            StoreError::NotAFile(_, kind) => self.damaged(file, format!("it is {kind}")),
            other => forgetful(other),
        }
    }

    fn store(&self) -> Result<DirStore, Forgetful> {
        if let Some(parent) = self.path.parent() {
            make_way(parent).map_err(forgetful)?;
        }
        DirStore::open(&self.path).or_else(|error| match error {
            StoreError::NotFound(_) => DirStore::found(&self.path).map_err(forgetful),
            other => Err(forgetful(other)),
        })
    }
}

impl Memory for StationFolder {
    fn recall(&self) -> Result<Option<Remembered>, Forgetful> {
        let bytes = match self.store()?.read(&name(ANCHOR)?, 4096) {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(self.unread(ANCHOR, error)),
        };
        let file: AnchorFile = serde_json::from_slice(&bytes)
            .map_err(|error| self.damaged(ANCHOR, error.to_string()))?;
        Ok(Some(Remembered {
            vault: file.vault,
            version: file.manifest_version,
            manifest: file.manifest,
            ledger_size: file.ledger_size,
            ledger_root: file.ledger_root,
        }))
    }

    fn remember(&self, seen: &Remembered) -> Result<(), Forgetful> {
        let file = AnchorFile {
            vault: seen.vault,
            manifest_version: seen.version,
            manifest: seen.manifest,
            ledger_size: seen.ledger_size,
            ledger_root: seen.ledger_root,
        };
        let bytes =
            serde_json::to_vec(&file).map_err(|error| Forgetful::Unusable(error.to_string()))?;
        self.store()?
            .replace_lasting(&name(ANCHOR)?, &bytes)
            .map_err(forgetful)
    }

    fn archive(&self) -> Option<&dyn Archive> {
        Some(self)
    }
}

impl Archive for StationFolder {
    fn open(&self) -> Result<Option<Box<dyn Archived>>, Forgetful> {
        let file = archive::open(&self.store()?, &name(STATE)?)?;
        Ok(file.map(|file| Box::new(file) as Box<dyn Archived>))
    }

    fn keep(&self, summary: &[u8], rows: Vec<(String, Vec<u8>)>) -> Result<(), Forgetful> {
        let bytes = archive::encode(summary, rows)
            .ok_or_else(|| Forgetful::Unusable("it is too large to be kept".to_owned()))?;
        self.store()?
            .replace(&name(STATE)?, &bytes)
            .map_err(forgetful)
    }
}

fn name(file: &str) -> Result<StoreKey, Forgetful> {
    StoreKey::new(file).map_err(|error| Forgetful::Unusable(format!("{file}: {error}")))
}

pub(super) fn forgetful(error: StoreError) -> Forgetful {
    match error {
        StoreError::Exposed(place, why) => Forgetful::Exposed { place, why },
        other => Forgetful::Unusable(format!("the station's folder: {other}")),
    }
}
