//! Two rotators at one vault: what one has begun, the other leaves alone until it must be dead.

use crate::aws::Proxy;
use crate::log;
use crate::scene::Scene;

/// The first rotator dies while AWS makes a key for it.
fn begun_by_a_machine_that_died(scene: &mut Scene) {
    let proxy = Proxy::start(scene.server());
    proxy.arm("CreateAccessKey", "hang", 1, 1);
    scene
        .variables
        .push(("AWS_ENDPOINT_URL".into(), proxy.endpoint().into()));
    let mut rotating = scene.breakglass(&["rotate"]).spawn().expect("it runs");
    proxy.await_held();
    rotating.kill().expect("it runs");
    rotating.wait().expect("it ends");
    scene.variables.pop();
}

#[test]
fn what_another_rotator_has_begun_is_left_to_it_or_taken_over() {
    let mut scene = Scene::sealed(&["deploy"]);
    let second = scene.second_rotator("second");
    let sealed = scene.keys_of("deploy");
    begun_by_a_machine_that_died(&mut scene);
    let first = scene.station().to_owned();
    let orphaned = scene.keys_of("deploy");
    assert_eq!(
        orphaned.len(),
        2,
        "AWS made the key, and nobody has its secret"
    );

    scene.go_to(second);
    let foreseen = scene.run(&["rotate", "--dry-run"]).ended(0);
    assert!(
        foreseen.text.contains("being rotated by station"),
        "{foreseen}"
    );
    let due = scene.run(&["rotate", "--due"]).ended(0);
    assert!(due.text.contains("being rotated by station"), "{due}");
    let asked = scene.run(&["rotate", "--json"]).ended(4).json();
    assert_eq!(asked["error"]["code"], "rotated-elsewhere", "{asked}");
    assert_eq!(scene.keys_of("deploy"), orphaned);

    scene.run(&["rotate", "--take-over"]).ended(0);
    let fresh = scene.keys_of("deploy");
    assert_eq!(fresh.len(), 1, "{fresh:?}");
    assert!(!orphaned.contains(&fresh[0]) && !sealed.contains(&fresh[0]));
    scene.run(&["status"]).ended(0);
    scene.go_to(first);
    scene.run(&["rotate"]).ended(0);
    scene.run(&["ledger", "verify"]).ended(0);
    assert_eq!(log::of(&scene, "generation-committed").len(), 3);
}

/// An incident is closed whoever is at a rotation.
#[test]
fn closing_waits_for_no_other_rotator() {
    let mut scene = Scene::sealed(&["deploy", "db"]);
    let second = scene.second_rotator("second");
    scene.unseal(&["deploy"], &["true"]).ended(0);
    begun_by_a_machine_that_died(&mut scene);
    scene.go_to(second);
    scene.run(&["close"]).ended(0);
    assert_eq!(scene.keys_of("deploy").len(), 1);
    scene.run(&["status"]).ended(0);
}
