//! The vectors in the tree are what the second implementation makes. It makes none that it does not take
//! as it is meant.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::{repository, second_says, text};

fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        (
            name.into_owned(),
            fs::read_to_string(&path).expect("a text"),
        )
    };
    entries.map(read).collect()
}

#[test]
fn the_vectors_are_exactly_those_that_are_generated() {
    let folder = tempfile::tempdir().expect("a folder");
    let fresh = folder.path().join("format");
    second_says(&["generate", text(&fresh)]);
    let (fresh, kept) = (files(&fresh), files(&repository("tests/vectors/format")));
    assert!(!kept.is_empty());
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&kept), names(&fresh));
    for (name, text) in kept {
        assert!(
            fresh.get(&name) == Some(&text),
            "{name} is not what `python tests/second generate tests/vectors/format` makes"
        );
    }
}
