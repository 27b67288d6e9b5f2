//! The vault in a local folder.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::file::{self, Lasting};
use super::folder::{Folder, LOCK, guard, open_to_us, unwritable};
use crate::ports::{Held, Store, StoreError, StoreKey};

/// A vault in a local folder: every object is a plain file, every part of its name but the last a folder.
///
/// The folder is held open, and everything in it is reached from there part by part without ever
/// following a link. A folder or file that somebody other than its owner can write to, or whose owner is
/// neither us nor root, is refused.
pub struct DirStore {
    root: Folder,
    /// The folders that this process has made durable, and swept if that was cheap.
    visited: Mutex<HashSet<String>>,
    /// The folders that this process has read anyway.
    listed: Mutex<HashSet<String>>,
}

/// A lock on a vault, held through an open file. The system releases it when the process ends.
pub struct DirLock {
    _file: File,
}

impl Held for DirLock {}

impl DirStore {
    /// Opens the vault in a folder.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::NotAFolder`], for a link to a folder too;
    /// [`StoreError::Exposed`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Ok(Self {
            root: Folder::open(path.as_ref())?,
            visited: Mutex::default(),
            listed: Mutex::default(),
        })
    }

    /// Opens a folder for a new vault: one that is empty, or none, which is then made (mode 0700).
    ///
    /// # Errors
    /// As [`DirStore::open`]; [`StoreError::NotEmpty`].
    pub fn found(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        match rustix::fs::mkdirat(CWD, path, Mode::RWXU) {
            Ok(()) => make_durable(path)?,
            Err(Errno::EXIST) => {}
            Err(e) => return Err(unwritable(&path.display().to_string(), e)),
        }
        let store = Self::open(path)?;
        if store.root.scan_all()?.is_empty() {
            Ok(store)
        } else {
            Err(StoreError::NotEmpty(store.root.place.clone()))
        }
    }

    /// The folder of an object, and the object's name in it.
    fn parent<'k>(&self, key: &'k StoreKey) -> Result<(Folder, &'k str), StoreError> {
        let (mut parts, name) = split(key);
        let first = match parts.next() {
            Some(part) => self.root.enter(part)?,
            None => self.root.again()?,
        };
        let folder = parts.try_fold(first, |folder, part| folder.enter(part))?;
        Ok((folder, name))
    }

    /// A folder, if there is one.
    fn folder(&self, under: &StoreKey) -> Result<Option<Folder>, StoreError> {
        let entered = self
            .parent(under)
            .and_then(|(parent, name)| parent.enter(name));
        match entered {
            Err(StoreError::NotFound(_)) => Ok(None),
            entered => entered.map(Some),
        }
    }

    /// As [`DirStore::parent`], for reading: what is missing is the object.
    fn place_of<'k>(&self, key: &'k StoreKey) -> Result<(Folder, &'k str), StoreError> {
        self.parent(key).map_err(|e| match e {
            StoreError::NotFound(_) => StoreError::NotFound(self.root.within(key.as_str())),
            other => other,
        })
    }

    /// Puts a file that nothing else could restore in the place of whatever has its name; durable on return.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn replace_lasting(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        let (folder, name) = self.parent_or_make(key)?;
        file::replace(&folder, name, bytes, Lasting::Yes)
    }

    /// As [`DirStore::parent`], for writing: makes what is missing.
    fn parent_or_make<'k>(&self, key: &'k StoreKey) -> Result<(Folder, &'k str), StoreError> {
        let mut way = vec![self.root.again()?];
        let (parts, name) = split(key);
        for part in parts {
            if let Some(folder) = way.last() {
                let next = folder.enter_or_make(part)?;
                way.push(next);
            }
        }
        let folder = match way.pop() {
            Some(folder) => folder,
            None => self.root.again()?,
        };
        if self.is_first_visit(&folder.place) {
            // Another process may have made these folders and not yet brought them to the disk.
            for above in &way {
                above.sync()?;
            }
            if self.has_listed(&folder.place) || folder.is_small() {
                file::sweep(&folder);
            }
            self.visited().insert(folder.place.clone());
        }
        Ok((folder, name))
    }

    fn is_first_visit(&self, place: &str) -> bool {
        !self.visited().contains(place)
    }

    fn visited(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.visited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A plain file of the folder, open for reading.
    pub(super) fn open_file(&self, key: &StoreKey) -> Result<File, StoreError> {
        let (folder, name) = self.place_of(key)?;
        file::open(&folder, name).map(|(file, _)| file)
    }

    fn has_listed(&self, place: &str) -> bool {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.contains(place)
    }

    /// The names of one kind directly in a folder, as keys, sorted.
    fn names(&self, under: &StoreKey, wanted: FileType) -> Result<Vec<StoreKey>, StoreError> {
        let Some(folder) = self.folder(under)? else {
            return Ok(Vec::new());
        };
        let (files, folders) = self.content(&folder, under)?;
        Ok(match wanted {
            FileType::Directory => folders,
            _ => files,
        })
    }

    /// The names of the files and of the folders directly in a folder, as keys, sorted.
    fn content(&self, folder: &Folder, under: &StoreKey) -> Result<Content, StoreError> {
        let (mut files, mut folders) = Content::default();
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.insert(folder.place.clone());
        drop(listed);
        for (name, kind) in folder.scan()? {
            let key = StoreKey::new(format!("{under}/{name}")).map_err(|_| folder.stray(&name))?;
            match kind {
                FileType::RegularFile => files.push(key),
                FileType::Directory => folders.push(key),
                other => {
                    let error = file::not_plain(other, &folder.within(&name));
                    error.map_or(Ok(()), Err)?;
                }
            }
        }
        files.sort_unstable();
        folders.sort_unstable();
        Ok((files, folders))
    }

    /// Adds the names of all files in a folder and in those in it. Each folder is entered once, from the one
    /// above it.
    fn gather(
        &self,
        folder: &Folder,
        under: &StoreKey,
        found: &mut Vec<StoreKey>,
    ) -> Result<(), StoreError> {
        let (files, folders) = self.content(folder, under)?;
        found.extend(files);
        for under in folders {
            let (_, name) = split(&under);
            match folder.enter(name) {
                Err(StoreError::NotFound(_)) => {}
                entered => self.gather(&entered?, &under, found)?,
            }
        }
        Ok(())
    }

    fn lock_file(&self, name: &str) -> Result<File, StoreError> {
        let place = self.root.within(name);
        let flags = OFlags::RDWR
            | OFlags::CREATE
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::NOCTTY
            | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.root.fd, name, flags, Mode::RUSR | Mode::WUSR).map_err(
            |e| match self.root.stat(name) {
                Ok(stat) => file::not_plain(FileType::from_raw_mode(stat.st_mode), &place)
                    .unwrap_or_else(|| unwritable(&place, e)),
                Err(_) => unwritable(&place, e),
            },
        )?;
        let stat = rustix::fs::fstat(&fd).map_err(|e| unwritable(&place, e))?;
        if let Some(error) = file::not_plain(FileType::from_raw_mode(stat.st_mode), &place) {
            return Err(error);
        }
        guard(&stat, &place)?;
        // Whatever the umask is: the next one to lock it is us again.
        let mode = Mode::RUSR | Mode::WUSR;
        if stat.st_mode & 0o7777 != mode.as_raw_mode() {
            rustix::fs::fchmod(&fd, mode).map_err(|e| unwritable(&place, e))?;
        }
        Ok(File::from(fd))
    }
}

