//! One file of the vault: read with suspicion, written whole or not at all.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::folder::{Folder, TEMPORARY, guard, kind_name, unwritable};
use crate::ports::StoreError;

/// How old a temporary file must be before it is taken for one that a killed process left behind.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 60 * 60);

/// All bytes of a plain file of at most `limit` bytes.
///
/// A second hard link is no reason to refuse: a file has one while, and as long as, the temporary file
/// that it was written through still exists.
pub(super) fn read(folder: &Folder, name: &str, limit: usize) -> Result<Vec<u8>, StoreError> {
    let (file, size) = open(folder, name)?;
    let too_large = || StoreError::TooLarge(folder.within(name), limit);
    let size = usize::try_from(size).map_err(|_| too_large())?;
    if size > limit {
        return Err(too_large());
    }
    // It may have grown since: one byte more than allowed tells.
    let bytes = read_most(file, folder, name, size, limit.saturating_add(1))?;
    if bytes.len() > limit {
        return Err(too_large());
    }
    Ok(bytes)
}

/// The first `most` bytes of a plain file, or all of it where it has fewer.
pub(super) fn read_start(folder: &Folder, name: &str, most: usize) -> Result<Vec<u8>, StoreError> {
    let (file, size) = open(folder, name)?;
    let size = usize::try_from(size).unwrap_or(most).min(most);
    read_most(file, folder, name, size, most)
}

fn read_most(
    file: File,
    folder: &Folder,
    name: &str,
    expected: usize,
    most: usize,
) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(expected.saturating_add(1));
    file.take(u64::try_from(most).unwrap_or(u64::MAX))
        .read_to_end(&mut bytes)
        .map_err(|e| StoreError::Failed(folder.within(name), e.to_string()))?;
    Ok(bytes)
}

/// A plain file that nobody else can write to, and its size.
pub(super) fn open(folder: &Folder, name: &str) -> Result<(File, u64), StoreError> {
    let place = folder.within(name);
    let failed = |e: &dyn std::fmt::Display| StoreError::Failed(place.clone(), e.to_string());
    // Non-blocking, for a pipe nobody writes to; no terminal may become ours.
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(&folder.fd, name, flags, Mode::empty()).map_err(|e| {
        match (e, folder.stat(name)) {
            (Errno::NOENT, _) => StoreError::NotFound(place.clone()),
            (_, Ok(stat)) => not_plain(FileType::from_raw_mode(stat.st_mode), &place)
                .unwrap_or_else(|| failed(&e)),
            _ => failed(&e),
        }
    })?;
    let stat = rustix::fs::fstat(&fd).map_err(|e| failed(&e))?;
    if let Some(error) = not_plain(FileType::from_raw_mode(stat.st_mode), &place) {
        return Err(error);
    }
    guard(&stat, &place)?;
    let size = u64::try_from(stat.st_size).map_err(|e| failed(&e))?;
    Ok((File::from(fd), size))
}

/// The error for anything but a plain file.
pub(super) fn not_plain(kind: FileType, place: &str) -> Option<StoreError> {
    (kind != FileType::RegularFile).then(|| StoreError::NotAFile(place.to_owned(), kind_name(kind)))
}

/// Creates the file if its name is free; durable on return.
pub(super) fn create(folder: &Folder, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    if folder.stat(name).is_ok() {
        return Err(StoreError::AlreadyExists(folder.within(name)));
    }
    let temporary = Temporary::write(folder, name, bytes, Lasting::Yes)?;
    temporary.link(name)?;
    drop(temporary);
    folder.sync()
}

/// Puts the file in the place of whatever has its name. What may be lost is not brought to the disk first: after
/// a loss of power it may be there in part, and whoever reads it compares it with something signed.
pub(super) fn replace(
    folder: &Folder,
    name: &str,
    bytes: &[u8],
    lasting: Lasting,
) -> Result<(), StoreError> {
    let temporary = Temporary::write(folder, name, bytes, lasting)?;
    rustix::fs::renameat(&folder.fd, &temporary.name, &folder.fd, name)
        .map_err(|e| unwritable(&folder.within(name), e))
}

/// Whether a file must outlast a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lasting {
    /// It must: it is brought to the disk before it gets its name.
    Yes,
    /// It is derived from others that do.
    No,
}

