//! No PIN and no secret access key is anywhere but where it belongs. Every command is run, also into
//! every failure that could carry a secret, at its most talkative; everything that can be seen of it is
//! searched for the PINs that were typed and for every secret that the AWS server ever made.

#[path = "../common/aws.rs"]
mod aws;
mod evidence;
#[path = "../common/pty.rs"]
mod pty;
#[path = "../common/scene.rs"]
mod scene;
mod search;
mod sessions;

use std::fs;
use std::process::Stdio;

use aws::Proxy;
use evidence::Evidence;
use pty::Pty;
use scene::{BGO, IC, Scene, pin, type_all, unseal_args, uri};
use search::Search;

/// A wrong PIN is a secret, too: it is often the right one of something else.
const WRONG: &str = "8150937264";

/// What a lost, damaged or odd answer of AWS to the making of a key looks like. Most of them hold the
/// secret, or a part of it.
const ODD_ANSWERS: [&str; 9] = [
    "drop-after",
    "truncate",
    "unavailable-after",
    "html-after",
    "garble",
    "no-secret",
    "empty-secret",
    "short-secret",
    "bad-id",
];

fn talkative_scene() -> Scene {
    let mut scene = Scene::empty(&["deploy", "db"]);
    let temporary = scene.path("temporary");
    fs::create_dir(&temporary).expect("ours");
    for (name, value) in [
        ("RUST_LOG", "trace"),
        ("BREAKGLASS_LOG", "trace"),
        ("RUST_BACKTRACE", "full"),
        ("AWS_SDK_LOAD_CONFIG", "1"),
        ("TMPDIR", temporary.to_str().expect("UTF-8")),
    ] {
        scene.variables.push((name.into(), value.into()));
    }
    let config =
        "name = \"station\"\n[proof]\nanswers = 1\ninterval-seconds = 0.05\npatience-seconds = 1\n";
    fs::write(scene.station().join("config.toml"), config).expect("ours");
    scene
}

fn search_for(scene: &Scene) -> Search {
    let mut search = Search::default();
    for person in [IC, BGO, "carol"] {
        search.add(&format!("the PIN of {person}"), pin(person).as_bytes());
    }
    search.add("a wrong PIN", WRONG.as_bytes());
    let secrets = scene.server().secrets();
    assert!(
        secrets.len() > 10,
        "the server made few keys: {}",
        secrets.len()
    );
    for (number, secret) in (1..).zip(&secrets) {
        assert_eq!(secret.len(), 40);
        search.add_halves(&format!("secret {number}"), secret.as_bytes());
    }
    search
}

#[test]
fn no_pin_and_no_secret_is_anywhere() {
    let mut scene = talkative_scene();
    let mut evidence = Evidence::default();
    found(&scene, &mut evidence);
    seal(&mut scene, &mut evidence);
    let planted = open(&scene, &mut evidence);
    fail_to_open(&scene, &mut evidence);
    change_people(&scene, &mut evidence);
    look(&scene, &mut evidence);
    close(&mut scene, &mut evidence);
    for folder in [
        scene.vault(),
        scene.station().to_owned(),
        scene.path("home"),
        scene.path("temporary"),
    ] {
        evidence.keep_folder(&folder);
    }

    let search = search_for(&scene);
    for (place, bytes) in &planted {
        assert!(
            !search.find(bytes).is_empty(),
            "a secret that is in {place} is not found"
        );
    }
    assert!(
        evidence.commands > 60 && evidence.size() > 100_000,
        "{} {}",
        evidence.commands,
        evidence.size()
    );
    let found = evidence.search(&search);
    assert!(
        found.is_empty(),
        "{} places:\n{}",
        found.len(),
        found.join("\n")
    );
}

