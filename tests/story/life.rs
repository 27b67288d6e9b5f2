//! The life of a manifest, each turn of it as a ceremony at the terminal: what is shown before anybody is
//! asked for a PIN, what `status` says before and after, and who opens and who does not.

use crate::log;
use crate::scene::{BGO, IC, Scene, Seen, WHOSE, borrowed, both_pins, pin, unseal_args};

/// What is asked where something gets worse.
const WORSE: &str = "Type \"yes\" to go on";

/// A vault of alice and bob, with one credential, sealed, and further tokens that nobody has.
fn sealed(further: &[&str]) -> Scene {
    let scene = Scene::sealed(&["deploy"]);
    scene.prepare(further);
    scene
}

/// The serial number of an enrolled token.
fn serial(scene: &Scene, label: &str) -> String {
    let list = scene.run(&["custodian", "list", "--json"]).ended(0).json();
    let people = list["custodians"].as_array().expect("people").clone();
    let tokens = people
        .iter()
        .flat_map(|one| one["tokens"].as_array().expect("tokens"));
    let mut tokens = tokens.map(|token| &token["identity"]);
    let found = tokens.find(|identity| identity["label"] == label);
    found.expect("it is enrolled")["serial"]
        .as_str()
        .expect("a serial")
        .to_owned()
}

/// What was shown before the first question: the plan.
fn plan(seen: &Seen) -> &str {
    let ends = ["What is marked with !", "A PIN is needed"].map(|end| seen.text.find(end));
    let end = ends.into_iter().flatten().min();
    &seen.text[..end.unwrap_or(seen.text.len())]
}

/// A plan holds all this, fits on a terminal and needs no clever one.
fn assert_plan(text: &str, parts: &[&str]) {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        assert!(flat.contains(part), "\"{part}\" is missing:\n{text}");
    }
    // A notice stands in one line, however long it is.
    let notice = |line: &&str| line.starts_with("warning: ") || line.starts_with("breakglass: ");
    for line in text.lines().filter(|line| !notice(line)) {
        assert!(line.trim_end().chars().count() < 80, "too wide: {line}");
    }
    assert!(!text.contains('\u{1b}') && text.is_ascii(), "{text}");
}

/// What `status` says, and with which exit code.
fn assert_status(scene: &Scene, code: i32, parts: &[&str]) {
    let status = scene.run(&["status"]).ended(code);
    for part in parts {
        assert!(
            status.text.contains(part),
            "\"{part}\" is missing: {status}"
        );
    }
    if code == 0 {
        assert!(!status.text.contains("still"), "{status}");
    }
}

fn version(scene: &Scene) -> u64 {
    let list = scene.run(&["custodian", "list", "--json"]).ended(0).json();
    list["version"].as_u64().expect("a version")
}

fn open(scene: &Scene, answers: &[(&str, &str)]) -> Seen {
    scene.at_terminal(&unseal_args(&["deploy"], &["true"]), answers)
}

#[test]
fn a_spare_is_enrolled_and_the_first_token_is_lost() {
    let scene = sealed(&["alice-spare"]);
    let (alice, bob) = (pin(IC), pin(BGO));
    assert_status(
        &scene,
        0,
        &["1 of 1: alice (1 token); NO token may be lost"],
    );
    let uri = "pkcs11:token=alice-spare";
    let enroll = ["custodian", "enroll", IC, "--role", "ic", "--token", uri];
    let three = [
        ("PIN of alice", &*alice),
        ("PIN of alice", &alice),
        ("PIN of bob", &bob),
    ];
    let seen = scene.at_terminal(&enroll, &three).ended(0);
    let wanted = [
        "+ alice gets a spare token: alice-spare, serial",
        "Who must sign ic 1 of alice: alice, serial",
        "bgo 1 of bob: bob, serial",
        "new alice: alice-spare, serial",
        "1 of 1 0 1 (was 0)",
        "main, generation 1, stays sealed as it is, until: breakglass rotate main",
        "alice opens nothing of it with alice-spare",
    ];
    assert_plan(plan(&seen), &wanted);
    let (_, outcome) = seen
        .text
        .rsplit_once("Manifest 2 is in force")
        .expect("the outcome");
    assert!(outcome.contains("breakglass rotate main"), "{seen}");
    let spare = serial(&scene, "alice-spare");
    let due = format!("manifest 1; alice cannot open it with token {spare} yet");
    assert_status(&scene, 10, &[&due, "alice (2 tokens); 1 token may be lost"]);
    scene.run(&["rotate"]).ended(0);
    assert_status(&scene, 0, &["1 token may be lost"]);
    lose_the_first(&scene, &spare);
}

