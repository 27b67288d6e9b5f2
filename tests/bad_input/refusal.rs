//! What every refusal must be: its exit code, its code, three parts, nothing raw, nothing lost.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::scene::{Scene, Seen};

/// What is there, seen from outside: every file of the vault and the station, and every key in AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    vault: BTreeMap<PathBuf, String>,
    station: BTreeMap<PathBuf, String>,
    keys: Vec<(String, bool)>,
}

impl Look {
    /// Looks, at the keys of these users too.
    pub fn at(scene: &Scene, users: &[&str]) -> Self {
        let mut look = Self {
            vault: BTreeMap::new(),
            station: BTreeMap::new(),
            keys: users.iter().flat_map(|user| scene.keys_of(user)).collect(),
        };
        walk(&scene.vault(), &mut look.vault);
        walk(scene.station(), &mut look.station);
        look
    }

    /// Nothing at all is different.
    pub fn assert_same(&self, after: &Self, what: &str) {
        assert_eq!(differences(&self.vault, &after.vault), "", "vault: {what}");
        assert_eq!(
            differences(&self.station, &after.station),
            "",
            "station: {what}"
        );
        assert_eq!(self.keys, after.keys, "keys: {what}");
    }

    /// The vault is as it was, and the keys; the station may have got its key.
    pub fn assert_vault_same(&self, after: &Self, what: &str) {
        assert_eq!(differences(&self.vault, &after.vault), "", "vault: {what}");
        assert_eq!(self.keys, after.keys, "keys: {what}");
    }

    /// Nothing that was there is different or gone but what is derived from the ledger, and nothing is new
    /// but entries of the ledger and the header of a generation that came to nothing.
    pub fn assert_recorded_at_most(&self, after: &Self, what: &str) {
        let lasting = |files: &BTreeMap<PathBuf, String>| {
            let mut files = files.clone();
            files.retain(|path, _| {
                let path = path.to_string_lossy();
                let new = path.contains("/ledger/commit/") || path.contains("/generation/");
                let derived = path.contains("/ledger/tile") || path.ends_with("/ledger/checkpoint");
                let record = path.contains("/record");
                !derived && (self.vault.contains_key(Path::new(&*path)) || !new || record)
            });
            files
        };
        let (before, now) = (lasting(&self.vault), lasting(&after.vault));
        assert_eq!(differences(&before, &now), "", "vault: {what}");
        assert_eq!(self.keys, after.keys, "keys: {what}");
    }

    /// The keys that there were.
    pub fn keys(&self) -> &[(String, bool)] {
        &self.keys
    }
}

fn walk(path: &Path, into: &mut BTreeMap<PathBuf, String>) {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return;
    };
    // Locks are empty files that come and stay.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with(".lock-") {
        return;
    }
    let kind = meta.file_type();
    let what = if kind.is_symlink() {
        format!("link to {:?}", fs::read_link(path))
    } else if kind.is_file() && meta.len() < 100_000_000 {
        let bytes = fs::read(path).expect("we are its owner");
        data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
    } else if kind.is_dir() {
        "folder".to_owned()
    } else {
        format!("fifo {} device {}", kind.is_fifo(), kind.is_char_device())
    };
    into.insert(path.to_owned(), format!("{:o} {what}", meta.mode()));
    if kind.is_dir() {
        for entry in fs::read_dir(path).expect("we are its owner") {
            walk(&entry.expect("an entry").path(), into);
        }
    }
}

fn differences(before: &BTreeMap<PathBuf, String>, after: &BTreeMap<PathBuf, String>) -> String {
    let all: std::collections::BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    all.into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| {
            let (was, is) = (before.get(path), after.get(path));
            format!("{}: {was:?} became {is:?}\n", path.display())
        })
        .collect()
}

/// A refusal in its two forms.
#[derive(Debug)]
pub struct Told {
    /// Standard error, for people.
    pub text: String,
    /// The document, for machines.
    pub error: serde_json::Value,
}

impl Told {
    /// What failed.
    pub fn what(&self) -> &str {
        self.error["what"].as_str().unwrap_or_default()
    }