fn found(scene: &Scene, evidence: &mut Evidence) {
    for label in [IC, BGO, "carol"] {
        scene.initialise(label);
        let args = ["token", "generate", &uri(label)];
        evidence
            .at_terminal(scene, &args, &[("PIN", WRONG)], None)
            .ended(5);
        evidence
            .at_terminal(scene, &args, &[("PIN", &pin(label))], None)
            .ended(0);
    }
    let args = scene::init_args(&[IC], &[BGO], &[]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (alice, bob) = (pin(IC), pin(BGO));
    let answers = [
        ("PIN of alice", WRONG),
        ("PIN of alice", &alice),
        ("PIN of bob", &bob),
    ];
    evidence.at_terminal(scene, &args, &answers, None).ended(0);
    evidence.at_terminal(scene, &args, &[], None);
    for user in ["deploy", "db"] {
        evidence
            .run(scene, &["credential", "add", user, "--user", user])
            .ended(0);
    }
    evidence.run(scene, &["credential", "add", "nobody", "--user", "nobody"]);
}

/// With every odd answer of AWS, and then well.
fn seal(scene: &mut Scene, evidence: &mut Evidence) {
    let proxy = Proxy::start(scene.server());
    scene
        .variables
        .push(("AWS_ENDPOINT_URL".into(), proxy.endpoint().into()));
    for fault in ODD_ANSWERS {
        proxy.arm("CreateAccessKey", fault, 1, 1);
        let seen = evidence.run_once(scene, &["rotate"]);
        assert_ne!(seen.code, 0, "{fault}: {seen}");
        proxy.reset();
        proxy.arm("CreateAccessKey", fault, 1, 1);
        evidence.run_once(scene, &["rotate", "--json"]);
        proxy.reset();
    }
    for action in [
        "GetCallerIdentity",
        "ListAccessKeys",
        "UpdateAccessKey",
        "DeleteAccessKey",
    ] {
        proxy.arm(action, "garble", 1, 100);
        evidence.run_once(scene, &["rotate"]);
        proxy.reset();
        evidence.run_once(scene, &["rotate", "--json"]);
    }
    scene.variables.pop();
    scene
        .variables
        .push(("AWS_PROFILE".into(), "outsider".into()));
    assert_ne!(evidence.run(scene, &["rotate"]).code, 0);
    scene.variables.pop();
    evidence.run_once(scene, &["rotate"]).ended(0);
}

/// Returns places where a secret does belong, to show that it would be found.
fn open(scene: &Scene, evidence: &mut Evidence) -> Vec<(String, Vec<u8>)> {
    let mut planted = Vec::new();
    // A child that holds the credential while everything is looked at.
    let args = unseal_args(&["deploy"], &["sh", "-c", "echo holding; read line"]);
    let mut pty = Pty::spawn(scene.pty_command(&args));
    for (prompt, typed) in [("PIN of alice", pin(IC)), ("PIN of bob", pin(BGO))] {
        type_all(&mut pty, &[(prompt, &typed)]);
        evidence.keep_process(pty.id());
    }
    pty.expect("holding");
    let child = child_of(pty.id());
    evidence.keep_processes_but(child);
    let environ = fs::read(format!("/proc/{child}/environ")).expect("the child's environment");
    planted.push(("the child's environment".to_owned(), environ));
    pty.send_line("").finish();
    evidence.keep("unseal: terminal".to_owned(), pty.transcript());

    let file = scene.path("answer");
    let process = ["unseal", "db", "--reason", "INC-42", "--credential-process"];
    let out = Stdio::from(fs::File::create(&file).expect("ours"));
    let answers = [("PIN of alice", &*pin(IC)), ("PIN of bob", &pin(BGO))];
    evidence
        .at_terminal(scene, &process, &answers, Some(out))
        .ended(0);
    planted.push(("the answer".to_owned(), fs::read(&file).expect("ours")));
    evidence.at_terminal(scene, &process, &[], None).ended(2);

    let json = [&["--json"], &unseal_args(&["deploy", "db"], &["true"])[..]].concat();
    evidence.at_terminal(scene, &json, &answers, None).ended(0);
    planted
}

fn child_of(parent: u32) -> u32 {
    let wanted = format!("PPid:\t{parent}");
    let is_child = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.lines().any(|line| line == wanted)
    };
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    let mut pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.find(is_child).expect("a child")
}