/// Both tokens are there when the first is reported: a thief would be there, too.
fn lose_the_first(scene: &Scene, spare: &str) {
    let (alice, bob) = (pin(IC), pin(BGO));
    let both = [("PIN of alice", &*alice), ("PIN of bob", &bob)];
    let first = serial(scene, IC);
    let lost = ["custodian", "lost", &first];
    let seen = scene
        .at_terminal(&lost, &[&[(WORSE, "yes")], &both[..]].concat())
        .ended(0);
    let wanted = [
        &format!("- the lost token of alice is retired: alice, serial {first}"),
        "! no token of ic may be lost any more: there is no spare",
        &format!("ic 1 of alice: alice-spare, serial {spare} bgo"),
        "together with 1 of bob (bgo), could still open deploy of main, generation 2",
    ];
    assert_plan(plan(&seen), &wanted);
    assert!(
        !seen
            .text
            .contains(&format!("PIN of alice for token serial {first}")),
        "{seen}"
    );
    let could = "manifest 2; a retired token of alice could still open it with a partner";
    assert_status(scene, 10, &[could, "alice (1 token); NO token may be lost"]);
    // The spare opens already, and the lost one is asked for nothing.
    let seen = open(scene, &both).ended(0);
    assert!(!seen.text.contains(&first), "{seen}");
    // What the incident holds a rotation leaves alone: closing ends that.
    let status = scene.run(&["status", "--json"]).ended(10).json();
    let sealed = &status["compartments"][0]["sealed-for-others"][0];
    let ends = sealed["exposures"][0]["ends"][0]
        .as_str()
        .expect("a command");
    assert!(ends.starts_with("breakglass close "), "{status}");
    scene.run(&["close"]).ended(0);
    assert_status(scene, 0, &["NO token may be lost"]);
    let away = scene.pull("alice-spare");
    let seen = open(scene, &[("Press Enter to go on", "\x03")]).ended(3);
    assert!(!seen.text.contains("PIN of alice"), "{seen}");
    scene.put_back(away);
    open(scene, &both).ended(0);
    // Without the last one nobody could sign, and that is said before anybody tries.
    let refused = scene
        .run(&["custodian", "lost", spare, "--json"])
        .ended(4)
        .json();
    assert_eq!(refused["error"]["code"], "quorum-lost", "{refused}");
    assert_eq!(version(scene), 3);
}

#[test]
fn the_last_token_of_a_person_is_replaced_and_another_person_is_retired() {
    let scene = sealed(&["carol", "carol-new"]);
    let (alice, bob, carol) = (pin(IC), pin(BGO), pin("carol"));
    let enroll = ["custodian", "enroll", "carol", "--role", "ic", "--token"];
    let signed = [
        ("PIN of carol", &*carol),
        ("PIN of alice", &alice),
        ("PIN of bob", &bob),
    ];
    let seen = scene
        .at_terminal(&[&enroll[..], &["pkcs11:token=carol"]].concat(), &signed)
        .ended(0);
    assert_plan(
        plan(&seen),
        &[
            "+ carol becomes Incident Commander",
            "+ carol gets the token: carol",
        ],
    );
    // Before it is sealed to her, her commander's leaving would lock everybody out.
    let dry = scene
        .run(&["custodian", "retire", IC, "--dry-run"])
        .ended(0);
    assert_plan(
        &dry.text,
        &["! NOBODY can open main, generation 1, from then on until it is rotated"],
    );
    scene.run(&["rotate"]).ended(0);
    assert_status(
        &scene,
        0,
        &["1 of 2: alice (1 token), carol (1 token); 1 token may be lost"],
    );

    replace_the_last(&scene);
    scene.run(&["rotate"]).ended(0);
    retire_the_other(&scene);
}

