//! Ways to spoil a file, and to put it back.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is put where a file was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoil {
    /// Half of it.
    Truncated,
    /// Nothing at all, in a file.
    Empty,
    /// A hundred million bytes that need no room on the disk.
    Huge,
    /// Bytes that are no UTF-8.
    NotText,
    /// A symbolic link to the same bytes.
    Symlink,
    /// A pipe to which nobody writes.
    Pipe,
    /// A folder.
    Folder,
    /// A device.
    Device,
    /// The same bytes in a file that everybody can write to.
    Exposed,
    /// Nothing.
    Missing,
}

/// Everything but [`Spoil::Missing`], which is often no fault.
pub const PRESENT: [Spoil; 9] = [
    Spoil::Truncated,
    Spoil::Empty,
    Spoil::Huge,
    Spoil::NotText,
    Spoil::Symlink,
    Spoil::Pipe,
    Spoil::Folder,
    Spoil::Device,
    Spoil::Exposed,
];

/// A file that is spoilt until this is dropped.
pub struct Spoilt {
    path: PathBuf,
    aside: PathBuf,
}

impl Spoilt {
    /// Spoils a file.
    pub fn new(path: &Path, how: Spoil) -> Self {
        let spoilt = Self::aside(path);
        let bytes = fs::read(&spoilt.aside).expect("it was a file");
        let put = |bytes: &[u8]| write(path, bytes);
        match how {
            Spoil::Truncated => put(&bytes[..bytes.len() / 2]),
            Spoil::Empty => put(b""),
            Spoil::Huge => {
                put(&bytes);
                let file = fs::File::options().write(true).open(path).expect("ours");
                file.set_len(100_000_000).expect("a sparse file");
            }
            Spoil::NotText => put(&[&b"{\"\xff\xfe\x80"[..], &bytes[..]].concat()),
            Spoil::Symlink => symlink(&spoilt.aside, path).expect("a link"),
            Spoil::Pipe => make(&["mkfifo"], path),
            Spoil::Folder => fs::create_dir(path).expect("a folder"),
            // Where devices cannot be made, a link to one is not the same; a test needs to be root then.
            Spoil::Device => device(path),
            Spoil::Exposed => {
                put(&bytes);
                mode(path, 0o666);
            }
            Spoil::Missing => {}
        }
        spoilt
    }

    /// Puts other bytes in its place.
    pub fn with(path: &Path, bytes: &[u8]) -> Self {
        let spoilt = Self::aside(path);
        write(path, bytes);
        spoilt
    }

    fn aside(path: &Path) -> Self {
        let number = std::process::id();
        let name = path.to_string_lossy().replace('/', "_");
        let aside = std::env::temp_dir().join(format!("breakglass-aside-{number}{name}"));
        fs::rename(path, &aside).expect("the file is there");
        Self {
            path: path.to_owned(),
            aside,
        }
    }
}

impl Drop for Spoilt {
    fn drop(&mut self) {
        let gone = fs::remove_file(&self.path).or_else(|_| fs::remove_dir_all(&self.path));
        drop(gone);
        fs::rename(&self.aside, &self.path).expect("it goes back");
    }
}

/// Sets the permissions of a file or folder.
pub fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("the folder is ours");
    mode(path, 0o600);
}

fn make(command: &[&str], path: &Path) {
    let done = Command::new(command[0])
        .args(&command[1..])
        .arg(path)
        .status();
    assert!(done.expect("coreutils").success(), "{command:?}");
}

/// `/dev/zero` by another name. Only root makes devices; to others the terminal of nobody must do.
fn device(path: &Path) {
    let done = Command::new("mknod")
        .args(["-m", "600"])
        .arg(path)
        .args(["c", "1", "5"])
        .stderr(std::process::Stdio::null())
        .status();
    if !done.expect("coreutils").success() {
        make(&["mkfifo"], path);
    }
}
