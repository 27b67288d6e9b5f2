//! The watch over sealed keys: a use that no opening explains is the loudest alarm that there is.

use crate::log;
use crate::scene::Scene;

const HOUR: i64 = 3600;

#[test]
fn a_use_that_no_opening_explains_is_an_alarm_until_the_key_is_gone() {
    let scene = Scene::sealed(&["deploy", "db"]);
    scene.run(&["rotate", "--due"]).ended(0);
    assert!(
        log::of(&scene, "unexplained-use").is_empty(),
        "its own proof"
    );
    let (stolen, _) = scene.keys_of("deploy").remove(0);
    scene.server().use_key(&stolen, "s3", HOUR);

    let run = scene.run(&["rotate", "--due"]).ended(11);
    assert!(run.error.contains("[unexplained-use]"), "{run}");
    assert!(
        run.error.contains(&stolen) && run.error.contains("ledger join"),
        "{run}"
    );
    let recorded = log::of(&scene, "unexplained-use");
    assert_eq!(recorded.len(), 1);
    assert_eq!(
        (&recorded[0]["key"], &recorded[0]["service"]),
        (&stolen.as_str().into(), &"s3".into())
    );
    let status = scene.run(&["status"]).ended(10);
    assert!(status.text.contains("no opening explains"), "{status}");

    // It is recorded once for each use, and told by every run.
    scene.run(&["rotate", "--due"]).ended(11);
    assert_eq!(log::of(&scene, "unexplained-use").len(), 1);
    scene.server().use_key(&stolen, "sts", 2 * HOUR);
    scene.run(&["rotate", "--due"]).ended(11);
    assert_eq!(log::of(&scene, "unexplained-use").len(), 2);

    // It still opens; and a new key in its place ends the alarm.
    scene.run(&["rotate"]).ended(0);
    assert_ne!(scene.keys_of("deploy")[0].0, stolen);
    scene.run(&["status"]).ended(0);
    scene.run(&["ledger", "verify"]).ended(0);
}

#[test]
fn what_an_opening_explains_is_no_alarm() {
    let scene = Scene::sealed(&["deploy"]);
    let (key, _) = scene.keys_of("deploy").remove(0);
    scene.unseal(&["deploy"], &["true"]).ended(0);
    scene.server().use_key(&key, "iam", HOUR);
    scene.run(&["rotate", "--due"]).ended(0);
    scene.run(&["close"]).ended(0);
    scene.run(&["rotate", "--due"]).ended(0);
    assert!(log::of(&scene, "unexplained-use").is_empty());
}

/// A watch that cannot look says so.
#[test]
fn a_rotator_that_may_not_ask_says_so() {
    let scene = Scene::sealed(&["deploy"]);
    scene.server().forbid("iam:GetAccessKeyLastUsed");
    let run = scene.run(&["rotate", "--due"]).ended(8);
    assert!(run.error.contains("iam:GetAccessKeyLastUsed"), "{run}");
    assert!(run.error.contains("[aws-denied]"), "{run}");
}
