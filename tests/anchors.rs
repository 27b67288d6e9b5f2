//! Anchors on tokens: an older vault, or another one, is refused by a machine that has never seen it.

#[path = "common/aws.rs"]
mod aws;
#[path = "common/pty.rs"]
mod pty;
#[path = "common/scene.rs"]
mod scene;

use std::fs;
use std::path::Path;

use scene::{BGO, IC, Scene, borrowed, both_pins, pin, unseal_args};

/// Puts a copy of the vault in its place, and goes to a machine that only knows the fingerprint.
fn meet_on_a_fresh_machine(scene: &mut Scene, copy: &Path) {
    let fingerprint = scene.fingerprint();
    fs::rename(scene.vault(), scene.path("newer")).unwrap();
    fs::rename(copy, scene.vault()).unwrap();
    let fresh = scene.new_station("fresh");
    scene.go_to(fresh);
    scene.run(&["trust", &fingerprint]).ended(0);
}

#[test]
fn an_older_vault_is_refused_by_a_machine_that_has_never_seen_it() {
    let mut scene = Scene::sealed(&["deploy"]);
    let old = scene.copy_of_vault("old");
    // A change of the manifest: alice and bob sign, and their tokens remember how far the vault had come.
    let answers = borrowed_pins();
    let change = ["compartment", "add", "second"];
    scene.at_terminal(&change, &borrowed(&answers)).ended(0);
    let change = ["compartment", "add", "third"];
    scene.at_terminal(&change, &borrowed(&answers)).ended(0);
    meet_on_a_fresh_machine(&mut scene, &old);
    let args = unseal_args(&["deploy"], &["true"]);
    let seen = scene.at_terminal(&args, &[]).ended(7);
    assert!(seen.text.contains("[vault-rolled-back]"), "{seen}");
    assert!(
        !seen.text.contains("PIN of"),
        "no PIN was asked for: {seen}"
    );
}

#[test]
fn a_ledger_whose_end_is_cut_off_is_refused_by_a_machine_that_has_never_seen_it() {
    let mut scene = Scene::founded(&["deploy", "other"]);
    scene.add(&["deploy"]);
    scene.run(&["rotate"]).ended(0);
    scene.add(&["other"]);
    let change = ["compartment", "add", "second"];
    scene
        .at_terminal(&change, &borrowed(&borrowed_pins()))
        .ended(0);
    let copy = scene.copy_of_vault("copy");
    // The manifest is the newest; the ledger ends before the anchor's head.
    let commits = copy.join("ledger/commit");
    let mut names: Vec<_> = fs::read_dir(&commits)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    // Those of the change, which came after the tokens signed for it, and one before them.
    for newest in &names[names.len() - 3..] {
        fs::remove_file(newest).unwrap();
    }
    for derived in ["checkpoint", "tile"] {
        let derived = copy.join("ledger").join(derived);
        let _ = fs::remove_file(&derived);
        let _ = fs::remove_dir_all(&derived);
    }
    meet_on_a_fresh_machine(&mut scene, &copy);
    let args = unseal_args(&["deploy"], &["true"]);
    let seen = scene.at_terminal(&args, &[]).ended(7);
    assert!(
        !seen.text.contains("PIN of"),
        "no PIN was asked for: {seen}"
    );
}

#[test]
fn the_vault_as_it_is_opens_on_a_fresh_machine() {
    let mut scene = Scene::sealed(&["deploy"]);
    let copy = scene.copy_of_vault("copy");
    meet_on_a_fresh_machine(&mut scene, &copy);
    let args = unseal_args(&["deploy"], &["sh", "-c", "exit 7"]);
    let seen = scene.at_terminal(&args, &borrowed(&both_pins())).ended(7);
    assert!(!seen.text.contains("no anchor"), "{seen}");
}

#[test]
fn a_token_that_served_another_vault_forgets_it_only_by_its_holder_s_word() {
    let scene = Scene::founded(&["deploy"]);
    let taken = scene.path("other");
    fs::rename(scene.vault(), &taken).unwrap();
    let station = scene.new_station("second");
    let mut scene = scene;
    scene.go_to(station);
    let args = scene::init_args(&[IC], &[BGO], &[]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let seen = scene
        .at_terminal(&args, &[("remembers another vault", "no")])
        .ended(3);
    assert!(seen.text.contains("A token serves one vault"), "{seen}");
    assert!(!scene.vault().join("manifest").exists() || is_empty(&scene.vault().join("manifest")));
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

fn borrowed_pins() -> Vec<(String, String)> {
    [IC, BGO]
        .map(|name| (format!("PIN of {name}"), pin(name)))
        .to_vec()
}