/// A last token does not go without another in its place, in one change.
fn replace_the_last(scene: &Scene) {
    let (alice, bob, carol) = (pin(IC), pin(BGO), pin("carol"));
    let old = serial(scene, "carol");
    let refused = scene
        .run(&["custodian", "lost", &old, "--json"])
        .ended(4)
        .json();
    let hints = refused["error"]["hints"].to_string();
    assert!(
        hints.contains("--replaces") && hints.contains("retire carol"),
        "{refused}"
    );
    let uri = "pkcs11:token=carol-new";
    let enroll = [
        "custodian",
        "enroll",
        "carol",
        "--role",
        "ic",
        "--token",
        uri,
        "--replaces",
        &old,
    ];
    // The old one is there, and signs nothing: nobody is asked whose it is to be.
    let signed = [
        ("PIN of carol", &*carol),
        ("PIN of alice", &alice),
        ("PIN of bob", &bob),
    ];
    let seen = scene.at_terminal(&enroll, &signed).ended(0);
    let wanted = [
        &format!("- the lost token of carol is retired: carol, serial {old}"),
        "+ carol gets the token: carol-new, serial",
        "whoever has the retired token of carol",
        "carol opens nothing of it with carol-new",
    ];
    assert_plan(plan(&seen), &wanted);
    assert!(!seen.text.contains(WHOSE), "{seen}");
    let could =
        "a retired token of carol could still open it with a partner; carol cannot open it with";
    assert_status(scene, 10, &[could]);
    let refused = scene
        .run(&["custodian", "lost", &old, "--json"])
        .ended(4)
        .json();
    assert_eq!(
        refused["error"]["code"], "change-refused",
        "it is nobody's any more"
    );
}

fn retire_the_other(scene: &Scene) {
    let (bob, carol) = (pin(BGO), pin("carol"));
    let by_carol = [
        (WORSE, "yes"),
        (WHOSE, "carol"),
        ("PIN of carol", &*carol),
        ("PIN of bob", &bob),
    ];
    let seen = scene
        .at_terminal(&["custodian", "retire", IC], &by_carol)
        .ended(0);
    let wanted = [
        "- alice is Incident Commander no longer",
        "ic 1 of alice: alice, serial",
        "carol: carol-new, serial",
        "1 of 1 (was 1 of 2) 0 (was 1) 0 (was 1)",
        "alice, who is retired, with alice, serial",
        "together with 1 of bob (bgo), could still open deploy of main, generation 3, from a copy of the \
         vault, until: breakglass rotate main",
    ];
    assert_plan(plan(&seen), &wanted);
    let could = "manifest 3; a retired token of alice could still open it with a partner";
    assert_status(scene, 10, &[could, "carol (1 token); NO token may be lost"]);
    scene.run(&["rotate", "--due"]).ended(0);
    assert_status(scene, 0, &[]);
    let by_carol = [("PIN of carol", &*carol), ("PIN of bob", &bob)];
    let seen = open(scene, &by_carol).ended(0);
    assert!(!seen.text.contains("PIN of alice"), "{seen}");
    scene.run(&["close"]).ended(0);
}