    /// All hints, one a line.
    pub fn hints(&self) -> String {
        let hints = self.error["hints"].as_array().expect("hints");
        let lines = hints.iter().filter_map(|hint| hint.as_str());
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Runs the command twice, for people and for machines, without a terminal. Both must fail with this exit
/// code and code, in three parts; neither may show anything raw or panic.
pub fn told(scene: &Scene, args: &[&str], exit: i32, code: &str) -> Told {
    let human = scene.run(args);
    let machine = scene.run(&[&["--json"], args].concat());
    let told = Told {
        text: human.error.clone(),
        error: machine.json()["error"].clone(),
    };
    if std::env::var_os("BREAKGLASS_TEST_SHOW").is_some() {
        println!("--- {args:?}\n{}", told.text);
    }
    check_human(&human, exit, code, args);
    check_machine(&machine, exit, code, args);
    told
}

/// As [`told`]; and nothing is different afterwards.
pub fn refused(scene: &Scene, users: &[&str], args: &[&str], exit: i32, code: &str) -> Told {
    let before = Look::at(scene, users);
    let told = told(scene, args, exit, code);
    before.assert_same(&Look::at(scene, users), &told.text);
    told
}

/// As [`told`]; and nothing is different afterwards but that the ledger says so.
pub fn refused_on_record(
    scene: &Scene,
    users: &[&str],
    args: &[&str],
    exit: i32,
    code: &str,
) -> Told {
    let before = Look::at(scene, users);
    let told = told(scene, args, exit, code);
    before.assert_recorded_at_most(&Look::at(scene, users), &told.text);
    told
}

fn check_human(seen: &Seen, exit: i32, code: &str, args: &[&str]) {
    assert_eq!(seen.code, exit, "{args:?}: {seen}");
    assert_eq!(seen.text, "", "{args:?}: standard output is data: {seen}");
    assert_calm(seen);
    let lines: Vec<&str> = seen.error.lines().collect();
    let what = lines.iter().position(|line| {
        line.strip_prefix("error: ")
            .is_some_and(|rest| rest.ends_with(&format!("[{code}]")))
    });
    let what = what.unwrap_or_else(|| panic!("{args:?}: no error [{code}]: {seen}"));
    let now = lines.get(what + 1).and_then(|l| l.strip_prefix("  now: "));
    assert!(now.is_some_and(|now| now.len() > 10), "{args:?}: {seen}");
    for hint in &lines[what + 2..] {
        assert!(hint.starts_with("hint: "), "{args:?}: {seen}");
    }
}

fn check_machine(seen: &Seen, exit: i32, code: &str, args: &[&str]) {
    assert_eq!(seen.code, exit, "{args:?}: {seen}");
    assert_calm(seen);
    let error = &seen.json()["error"];
    assert_eq!(error["code"], code, "{args:?}: {seen}");
    assert_eq!(error["exit"], exit, "{args:?}: {seen}");
    for part in ["what", "state"] {
        let text = error[part].as_str().expect("a text");
        assert!(text.len() > 5, "{args:?}: {part}: {seen}");
    }
    assert!(error["hints"].is_array(), "{args:?}: {seen}");
    let kebab = |c: char| c.is_ascii_lowercase() || c == '-';
    assert!(code.chars().all(kebab), "{code}");
}

/// Nothing of it moves a cursor or hides a letter, and it is no panic.
pub fn assert_calm(seen: &Seen) {
    for text in [&seen.text, &seen.error] {
        assert!(!text.contains("panicked"), "{seen}");
        assert!(!text.contains("RUST_BACKTRACE"), "{seen}");
        assert_eq!(raw(text), None, "{seen:?}", seen = text);
    }
    assert_ne!(seen.code, 101, "{seen}");
}

/// The first character that must not be shown as it is, in a text of several lines.
pub fn raw(text: &str) -> Option<char> {
    let hidden = |c: &char| {
        matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
    };
    text.chars()
        .find(|c| (c.is_control() && *c != '\n') || hidden(c))
}
