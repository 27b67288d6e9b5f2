//! The station's folder: the software key and the anchor, each a file of mode 0600.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::DirStore;
use crate::model::Digest;
use crate::ports::{Entropy, Forgetful, Memory, Remembered, Store, StoreError, StoreKey};
use crate::secret::SigningSeed;

const ANCHOR: &str = "anchor.json";
const KEY: &str = "station.key";

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
                let whole =
                    whole.map_err(|_| Forgetful(format!("{} is not a key", self.shown(KEY))))?;
                Ok(SigningSeed::filled(|out| out.copy_from_slice(whole)))
            }
            Err(StoreError::NotFound(_)) => {
                let seed = SigningSeed::try_filled(|out| entropy.fill(out))
                    .map_err(|error| Forgetful(error.to_string()))?;
                store.create(&key, seed.expose()).map_err(forgetful)?;
                Ok(seed)
            }
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

    fn shown(&self, file: &str) -> String {
        self.path.join(file).display().to_string()
    }

    fn store(&self) -> Result<DirStore, Forgetful> {
        if let Some(parent) = self.path.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|error| Forgetful(format!("{}: {error}", parent.display())))?;
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
            Err(error) => return Err(forgetful(error)),
        };
        let file: AnchorFile = serde_json::from_slice(&bytes)
            .map_err(|error| Forgetful(format!("{} is damaged: {error}", self.shown(ANCHOR))))?;
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
        let bytes = serde_json::to_vec(&file).map_err(|error| Forgetful(error.to_string()))?;
        self.store()?
            .replace(&name(ANCHOR)?, &bytes)
            .map_err(forgetful)
    }
}

fn name(file: &str) -> Result<StoreKey, Forgetful> {
    StoreKey::new(file).map_err(|error| Forgetful(format!("{file}: {error}")))
}

fn forgetful(error: StoreError) -> Forgetful {
    Forgetful(format!("the station's folder: {error}"))
}