#[test]
fn thresholds_rotators_and_compartments_change() {
    let scene = Scene::empty(&["deploy", "audit"]);
    scene.prepare(&[IC, "carol", BGO]);
    scene.found(&[IC, "carol"], &[BGO], &[]);
    scene.add(&["deploy"]);
    scene.run(&["rotate"]).ended(0);
    no_plan_takes_a_token_or_changes_anything(&scene);
    raise_the_threshold(&scene);
    add_a_compartment(&scene);
    replace_the_rotator(scene);
}

/// Everybody who signs now: both ICs, then the BGO.
fn all_three() -> Vec<(String, String)> {
    let of = |who: &str| (format!("PIN of {who}"), pin(who));
    vec![
        (WHOSE.to_owned(), IC.to_owned()),
        of(IC),
        of("carol"),
        of(BGO),
    ]
}

fn no_plan_takes_a_token_or_changes_anything(scene: &Scene) {
    let entries = log::events(scene);
    let away = [IC, "carol", BGO].map(|label| scene.pull(label));
    let first = serial(scene, IC);
    let key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let changes: [(&[&str], &str); 8] = [
        (
            &[
                "custodian",
                "enroll",
                "dave",
                "--role",
                "bgo",
                "--token",
                "pkcs11:token=dave",
            ],
            "person-added",
        ),
        (
            &[
                "custodian",
                "enroll",
                IC,
                "--role",
                "ic",
                "--token",
                "pkcs11:token=x",
                "--replaces",
                &first,
            ],
            "token-retired",
        ),
        (&["custodian", "lost", &first, "--dry-run"], "token-retired"),
        (&["custodian", "retire", IC], "person-retired"),
        (&["threshold", "ic", "2"], "threshold"),
        (&["compartment", "add", "prod"], "compartment-added"),
        (&["rotator", "add", "other", "--key", key], "rotator-added"),
        (
            &["rotator", "replace", "station", "other", "--key", key],
            "rotator-retired",
        ),
    ];
    for (args, kind) in changes {
        if kind == "token-retired" && args[1] == "lost" {
            // Her only token: she would be left with none.
            let refused = scene.run(&[args, &["--json"]].concat()).ended(4).json();
            assert_eq!(refused["error"]["code"], "change-refused", "{refused}");
            continue;
        }
        let seen = scene.run(&[args, &["--dry-run"]].concat()).ended(0);
        assert_plan(
            &seen.text,
            &[
                "Manifest 2 of acme is to follow manifest 1",
                "Who must sign",
            ],
        );
        let document = scene
            .run(&[args, &["--dry-run", "--json"]].concat())
            .ended(0)
            .json();
        let differences = document["plan"]["differences"]
            .as_array()
            .expect("differences");
        assert_eq!(differences[0]["kind"], kind, "{document}");
        assert_eq!(document["plan"]["signers"][0]["role"], "ic", "{document}");
    }
    for back in away {
        scene.put_back(back);
    }
    assert_eq!(log::events(scene), entries);
    assert_eq!(version(scene), 1);
}

