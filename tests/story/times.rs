//! The times of the policy: set by a quorum, in force at once, and said beforehand.

use crate::scene::{Scene, borrowed, both_pins, unseal_args};

#[test]
fn a_quorum_changes_the_times_of_the_policy() {
    let scene = Scene::sealed(&["deploy"]);
    let explained = scene.run(&["policy", "explain", "--json"]).ended(0);
    let times = explained.json()["times"].clone();
    assert_eq!(times["rotate-days"], 30, "{explained}");
    assert_eq!(times["keep-proved-days"], 90, "{explained}");
    let before = scene.run(&["status", "--json"]).ended(0).json();

    let set = [
        "policy",
        "set",
        "--rotate-days",
        "7",
        "--max-lease",
        "30",
        "--grace",
        "60",
    ];
    let pins = both_pins();
    let seen = scene.at_terminal(&set, &borrowed(&pins)).ended(0);
    for words in [
        "due for rotation after 7 days",
        "lasts at most 30 minutes",
        "deactivated for 60 minutes",
        "Manifest 2 is in force",
    ] {
        assert!(seen.text.contains(words), "{words}: {seen}");
    }
    // What is sealed stays as it is, and is due earlier.
    let after = scene.run(&["status", "--json"]).ended(0).json();
    let due = |status: &serde_json::Value| status["compartments"][0]["due"].to_string();
    assert!(due(&after) < due(&before), "{after}");
    let long = unseal_args(&["deploy"], &["true"]);
    let long = [&long[..4], &["--for", "31m"], &long[4..]].concat();
    let refused = scene.at_terminal(&long, &[]).ended(4);
    assert!(refused.text.contains("[lease-refused]"), "{refused}");
    scene.run(&["rotate"]).ended(0);
    assert_eq!(
        scene.keys_of("deploy").len(),
        2,
        "the grace keeps the old one"
    );
}

#[test]
fn longer_leases_take_consent_and_nonsense_is_refused() {
    let scene = Scene::sealed(&["deploy"]);
    let longer = ["policy", "set", "--max-lease", "600", "--keep-proved", "0"];
    let declined = scene
        .at_terminal(&longer, &[("What is marked with ! gets worse", "no")])
        .ended(3);
    assert!(declined.text.contains("and no longer 240"), "{declined}");
    assert!(
        declined.text.contains("is kept for 0 days, and no"),
        "{declined}"
    );
    for nonsense in [
        ["--rotate-days", "0"],
        ["--rotate-days", "366"],
        ["--max-lease", "0"],
        ["--grace", "43201"],
        ["--keep-proved", "366"],
    ] {
        let args = [&["policy", "set"][..], &nonsense].concat();
        let seen = scene.at_terminal(&args, &[]).ended(4);
        assert!(
            seen.text.contains("[change-refused]"),
            "{nonsense:?}: {seen}"
        );
        assert!(!seen.text.contains("PIN of"), "{nonsense:?}: {seen}");
    }
    scene.run(&["policy", "set"]).ended(2);
    let explained = scene.run(&["policy", "explain", "--json"]).ended(0);
    assert_eq!(explained.json()["times"]["max-lease-minutes"], 240);
}
