//! Where the vault lies: named objects, of which nothing is asked but that one can be created only if it
//! is absent.

use std::fmt;

/// The name of an object: parts joined by `/`, each of `a-z 0-9 . _ -` and not beginning with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreKey(String);

/// The text cannot name an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a vault object")]
pub struct UnsafeKey;

impl StoreKey {
    /// Checks a name.
    ///
    /// # Errors
    /// [`UnsafeKey`] for an empty or absolute name, an empty part, a part that begins with a dot, any
    /// other character, or more than 512 bytes.
    pub fn new(text: impl Into<String>) -> Result<Self, UnsafeKey> {
        let text = text.into();
        let part_is_sound = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
        };
        if text.len() <= 512 && text.split('/').all(part_is_sound) {
            Ok(Self(text))
        } else {
            Err(UnsafeKey)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why the store did not do as asked. The texts name the object and what the system said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No such object.
    #[error("{0} is not there")]
    NotFound(String),
    /// The object to be created is there already; it was not touched.
    #[error("{0} is there already")]
    AlreadyExists(String),
    /// A symbolic link, a pipe, a device, a folder: not a plain file.
    #[error("{0} is not a plain file ({1})")]
    NotAFile(String, &'static str),
    /// A link, a file or something else where a folder belongs.
    #[error("{0} is not a folder ({1})")]
    NotAFolder(String, &'static str),
    /// Something in the vault has a name that no object has: the folder, and the name as it is.
    #[error("{0} holds {1}, which does not belong into a vault")]
    Stray(String, String),
    /// A new vault was to be founded in a folder that holds something already.
    #[error("{0} is not empty")]
    NotEmpty(String),
    /// Somebody else holds the lock.
    #[error("{0} is held by somebody else")]
    Locked(String),
    /// More bytes than asked for.
    #[error("{0} is larger than {1} bytes")]
    TooLarge(String, usize),
    /// The ledger on another medium is not a continuation of the vault's: the folder, and the first commit
    /// that differs.
    #[error("the ledger in {0} is another than the vault's from {1} on")]
    Parted(String, String),
    /// Others than its owner can write to the vault.
    #[error("{0} can be written by others ({1})")]
    Exposed(String, String),
    /// The object cannot be written, or not durably: no space, read-only, no permission, a failing disk.
    /// It counts as not written, even if it should turn up later.
    #[error("{0} cannot be written: {1}")]
    Unwritable(String, String),
    /// The store does not keep the one promise that it is asked for: the place, and what it did.
    #[error("{0} is no store for a vault: {1}")]
    Unreliable(String, String),
    /// Anything else that the system said. Of a writing it does not say whether the object is there now.
    #[error("{0}: {1}")]
    Failed(String, String),
}

/// A lock that is held until this is dropped or the process ends, however it ends.
pub trait Held {}

/// A folder or an object-store prefix.
pub trait Store {
    /// All bytes of an object, if there are no more than `limit` of them.
    ///
    /// # Errors
    /// [`StoreError`].
    fn read(&self, key: &StoreKey, limit: usize) -> Result<Vec<u8>, StoreError>;

    /// The first `most` bytes of an object, or all of it where it has fewer. A store that cannot read a
    /// part reads all.
    ///
    /// # Errors
    /// [`StoreError`].
    fn read_start(&self, key: &StoreKey, most: usize) -> Result<Vec<u8>, StoreError> {
        let mut bytes = self.read(key, usize::MAX)?;
        bytes.truncate(most);
        Ok(bytes)
    }

    /// Creates an object, whole or not at all, only if it is absent, and durably: when this returns, the
    /// object survives a power cut. Of several who create the same object, exactly one succeeds.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] where it is there, whoever made it.
    fn create(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError>;

    /// Writes an object that is derived from others and may be lost; whole or not at all.
    ///
    /// # Errors
    /// [`StoreError`].
    fn replace(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError>;

    /// The names of all objects directly in the folder `under`, sorted; none if there is no such folder.
    /// Temporary files of this tool are left out; anything else that no [`StoreKey`] can name is an error.
    ///
    /// # Errors
    /// [`StoreError`].
    fn list(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError>;

    /// The names of all folders directly in the folder `under`, by the rules of [`Store::list`].
    ///
    /// # Errors
    /// [`StoreError`].
    fn folders(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError>;

    /// The names of all objects in the folder `under` and in all folders in it, in no order, by the rules
    /// of [`Store::list`].
    ///
    /// # Errors
    /// [`StoreError`].
    fn list_all(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        let mut found = Vec::new();
        let mut folders = vec![under.clone()];
        while let Some(folder) = folders.pop() {
            found.extend(self.list(&folder)?);
            folders.extend(self.folders(&folder)?);
        }
        Ok(found)
    }

    /// Takes the lock `name` (one part of a [`StoreKey`]) or says at once that somebody else has it. It is
    /// advice, to spare two long works from hindering each other; what must never happen twice rests on
    /// [`Store::create`] alone.
    ///
    /// # Errors
    /// [`StoreError::Locked`].
    fn lock(&self, name: &str) -> Result<Box<dyn Held>, StoreError>;

    /// Removes an object that is derived from others and is no longer of use. A store may keep it.
    ///
    /// # Errors
    /// [`StoreError`]; it is no error that the object is not there.
    fn discard(&self, _key: &StoreKey) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether objects could be made in the folder `under` now, as far as that can be told without writing
    /// anything; for people, where that would be. A store that cannot tell says yes.
    ///
    /// # Errors
    /// [`StoreError::Unwritable`] and what else stands against it.
    fn check_writable(&self, _under: &StoreKey) -> Result<String, StoreError> {
        Ok(self.place())
    }

    /// For people: where it is.
    fn place(&self) -> String;
}
