//! A file for other programs: metrics, which a collector reads whenever it likes.

use std::ffi::OsString;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Puts a text in the place of what has that name, readable by everybody (mode 0644 under any umask). No
/// reader ever sees a part of it. It need not outlast a loss of power: the next run writes it anew. What is
/// written beside it meanwhile does not end in `.prom`, so no collector takes it.
///
/// # Errors
/// What the system says; the old file is as it was then.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}", std::process::id()));
    let beside = path.with_file_name(beside);
    let written = write(&beside, text).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // Nothing was made, or it is of no use.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    // Of a process that had our number and was killed.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_takes_the_place_of_another_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("breakglass.prom");
        for text in ["one\n", "two\n"] {
            replace(&path, text).expect("it is written");
            assert_eq!(fs::read_to_string(&path).expect("it is there"), text);
        }
        let mode = fs::metadata(&path).expect("it is there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o644);
        let names = fs::read_dir(folder.path()).expect("the folder is ours");
        assert_eq!(names.count(), 1);
    }

    #[test]
    fn what_cannot_be_put_there_leaves_the_old_one_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("taken");
        fs::create_dir_all(path.join("inside")).expect("the folder is ours");
        assert!(replace(&path, "text").is_err());
        let names = fs::read_dir(folder.path()).expect("the folder is ours");
        assert_eq!(names.count(), 1);
        assert!(replace(&folder.path().join("missing/file"), "text").is_err());
        assert!(replace(Path::new("/"), "text").is_err());
    }
}
