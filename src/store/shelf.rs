//! A folder that is made anew beside the old one and put in its place when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use super::DirStore;
use super::folder::unwritable;
use crate::ports::StoreError;

/// A new folder in the making. Dropping it before [`Shelf::put`] removes it, and the old one stays.
pub struct Shelf {
    place: PathBuf,
    new: PathBuf,
    old: PathBuf,
}

impl Shelf {
    /// Begins a folder that is to stand at `place`. What stands there now must be nothing, an empty folder, or
    /// one that holds a file of the name `mark`: an older one of the same kind.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`], [`StoreError::NotAFolder`], [`StoreError::Unwritable`].
    pub fn begin(place: &Path, mark: &str) -> Result<Self, StoreError> {
        let place: PathBuf = std::path::absolute(place)
            .map_err(|e| failed(place, e))?
            .components()
            .collect();
        let Some(name) = place.file_name().map(|name| name.to_string_lossy()) else {
            return Err(failed(&place, "it is no folder that can be replaced"));
        };
        let shelf = Self {
            new: place.with_file_name(format!(".{name}.new")),
            old: place.with_file_name(format!(".{name}.old")),
            place: place.clone(),
        };
        shelf.mend()?;
        shelf.look(mark)?;
        remove(&shelf.new)?;
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&shelf.new)
            .map_err(|e| unwritable(&shelf.new.display().to_string(), e))?;
        Ok(shelf)
    }

    /// Goes back to the old folder where a run was killed between the two steps of [`Shelf::put`].
    fn mend(&self) -> Result<(), StoreError> {
        if fs::symlink_metadata(&self.place).is_err() && self.old.is_dir() {
            fs::rename(&self.old, &self.place).map_err(|e| failed(&self.place, e))?;
        }
        Ok(())
    }

    fn look(&self, mark: &str) -> Result<(), StoreError> {
        let shown = self.place.display().to_string();
        let Ok(found) = fs::symlink_metadata(&self.place) else {
            return Ok(());
        };
        if !found.is_dir() {
            return Err(StoreError::NotAFolder(shown, "something else"));
        }
        let mut names = fs::read_dir(&self.place).map_err(|e| failed(&self.place, e))?;
        if names.next().is_none() || self.place.join(mark).is_file() {
            return Ok(());
        }
        Err(StoreError::NotEmpty(shown))
    }

    /// The new folder, as long as it is in the making.
    pub fn path(&self) -> &Path {
        &self.new
    }

    /// An empty vault folder in it.
    ///
    /// # Errors
    /// As [`DirStore::found`].
    pub fn vault(&self, name: &str) -> Result<DirStore, StoreError> {
        DirStore::found(self.new.join(name))
    }

    /// Writes a file in it, and brings it to the disk. `mode` are its permissions.
    ///
    /// # Errors
    /// [`StoreError::Unwritable`].
    pub fn write(&self, name: &str, mode: u32, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.new.join(name);
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path);
        opened
            .and_then(|mut file| {
                file.write_all(bytes)?;
                file.sync_all()
            })
            .map_err(|e| unwritable(&path.display().to_string(), e))
    }

    /// Puts it in the place of the old one: in one step where the file system can exchange two names, else in
    /// two, and whoever comes next mends what a crash between them left.
    ///
    /// # Errors
    /// [`StoreError::Unwritable`]; the old one stands then.
    pub fn put(self) -> Result<(), StoreError> {
        let place = self.place.display().to_string();
        let not_put = |e: &dyn std::fmt::Display| unwritable(&place, e);
        sync(&self.new)?;
        if fs::symlink_metadata(&self.place).is_err() {
            fs::rename(&self.new, &self.place).map_err(|e| not_put(&e))?;
        } else {
            let exchange = RenameFlags::EXCHANGE;
            match rustix::fs::renameat_with(CWD, &self.new, CWD, &self.place, exchange) {
                Ok(()) => remove(&self.new)?,
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    remove(&self.old)?;
                    fs::rename(&self.place, &self.old).map_err(|e| not_put(&e))?;
                    fs::rename(&self.new, &self.place).map_err(|e| not_put(&e))?;
                }
                Err(e) => return Err(not_put(&e)),
            }
        }
        remove(&self.old)?;
        sync(self.place.parent().unwrap_or(Path::new("/")))
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        let _ = remove(&self.new);
    }
}

fn sync(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|open| open.sync_all())
        .map_err(|e| unwritable(&folder.display().to_string(), e))
}

fn remove(folder: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(unwritable(&folder.display().to_string(), e))
        }
        _ => Ok(()),
    }
}

fn failed(path: &Path, error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(path.display().to_string(), error.to_string())
}
