//! AWS that is down, throttles, or does not hold what we left there.

use crate::aws::{Proxy, user};
use crate::refusal::{refused, refused_on_record, told};
use crate::scene::{Scene, unseal_args};
use breakglass::ports::AccessKeys;

const ROTATE: &[&str] = &["rotate"];
const ADD: &[&str] = &["credential", "add", "other", "--user", "other"];
const USERS: &[&str] = &["deploy", "other"];

fn sealed() -> Scene {
    let scene = Scene::founded(USERS);
    scene.add(&["deploy"]);
    scene.run(ROTATE).ended(0);
    scene
}

/// A key that somebody makes past us.
fn key_made_by_another(scene: &Scene, name: &str) -> String {
    let admin = scene.server().as_profile("admin");
    // What is made cannot be printed: it holds a secret.
    let Ok(made) = admin.create(&user(name)) else {
        panic!("no key for {name}");
    };
    made.id.to_string()
}

#[test]
fn nothing_is_done_where_aws_cannot_be_reached() {
    let mut scene = sealed();
    // Nobody listens on the lowest port.
    scene.variables = vec![("AWS_ENDPOINT_URL".into(), "http://127.0.0.1:1".into())];
    let told = refused(&scene, USERS, ROTATE, 8, "aws-unreachable");
    assert!(told.hints().contains("network"), "{}", told.text);
    // What needs no AWS does not ask for it.
    scene.run(&["status"]).ended(0);
    let unseal = unseal_args(&["deploy"], &["true"]);
    refused_on_record(&scene, USERS, &unseal, 3, "no-terminal");
}

#[test]
fn secrets_do_not_travel_in_the_clear() {
    let mut scene = sealed();
    for endpoint in [
        "http://192.0.2.1:80",
        "http://iam.example.com",
        "ftp://127.0.0.1",
        "127.0.0.1",
    ] {
        scene.variables = vec![("AWS_ENDPOINT_URL".into(), endpoint.into())];
        for args in [ROTATE, ADD] {
            let told = refused(&scene, USERS, args, 8, "aws-endpoint-insecure");
            assert!(told.what().contains(endpoint), "{}", told.text);
        }
    }
    // The services' own variables, too.
    for variable in ["AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS"] {
        scene.variables = vec![(variable.into(), "http://192.0.2.1".into())];
        refused(&scene, USERS, ROTATE, 8, "aws-endpoint-insecure");
    }
    scene.variables.clear();
    let config = scene.station().join("config.toml");
    let text = std::fs::read_to_string(&config).expect("text");
    let text = format!("{text}\n[aws]\nendpoint = \"http://192.0.2.1\"\n");
    let _spoilt = crate::spoil::Spoilt::with(&config, text.as_bytes());
    refused(&scene, USERS, ROTATE, 8, "aws-endpoint-insecure");
}

#[test]
fn throttling_is_told_as_such_and_leaves_the_key() {
    let mut scene = sealed();
    let proxy = Proxy::start(scene.server());
    scene.variables = vec![("AWS_ENDPOINT_URL".into(), proxy.endpoint().into())];
    proxy.arm("CreateAccessKey", "throttle", 1, 1_000);
    let told = refused_on_record(&scene, USERS, ROTATE, 8, "aws-throttled");
    assert!(told.hints().contains("wait"), "{}", told.text);
    proxy.reset();
    proxy.arm("ListAccessKeys", "throttle", 1, 1_000);
    let seen = scene.run(ROTATE).ended(8);
    assert!(seen.error.contains("[aws-throttled]"), "{seen}");
    proxy.reset();
    scene.run(ROTATE).ended(0);
    assert_eq!(scene.keys_of("deploy").len(), 1);
}

#[test]
fn keys_of_others_are_never_touched() {
    let scene = sealed();
    // A user that has a key, and then two, before it is ours to look after.
    let first = key_made_by_another(&scene, "other");
    let told = refused(&scene, USERS, ADD, 4, "foreign-key");
    assert!(told.hints().contains(&first), "{}", told.text);
    let second = key_made_by_another(&scene, "other");
    let told = refused(&scene, USERS, ADD, 4, "foreign-key");
    assert!(
        told.what().contains(&first) && told.what().contains(&second),
        "{}",
        told.text
    );
    // One beside ours.
    let foreign = key_made_by_another(&scene, "deploy");
    let told = refused_on_record(&scene, USERS, ROTATE, 4, "foreign-key");
    assert!(told.what().contains(&foreign), "{}", told.text);
    assert!(told.hints().contains("delete-access-key"), "{}", told.text);
    assert_eq!(scene.keys_of("deploy").len(), 2);
    // And two in the place of ours.
    let admin = scene.server().as_profile("admin");
    let keys = scene.keys_of("deploy");
    let ours = keys.iter().find(|(id, _)| *id != foreign).expect("ours");
    admin
        .delete(&user("deploy"), &ours.0.parse().expect("an id"))
        .expect("deleted");
    key_made_by_another(&scene, "deploy");
    refused_on_record(&scene, USERS, ROTATE, 4, "foreign-key");
    assert_eq!(scene.keys_of("deploy").len(), 2);
}