impl Store for DirStore {
    fn read(&self, key: &StoreKey, limit: usize) -> Result<Vec<u8>, StoreError> {
        let (folder, name) = self.place_of(key)?;
        file::read(&folder, name, limit)
    }

    fn read_start(&self, key: &StoreKey, most: usize) -> Result<Vec<u8>, StoreError> {
        let (folder, name) = self.place_of(key)?;
        file::read_start(&folder, name, most)
    }

    fn create(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        let (folder, name) = self.parent_or_make(key)?;
        file::create(&folder, name, bytes)
    }

    fn replace(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        let (folder, name) = self.parent_or_make(key)?;
        file::replace(&folder, name, bytes, Lasting::No)
    }

    fn list(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        self.names(under, FileType::RegularFile)
    }

    fn folders(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        self.names(under, FileType::Directory)
    }

    fn list_all(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        let mut found = Vec::new();
        if let Some(folder) = self.folder(under)? {
            self.gather(&folder, under, &mut found)?;
        }
        Ok(found)
    }

    fn lock(&self, name: &str) -> Result<Box<dyn Held>, StoreError> {
        if name.contains('/') || StoreKey::new(name).is_err() {
            return Err(self.root.stray(name));
        }
        let file = self.lock_file(&format!("{LOCK}{name}"))?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(DirLock { _file: file })),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(format!(
                "the lock \"{name}\" of {}",
                self.root.place
            ))),
            Err(TryLockError::Error(e)) => Err(self.root.failed(e)),
        }
    }

    fn discard(&self, key: &StoreKey) -> Result<(), StoreError> {
        let (folder, name) = match self.parent(key) {
            Err(StoreError::NotFound(_)) => return Ok(()),
            parent => parent?,
        };
        match rustix::fs::unlinkat(&folder.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(unwritable(&folder.within(name), e)),
        }
    }

    /// The nearest folder that is there must take new names, and the disk a few of the largest commits.
    fn check_writable(&self, under: &StoreKey) -> Result<String, StoreError> {
        const ROOM: u64 = 16 << 20;
        let mut folder = self.root.again()?;
        for part in under.as_str().split('/') {
            match folder.enter(part) {
                Ok(next) => folder = next,
                Err(StoreError::NotFound(_)) => break,
                Err(error) => return Err(error),
            }
        }
        let access = Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::accessat(&folder.fd, ".", access, AtFlags::EACCESS)
            .map_err(|e| unwritable(&folder.place, e))?;
        let disk = rustix::fs::fstatvfs(&folder.fd).map_err(|e| folder.failed(e))?;
        let room = disk.f_bavail.saturating_mul(disk.f_frsize);
        if room < ROOM {
            let what = format!("its disk has {} KiB left", room >> 10);
            return Err(unwritable(&folder.place, what));
        }
        Ok(folder.place)
    }

    fn place(&self) -> String {
        self.root.place.clone()
    }
}

/// The files and the folders in a folder.
type Content = (Vec<StoreKey>, Vec<StoreKey>);

/// The folders of a name, and its last part.
fn split(key: &StoreKey) -> (impl Iterator<Item = &str>, &str) {
    let (folders, name) = key.as_str().rsplit_once('/').unwrap_or(("", key.as_str()));
    (folders.split('/').filter(|part| !part.is_empty()), name)
}

/// Gives a new folder its mode whatever the umask is, and makes its name survive a power cut.
fn make_durable(path: &Path) -> Result<(), StoreError> {
    let place = path.display().to_string();
    open_to_us(CWD, path, &place)?;
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    File::open(above.unwrap_or(Path::new(".")))
        .and_then(|above| above.sync_all())
        .map_err(|e| unwritable(&place, e))
}
