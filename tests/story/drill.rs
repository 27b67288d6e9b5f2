//! A drill: two people show that the vault opens, no secret is seen, no key is changed; and a key of which that is
//! known is kept until it is known of a newer one.

use crate::log;
use crate::scene::{BGO, IC, Scene, Seen, WRONG_PIN, borrowed, both_pins, pin};

fn drill(scene: &Scene, args: &[&str]) -> Seen {
    let args = [&["drill"], args].concat();
    scene.at_terminal(&args, &borrowed(&both_pins())).ended(0)
}

#[test]
fn a_drill_shows_that_all_opens_and_shows_no_secret() {
    let scene = Scene::sealed(&["deploy", "audit"]);
    let sealed = scene.keys_of("deploy");
    let seen = drill(&scene, &[]);
    let (deploy, _) = &sealed[0];
    assert!(
        seen.text.contains(&format!("deploy: {deploy} opens")),
        "{seen}"
    );
    assert!(
        seen.text
            .contains("2 credentials open with alice (ic) and bob (bgo)"),
        "{seen}"
    );
    for secret in scene.server().secrets() {
        assert!(!seen.text.contains(&secret));
    }
    assert_eq!(scene.keys_of("deploy"), sealed, "no key is changed");
    assert_eq!(log::of(&scene, "drill-intended").len(), 1);
    assert_eq!(log::of(&scene, "drilled").len(), 2);
    assert!(log::of(&scene, "opened").is_empty());
    let status = scene.run(&["status"]).ended(0);
    assert_eq!(
        status.text.matches("shown to open at").count(),
        2,
        "{status}"
    );
    scene.run(&["ledger", "verify"]).ended(0);
}

#[test]
fn one_person_alone_drills_nothing() {
    let scene = Scene::sealed(&["deploy"]);
    let args = ["drill", "deploy"];
    let ic = (format!("PIN of {IC}"), pin(IC));
    let wrong = (format!("PIN of {BGO}"), WRONG_PIN.to_owned());
    let answers = [ic, wrong.clone(), wrong.clone(), wrong];
    scene.at_terminal(&args, &borrowed(&answers)).ended(5);
    assert!(log::of(&scene, "drilled").is_empty());
    assert!(!log::of(&scene, "refused").is_empty());
    scene.run(&["drill", "nobody"]).ended(4);
}

#[test]
fn what_was_drilled_is_kept_until_the_next_key_is_drilled_too() {
    let scene = Scene::sealed(&["deploy"]);
    let first = scene.keys_of("deploy").remove(0).0;
    drill(&scene, &["deploy"]);
    scene.run(&["rotate"]).ended(0);
    let kept = scene.keys_of("deploy");
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(
        kept.contains(&(first.clone(), false)),
        "deactivated, and there: {kept:?}"
    );
    scene.run(&["rotate", "--due"]).ended(0);
    assert_eq!(scene.keys_of("deploy"), kept, "no run takes it");
    scene.run(&["status"]).ended(0);

    drill(&scene, &["--compartment", "main"]);
    let due = scene.run(&["rotate", "--due", "--dry-run"]).ended(0);
    assert!(due.text.contains(&first), "{due}");
    scene.run(&["rotate", "--due"]).ended(0);
    let left = scene.keys_of("deploy");
    assert!(
        left.len() == 1 && left[0].1 && left[0].0 != first,
        "{left:?}"
    );

    // The place of the kept one is needed where it is rotated once more.
    scene.run(&["rotate"]).ended(0);
    scene.run(&["rotate"]).ended(0);
    assert!(
        scene
            .keys_of("deploy")
            .iter()
            .filter(|(_, active)| *active)
            .count()
            == 1
    );
    scene.run(&["ledger", "verify"]).ended(0);
}

#[test]
fn the_policy_may_keep_none() {
    let scene = Scene::empty(&["deploy"]);
    scene.prepare(&["alice", "bob"]);
    scene.found(&["alice"], &["bob"], &["--keep-proved", "0"]);
    scene.add(&["deploy"]);
    scene.run(&["rotate"]).ended(0);
    drill(&scene, &[]);
    scene.run(&["rotate"]).ended(0);
    assert_eq!(scene.keys_of("deploy").len(), 1);
}
