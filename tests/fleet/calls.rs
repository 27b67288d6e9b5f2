//! How many calls a rotation takes, counted by the proxy between breakglass and AWS.

use crate::aws::Proxy;
use crate::scene::Scene;

const USERS: [&str; 10] = ["u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9"];

fn behind_a_proxy(users: &[&str]) -> (Scene, Proxy) {
    let mut scene = Scene::founded(users);
    scene.add(users);
    let proxy = Proxy::start(scene.server());
    scene.variables = vec![("AWS_ENDPOINT_URL".into(), proxy.endpoint().into())];
    (scene, proxy)
}

/// One key for each user, and what opens it.
fn at_rest(scene: &Scene, users: &[&str]) {
    for user in users {
        let keys = scene.keys_of(user);
        let shown = scene.run(&["credential", "show", user]).ended(0).text;
        assert!(keys.len() == 1 && keys[0].1, "{user}: {keys:?}");
        assert!(shown.contains(&keys[0].0), "{shown}");
    }
}

#[test]
fn a_quiet_rotation_takes_five_calls_for_each_user() {
    let (scene, proxy) = behind_a_proxy(&USERS);
    let users = USERS.len();
    // The first time there is no old key.
    scene.run(&["rotate"]).ended(0);
    let counts = proxy.counts();
    assert_eq!(counts.get("ListAccessKeys"), Some(&users), "{counts:?}");
    assert_eq!(counts.get("DeleteAccessKey"), None, "{counts:?}");
    proxy.reset();
    scene.run(&["rotate"]).ended(0);
    let counts = proxy.counts();
    let expected = [
        ("CreateAccessKey", users),
        ("DeleteAccessKey", users),
        // Two answers for each new key, and the rotator's own identity once.
        ("GetCallerIdentity", 2 * users + 1),
        ("ListAccessKeys", users),
    ];
    let counts: Vec<(&str, usize)> = counts.iter().map(|(a, n)| (a.as_str(), *n)).collect();
    assert_eq!(counts, expected);
    at_rest(&scene, &USERS);
}

#[test]
fn what_is_throttled_is_asked_again_until_it_is_done() {
    let (scene, proxy) = behind_a_proxy(&USERS);
    proxy.limit(20.0, 3);
    scene.run(&["rotate"]).ended(0);
    assert!(proxy.harmed() > 0, "nothing was throttled");
    let counts = proxy.counts();
    assert_eq!(counts.get("CreateAccessKey"), Some(&USERS.len()));
    proxy.reset();
    at_rest(&scene, &USERS);
}

#[test]
fn a_lost_answer_concerns_its_user_alone() {
    let (scene, proxy) = behind_a_proxy(&USERS[..4]);
    scene.run(&["rotate"]).ended(0);
    proxy.reset();
    proxy.arm("CreateAccessKey", "drop-after", 2, 1);
    let seen = scene.run(&["rotate", "--json"]).ended(9);
    let answer = seen.json();
    assert_eq!(answer["error"]["code"], "aws-unclear", "{seen}");
    let outcomes = answer["credentials"].as_array().cloned();
    let outcomes = outcomes.expect("what became of each");
    let fresh = outcomes.iter().filter(|one| one["fresh"].is_string());
    assert_eq!((outcomes.len(), fresh.count()), (4, 3), "{seen}");
    at_rest(&scene, &USERS[..4]);
    scene.run(&["rotate"]).ended(0);
    at_rest(&scene, &USERS[..4]);
    scene.run(&["status"]).ended(0);
}

#[test]
fn with_a_grace_old_keys_are_deactivated_together_and_deleted_by_the_next_run() {
    let users = &USERS[..3];
    let mut scene = Scene::empty(users);
    scene.prepare(&[crate::scene::IC, crate::scene::BGO]);
    scene.found(
        &[crate::scene::IC],
        &[crate::scene::BGO],
        &["--grace", "60"],
    );
    scene.add(users);
    scene.run(&["rotate"]).ended(0);
    let proxy = Proxy::start(scene.server());
    scene.variables = vec![("AWS_ENDPOINT_URL".into(), proxy.endpoint().into())];
    scene.run(&["rotate"]).ended(0);
    let counts = proxy.counts();
    assert_eq!(counts.get("UpdateAccessKey"), Some(&3), "{counts:?}");
    assert_eq!(counts.get("DeleteAccessKey"), None, "{counts:?}");
    for user in users {
        let active: Vec<bool> = scene.keys_of(user).iter().map(|key| key.1).collect();
        assert_eq!(active, [false, true], "{user}");
    }
    // The next rotation needs their place.
    scene.run(&["rotate"]).ended(0);
    assert_eq!(proxy.counts().get("DeleteAccessKey"), Some(&3));
}
