//! What happens to users, accounts and credentials while a rotation is under way.

use std::fs;

use crate::aws::Proxy;
use crate::pty::Pty;
use crate::scene::Scene;

const ROTATE: &[&str] = &["rotate"];
/// The first is asked about first.
const USERS: &[&str] = &["able", "other"];

/// A sealed vault behind a proxy, one call at a time.
fn sealed() -> (Scene, Proxy) {
    let mut scene = Scene::founded(USERS);
    scene.add(USERS);
    let config = scene.station().join("config.toml");
    let text = fs::read_to_string(&config).expect("there is one");
    fs::write(&config, format!("{text}\n[aws]\nat-once = 1\n")).expect("the folder is ours");
    scene.run(ROTATE).ended(0);
    let proxy = Proxy::start(scene.server());
    scene.variables = vec![("AWS_ENDPOINT_URL".into(), proxy.endpoint().into())];
    (scene, proxy)
}

/// The first user is deleted while that call about it is under way.
fn deleted_amid(action: &str) {
    let (scene, proxy) = sealed();
    let before = scene.keys_of("other");
    proxy.arm(action, "wait", 1, 1);
    let mut rotate = Pty::spawn(scene.pty_command(ROTATE));
    proxy.await_held();
    scene.server().delete_user("able");
    proxy.release();
    let ended = rotate.finish();
    let said = rotate.transcript();
    // A key that was to be deleted is gone, whoever did it: what else is gone the next run finds out.
    let last = action == "DeleteAccessKey";
    let code = if last { 0 } else { 9 };
    assert_eq!(ended.code(), Some(code), "{action}: {said}");
    assert!(last || said.contains("user able"), "{action}: {said}");
    // The other one has its new key all the same.
    let after = scene.keys_of("other");
    assert!(
        after.len() == 1 && after[0].1 && after != before,
        "{action}: {after:?}"
    );
    let again = scene.run(ROTATE).ended(9);
    assert!(again.error.contains("[aws-not-found]"), "{action}: {again}");
    let show = scene.run(&["credential", "show", "able"]).ended(0);
    assert!(show.text.contains("aws-not-found"), "{action}: {show}");
    scene.run(&["ledger", "verify"]).ended(0);
}

#[test]
fn a_user_that_is_deleted_before_its_key_is_made_concerns_nobody_else() {
    deleted_amid("CreateAccessKey");
}

#[test]
fn a_user_that_is_deleted_before_its_key_is_proved_concerns_nobody_else() {
    deleted_amid("GetCallerIdentity");
}

#[test]
fn a_user_that_is_deleted_before_its_old_key_goes_concerns_nobody_else() {
    deleted_amid("DeleteAccessKey");
}

#[test]
fn credentials_that_expire_in_the_middle_end_the_run_and_the_next_goes_on() {
    let (scene, proxy) = sealed();
    for action in ["CreateAccessKey", "DeleteAccessKey"] {
        proxy.reset();
        proxy.arm(action, "expired", 2, 1_000);
        let seen = scene.run(ROTATE).ended(9);
        assert!(seen.error.contains("[aws-credentials]"), "{action}: {seen}");
        assert!(seen.error.contains("ExpiredToken"), "{action}: {seen}");
        scene.run(&["status"]).ended(10);
        proxy.reset();
        scene.run(&["rotate", "--due"]).ended(0);
        for user in USERS {
            let keys = scene.keys_of(user);
            assert!(keys.len() == 1 && keys[0].1, "{action}, {user}: {keys:?}");
        }
        scene.run(&["status"]).ended(0);
    }
}

#[test]
fn a_clock_that_is_an_hour_off_is_told_as_such_and_costs_nothing() {
    let (scene, proxy) = sealed();
    let before: Vec<_> = USERS.iter().map(|user| scene.keys_of(user)).collect();
    proxy.arm("*", "skewed", 1, 1_000);
    for args in [ROTATE, &["rotate", "--due"]] {
        let seen = scene.run(args).ended(8);
        assert!(seen.error.contains("[aws-credentials]"), "{seen}");
        assert!(seen.error.contains("date -u"), "{seen}");
        assert!(!seen.error.contains("AWS_PROFILE"), "{seen}");
    }
    proxy.reset();
    let after: Vec<_> = USERS.iter().map(|user| scene.keys_of(user)).collect();
    assert_eq!(after, before);
    scene.run(ROTATE).ended(0);
    scene.run(&["status"]).ended(0);
}

#[test]
fn an_account_that_is_closed_is_told_as_aws_tells_it() {
    let (scene, proxy) = sealed();
    let before: Vec<_> = USERS.iter().map(|user| scene.keys_of(user)).collect();
    proxy.arm("*", "closed", 1, 1_000);
    let seen = scene.run(ROTATE).ended(8);
    assert!(seen.error.contains("[aws-refused]"), "{seen}");
    assert!(seen.error.contains("OptInRequired"), "{seen}");
    proxy.reset();
    let after: Vec<_> = USERS.iter().map(|user| scene.keys_of(user)).collect();
    assert_eq!(after, before);
    // The account is opened again.
    scene.run(ROTATE).ended(0);
    scene.run(&["status"]).ended(0);
}
