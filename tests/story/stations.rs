//! Other machines, and copies of the vault that are older than what a machine has seen.

use crate::log;
use crate::scene::{BGO, IC, Scene, borrowed, both_pins, pin, unseal_args};

#[test]
fn a_second_machine_trusts_by_the_card_and_becomes_the_rotator() {
    let mut scene = Scene::sealed(&["deploy"]);
    let card = scene.fingerprint();
    let first = scene.station().to_owned();
    let second = scene.new_station("second");

    scene.go_to(second.clone());
    scene.run(&["status"]).ended(4);
    scene.run(&["rotate"]).ended(4);
    scene.run(&["trust", &"0".repeat(64)]).ended(7);
    scene.run(&["trust", &card[1..]]).ended(2);
    scene.run(&["trust", &card[..32], &card[32..]]).ended(0);
    scene.run(&["status"]).ended(0);

    // It may not seal yet, and says what to type at one that may.
    let before = scene.keys_of("deploy");
    let seen = scene.run(&["rotate", "--json"]).ended(4).json();
    assert_eq!(scene.keys_of("deploy"), before);
    let hint = seen["error"]["hints"][0]
        .as_str()
        .expect("a hint")
        .to_owned();
    let words: Vec<&str> = hint.split(' ').skip(1).collect();
    assert_eq!(words[..3], ["rotator", "add", "second"], "{hint}");
    scene.go_to(first.clone());
    scene.at_terminal(&words, &borrowed(&both_pins())).ended(0);
    scene.go_to(second.clone());
    scene.run(&["rotate"]).ended(0);
    let after = scene.keys_of("deploy");
    assert_ne!(after, before);

    // The first is retired from there, and makes no key any more.
    scene
        .at_terminal(&["rotator", "retire", "station"], &borrowed(&both_pins()))
        .ended(0);
    scene.go_to(first);
    scene.run(&["rotate"]).ended(4);
    assert_eq!(scene.keys_of("deploy"), after);
    // What both sealed opens on either.
    scene.unseal(&["deploy"], &["true"]).ended(0);
    scene.go_to(second);
    scene.run(&["close"]).ended(0);
    scene.run(&["status"]).ended(0);
    scene.run(&["ledger", "verify"]).ended(0);
}

#[test]
fn an_older_copy_is_refused_by_everything_and_costs_no_key() {
    let scene = Scene::sealed(&["deploy"]);
    let older_ledger = scene.copy_of_vault("older-ledger");
    scene.unseal(&["deploy"], &["true"]).ended(0);
    scene.run(&["close"]).ended(0);
    let older_manifest = scene.copy_of_vault("older-manifest");
    let answers = [("PIN of alice", &*pin(IC)), ("PIN of bob", &pin(BGO))];
    scene
        .at_terminal(&["compartment", "add", "prod"], &answers)
        .ended(0);
    let keys = scene.keys_of("deploy");
    let before = log::events(&scene);

    let older_manifest_alone = scene.copy_of_vault("older-manifest-alone");
    std::fs::remove_file(older_manifest_alone.join(breakglass::format::paths::manifest(2)))
        .expect("it is there");

    for copy in [&older_ledger, &older_manifest, &older_manifest_alone] {
        let copy = copy.to_str().expect("UTF-8");
        for command in [
            vec!["status"],
            vec!["rotate"],
            vec!["rotate", "--due"],
            vec!["close"],
            vec!["credential", "list"],
            vec!["credential", "add", "other", "--user", "deploy"],
            vec!["custodian", "list"],
            vec!["ledger", "verify"],
            vec!["threshold", "ic", "1"],
            unseal_args(&["deploy"], &["true"]),
        ] {
            let args = [&["--vault", copy], &command[..]].concat();
            // At a terminal, and no PIN is asked for.
            let seen = scene.at_terminal(&args, &[]).ended(7);
            assert!(!seen.text.contains("PIN of"), "{seen}");
        }
    }
    assert_eq!(scene.keys_of("deploy"), keys);
    assert_eq!(log::events(&scene), before);
    scene.run(&["status"]).ended(0);
    assert_eq!(
        scene
            .run(&["custodian", "list"])
            .ended(0)
            .text
            .matches(BGO)
            .count(),
        2,
        "name and label"
    );
}
