//! Users in several accounts, which are entered by a role; on the server that has accounts.

use std::fs;

use crate::aws::{EXTERNAL_ID, Lane, Proxy, ROTATOR};
use crate::scene::{BGO, IC, Scene};

const ONE: &str = "222222222222";
const TWO: &str = "333333333333";
const NOWHERE: &str = "444444444444";

fn founded(aws: &str) -> (Scene, Proxy) {
    let accounts = format!("{ONE},{TWO}");
    let mut scene = Scene::empty_on(Lane::Ministack, &["deploy"], &["--accounts", &accounts]);
    scene.prepare(&[IC, BGO]);
    scene.found(&[IC], &[BGO], &[]);
    configure(&scene, aws);
    let proxy = Proxy::start(scene.server());
    scene.variables = vec![("AWS_ENDPOINT_URL".into(), proxy.endpoint().into())];
    (scene, proxy)
}

/// Writes the part `[aws]` of the station's config.toml anew.
fn configure(scene: &Scene, aws: &str) {
    let path = scene.station().join("config.toml");
    let text = fs::read_to_string(&path).expect("there is one");
    let before = text.split("\n[aws]").next().unwrap_or_default();
    fs::write(&path, format!("{before}\n[aws]\n{aws}")).expect("the folder is ours");
}

fn role() -> String {
    format!("role = \"{ROTATOR}\"\nexternal-id = \"{EXTERNAL_ID}\"\n")
}

fn add(scene: &Scene, name: &str, account: &str) -> crate::scene::Seen {
    let args = [
        "credential",
        "add",
        name,
        "--user",
        "deploy",
        "--account",
        account,
    ];
    scene.run(&args)
}

#[test]
fn one_rotation_goes_through_all_accounts_and_enters_each_once() {
    let (scene, proxy) = founded(&role());
    scene
        .run(&["credential", "add", "own", "--user", "deploy"])
        .ended(0);
    add(&scene, "one", ONE).ended(0);
    add(&scene, "two", TWO).ended(0);
    scene.run(&["rotate"]).ended(0);
    proxy.reset();
    let seen = scene.run(&["rotate", "--json"]).ended(0);
    let fresh = seen.json()["credentials"].as_array().map(Vec::len);
    assert_eq!(fresh, Some(3), "{seen}");
    let counts = proxy.counts();
    assert_eq!(counts.get("AssumeRole"), Some(&2), "{counts:?}");
    assert_eq!(counts.get("GetCallerIdentity"), Some(&7), "{counts:?}");
    scene.run(&["status"]).ended(0);
    let log = scene.log().to_string();
    for account in [ONE, TWO] {
        let proved = format!("arn:aws:iam::{account}:user/deploy");
        assert!(log.contains(&proved), "{account}: {log}");
    }
}

#[test]
fn without_a_way_into_the_account_nothing_is_added_and_the_line_to_write_is_told() {
    let (scene, _proxy) = founded("");
    let seen = add(&scene, "one", ONE).ended(4);
    assert!(seen.error.contains("[other-account]"), "{seen}");
    assert!(seen.error.contains("config.toml"), "{seen}");
    let only_two = format!(
        "[[aws.account]]\nid = \"{TWO}\"\nrole = \"{ROTATOR}\"\nexternal-id = \"{EXTERNAL_ID}\"\n"
    );
    configure(&scene, &only_two);
    add(&scene, "one", ONE).ended(4);
    add(&scene, "two", TWO).ended(0);
    scene.run(&["rotate"]).ended(0);
}

#[test]
fn a_wrong_external_id_or_no_role_at_all_is_told_as_such() {
    let (scene, _proxy) = founded(&format!(
        "role = \"{ROTATOR}\"\nexternal-id = \"another\"\n"
    ));
    let seen = add(&scene, "one", ONE).ended(8);
    assert!(seen.error.contains("[role-not-assumed]"), "{seen}");
    assert!(seen.error.contains("external id"), "{seen}");
    configure(&scene, &role());
    let seen = add(&scene, "gone", NOWHERE).ended(8);
    assert!(seen.error.contains(NOWHERE), "{seen}");
}

#[test]
fn an_account_that_cannot_be_entered_is_its_credentials_failure_alone() {
    let (scene, proxy) = founded(&role());
    scene
        .run(&["credential", "add", "own", "--user", "deploy"])
        .ended(0);
    add(&scene, "one", ONE).ended(0);
    add(&scene, "two", TWO).ended(0);
    scene.run(&["rotate"]).ended(0);
    // Somebody changes what the role asks for, or closes the account: it is the same from here.
    let closed = format!(
        "{}\n[[aws.account]]\nid = \"{ONE}\"\nrole = \"{ROTATOR}\"\nexternal-id = \"other\"\n",
        role()
    );
    configure(&scene, &closed);
    proxy.reset();
    let seen = scene.run(&["rotate"]).ended(9);
    assert!(seen.error.contains("[role-not-assumed]"), "{seen}");
    assert!(seen.error.contains(&format!("account {ONE}")), "{seen}");
    // It was asked for once, and once for the other.
    assert_eq!(proxy.count("AssumeRole"), 2);
    let show = scene.run(&["credential", "show", "one"]).ended(0);
    assert!(show.text.contains("role-not-assumed"), "{show}");
    // What is due is what failed.
    configure(&scene, &role());
    scene.run(&["rotate", "--due"]).ended(0);
    let show = scene.run(&["credential", "show", "one"]).ended(0);
    assert!(!show.text.contains("role-not-assumed"), "{show}");
}

#[test]
fn a_session_that_ends_before_its_time_is_renewed_and_nothing_is_made_twice() {
    let (scene, proxy) = founded(&role());
    add(&scene, "one", ONE).ended(0);
    for action in ["ListAccessKeys", "CreateAccessKey"] {
        proxy.reset();
        proxy.arm(action, "expired", 1, 1);
        scene.run(&["rotate"]).ended(0);
        assert_eq!(proxy.count("AssumeRole"), 2, "{action}");
        assert_eq!(proxy.count(action), 2, "{action}");
    }
    let show = scene.run(&["credential", "show", "one"]).ended(0);
    assert_eq!(show.text.matches("in force").count(), 1, "{show}");
}

#[test]
fn a_profile_may_lead_into_an_account_instead_of_a_role() {
    let (scene, _proxy) = founded("");
    // The credentials of a profile are only used in their own account.
    let wrong = format!("[[aws.account]]\nid = \"{ONE}\"\nprofile = \"admin\"\n");
    configure(&scene, &wrong);
    let seen = add(&scene, "one", ONE).ended(4);
    assert!(seen.error.contains("[other-account]"), "{seen}");
    let both = format!(
        "[[aws.account]]\nid = \"{ONE}\"\nprofile = \"{ROTATOR}\"\nrole = \"{ROTATOR}\"\nexternal-id = \"{EXTERNAL_ID}\"\n"
    );
    configure(&scene, &both);
    add(&scene, "one", ONE).ended(0);
}
