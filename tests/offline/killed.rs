//! A joining that is killed at any step: whoever runs it again ends it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::night::{Night, text};
use crate::opening::opened;
use crate::scene::{Scene, binary};
use crate::strace::injecting;

/// Kills `ledger join` at its n-th new file, for every n, each time on the vault and station as they are; runs it
/// again, and looks at what came of it. `name` is for the copies. Returns how often it was killed.
fn killed_at_each(night: &mut Night, name: &str, key: &str) -> usize {
    let scene = &mut night.scene;
    let stick = text(&night.stick).to_owned();
    let (vault, station) = (scene.vault(), scene.station().to_owned());
    for when in 1.. {
        let copies = [
            scene.path(&format!("vault-{name}-{when}")),
            scene.path(&format!("station-{name}-{when}")),
        ];
        for (from, to) in [&vault, &station].into_iter().zip(&copies) {
            copy(from, to);
        }
        let variables = scene.variables.clone();
        scene
            .variables
            .push(("BREAKGLASS_VAULT".into(), copies[0].clone().into()));
        scene.go_to(copies[1].clone());
        let words = injecting("linkat", &format!("signal=KILL:when={when}"));
        let status = Command::new(&words[0])
            .args(&words[1..])
            .arg(binary())
            .args(["ledger", "join", &stick])
            .env_clear()
            .envs(scene.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("strace is installed");
        let ended = status.code() == Some(10);
        joined_in_the_end(scene, &stick, key);
        scene.variables = variables;
        scene.go_to(station.clone());
        if ended {
            return when - 1;
        }
    }
    0
}

fn joined_in_the_end(scene: &Scene, stick: &str, key: &str) {
    let seen = scene.run(&["ledger", "join", stick]).ended(10);
    assert_eq!(scene.open_incidents().len(), 1, "{seen}");
    assert_eq!(opened(scene), [key.to_owned()], "{seen}");
    scene.run(&["ledger", "verify"]).ended(0);
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.expect("cp runs").success());
}

#[test]
fn a_joining_that_is_killed_at_any_commit_is_ended_by_the_next() {
    let Some(mut night) = Night::trusted(&["deploy"]) else {
        return;
    };
    let key = night.open();
    night.go_home();
    // It continues: one commit after the other is made as it is.
    assert!(killed_at_each(&mut night, "continued", &key) >= 3);
    // Both went on: the evidence first, then what is carried over.
    night.scene.run(&["rotate"]).ended(0);
    assert!(killed_at_each(&mut night, "parted", &key) >= 4);
}