fn raise_the_threshold(scene: &Scene) {
    let explained = scene.run(&["policy", "explain"]).ended(0);
    assert_plan(
        &explained.text,
        &[
            "2 combinations alice + bob carol + bob",
            "touch proved by none",
        ],
    );
    let raise = ["threshold", "ic", "2"];
    // Who does not agree is asked for no PIN.
    let seen = scene.at_terminal(&raise, &[(WORSE, "no")]).ended(3);
    assert!(
        !seen.text.contains("PIN of") && seen.text.contains("nobody was asked to sign"),
        "{seen}"
    );
    assert_eq!(version(scene), 1);
    let answers = [
        (WORSE.to_owned(), "yes".to_owned()),
        (WHOSE.to_owned(), IC.to_owned()),
    ];
    let answers = [answers.to_vec(), both_pins()].concat();
    let seen = scene.at_terminal(&raise, &borrowed(&answers)).ended(0);
    let wanted = [
        "* threshold of ic: 2 instead of 1",
        "2 of 2 (was 1 of 2) 0 (was 1) 0 (was 1)",
        "It takes 1 of alice, carol (ic) and 1 of bob (bgo)",
    ];
    assert_plan(plan(&seen), &wanted);
    assert_status(
        scene,
        10,
        &["generation 1 is sealed under manifest 1: opens with 1 of alice, carol (ic)"],
    );
    scene.run(&["rotate"]).ended(0);
    assert_status(
        scene,
        0,
        &["2 of 2: alice (1 token), carol (1 token); NO token may be lost"],
    );
    let explained = scene.run(&["policy", "explain", "main"]).ended(0);
    assert_plan(
        &explained.text,
        &[
            "1 combination alice + carol + bob",
            "the loss of any of these people: alice, carol, bob; of any of these tokens: alice's alice, serial",
        ],
    );
    let fields = scene.run(&["policy", "explain", "--json"]).ended(0).json();
    let access = &fields["compartments"][0]["sealed"][0]["access"];
    assert_eq!(
        (&access["combinations"], &access["touch"]),
        (&1.into(), &"never".into())
    );
    assert_eq!(access["losses"]["tokens"], 0);
    assert_eq!(fields["compartments"][0]["sealed"][0]["as-next"], true);
    scene.run(&["policy", "explain", "nowhere"]).ended(4);
}

fn add_a_compartment(scene: &Scene) {
    let seen = scene
        .at_terminal(&["compartment", "add", "prod"], &borrowed(&all_three()))
        .ended(0);
    let next = "breakglass credential add NAME --user USER --compartment prod";
    assert_plan(plan(&seen), &["+ compartment prod", next]);
    assert!(
        seen.text.matches(next).count() == 2,
        "before and after: {seen}"
    );
    assert_status(scene, 0, &["nothing sealed"]);
    let add = [
        "credential",
        "add",
        "audit",
        "--user",
        "audit",
        "--compartment",
        "prod",
    ];
    scene.run(&add).ended(0);
    assert_status(scene, 10, &["breakglass rotate prod"]);
    scene.run(&["rotate", "prod"]).ended(0);
    assert_status(scene, 0, &["credential audit"]);
}

fn replace_the_rotator(mut scene: Scene) {
    let first = scene.station().to_owned();
    let second = scene.new_station("second");
    let card = scene.run(&["status", "--json"]).ended(0).json();
    let card = card["fingerprint"]
        .as_str()
        .expect("a fingerprint")
        .to_owned();
    scene.go_to(second.clone());
    scene.run(&["trust", &card]).ended(0);
    let refused = scene.run(&["rotate", "--json"]).ended(4).json();
    let hint = refused["error"]["hints"][0]
        .as_str()
        .expect("a hint")
        .to_owned();
    let key = hint.rsplit(' ').next().expect("a key");

    scene.go_to(first.clone());
    assert_status(&scene, 0, &["station (this machine is one)"]);
    let replace = ["rotator", "replace", "station", "second", "--key", key];
    let seen = scene
        .at_terminal(&replace, &borrowed(&all_three()))
        .ended(0);
    let wanted = [
        "- rotator station may seal no more",
        "+ rotator second may seal",
        "station opens nothing, and never did",
        "breakglass rotate --due on second",
        "in AWS: take away the credentials of station",
    ];
    assert_plan(plan(&seen), &wanted);
    assert_eq!(version(&scene), 4, "one change, not two");
    // What the old one sealed stays good, and it seals no more.
    assert_status(&scene, 0, &["second (this machine is none)"]);
    scene.run(&["rotate"]).ended(4);
    let three = all_three();
    open(&scene, &borrowed(&three)).ended(0);
    scene.go_to(second);
    scene.run(&["close"]).ended(0);
    assert_status(&scene, 0, &["second (this machine is one)"]);
    scene.run(&["ledger", "verify"]).ended(0);
}
