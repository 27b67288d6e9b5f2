//! The same of the sessions of roles: neither they nor the key that they are made with are anywhere but where they
//! belong, and the key is not even there.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::aws::{Lane, Server};
use crate::child_of;
use crate::evidence::Evidence;
use crate::pty::Pty;
use crate::scene::{BGO, IC, Scene, borrowed, both_pins, type_all, unseal_args};
use crate::search::Search;

fn arn(role: &str) -> String {
    format!("arn:aws:iam::123456789012:role/breakglass/access/{role}")
}

fn scene() -> Scene {
    let mut scene = Scene::at(Server::start(
        Lane::Ministack,
        "deploy",
        &["--access-roles"],
    ));
    for name in ["RUST_LOG", "BREAKGLASS_LOG"] {
        scene.variables.push((name.into(), "trace".into()));
    }
    scene.prepare(&[IC, BGO]);
    scene.found(&[IC], &[BGO], &[]);
    scene
}

/// What a `credential_process` is answered.
fn answered(scene: &Scene, evidence: &mut Evidence, options: &[&str]) -> Value {
    let file = scene.path("answer");
    let out = Stdio::from(fs::File::create(&file).expect("ours"));
    let process = [
        "unseal",
        "deploy",
        "--reason",
        "INC-42",
        "--credential-process",
    ];
    let args = [&process[..], options].concat();
    let pins = both_pins();
    evidence
        .at_terminal(scene, &args, &borrowed(&pins), Some(out))
        .ended(0);
    serde_json::from_slice(&fs::read(&file).expect("ours")).expect("JSON")
}

/// A child that holds the session while everything is looked at: its environment and its profiles.
fn held(scene: &Scene, evidence: &mut Evidence) -> (String, Vec<u8>) {
    let args = unseal_args(&["deploy"], &["sh", "-c", "echo holding; read line"]);
    let mut pty = Pty::spawn(scene.pty_command(&args));
    for (prompt, typed) in both_pins() {
        type_all(&mut pty, &[(&prompt, &typed)]);
    }
    pty.expect("holding");
    let child = child_of(pty.id());
    evidence.keep_processes_but(child);
    let environ = fs::read(format!("/proc/{child}/environ")).expect("the child's environment");
    let environ = String::from_utf8(environ).expect("UTF-8");
    let number = variable(&environ, "AWS_SHARED_CREDENTIALS_FILE").replace("/dev/fd/", "");
    let profiles = fs::read(format!("/proc/{child}/fd/{number}")).expect("the child's profiles");
    pty.send_line("").finish();
    evidence.keep("unseal: terminal".to_owned(), pty.transcript());
    (environ, profiles)
}

fn variable<'a>(environ: &'a str, name: &str) -> &'a str {
    let mut all = environ.split('\0').filter_map(|line| line.split_once('='));
    let found = all.find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("the child has no {name}")).1
}

#[test]
fn no_session_and_no_key_behind_it_is_anywhere() {
    let (scene, mut evidence) = (scene(), Evidence::default());
    let role = arn("open");
    let add = [
        "credential",
        "add",
        "deploy",
        "--user",
        "deploy",
        "--role",
        &role,
    ];
    evidence.run_once(&scene, &add).ended(0);
    evidence.run_once(&scene, &["rotate"]).ended(0);
    let (environ, profiles) = held(&scene, &mut evidence);
    let session = answered(&scene, &mut evidence, &[]);
    let key = answered(&scene, &mut evidence, &["--without-role"]);
    fs::remove_file(scene.path("answer")).expect("ours");

    let strange = arn("strange");
    let set = ["credential", "roles", "deploy", "--role", &strange];
    evidence.run(&scene, &set).ended(0);
    let pins = both_pins();
    evidence
        .at_terminal(
            &scene,
            &unseal_args(&["deploy"], &["true"]),
            &borrowed(&pins),
            None,
        )
        .ended(8);
    for args in [
        &["ledger", "log"][..],
        &["credential", "show", "deploy"],
        &["close"],
    ] {
        evidence.run(&scene, args);
    }
    for folder in [
        scene.vault(),
        scene.station().to_owned(),
        scene.path("home"),
    ] {
        evidence.keep_folder(&folder);
    }

    let mut long_lived = Search::default();
    let mut search = Search::default();
    let of = |document: &Value, field: &str| document[field].as_str().expect(field).to_owned();
    let secret = of(&key, "SecretAccessKey");
    long_lived.add_halves("the key's secret", secret.as_bytes());
    assert_eq!(key["SessionToken"], Value::Null);
    for (what, value) in [
        ("the key's secret", secret),
        ("a session's secret", of(&session, "SecretAccessKey")),
        ("a session's token", of(&session, "SessionToken")),
        (
            "the child's secret",
            variable(&environ, "AWS_SECRET_ACCESS_KEY").to_owned(),
        ),
        (
            "the child's token",
            variable(&environ, "AWS_SESSION_TOKEN").to_owned(),
        ),
    ] {
        search.add_halves(what, value.as_bytes());
    }
    // What does belong there is found; what does not, is not.
    for place in [environ.as_bytes(), &profiles] {
        assert!(!search.find(place).is_empty());
        assert_eq!(long_lived.find(place), Vec::<&str>::new());
    }
    let found = evidence.search(&search);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