/// A whole file under a name that no reader looks at. Dropping it removes that name.
struct Temporary<'f> {
    folder: &'f Folder,
    name: String,
    fd: OwnedFd,
}

impl<'f> Temporary<'f> {
    /// Writes the file, and brings it to the disk if it is to last. `name` is what it is to become.
    fn write(
        folder: &'f Folder,
        name: &str,
        bytes: &[u8],
        lasting: Lasting,
    ) -> Result<Self, StoreError> {
        let place = folder.within(name);
        let temporary = Self::open(folder, &place)?;
        let mut file = File::from(
            temporary
                .fd
                .try_clone()
                .map_err(|e| unwritable(&place, e))?,
        );
        rustix::fs::fchmod(&temporary.fd, Mode::RUSR | Mode::WUSR)
            .map_err(|e| unwritable(&place, e))?;
        file.write_all(bytes)
            .and_then(|()| match lasting {
                Lasting::Yes => file.sync_all(),
                Lasting::No => Ok(()),
            })
            .map_err(|e| unwritable(&place, e))?;
        Ok(temporary)
    }

    fn open(folder: &'f Folder, place: &str) -> Result<Self, StoreError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|e| unwritable(place, e))?;
        let name = format!(
            "{TEMPORARY}{}-{:016x}",
            std::process::id(),
            u64::from_ne_bytes(random)
        );
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&folder.fd, &name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|e| unwritable(place, e))?;
        Ok(Self { folder, name, fd })
    }

    /// Gives the file its real name, if that is free.
    fn link(&self, name: &str) -> Result<(), StoreError> {
        let dir = &self.folder.fd;
        let linked = match rustix::fs::linkat(dir, &self.name, dir, name, AtFlags::empty()) {
            // Where there are no hard links (FAT, some network folders).
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => {
                rustix::fs::renameat_with(dir, &self.name, dir, name, RenameFlags::NOREPLACE)
            }
            other => other,
        };
        match linked {
            Ok(()) => Ok(()),
            // A network file system may do it, lose the answer and, asked again, say that it is there.
            Err(_) if self.is_named(name) => Ok(()),
            Err(Errno::EXIST) => Err(StoreError::AlreadyExists(self.folder.within(name))),
            Err(e) => Err(unwritable(&self.folder.within(name), e)),
        }
    }

    fn is_named(&self, name: &str) -> bool {
        match (rustix::fs::fstat(&self.fd), self.folder.stat(name)) {
            (Ok(ours), Ok(theirs)) => (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino),
            _ => false,
        }
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        // After a renaming it is gone already; what else remains is swept another day.
        let _ = rustix::fs::unlinkat(&self.folder.fd, &self.name, AtFlags::empty());
    }
}

/// Removes the temporary files that killed processes left behind, as far as that goes.
pub(super) fn sweep(folder: &Folder) {
    let Ok(names) = folder.scan_all() else { return };
    for (name, _) in names {
        if name.starts_with(TEMPORARY) && is_left_behind(folder, &name) {
            let _ = rustix::fs::unlinkat(&folder.fd, &name, AtFlags::empty());
        }
    }
}

fn is_left_behind(folder: &Folder, name: &str) -> bool {
    let Ok(stat) = folder.stat(name) else {
        return false;
    };
    let Ok(now) = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) else {
        return false;
    };
    let written = Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(u64::MAX));
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && now.saturating_sub(written) > LEFT_BEHIND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_was_made_and_denied_is_known_as_ours() {
        let guard = tempfile::tempdir().unwrap();
        let folder = Folder::open(guard.path()).unwrap();
        let ours = Temporary::write(&folder, "x", b"ours", Lasting::Yes).unwrap();
        // What a network file system does when its answer is lost and it is asked again.
        rustix::fs::linkat(&folder.fd, &ours.name, &folder.fd, "x", AtFlags::empty()).unwrap();
        assert_eq!(ours.link("x"), Ok(()));
        let theirs = Temporary::write(&folder, "x", b"theirs", Lasting::Yes).unwrap();
        let error = StoreError::AlreadyExists(folder.within("x"));
        assert_eq!(theirs.link("x"), Err(error));
        drop((ours, theirs));
        assert_eq!(read(&folder, "x", 4).unwrap(), b"ours");
        assert_eq!(folder.scan_all().unwrap().len(), 1);
    }
}
