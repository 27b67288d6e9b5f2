//! Credentials that are given up: their keys go, nobody opens them any more, and nothing is owed to them.

use crate::aws::Proxy;
use crate::pty::Pty;
use crate::scene::{Scene, Seen, unseal_args};

const USERS: &[&str] = &["deploy", "other"];
const REASON: &str = "the account goes to another owner";

fn retire(scene: &Scene, name: &str, more: &[&str]) -> Seen {
    let args = ["credential", "retire", name, "--reason", REASON];
    scene.run(&[&args[..], more].concat())
}

/// An opening that is refused before anybody is asked for a PIN.
fn opening(scene: &Scene, name: &str) -> Seen {
    scene.at_terminal(&unseal_args(&[name], &["true"]), &[])
}

#[test]
fn what_is_given_up_loses_its_keys_and_is_owed_nothing() {
    let scene = Scene::sealed(USERS);
    let key = scene.keys_of("deploy")[0].0.clone();
    let seen = retire(&scene, "deploy", &[]).ended(0);
    assert!(seen.text.contains(&format!("Deleted: {key}")), "{seen}");
    assert_eq!(scene.keys_of("deploy"), []);
    assert_eq!(scene.keys_of("other").len(), 1);

    let list = scene.run(&["credential", "list"]).ended(0);
    assert!(!list.text.contains("deploy"), "{list}");
    let show = scene.run(&["credential", "show", "deploy"]).ended(0);
    assert!(show.text.contains(REASON), "{show}");
    let refused = opening(&scene, "deploy").ended(4);
    assert!(refused.text.contains("[credential-retired]"), "{refused}");
    for args in [
        &["credential", "roles", "deploy", "--none"][..],
        &["credential", "retire", "deploy", "--reason", "again"],
        &["drill", "deploy"],
    ] {
        let seen = scene.run(args).ended(4);
        assert!(seen.error.contains("[credential-retired]"), "{seen}");
    }
    // A rotation is of the other one, and the user stays as it is.
    scene.run(&["rotate"]).ended(0);
    assert_eq!(scene.keys_of("deploy"), []);
    scene.run(&["status"]).ended(0);
    scene.run(&["ledger", "verify"]).ended(0);
    // Its name is taken for ever, its user is not.
    let again = ["credential", "add", "deploy", "--user", "deploy"];
    let seen = scene.run(&again).ended(4);
    assert!(seen.error.contains("[credential-exists]"), "{seen}");
    let anew = ["credential", "add", "deploy-2", "--user", "deploy"];
    scene.run(&anew).ended(0);
    scene.run(&["rotate"]).ended(0);
    scene.unseal(&["deploy-2"], &["true"]).ended(0);
}

#[test]
fn a_compartment_in_which_all_is_given_up_is_never_due() {
    let scene = Scene::sealed(&["deploy"]);
    retire(&scene, "deploy", &[]).ended(0);
    scene.run(&["rotate"]).ended(0);
    scene.run(&["rotate", "--due"]).ended(0);
    let status = scene.run(&["status", "--json"]).ended(0);
    let due = &status.json()["compartments"][0]["due"];
    assert!(due.is_null(), "{status}");
    assert_eq!(scene.keys_of("deploy"), []);
}

#[test]
fn what_is_open_is_closed_before_it_is_given_up() {
    let scene = Scene::sealed(&["deploy"]);
    scene.unseal(&["deploy"], &["true"]).ended(0);
    for more in [&[][..], &["--without-aws"]] {
        let seen = retire(&scene, "deploy", more).ended(4);
        assert!(seen.error.contains("[credential-open]"), "{seen}");
        assert!(seen.error.contains("breakglass close "), "{seen}");
    }
    assert!(scene.keys_of("deploy")[0].1);
    scene.run(&["close"]).ended(0);
    retire(&scene, "deploy", &[]).ended(0);
    assert_eq!(scene.keys_of("deploy"), []);
}

