//! The findings of `doctor`, each provoked.

use std::fs;

use breakglass::ledger::{Ledger, LedgerSigner};
use breakglass::secret::SigningSeed;
use breakglass::store::DirStore;

use crate::night::text;
use crate::pty::Pty;
use crate::scene::{IC, Scene, Seen, WRONG_PIN, unseal_args};

/// The findings about something, as `(level, what)`.
fn about(seen: &Seen, about: &str) -> Vec<(String, String)> {
    let document = seen.json();
    let findings = document["findings"].as_array().expect("findings").clone();
    let of = findings.iter().filter(|one| one["about"] == about);
    of.map(|one| {
        let text = |field: &str| one[field].as_str().expect("a text").to_owned();
        (text("level"), format!("{} {}", text("what"), one["mend"]))
    })
    .collect()
}

/// One of the findings is of this level, and says or mends so.
pub fn assert_found(seen: &Seen, what: &str, level: &str, words: &str) {
    let found = about(seen, what);
    let there = found
        .iter()
        .any(|(of, text)| of == level && text.contains(words));
    assert!(there, "{what} {level} {words}: {found:?}\n{seen}");
}

/// `doctor` at a terminal, in words.
fn at_terminal(scene: &Scene, args: &[&str]) -> Seen {
    scene.at_terminal(&[&["doctor"], args].concat(), &[])
}

#[test]
fn a_laptop_that_is_ready_is_told_so_and_nothing_is_changed() {
    let scene = Scene::sealed(&["deploy"]);
    let before = crate::night::contents(&scene.path(""));
    let seen = at_terminal(&scene, &[]).ended(0);
    assert!(
        seen.text
            .contains("Nothing found that would stop an opening"),
        "{seen}"
    );
    assert!(
        seen.text.contains("of alice (ic)") && seen.text.contains("of bob (bgo)"),
        "{seen}"
    );
    assert!(!seen.text.contains("PROBLEM"), "{seen}");
    assert!(
        seen.text.lines().all(|line| !line.contains('\u{1b}')),
        "{seen}"
    );
    let after = crate::night::contents(&scene.path(""));
    let changed: Vec<_> = after
        .iter()
        .filter(|(path, digest)| before.get(*path) != Some(digest))
        .map(|(path, _)| path)
        .collect();
    // SoftHSM touches files of its own.
    let ours = changed
        .iter()
        .filter(|path| !path.starts_with(scene.tokens()));
    assert_eq!(ours.count(), 0, "{changed:?}");
}

#[test]
fn without_a_terminal_nobody_can_type_a_pin() {
    let scene = Scene::sealed(&["deploy"]);
    let seen = scene.run(&["doctor", "--json"]).ended(10);
    assert_found(&seen, "terminal", "problem", "ssh -t");
    assert_eq!(seen.json()["opening"], "stopped");
    let tokens = seen.json()["tokens"].as_array().expect("tokens").len();
    assert_eq!(tokens, 2);
}

#[test]
fn a_machine_without_a_vault_is_looked_at_all_the_same() {
    let mut scene = Scene::empty(&["deploy"]);
    scene.initialise(IC);
    scene.go_to(scene.path("never-made"));
    let command = scene.pty_command(&["doctor"]);
    let mut pty = Pty::spawn(command.env_remove("BREAKGLASS_VAULT"));
    let seen = crate::scene::answer(&mut pty, &[]);
    assert!(seen.text.contains("No vault was looked at"), "{seen}");
    assert!(seen.text.contains("of nobody here"), "{seen}");
    assert!(!scene.path("never-made").exists(), "the station was made");
}

#[test]
fn a_station_that_trusts_nothing_and_a_vault_that_cannot_be_read_stop_an_opening() {
    let mut scene = Scene::sealed(&["deploy"]);
    let laptop = scene.new_station("laptop");
    scene.go_to(laptop);
    let seen = scene.run(&["doctor", "--json"]).ended(10);
    assert_found(&seen, "station", "problem", "vault import");
    let nowhere = scene.path("nowhere");
    let args = ["--vault", text(&nowhere), "doctor", "--json"];
    assert_found(
        &scene.run(&args).ended(10),
        "vault",
        "problem",
        "vault-missing",
    );
    let manifest = scene.vault().join("manifest/00000001.json");
    let sound = fs::read(&manifest).expect("a manifest");
    fs::write(&manifest, "{}").expect("ours");
    let seen = scene.run(&["doctor", "--json"]).ended(10);
    assert_found(&seen, "vault", "problem", "security officer");
    fs::write(&manifest, sound).expect("ours");
}

#[test]
fn a_clock_that_is_behind_the_ledger_is_wrong() {
    let scene = Scene::sealed(&["deploy"]);
    // As a machine writes it whose clock is right, where ours is years behind.
    let store = DirStore::open(scene.vault()).expect("a vault");
    let vault = scene.fingerprint().parse().expect("a digest");
    let entry = serde_json::json!({
        "time": "2046-01-01T00:00:00Z",
        "event": { "refused": { "incident": null, "code": "declined", "what": "left" } },
    });
    let seed = SigningSeed::filled(|seed| seed.fill(7));
    let signer = LedgerSigner::new("elsewhere".parse().expect("a name"), &seed);
    let mut ledger = Ledger::open(&store, vault).expect("a ledger");
    let bytes = entry.to_string().into_bytes();
    ledger.append(&[bytes], &signer).expect("it is written");
    let seen = scene.run(&["doctor", "--json"]).ended(10);
    assert_found(&seen, "clock", "problem", "2046-01-01");
}

#[test]
fn a_pin_that_was_wrong_is_told_and_an_open_incident_is_no_hindrance() {
    let scene = Scene::sealed(&["deploy"]);
    let args = unseal_args(&["deploy"], &["true"]);
    let answers = [("PIN of alice", WRONG_PIN), ("PIN of alice", "\x03")];
    scene.at_terminal(&args, &answers).ended(3);
    scene.unseal(&["deploy"], &["true"]).ended(0);
    let seen = at_terminal(&scene, &[]).ended(0);
    assert!(seen.text.contains("is not closed"), "{seen}");
    assert!(seen.text.contains("breakglass close"), "{seen}");
}
