//! One of each class through the real binary, for the exit code and for what is said: text and JSON.

use std::fs;
use std::path::{Path, PathBuf};

use crate::scene::{Scene, unseal_args};

const USERS: &[&str] = &["deploy"];

/// Changes one byte of a file, which is put back when this is dropped.
struct Flipped {
    path: PathBuf,
    good: Vec<u8>,
}

impl Flipped {
    fn new(scene: &Scene, path: &str, at: usize) -> Self {
        let path = scene.vault().join(path);
        let good = fs::read(&path).expect("a file");
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).expect("ours");
        Self { path, good }
    }
}

impl Drop for Flipped {
    fn drop(&mut self) {
        fs::write(&self.path, &self.good).expect("ours");
    }
}

fn refused(scene: &Scene, args: &[&str], exit: i32, code: &str) {
    let before = scene.keys_of("deploy");
    let seen = scene.run(args).ended(exit);
    assert!(seen.error.contains(&format!("[{code}]")), "{seen}");
    let json = scene.run(&[&["--json"], args].concat()).ended(exit).json();
    assert_eq!(json["error"]["code"], code);
    assert_eq!(scene.keys_of("deploy"), before, "a key was made");
}

#[test]
fn what_is_changed_moved_or_cut_off_ends_with_the_right_exit_code() {
    let mut scene = Scene::sealed(USERS);
    let unseal = unseal_args(USERS, &["true"]);
    let all = [
        &["rotate"][..],
        &["status"],
        &["ledger", "verify"],
        &["ledger", "log"],
        &unseal,
    ];
    {
        let _manifest = Flipped::new(&scene, "manifest/00000001.json", 500);
        all.iter()
            .for_each(|args| refused(&scene, args, 7, "manifest-invalid"));
    }
    {
        let _commit = Flipped::new(&scene, "ledger/commit/000000000003", 450);
        all.iter()
            .for_each(|args| refused(&scene, args, 7, "ledger-broken"));
    }
    for file in ["header.json", "record/deploy.json"] {
        let path = format!("generation/main/00000001/{file}");
        let end = fs::read(scene.vault().join(&path)).expect("a file").len() - 1;
        let _blank = Flipped::new(&scene, &path, end);
        refused(&scene, &["ledger", "verify"], 7, "document-malformed");
        refused(&scene, &unseal, 7, "document-malformed");
    }
    let planted = scene.vault().join("generation/main/00000002/record");
    fs::create_dir_all(&planted).expect("ours");
    let record = scene
        .vault()
        .join("generation/main/00000001/record/deploy.json");
    fs::copy(record, planted.join("deploy.json")).expect("ours");
    refused(&scene, &["rotate"], 7, "document-planted");
    refused(&scene, &["ledger", "verify"], 7, "document-planted");
    fs::remove_dir_all(scene.vault().join("generation/main/00000002")).expect("ours");
    // What is derived: told, and no harm.
    {
        let _tile = Flipped::new(&scene, "ledger/tile/0/000.p/2", 5);
        let seen = scene.run(&["ledger", "verify"]).ended(0);
        assert!(seen.text.contains("belong to no tile"), "{seen}");
        let json = scene.run(&["ledger", "verify", "--json"]).ended(0).json();
        assert_eq!(json["tiles"]["odd"][0], "ledger/tile/0/000.p/2");
        scene.run(&["status"]).ended(0);
    }
    cut_off(&mut scene);
}

/// A station whose name is the rotator's, and whose key is not, is not taken for it.
#[test]
fn a_borrowed_name_makes_no_rotator() {
    let mut scene = Scene::sealed(USERS);
    let ours = scene.station().to_owned();
    let status = scene.run(&["status", "--json"]).json();
    let fingerprint = status["fingerprint"].as_str().expect("a digest").to_owned();
    let theirs = scene.new_station("theirs");
    let config = theirs.join("config.toml");
    let text = fs::read_to_string(&config).expect("text");
    let named = text.replace("name = \"theirs\"", "name = \"station\"");
    assert_ne!(named, text);
    fs::write(&config, named).expect("ours");
    scene.go_to(theirs);
    scene.run(&["trust", &fingerprint]).ended(0);
    scene.run(&unseal_args(USERS, &["true"])).ended(3);
    scene.go_to(ours);
    let seen = scene.run(&["ledger", "verify"]).ended(0);
    let rows = |beginning: &str| {
        let rows = seen.text.lines().filter(|row| row.starts_with(beginning));
        rows.count()
    };
    assert_eq!(
        (rows("rotator station "), rows("station station ")),
        (1, 1),
        "{seen}"
    );
}

/// The end cut off: told by a station that remembers; by one that does not, at least not called complete.
fn cut_off(scene: &mut Scene) {
    let good = scene.run(&["ledger", "verify", "--json"]).ended(0).json();
    assert_eq!(good["complete"], true);
    let commits = scene.vault().join("ledger/commit");
    let last = |folder: &Path| {
        let names = fs::read_dir(folder).expect("commits");
        let paths = names.map(|entry| entry.expect("an entry").path());
        paths.max().expect("some")
    };
    fs::remove_file(last(&commits)).expect("ours");
    for args in [&["ledger", "verify"][..], &["ledger", "log"], &["rotate"]] {
        refused(scene, args, 7, "ledger-cut-off");
    }
    let forgetful = scene.new_station("forgetful");
    scene.go_to(forgetful);
    let seen = scene.run(&["ledger", "verify"]).ended(0);
    assert!(seen.text.contains("UNKNOWN"), "{seen}");
    assert!(seen.text.contains("were the newest cut off?"), "{seen}");
    let json = scene.run(&["ledger", "verify", "--json"]).ended(0).json();
    assert_eq!(json["complete"], false);
    assert_eq!(json["intact"], true);
}