#[test]
fn a_user_that_was_deleted_for_good_is_given_up() {
    let scene = Scene::sealed(USERS);
    scene.server().delete_user("deploy");
    let seen = scene.run(&["rotate"]).ended(9);
    assert!(seen.error.contains("credential retire"), "{seen}");
    retire(&scene, "deploy", &[]).ended(0);
    scene.run(&["rotate"]).ended(0);
    scene.run(&["status"]).ended(0);
    scene.run(&["ledger", "verify"]).ended(0);
}

#[test]
fn an_incident_whose_user_was_deleted_ends_once_it_is_given_up() {
    let scene = Scene::sealed(USERS);
    scene.unseal(&["deploy"], &["true"]).ended(0);
    scene.server().delete_user("deploy");
    let seen = scene.run(&["close"]).ended(9);
    assert!(seen.error.contains("NOT CLOSED"), "{seen}");
    assert!(seen.error.contains("credential retire"), "{seen}");
    scene.run(&["status"]).ended(10);
    retire(&scene, "deploy", &[]).ended(0);
    scene.run(&["close"]).ended(0);
    scene.run(&["status"]).ended(0);
    scene.run(&["ledger", "verify"]).ended(0);
}

#[test]
fn the_keys_of_a_closed_account_are_left_and_said_to_be() {
    let mut scene = Scene::sealed(USERS);
    let key = scene.keys_of("deploy")[0].0.clone();
    let proxy = Proxy::start(scene.server());
    scene.variables = vec![("AWS_ENDPOINT_URL".into(), proxy.endpoint().into())];
    proxy.arm("*", "closed", 1, 1_000);
    let seen = retire(&scene, "deploy", &[]).ended(8);
    assert!(seen.error.contains("not given up"), "{seen}");
    assert!(seen.error.contains("--without-aws"), "{seen}");
    let seen = retire(&scene, "deploy", &["--without-aws"]).ended(0);
    assert!(
        seen.text.contains(&format!("{key} may still work")),
        "{seen}"
    );
    let refused = opening(&scene, "deploy").ended(4);
    assert!(refused.text.contains("[credential-retired]"), "{refused}");
    proxy.reset();
    scene.run(&["rotate"]).ended(0);
    assert_eq!(scene.keys_of("deploy"), [(key, true)], "nobody touched it");
}

#[test]
fn one_that_dies_in_the_middle_is_gone_on_with() {
    let mut scene = Scene::sealed(USERS);
    let proxy = Proxy::start(scene.server());
    scene.variables = vec![("AWS_ENDPOINT_URL".into(), proxy.endpoint().into())];
    for fault in ["hang-before", "hang"] {
        proxy.reset();
        proxy.arm("DeleteAccessKey", fault, 1, 1);
        let name = if fault == "hang" { "deploy" } else { "other" };
        let args = ["credential", "retire", name, "--reason", REASON];
        let pty = Pty::spawn(scene.pty_command(&args));
        proxy.await_held();
        drop(pty);
        let refused = opening(&scene, name).ended(4);
        assert!(refused.text.contains("[nothing-sealed]"), "{refused}");
        retire(&scene, name, &[]).ended(0);
        assert_eq!(scene.keys_of(name), []);
    }
    scene.run(&["status"]).ended(0);
    scene.run(&["ledger", "verify"]).ended(0);
}

#[test]
fn a_station_that_is_no_rotator_gives_up_nothing() {
    let mut scene = Scene::sealed(&["deploy"]);
    let station = scene.new_station("laptop");
    let fingerprint = scene.fingerprint();
    scene.go_to(station);
    scene.run(&["trust", &fingerprint]).ended(0);
    for more in [&[][..], &["--without-aws"]] {
        let seen = retire(&scene, "deploy", more).ended(4);
        assert!(seen.error.contains("[not-a-rotator]"), "{seen}");
    }
    assert_eq!(scene.keys_of("deploy").len(), 1);
    // And it takes a reason, of one line.
    let seen = scene.run(&["credential", "retire", "deploy"]).ended(2);
    assert!(seen.error.contains("--reason"), "{seen}");
}
