//! One folder of the vault, held open: whatever happens to its path meanwhile, this folder is meant.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::ports::StoreError;

/// Names that begin so are of this tool and are no objects.
pub(super) const TEMPORARY: &str = ".tmp-";
/// Lock files.
pub(super) const LOCK: &str = ".lock-";

/// An open folder that only its owner, who is us or root, can write to.
pub(super) struct Folder {
    pub(super) fd: OwnedFd,
    /// Its path, for people.
    pub(super) place: String,
}

const OPEN: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

impl Folder {
    /// Opens the vault's own folder. Links on the way to it are the caller's affair; it must not be one.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        // Without a slash at the end, by which a link would be followed.
        let path: PathBuf = path.components().collect();
        let place = path.display().to_string();
        let fd = rustix::fs::openat(CWD, &path, OPEN, Mode::empty())
            .map_err(|e| not_entered(e, rustix::fs::lstat(&path), &place))?;
        Self { fd, place }.guarded()
    }

    /// A second handle of the same folder.
    pub(super) fn again(&self) -> Result<Self, StoreError> {
        let fd = self.fd.try_clone().map_err(|e| self.failed(e))?;
        let place = self.place.clone();
        Ok(Self { fd, place })
    }

    /// Opens a folder in this one, never through a link.
    pub(super) fn enter(&self, name: &str) -> Result<Self, StoreError> {
        let place = self.within(name);
        let fd = rustix::fs::openat(&self.fd, name, OPEN, Mode::empty())
            .map_err(|e| not_entered(e, self.stat(name), &place))?;
        Self { fd, place }.guarded()
    }

    /// As [`Folder::enter`]; makes the folder (mode 0700 under any umask) where there is none.
    pub(super) fn enter_or_make(&self, name: &str) -> Result<Self, StoreError> {
        match self.enter(name) {
            Err(StoreError::NotFound(_)) => {}
            entered => return entered,
        }
        match rustix::fs::mkdirat(&self.fd, name, Mode::RWXU) {
            // Somebody else was faster.
            Err(Errno::EXIST) => self.enter(name),
            Err(e) => Err(unwritable(&self.within(name), e)),
            Ok(()) => {
                open_to_us(&self.fd, Path::new(name), &self.within(name))?;
                let made = self.enter(name)?;
                self.sync()?;
                Ok(made)
            }
        }
    }

    /// Makes the names in this folder survive a power cut.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        rustix::io::retry_on_intr(|| rustix::fs::fsync(&self.fd))
            .map_err(|e| unwritable(&self.place, e))
    }

    /// Whether reading all its names is quickly done: most file systems tell by the folder's size.
    pub(super) fn is_small(&self) -> bool {
        const SMALL: i64 = 16 << 10;
        rustix::fs::fstat(&self.fd).is_ok_and(|stat| stat.st_size <= SMALL)
    }

    /// What a name in this folder is, itself and not what it points to.
    pub(super) fn stat(&self, name: &str) -> Result<Stat, Errno> {
        rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// All names but our temporary and lock files, in no order, with what they are.
    pub(super) fn scan(&self) -> Result<Vec<(String, FileType)>, StoreError> {
        let mut found = Vec::new();
        for (name, kind) in self.scan_all()? {
            if name.starts_with(TEMPORARY) || name.starts_with(LOCK) {
                continue;
            }
            let kind = match kind {
                // Some file systems do not say.
                FileType::Unknown => match self.stat(&name) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    Err(Errno::NOENT) => continue,
                    Err(e) => return Err(self.failed(e)),
                },
                known => known,
            };
            found.push((name, kind));
        }
        Ok(found)
    }

    /// All names as the system gives them, without `.` and `..`.
    pub(super) fn scan_all(&self) -> Result<Vec<(String, FileType)>, StoreError> {
        let mut found = Vec::new();
        for entry in Dir::read_from(&self.fd).map_err(|e| self.failed(e))? {
            let entry = entry.map_err(|e| self.failed(e))?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let name = std::str::from_utf8(name)
                .map_err(|_| self.stray(&entry.file_name().to_string_lossy()))?;
            found.push((name.to_owned(), entry.file_type()));
        }
        Ok(found)
    }

    /// The path of a name in this folder, for people.
    pub(super) fn within(&self, name: &str) -> String {
        format!("{}/{name}", self.place)
    }

    /// The error that says that a name here does not belong into a vault.
    pub(super) fn stray(&self, name: &str) -> StoreError {
        StoreError::Stray(self.place.clone(), name.to_owned())
    }

    pub(super) fn failed(&self, error: impl std::fmt::Display) -> StoreError {
        StoreError::Failed(self.place.clone(), error.to_string())
    }

    fn guarded(self) -> Result<Self, StoreError> {
        let stat = rustix::fs::fstat(&self.fd).map_err(|e| self.failed(e))?;
        guard(&stat, &self.place)?;
        Ok(self)
    }
}

/// Refuses what somebody other than us or root can write to.
pub(super) fn guard(stat: &Stat, place: &str) -> Result<(), StoreError> {
    let exposed = |why: String| Err(StoreError::Exposed(place.to_owned(), why));
    if stat.st_uid != 0 && stat.st_uid != rustix::process::geteuid().as_raw() {
        return exposed(format!("it belongs to user {}", stat.st_uid));
    }
    // An access control list shows in the group's bits too (acl(5), the mask entry).
    if stat.st_mode & 0o022 != 0 {
        return exposed(format!("mode {:04o}", stat.st_mode & 0o7777));
    }
    Ok(())
}

/// What a thing is, for people.
pub(super) fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a file",
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "of an unknown kind",
    }
}

/// Gives a folder that was just made its mode (0700), whatever the umask is. By its name: a umask can take
/// from us even what it takes to open it. What is entered afterwards is looked at anew.
pub(super) fn open_to_us(above: impl AsFd, name: &Path, place: &str) -> Result<(), StoreError> {
    rustix::fs::chmodat(above, name, Mode::RWXU, AtFlags::empty()).map_err(|e| unwritable(place, e))
}

/// Makes the folders on a way that are missing (mode 0700 each), the last one too.
pub(super) fn make_way(path: &Path) -> Result<(), StoreError> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        make_way(above)?;
    }
    let place = path.display().to_string();
    match rustix::fs::mkdirat(CWD, path, Mode::RWXU) {
        Ok(()) => open_to_us(CWD, path, &place),
        Err(Errno::EXIST) => Ok(()),
        Err(e) => Err(unwritable(&place, e)),
    }
}

/// A failed writing.
pub(super) fn unwritable(place: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Unwritable(place.to_owned(), error.to_string())
}

fn not_entered(error: Errno, stat: Result<Stat, Errno>, place: &str) -> StoreError {
    if error == Errno::NOENT {
        return StoreError::NotFound(place.to_owned());
    }
    match stat.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Ok(kind) if kind != FileType::Directory => {
            StoreError::NotAFolder(place.to_owned(), kind_name(kind))
        }
        _ => StoreError::Failed(place.to_owned(), error.to_string()),
    }
}
