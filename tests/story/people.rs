//! Several people of one role, spare tokens, and changes of who may open.

use crate::log;
use crate::scene::{BGO, IC, Scene, Seen, WHOSE, pin, unseal_args};

/// What is asked before a change that makes something worse, and the answer to it.
const WORSE: (&str, &str) = ("Type \"yes\" to go on", "yes");

/// An opening with these answers.
fn open(scene: &Scene, answers: &[(&str, &str)]) -> Seen {
    scene.at_terminal(&unseal_args(&["deploy"], &["true"]), answers)
}

/// A vault of these, with one credential, sealed.
fn sealed_by(ics: &[&str], options: &[&str]) -> Scene {
    let scene = Scene::empty(&["deploy"]);
    scene.prepare(ics);
    scene.prepare(&[BGO]);
    scene.found(ics, &[BGO], options);
    scene.add(&["deploy"]);
    scene.run(&["rotate"]).ended(0);
    scene
}

#[test]
fn any_two_of_three_incident_commanders_open_and_one_does_not() {
    let scene = sealed_by(&[IC, "carol", "dave"], &["--ic-threshold", "2"]);
    let (alice, carol, dave, bob) = (pin(IC), pin("carol"), pin("dave"), pin(BGO));
    let pairs = [
        (
            (IC, "PIN of alice", &alice),
            ("carol", "PIN of carol", &carol),
        ),
        (
            ("dave", "PIN of dave", &dave),
            ("alice", "PIN of alice", &alice),
        ),
        (
            ("carol", "PIN of carol", &carol),
            ("dave", "PIN of dave", &dave),
        ),
    ];
    for ((first, first_prompt, first_pin), (second, second_prompt, second_pin)) in pairs {
        let answers = [
            (WHOSE, first),
            (first_prompt, first_pin.as_str()),
            (WHOSE, second),
            (second_prompt, second_pin.as_str()),
            ("PIN of bob", &bob),
        ];
        let seen = open(&scene, &answers).ended(0);
        assert_eq!(seen.text.matches("(ic) contributed").count(), 2, "{seen}");
    }
    assert_eq!(log::of(&scene, "opened").len(), 3);
    let answers = [
        (WHOSE, "dave"),
        ("PIN of dave", &*dave),
        ("Type its number", "\x03"),
    ];
    open(&scene, &answers).ended(3);
    assert_eq!(log::of(&scene, "opened").len(), 3);
}

#[test]
fn a_spare_token_opens_where_the_first_is_lost() {
    let scene = sealed_by(&[IC, "alice-spare"], &[]);
    scene.pull(IC);
    let seen = open(
        &scene,
        &[("PIN of alice", &pin(IC)), ("PIN of bob", &pin(BGO))],
    )
    .ended(0);
    assert!(seen.text.contains("alice-spare"), "{seen}");
}

#[test]
fn who_is_enrolled_opens_after_the_next_rotation_and_who_is_retired_does_not() {
    let scene = sealed_by(&[IC], &[]);
    scene.prepare(&["carol"]);
    let (alice, carol, bob) = (pin(IC), pin("carol"), pin(BGO));

    // The new one proves that the token is hers; one of each role signs.
    let enroll = [
        "custodian",
        "enroll",
        "carol",
        "--role",
        "ic",
        "--token",
        "pkcs11:token=carol",
    ];
    let answers = [
        ("PIN of carol", &*carol),
        ("PIN of alice", &alice),
        ("PIN of bob", &bob),
    ];
    let seen = scene.at_terminal(&enroll, &answers).ended(0);
    assert!(seen.text.contains("Manifest 2 is in force"), "{seen}");
    let people = scene.run(&["custodian", "list"]).ended(0);
    assert!(people.text.contains("carol"), "{people}");

    // What was sealed before her is not hers, and the vault says so until it is sealed anew.
    let status = scene.run(&["status"]).ended(10);
    let due = "still sealed for the people and tokens of manifest 1";
    assert!(status.text.contains(due), "{status}");
    let away = scene.pull(IC);
    open(&scene, &[("Press Enter to go on", "\x03")]).ended(3);
    scene.put_back(away);
    scene.run(&["rotate", "--due"]).ended(0);
    let status = scene.run(&["status"]);
    assert!(!status.text.contains(due), "{status}");
    open(
        &scene,
        &[
            (WHOSE, "carol"),
            ("PIN of carol", &carol),
            ("PIN of bob", &bob),
        ],
    )
    .ended(0);
    scene.run(&["close"]).ended(0);

    let retire = ["custodian", "retire", IC];
    let answers = [
        WORSE,
        (WHOSE, "carol"),
        ("PIN of carol", &*carol),
        ("PIN of bob", &bob),
    ];
    scene.at_terminal(&retire, &answers).ended(0);
    scene.run(&["rotate"]).ended(0);
    let away = scene.pull("carol");
    let seen = open(&scene, &[("Press Enter to go on", "\x03")]).ended(3);
    assert!(!seen.text.contains("PIN of alice"), "{seen}");
    scene.put_back(away);
    open(&scene, &[("PIN of carol", &carol), ("PIN of bob", &bob)]).ended(0);
}

