//! The templates of docs/deploy/iam, deployed into an AWS on loopback that evaluates policies, trust and
//! boundaries: the tool lives with what they grant, they grant nothing that it does not use, and nobody gets
//! further with them than is written there.

#[path = "../common/aws.rs"]
mod aws;
#[path = "../common/pty.rs"]
mod pty;
#[path = "../common/scene.rs"]
mod scene;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws::{Conditions, Lane, ObjectStore, Server, StoreServer, python};
use scene::{BGO, IC, Scene};
use serde_json::{Value, json};

const DENIED: &str = "AccessDenied";
/// The profile that `deploy` writes: the rotator's role, assumed by the machine.
const ROTATES: &str = "rotates";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn script() -> String {
    let path = root().join("tests/iam_templates/account.py");
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// What a verb of account.py answers, with the profiles of this server, if it needs one.
fn ask(server: Option<&Server>, verb: &[&str]) -> Value {
    let mut command = Command::new(python());
    command.arg(script()).args(verb).env_clear();
    if let Some(server) = server {
        let files = server.files();
        command.env("AWS_CONFIG_FILE", files.config);
        command.env("AWS_SHARED_CREDENTIALS_FILE", files.credentials);
    }
    let output = command.output().expect("python runs");
    assert!(output.status.success(), "{verb:?}: {output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A scene in which the templates are in force, and the tool is the rotator by way of the machine.
fn deployed() -> Scene {
    let services = ["--services", "iam,sts,cloudformation,sns,events"];
    let mut scene = Scene::at(Server::start(Lane::Ministack, "unused", &services));
    let state = scene.server().files().config;
    let state = state.parent().and_then(Path::to_str).expect("a folder");
    ask(Some(scene.server()), &["deploy", state]);
    scene.variables = vec![("AWS_PROFILE".into(), ROTATES.into())];
    scene.prepare(&[IC, BGO]);
    scene.found(&[IC], &[BGO], &[]);
    scene
}

#[test]
fn the_templates_are_what_cloudformation_takes() {
    let mut lint = Command::new(python().with_file_name("cfn-lint"));
    let folder = fs::read_dir(root().join("docs/deploy/iam")).expect("the folder");
    let files: Vec<PathBuf> = folder
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert!(files.len() >= 7, "{files:?}");
    let output = lint.arg("--").args(files).output();
    let output = output.expect("cfn-lint is in the test environment: scripts/setup");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn what_is_granted_is_what_is_called() {
    let granted: BTreeSet<String> =
        serde_json::from_value(ask(None, &["granted"])).expect("a list");
    let mut called = BTreeSet::new();
    for entry in fs::read_dir(root().join("src/aws")).expect("the folder") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("a source file");
        for literal in text.split('"') {
            let (service, action) = literal.split_once(':').unwrap_or_default();
            let is_action = matches!(service, "iam" | "sts")
                && !action.is_empty()
                && action.chars().all(|c| c.is_ascii_alphanumeric());
            if is_action {
                called.insert(literal.to_owned());
            }
        }
    }
    assert!(called.contains("iam:CreateAccessKey"), "{called:?}");
    // It needs no permission, and no policy can deny it.
    assert!(called.remove("sts:GetCallerIdentity"), "{called:?}");
    // A profile that names a role makes the SDK assume it.
    called.insert("sts:AssumeRole".to_owned());
    assert_eq!(granted, called);
}

/// The S3 action, and the resource as store.yaml writes it, of a request that came to the store.
fn asked_of_store(request: &Value) -> (String, String) {
    let method = request["method"].as_str().expect("a method");
    let path = request["path"].as_str().expect("a path");
    let name = path.strip_prefix("/vault").expect("in the bucket");
    // DeleteObjects, which takes the right to delete each of them.
    let deleted = request["deleted"].as_array().expect("a list");
    let is_probe = |one: &Value| {
        one.as_str()
            .is_some_and(|one| one.starts_with("acme/probe/"))
    };
    let (action, part) = match method {
        "GET" if name.trim_matches('/').is_empty() => ("ListBucket", ""),
        "GET" if name.starts_with("/acme/") => ("GetObject", "/acme/*"),
        "PUT" if name.starts_with("/acme/") => ("PutObject", "/acme/*"),
        "POST" if !deleted.is_empty() && deleted.iter().all(is_probe) => {
            ("DeleteObject", "/acme/probe/*")
        }
        _ => (method, name),
    };
    (format!("s3:{action}"), format!("arn:aws:s3:::vault{part}"))
}

#[test]
fn what_is_granted_in_a_bucket_is_what_is_asked_of_it() {
    let store = ObjectStore::start(StoreServer::Moto, Conditions::Hold, &[]);
    let mut scene = Scene::empty(&["deploy"]);
    scene.variables.extend([
        ("BREAKGLASS_VAULT".into(), "s3://vault/acme".into()),
        ("AWS_ENDPOINT_URL_S3".into(), store.endpoint().into()),
    ]);
    scene.prepare(&[IC, BGO]);
    store.reset();
    scene.found(&[IC], &[BGO], &[]);
    scene.add(&["deploy"]);
    scene.run(&["rotate"]).ended(0);
    scene.unseal(&["deploy"], &["true"]).ended(0);
    scene.run(&["close"]).ended(0);
    scene.run(&["ledger", "verify"]).ended(0);
    let copy = scene.path("copy");
    let copy = copy.to_str().expect("a plain path");
    scene
        .run(&["vault", "export", "--without-program", copy])
        .ended(0);
    let asked: BTreeSet<(String, String)> = store.log().iter().map(asked_of_store).collect();
    let granted: BTreeSet<(String, String)> =
        serde_json::from_value(ask(None, &["store"])).expect("a list of pairs");
    assert_eq!(granted, asked);
}

#[test]
fn the_tool_lives_with_what_is_granted_and_nobody_gets_further() {
    let scene = deployed();
    let server = Some(scene.server());

    // The whole life of a key, with the rotator's role and nothing else.
    scene.add(&["deploy"]);
    scene.run(&["rotate"]).ended(0);
    scene.run(&["rotate"]).ended(0);
    scene.run(&["rotate", "--due"]).ended(0);

    let machine = ask(server, &["machine"]);
    let expected = json!({
        "become the rotator": "done",
        "become the rotator, without the external id": DENIED,
        "become the rotator, with another": DENIED,
        "open an access role": DENIED,
        "list keys": DENIED,
    });
    assert_eq!(machine, expected);

    let rotator = ask(server, &["rotator"]);
    let mut expected = json!({
        "list keys": "done",
        "give the user a policy that allows all": "done",
    });
    for denied in [
        "list a stranger's keys",
        "make a stranger a key",
        "give a stranger a policy",
        "give itself a policy",
        "attach a policy",
        "take the boundary away",
        "set a password",
        "open an access role",
        "become itself again",
    ] {
        expected[denied] = DENIED.into();
    }
    assert_eq!(rotator, expected);

    // Opened by two, after the rotator has given the user a policy that allows everything.
    let answer = scene.path("as-break-glass");
    let words = format!(
        "{} {} break-glass > {}",
        python().display(),
        script(),
        answer.display()
    );
    scene.unseal(&["deploy"], &["sh", "-c", &words]).ended(0);
    let opened = fs::read_to_string(&answer).expect("the child wrote it");
    let opened: Value = serde_json::from_str(&opened).expect("JSON");
    let mut expected = json!({
        "who": "arn:aws:iam::123456789012:user/breakglass/deploy",
        "open its access role": "done",
    });
    for denied in [
        "open one that asks for MFA",
        "open one that is not its own",
        "become the rotator",
        "make a session that nobody can deny",
        "make itself a key",
        "list users",
        "take its boundary away",
    ] {
        expected[denied] = DENIED.into();
    }
    assert_eq!(opened, expected);

    scene.run(&["close"]).ended(0);
    scene.run(&["status"]).ended(0);
    scene.run(&["ledger", "verify"]).ended(0);
}

#[test]
fn an_opening_raises_an_alarm_and_a_proof_does_not() {
    let services = ["--services", "iam,sts,cloudformation,sns,events"];
    let server = Server::start(Lane::Ministack, "unused", &services);
    let state = server.files().config;
    let state = state.parent().and_then(Path::to_str).expect("a folder");
    ask(Some(&server), &["deploy", state]);
    let expected = json!({
        "a proof": [],
        "a look": ["user-acts"],
        "an opening": ["user-acts", "role-assumed"],
        "a stranger opens": ["role-assumed"],
        "a stranger assumes": [],
        "a stranger looks": [],
    });
    assert_eq!(ask(Some(&server), &["alarms", state]), expected);
}

/// No server here evaluates service control policies, so the evaluator of the test server does, which knows
/// what these use: NotAction, Resource, and the conditions on the caller.
#[test]
fn the_guard_leaves_each_act_to_those_that_it_is_for() {
    let all_but = |allowed: &[&str]| {
        let everybody = [
            "rotator",
            "deployer",
            "administrator",
            "break-glass",
            "root",
        ];
        let denied = everybody.iter().filter(|who| !allowed.contains(who));
        json!(denied.collect::<Vec<_>>())
    };
    let (rotator, deployer) = (all_but(&["rotator"]), all_but(&["deployer"]));
    let expected = json!({
        "iam:CreateAccessKey user/breakglass/deploy": rotator,
        "iam:PutUserPolicy user/breakglass/deploy": all_but(&["rotator", "deployer"]),
        "iam:AttachUserPolicy user/breakglass/deploy": deployer,
        "iam:DeleteUserPermissionsBoundary user/breakglass/deploy": deployer,
        "iam:UpdateAssumeRolePolicy role/breakglass/access/deploy": deployer,
        "iam:CreatePolicyVersion policy/breakglass/breakglass-boundary": deployer,
        "sts:AssumeRole role/breakglass/access/deploy": all_but(&["break-glass"]),
    });
    // What is not in the answer is denied to nobody: reading, strangers, other services.
    assert_eq!(ask(None, &["guard"]), expected);
}
