//! What was recorded offline comes home.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::night::{Night, export, text};
use crate::opening::opened;
use crate::scene::Scene;

#[test]
fn nothing_foreign_is_joined() {
    let scene = Scene::sealed(&["deploy"]);
    let empty = scene.path("empty");
    fs::create_dir(&empty).expect("ours");
    let join = |dir: &str| scene.run(&["ledger", "join", dir]);
    let seen = join(text(&empty)).ended(4);
    assert!(seen.error.contains("[nothing-to-join]"), "{seen}");
    let seen = join(text(&scene.path("nowhere"))).ended(1);
    assert!(seen.error.contains("[ledger-missing]"), "{seen}");
    // Another vault's ledger differs from the first commit on.
    let other = Scene::founded(&["deploy"]);
    let before = crate::night::contents(&scene.vault());
    join(text(&other.vault())).ended(7);
    assert_eq!(crate::night::contents(&scene.vault()), before);
}

#[test]
fn a_forged_entry_is_not_joined_and_nothing_is_written() {
    let Some(mut night) = Night::trusted(&["deploy"]) else {
        return;
    };
    night.open();
    let commits = night.stick.join("ledger/commit");
    for entry in fs::read_dir(commits).expect("commits") {
        let path = entry.expect("a commit").path();
        let bytes = fs::read(&path).expect("a commit");
        let forged = String::from_utf8_lossy(&bytes).replace("sign-on is down", "sign-on is fine");
        if forged.as_bytes() != bytes {
            fs::write(&path, forged).expect("ours");
        }
    }
    night.go_home();
    let before = crate::night::contents(&night.scene.vault());
    night
        .scene
        .run(&["ledger", "join", text(&night.stick)])
        .ended(7);
    assert_eq!(crate::night::contents(&night.scene.vault()), before);
}

#[test]
fn a_stick_that_parted_from_the_copy_records_nothing_more() {
    let Some(mut night) = Night::trusted(&["deploy"]) else {
        return;
    };
    night.open();
    night.go_home();
    night.scene.run(&["rotate"]).ended(0);
    let safe = night.safe.clone();
    export(&night.scene, &safe).ended(0);
    let stick = text(&night.stick);
    let vault = safe.join("vault");
    let args = ["--ledger", stick, "--vault", text(&vault), "status"];
    let seen = night.scene.run(&args).ended(4);
    assert!(seen.error.contains("[ledger-parted]"), "{seen}");
    assert!(seen.error.contains("ledger join"), "{seen}");
}

#[test]
fn where_both_ledgers_went_on_what_was_opened_is_open_at_home_and_the_fork_stays_visible() {
    let Some(mut night) = Night::trusted(&["deploy"]) else {
        return;
    };
    let key = night.open();

    // Meanwhile the main vault went on, and the key that was opened is not even in force any more.
    night.go_home();
    let home = &night.scene;
    home.run(&["rotate"]).ended(0);
    assert!(home.keys_of("deploy").iter().all(|(id, _)| *id != key));
    let before = home.log()["entries"].as_array().expect("entries").len();
    let stick = text(&night.stick);
    let joined = home.run(&["ledger", "join", stick]).ended(10);
    assert!(joined.text.contains("Both ledgers had gone on"), "{joined}");

    assert_eq!(home.open_incidents().len(), 1);
    let incident = home.open_incidents().remove(0);
    assert_eq!(opened(home), [key]);
    let of_incident = home
        .run(&["ledger", "log", "--incident", &incident])
        .ended(0);
    assert!(of_incident.text.contains("carried"), "{of_incident}");
    let log = home.log();
    let entry = &log["entries"][before]["event"]["ledger-joined"];
    for head in [&entry["main"], &entry["parted"], &entry["heads"][0]] {
        assert!(head["size"].is_u64() && head["root"].is_string(), "{entry}");
    }
    let verified = home.run(&["ledger", "verify", "--json"]).ended(0).json();
    assert_eq!(verified["joined"], 1);

    // Once more: nothing is joined twice. And it is closed as any other.
    let again = home.run(&["ledger", "join", stick, "--json"]).ended(10);
    assert_eq!(again.json()["joined"], 0);
    home.run(&["close", &incident]).ended(0);
    home.run(&["status"]).ended(0);
    home.run(&["ledger", "verify"]).ended(0);
    assert!(second_verifies(home));
    // What is kept goes along to the safe: a copy without it would not verify.
    export(home, &night.safe).ended(0);
    evidence_counts(home);
}

