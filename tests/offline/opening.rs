//! Opening at the safe.

use crate::cut_off;
use crate::night::{Night, text};
use crate::scene::{Scene, unseal_args};

#[test]
fn the_whole_opening_without_a_network_on_a_copy_that_cannot_be_written() {
    if !cut_off::possible() {
        return;
    }
    let scene = Scene::sealed(&["deploy"]);
    let fingerprint = scene.fingerprint();
    let [(key, true)] = &scene.keys_of("deploy")[..] else {
        panic!("deploy has one active key");
    };
    let key = key.clone();
    let mut night = Night::begin(scene);
    let before = night.contents();

    let doctor = night.run_with_stick(&["doctor"], &[]).ended(10);
    assert!(doctor.text.contains("trusts no vault yet"), "{doctor}");
    assert!(!night.stick.exists(), "doctor made the folder");
    night.import(&fingerprint);
    nothing_opens_where_nothing_can_be_recorded(&night);
    assert_eq!(night.open(), key);
    assert_eq!(night.contents(), before, "the copy was written to");
    let commits = night.stick.join("ledger/commit");
    assert!(std::fs::read_dir(commits).expect("commits").count() > 1);
    let status = night.run_with_stick(&["status"], &[]).ended(10);
    assert!(status.text.contains("is open until"), "{status}");
    // What only a rotator at the main vault can do is refused before AWS is asked.
    let refused = night.run_with_stick(&["close"], &[]).ended(4);
    assert!(refused.text.contains("[ledger-elsewhere]"), "{refused}");

    night.go_home();
    let home = &night.scene;
    assert!(home.open_incidents().is_empty());
    let stick = text(&night.stick);
    let joined = home.run(&["ledger", "join", stick]).ended(10);
    assert!(joined.text.contains("breakglass close"), "{joined}");
    assert_eq!(home.open_incidents().len(), 1);
    assert_eq!(opened(home), std::slice::from_ref(&key));
    let again = home
        .run(&["ledger", "join", stick, "--json"])
        .ended(10)
        .json();
    assert_eq!(again["joined"], 0);
    home.run(&["close"]).ended(0);
    home.run(&["status"]).ended(0);
    home.run(&["ledger", "verify"]).ended(0);
    let keys = home.keys_of("deploy");
    assert!(keys.iter().all(|(id, _)| *id != key), "{keys:?}");
    home.run(&["ledger", "join", stick]).ended(0);
}

/// No PIN is asked for, and the copy stays as it is.
fn nothing_opens_where_nothing_can_be_recorded(night: &Night) {
    let trace = night.scene.path("trace");
    let args = unseal_args(&["deploy"], &["touch", text(&trace)]);
    let seen = night.run(&args, &[]).ended(1);
    assert!(seen.text.contains("[vault-unwritable]"), "{seen}");
    assert!(!seen.text.contains("PIN of") && !trace.exists(), "{seen}");
    let doctor = night.run(&["doctor"], &[]).ended(10);
    assert!(doctor.text.contains("--ledger DIR"), "{doctor}");
    let doctor = night.run_with_stick(&["doctor"], &[]).ended(0);
    assert!(doctor.text.contains(text(&night.stick)), "{doctor}");
}

/// The keys that the ledger says were opened.
pub fn opened(scene: &Scene) -> Vec<String> {
    let log = scene.log();
    let entries = log["entries"].as_array().expect("entries").clone();
    let statements = entries.iter().filter_map(|entry| {
        let event = &entry["event"];
        let carried = &event["carried"]["entry"]["event"];
        let opened = [event, carried].map(|event| event["opened"]["statement"]["payload"].as_str());
        opened.into_iter().flatten().next()
    });
    statements
        .map(|payload| {
            let payload = data_encoding::BASE64.decode(payload.as_bytes());
            let payload = payload.expect("base64");
            let stated: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
            stated["access_key"].as_str().expect("a key").to_owned()
        })
        .collect()
}