fn fail_to_open(scene: &Scene, evidence: &mut Evidence) {
    let args = unseal_args(&["deploy"], &["true"]);
    let json = [&["--json"], &args[..]].concat();
    let alice = pin(IC);
    let ways: [(&[(&str, &str)], i32); 4] = [
        (
            &[
                ("PIN of alice", WRONG),
                ("PIN of alice", WRONG),
                ("PIN of alice", WRONG),
            ],
            5,
        ),
        (&[("PIN of alice", &alice), ("PIN of bob", "\x03")], 3),
        // Somebody types the PIN into the wrong hole, and pastes it twice.
        (
            &[
                ("PIN of alice", &alice),
                ("PIN of bob", &alice),
                ("PIN of bob", "\x03"),
            ],
            3,
        ),
        (
            &[("PIN of alice", "\x1b[A\x1b[B"), ("PIN of alice", "\x03")],
            3,
        ),
    ];
    for (answers, code) in ways {
        evidence
            .at_terminal(scene, &args, answers, None)
            .ended(code);
        evidence
            .at_terminal(scene, &json, answers, None)
            .ended(code);
    }
    let missing = unseal_args(&["deploy"], &["/nowhere/at-all"]);
    let answers = [("PIN of alice", &*alice), ("PIN of bob", &pin(BGO))];
    evidence
        .at_terminal(scene, &missing, &answers, None)
        .ended(1);
    evidence.run(scene, &args).ended(3);
    evidence.run(scene, &["unseal", "deploy"]).ended(2);
    evidence.run(
        scene,
        &["unseal", "nothing", "--reason", "INC-42", "--", "true"],
    );
}

fn change_people(scene: &Scene, evidence: &mut Evidence) {
    let (alice, bob, carol) = (pin(IC), pin(BGO), pin("carol"));
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
    evidence
        .at_terminal(scene, &enroll, &answers, None)
        .ended(0);
    let signed = [
        (scene::WHOSE, IC),
        ("PIN of alice", &*alice),
        ("PIN of bob", &bob),
    ];
    for change in [
        vec!["compartment", "add", "prod"],
        vec![
            "rotator",
            "add",
            "other",
            "--key",
            "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        ],
        vec!["custodian", "retire", "carol"],
    ] {
        let refused = [
            (scene::WHOSE, IC),
            ("PIN of alice", WRONG),
            ("PIN of alice", "\x03"),
        ];
        // Without carol no token may be lost: that takes consent.
        let consent = [("Type \"yes\"", "yes")];
        let consent = &consent[..usize::from(change[1] == "retire")];
        for (answers, code) in [(&refused, 3), (&signed, 0)] {
            let answers = [consent, answers].concat();
            evidence
                .at_terminal(scene, &change, &answers, None)
                .ended(code);
        }
    }
    evidence.run(scene, &["threshold", "ic", "2"]).ended(4);
}

fn look(scene: &Scene, evidence: &mut Evidence) {
    let man = scene.path("temporary").join("man");
    fs::create_dir(&man).expect("ours");
    for args in [
        vec!["token", "list"],
        vec!["token", "inspect", "pkcs11:token=alice"],
        vec!["token", "inspect", "pkcs11:token=nobody"],
        vec!["custodian", "list"],
        vec!["compartment", "list"],
        vec!["rotator", "list"],
        vec!["credential", "list"],
        vec!["credential", "show", "deploy"],
        vec!["status"],
        vec!["ledger", "verify"],
        vec!["ledger", "log"],
        vec!["rotate", "--due"],
        vec!["--help"],
        vec!["--version"],
        vec!["unseal", "--help"],
        vec!["completions", "bash"],
        vec!["man", man.to_str().expect("UTF-8")],
    ] {
        evidence.run(scene, &args);
    }
    inspect_all(scene, evidence, &scene.vault());
}

fn inspect_all(scene: &Scene, evidence: &mut Evidence, folder: &std::path::Path) {
    // One file of each folder is enough: they are of one kind.
    let mut one = false;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            inspect_all(scene, evidence, &path);
        } else if !one {
            one = true;
            evidence.run(scene, &["inspect", path.to_str().expect("UTF-8")]);
        }
    }
}

fn close(scene: &mut Scene, evidence: &mut Evidence) {
    let incidents = scene.open_incidents();
    assert!(!incidents.is_empty());
    scene
        .variables
        .push(("AWS_ENDPOINT_URL".into(), "http://127.0.0.1:1".into()));
    let seen = evidence.run_once(scene, &["close", &incidents[0]]).ended(9);
    assert!(seen.error.contains("NOT CLOSED"), "{seen}");
    scene.variables.pop();
    for incident in &incidents {
        evidence
            .run_once(scene, &["--json", "close", incident])
            .ended(0);
        evidence.run_once(scene, &["close", incident]).ended(0);
    }
    evidence.run(scene, &["status"]).ended(0);
}
