//! Where the vault is: in a folder, or in a bucket.

use std::path::{Path, PathBuf};

use crate::model::{Class, Failure};
use crate::ports::StoreError;
use crate::store::{BucketPlace, DirStore};

/// A vault's place, as it is named on the command line, in the environment or in `config.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// A folder.
    Folder(PathBuf),
    /// A place in an object store.
    Bucket(BucketPlace),
}

impl Home {
    /// What a name means. Whatever does not begin with `s3://` is a folder.
    pub fn of(path: &Path) -> Result<Self, Failure> {
        match path.to_str().filter(|text| BucketPlace::is_meant(text)) {
            None => Ok(Self::Folder(path.to_owned())),
            Some(text) => text.parse().map(Self::Bucket).map_err(|error| {
                Failure::new(
                    Class::Usage,
                    "no-such-place",
                    format!("{text}: {error}"),
                    "nothing was changed",
                )
            }),
        }
    }

    /// The same, as it is written down: it holds wherever the next command is run.
    pub fn lasting(&self) -> std::io::Result<PathBuf> {
        match self {
            Self::Folder(path) => std::path::absolute(path),
            Self::Bucket(place) => Ok(place.to_string().into()),
        }
    }
}

/// The vault in a folder that must be there.
pub fn folder(path: &Path) -> Result<DirStore, Failure> {
    match DirStore::open(path) {
        Err(StoreError::NotFound(_)) => Err(Failure::new(
            Class::Failed,
            "vault-missing",
            format!(
                "there is no folder {}, where the vault should be",
                path.display()
            ),
            "nothing was changed",
        )
        .hint(
            "is the disk or share with the vault connected? is it another folder? --vault PLACE",
        )),
        opened => Ok(opened?),
    }
}

/// A bucket cannot be half of a vault whose ledger goes on in a folder.
pub fn not_split(ledger: &Path) -> Failure {
    Failure::new(
        Class::Usage,
        "ledger-elsewhere",
        format!(
            "the vault is in an object store, and its ledger cannot go on in {}",
            ledger.display()
        ),
        "nothing was changed",
    )
    .hint("leave --ledger out; or open a copy in a folder: breakglass vault export DIR")
}