#[test]
fn a_key_that_vanished_is_replaced() {
    let scene = sealed();
    let admin = scene.server().as_profile("admin");
    let gone = scene.keys_of("deploy")[0].0.clone();
    admin
        .delete(&user("deploy"), &gone.parse().expect("an id"))
        .expect("deleted");
    scene.run(ROTATE).ended(0);
    let keys = scene.keys_of("deploy");
    assert!(
        keys.len() == 1 && keys[0].0 != gone && keys[0].1,
        "{keys:?}"
    );
    let log = scene.log()["entries"].to_string();
    assert!(log.contains("key-missing"), "{log}");
    scene.run(&["status"]).ended(0);
}

#[test]
fn a_key_that_vanished_while_it_was_open_does_not_keep_an_incident_open() {
    let scene = sealed();
    scene.unseal(&["deploy"], &["true"]).ended(0);
    let admin = scene.server().as_profile("admin");
    let gone = scene.keys_of("deploy")[0].0.clone();
    admin
        .delete(&user("deploy"), &gone.parse().expect("an id"))
        .expect("deleted");
    scene.run(&["close"]).ended(0);
    let keys = scene.keys_of("deploy");
    assert!(
        keys.len() == 1 && keys[0].0 != gone && keys[0].1,
        "{keys:?}"
    );
    scene.run(&["status"]).ended(0);
}

#[test]
fn users_and_permissions_that_are_not_there_are_told() {
    let mut scene = sealed();
    scene.variables = vec![("AWS_PROFILE".into(), "admin".into())];
    let ghost = ["credential", "add", "ghost", "--user", "ghost"];
    let told_ghost = refused(&scene, USERS, &ghost, 8, "aws-not-found");
    assert!(told_ghost.what().contains("ghost"), "{}", told_ghost.text);
    scene.variables = vec![("AWS_PROFILE".into(), "outsider".into())];
    let denied = refused_on_record(&scene, USERS, ROTATE, 8, "aws-denied");
    assert!(
        denied.what().contains("iam:ListAccessKeys"),
        "{}",
        denied.text
    );
    assert!(
        denied.hints().contains("iam:ListAccessKeys"),
        "{}",
        denied.text
    );
    refused(&scene, USERS, ADD, 8, "aws-denied");
    scene.variables = vec![("AWS_PROFILE".into(), "nosuch".into())];
    for args in [ROTATE, ADD] {
        let told = refused(&scene, USERS, args, 8, "aws-credentials");
        assert!(told.hints().contains("AWS_PROFILE"), "{}", told.text);
    }
    scene.variables = vec![
        ("AWS_PROFILE".into(), "".into()),
        ("AWS_ACCESS_KEY_ID".into(), "AKIAXXXXXXXXXXXXXXXX".into()),
        ("AWS_SECRET_ACCESS_KEY".into(), "x".repeat(40).into()),
    ];
    refused(&scene, USERS, ROTATE, 8, "aws-credentials");
}

#[test]
fn closing_that_aws_refuses_is_not_closed_and_says_so() {
    let mut scene = sealed();
    scene.unseal(&["deploy"], &["true"]).ended(0);
    let incident = scene.open_incidents().remove(0);
    scene.variables = vec![("AWS_PROFILE".into(), "outsider".into())];
    let told = told(&scene, &["close"], 9, "aws-denied");
    assert!(told.text.contains("NOT CLOSED"), "{}", told.text);
    let again = format!("breakglass close {incident}");
    assert!(told.hints().contains(&again), "{}", told.text);
    let status = scene.run(&["status"]).ended(10);
    assert!(status.text.contains("NOT CLOSED"), "{status}");
    scene.variables.clear();
    scene.run(&["close"]).ended(0);
    scene.run(&["status"]).ended(0);
}

#[test]
fn a_user_whom_two_vaults_claim_is_left_to_the_first() {
    let mut scene = sealed();
    scene.add(&["other"]);
    let first = scene.station().to_owned();
    let second = scene.new_station("second");
    scene.prepare(&["carol", "dan"]);
    let vault = scene.path("second-vault");
    scene.go_to(second.clone());
    scene.variables = vec![("BREAKGLASS_VAULT".into(), vault.into())];
    scene.found(&["carol"], &["dan"], &[]);
    // One user has the key of the first vault already; the other has none yet, and gets it there.
    let before = scene.keys_of("deploy");
    let add = ["credential", "add", "deploy", "--user", "deploy"];
    let told = scene.run(&add).ended(4);
    assert!(told.error.contains("foreign-key"), "{told}");
    scene.add(&["other"]);
    let claimed = std::mem::take(&mut scene.variables);
    scene.go_to(first.clone());
    scene.run(ROTATE).ended(0);
    let made = scene.keys_of("other");

    scene.go_to(second);
    scene.variables = claimed;
    let told = scene.run(ROTATE).ended(4);
    assert!(told.error.contains("foreign-key"), "{told}");
    assert!(told.error.contains(&made[0].0), "{told}");
    assert_eq!(
        scene.keys_of("other"),
        made,
        "it makes none, and takes none away"
    );
    scene.go_to(first);
    scene.variables.clear();
    scene.run(ROTATE).ended(0);
    assert_eq!(scene.keys_of("other").len(), 1);
    assert_ne!(scene.keys_of("deploy"), before);
}