#[test]
fn one_token_of_a_person_is_retired() {
    let scene = sealed_by(&[IC, "alice-spare"], &[]);
    let tokens = scene.run(&["custodian", "list", "--json"]).ended(0).json();
    let tokens = tokens["custodians"][0]["tokens"]
        .as_array()
        .expect("tokens")
        .clone();
    let lost = tokens
        .iter()
        .find(|token| token["identity"]["label"] == IC)
        .expect("the first");
    let serial = lost["identity"]["serial"].as_str().expect("a serial");
    scene.pull(IC);
    let retire = ["custodian", "retire", IC, "--token", serial];
    let answers = [("PIN of alice", &*pin(IC)), ("PIN of bob", &pin(BGO))];
    let consenting = [&[WORSE], &answers[..]].concat();
    scene.at_terminal(&retire, &consenting).ended(0);
    let people = scene.run(&["custodian", "list"]).ended(0);
    assert!(
        !people.text.contains(serial) && people.text.contains("alice-spare"),
        "{people}"
    );
    scene.run(&["rotate"]).ended(0);
    open(&scene, &answers).ended(0);
    // The last token of the last person of a role stays.
    let answers = [];
    scene
        .at_terminal(&["custodian", "retire", IC], &answers)
        .ended(4);
}

#[test]
fn a_threshold_holds_from_the_next_rotation_on() {
    let scene = sealed_by(&[IC, "carol"], &[]);
    let (alice, carol, bob) = (pin(IC), pin("carol"), pin(BGO));
    // Nobody can demand more people than there are.
    scene.at_terminal(&["threshold", "ic", "3"], &[]).ended(4);
    let signed = [(WHOSE, IC), ("PIN of alice", &*alice), ("PIN of bob", &bob)];
    let consenting = [&[WORSE], &signed[..]].concat();
    scene
        .at_terminal(&["threshold", "ic", "2"], &consenting)
        .ended(0);
    open(&scene, &signed).ended(0);
    scene.run(&["close"]).ended(0);
    let both = [
        (WHOSE, IC),
        ("PIN of alice", &*alice),
        ("PIN of carol", &carol),
        ("PIN of bob", &bob),
    ];
    open(&scene, &both).ended(0);
    // And the next change takes both, too.
    let consenting = [&[WORSE], &both[..]].concat();
    scene
        .at_terminal(&["threshold", "ic", "1"], &consenting)
        .ended(0);
}

#[test]
fn a_change_that_one_refuses_to_sign_is_none() {
    let scene = sealed_by(&[IC], &[]);
    let answers = [("PIN of alice", &*pin(IC)), ("PIN of bob", "\x03")];
    scene
        .at_terminal(&["compartment", "add", "prod"], &answers)
        .ended(3);
    let status = scene.run(&["status", "--json"]).ended(0).json();
    assert_eq!(status["manifest-version"], 1);
    let answers = [("PIN of alice", &*pin(IC)), ("PIN of bob", &pin(BGO))];
    scene
        .at_terminal(&["compartment", "add", "prod"], &answers)
        .ended(0);
    let list = scene.run(&["compartment", "list"]).ended(0);
    assert!(list.text.contains("prod"), "{list}");
}
