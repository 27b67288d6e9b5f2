//! An incident that nobody closes: any rotator run ends it once its lease has run out, whoever opened it and
//! whether their machine still lives.

use std::thread::sleep;
use std::time::Duration;

use crate::log;
use crate::pty::Pty;
use crate::scene::{Scene, borrowed, both_pins, type_all};

/// Long enough that an opening is done before it is over.
const LEASE: Duration = Duration::from_secs(4);

/// Opens a credential, and kills the process that holds it, with its child; the lease is over when this returns.
fn opened_by_a_machine_that_died(scene: &Scene) {
    let held = scene.path("held");
    let script = format!("touch '{}' && sleep 100000", held.display());
    let lease = format!("{}s", LEASE.as_secs());
    let args = [
        "unseal", "deploy", "--reason", "INC-42", "--for", &lease, "--", "sh", "-c", &script,
    ];
    let mut pty = Pty::spawn(scene.pty_command(&args));
    type_all(&mut pty, &borrowed(&both_pins()));
    while !held.exists() {
        sleep(Duration::from_millis(20));
    }
    let group = rustix::process::Pid::from_raw(pty.id().cast_signed()).expect("a process");
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).expect("it is there");
    pty.finish();
    sleep(LEASE);
}

#[test]
fn any_rotator_run_closes_an_incident_past_its_lease() {
    let scene = Scene::sealed(&["deploy", "db"]);
    let exposed = scene.keys_of("deploy");
    let other = scene.keys_of("db");
    opened_by_a_machine_that_died(&scene);
    assert_eq!(
        scene.keys_of("deploy"),
        exposed,
        "nobody was there to end it"
    );
    let status = scene.run(&["status"]).ended(10);
    assert!(status.text.contains("its lease ran out"), "{status}");

    let run = scene.run(&["rotate", "--due"]).ended(0);
    assert!(run.text.contains("had run out"), "{run}");
    let now = scene.keys_of("deploy");
    assert_eq!(now.len(), 1, "{now:?}");
    assert!(now[0].1 && now[0].0 != exposed[0].0, "{now:?}");
    assert_ne!(
        scene.keys_of("db"),
        other,
        "the compartment was replaced with it"
    );
    let denial = scene
        .server()
        .policy_of("deploy", "breakglass-revoke-sessions");
    assert!(denial.is_some(), "sessions of the key are not denied");
    let events = log::events(&scene);
    let at = |name: &str| events.iter().position(|event| event == name);
    assert!(at("lease-expired") < at("key-refused") && at("key-refused") < at("incident-closed"));
    assert!(at("lease-expired").is_some(), "{events:?}");
    assert!(log::of(&scene, "closing-intended").is_empty());
    scene.run(&["status"]).ended(0);
    scene.run(&["ledger", "verify"]).ended(0);

    // Once is enough.
    let run = scene.run(&["rotate", "--due", "--json"]).ended(0).json();
    assert!(run["reaped"].is_null(), "{run}");
    assert_eq!(scene.keys_of("deploy"), now);
}

#[test]
fn an_incident_within_its_lease_is_left_alone() {
    let scene = Scene::sealed(&["deploy"]);
    scene.unseal(&["deploy"], &["true"]).ended(0);
    let keys = scene.keys_of("deploy");
    let run = scene.run(&["rotate"]).ended(0);
    assert!(run.text.contains("left alone"), "{run}");
    assert_eq!(scene.keys_of("deploy"), keys);
    assert!(log::of(&scene, "lease-expired").is_empty());
}

/// AWS cannot be asked: nothing is recorded, and the next run does it.
#[test]
fn a_lease_that_cannot_be_ended_now_is_ended_by_the_next_run() {
    let mut scene = Scene::sealed(&["deploy"]);
    opened_by_a_machine_that_died(&scene);
    scene
        .variables
        .push(("AWS_PROFILE".into(), "outsider".into()));
    let run = scene.run(&["rotate", "--due"]).ended(9);
    assert!(run.error.contains("NOT CLOSED"), "{run}");
    assert!(run.error.contains("breakglass close"), "{run}");
    scene.run(&["status"]).ended(10);
    scene.variables.pop();
    scene.run(&["rotate", "--due"]).ended(0);
    scene.run(&["status"]).ended(0);
    assert_eq!(log::of(&scene, "lease-expired").len(), 1);
    assert_eq!(log::of(&scene, "closing-failed").len(), 1);
}