/// What the second implementation says of the vault.
fn second_verifies(home: &Scene) -> bool {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/second");
    let output = Command::new(crate::aws::python())
        .arg(program)
        .arg("verify")
        .arg(home.vault())
        .output();
    output.expect("Python is installed").status.success()
}

/// Whoever changes or takes away what is kept is found out.
fn evidence_counts(home: &Scene) {
    let offline = home.vault().join("ledger/offline");
    let kept = crate::night::contents(&offline);
    assert!(!kept.is_empty());
    for path in kept.keys() {
        let sound = fs::read(path).expect("a commit");
        let mut spoilt = sound.clone();
        *spoilt.last_mut().expect("bytes") ^= 1;
        fs::write(path, spoilt).expect("ours");
        home.run(&["ledger", "verify"]).ended(7);
        fs::remove_file(path).expect("ours");
        home.run(&["ledger", "verify"]).ended(7);
        assert!(!second_verifies(home));
        fs::write(path, sound).expect("ours");
    }
    home.run(&["ledger", "verify"]).ended(0);
}

#[test]
fn a_copy_that_was_opened_by_itself_is_joined_as_well() {
    let mut scene = Scene::sealed(&["deploy"]);
    let copy = scene.copy_of_vault("copy");
    let home = scene.station().to_owned();
    let laptop = scene.new_station("laptop");
    let fingerprint = scene.fingerprint();
    scene.go_to(laptop);
    scene
        .variables
        .push(("BREAKGLASS_VAULT".into(), copy.clone().into()));
    scene.run(&["trust", &fingerprint]).ended(0);
    scene.unseal(&["deploy"], &["true"]).ended(0);
    scene.variables.clear();
    scene.go_to(home);
    scene.run(&["rotate"]).ended(0);
    // The station at home has not seen the copy's ledger, and refuses it as its own.
    scene.run(&["--vault", text(&copy), "status"]).ended(7);
    scene.run(&["ledger", "join", text(&copy)]).ended(10);
    assert_eq!(scene.open_incidents().len(), 1);
    scene.run(&["ledger", "verify"]).ended(0);
}

#[test]
fn a_stick_that_is_used_again_after_it_was_joined_is_joined_on() {
    let Some(mut night) = Night::trusted(&["deploy", "audit"]) else {
        return;
    };
    night.open();
    let laptop = night.scene.station().to_owned();
    let variables = night.scene.variables.clone();
    night.go_home();
    night.scene.run(&["rotate"]).ended(0);
    let stick = text(&night.stick).to_owned();
    night.scene.run(&["ledger", "join", &stick]).ended(10);
    let incident = night.scene.open_incidents().remove(0);
    night.scene.run(&["close", &incident]).ended(0);

    // The laptop knows nothing of all that, and opens once more in the incident that it knows as open.
    night.scene.go_to(laptop);
    night.scene.variables = variables;
    night.open();
    night.go_home();
    let seen = night.scene.run(&["ledger", "join", &stick]).ended(10);
    assert!(seen.text.contains(&incident), "{seen}");
    assert_eq!(
        night.scene.open_incidents(),
        std::slice::from_ref(&incident)
    );
    assert_eq!(opened(&night.scene).len(), 2);
    night.scene.run(&["ledger", "verify"]).ended(0);
    night.scene.run(&["close", &incident]).ended(0);
    night.scene.run(&["ledger", "verify"]).ended(0);
}
