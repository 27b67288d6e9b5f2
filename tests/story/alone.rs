//! What one person alone gets: nothing, and an entry in the ledger.

use std::fs;

use crate::log;
use crate::pty::Pty;
use crate::scene::{
    BGO, IC, Scene, WHOSE, WRONG_PIN, borrowed, both_pins, pin, type_all, unseal_args,
};

/// The child of every attempt here would leave a trace.
fn attempt(scene: &Scene) -> (Vec<String>, std::path::PathBuf) {
    let trace = scene.path("trace");
    let args = unseal_args(&["deploy"], &["touch", trace.to_str().expect("UTF-8")]);
    (args.into_iter().map(str::to_owned).collect(), trace)
}

fn start(scene: &Scene, args: &[String]) -> Pty {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    Pty::spawn(scene.pty_command(&args))
}

#[test]
fn three_wrong_pins_of_the_second_open_nothing_and_stand_in_the_ledger_before_they_are_told() {
    let scene = Scene::sealed(&["deploy"]);
    let (args, trace) = attempt(&scene);
    let mut pty = start(&scene, &args);
    type_all(&mut pty, &[("PIN of alice", &pin(IC))]);
    for wrong in 1..=2 {
        type_all(&mut pty, &[("PIN of bob", WRONG_PIN)]);
        pty.expect("try again");
        assert_eq!(
            log::refusals(&scene).len(),
            wrong,
            "what was told is not recorded"
        );
    }
    let seen = crate::scene::answer(&mut pty, &[("PIN of bob", WRONG_PIN)]).ended(5);
    assert!(seen.text.contains("[wrong-pin]"), "{seen}");
    let refusals = log::refusals(&scene);
    assert!(
        refusals.len() >= 3 && refusals.iter().all(|code| code == "wrong-pin"),
        "{refusals:?}"
    );
    assert!(log::of(&scene, "opened").is_empty() && !trace.exists());
}

#[test]
fn an_absent_second_person_is_waited_for_and_leaving_opens_nothing() {
    let scene = Scene::sealed(&["deploy"]);
    let bob = scene.pull(BGO);
    let (args, trace) = attempt(&scene);
    let mut pty = start(&scene, &args);
    let answers = [
        ("PIN of alice", &*pin(IC)),
        ("Press Enter to go on", "\x03"),
    ];
    let seen = crate::scene::answer(&mut pty, &answers).ended(3);
    assert!(seen.text.contains("bob with"), "{seen}");
    assert!(log::of(&scene, "opened").is_empty() && !trace.exists());
    assert_eq!(log::refusals(&scene), ["declined"]);

    // SoftHSM sees a new token only when it is loaded anew, so putting it back takes another run.
    scene.put_back(bob);
    let mut pty = start(&scene, &args);
    crate::scene::answer(&mut pty, &borrowed(&both_pins())).ended(0);
    assert!(trace.exists());
}

#[test]
fn one_person_with_two_tokens_is_one_person() {
    let scene = Scene::empty(&["deploy"]);
    scene.prepare(&[IC, "alice-spare", "carol", BGO]);
    scene.found(
        &[IC, "alice-spare", "carol"],
        &[BGO],
        &["--ic-threshold", "2"],
    );
    scene.add(&["deploy"]);
    scene.run(&["rotate"]).ended(0);
    let carol = scene.pull("carol");
    let (args, trace) = attempt(&scene);
    let mut pty = start(&scene, &args);
    let answers = [
        (WHOSE, IC),
        ("PIN of alice", &*pin(IC)),
        ("Press Enter to go on", "\x03"),
    ];
    let seen = crate::scene::answer(&mut pty, &answers).ended(3);
    let (_, waiting) = seen.text.rsplit_once("the turn of the").expect("it waits");
    assert!(
        waiting.contains("carol  carol,") && !waiting.contains("alice"),
        "{seen}"
    );
    assert!(!trace.exists());
    scene.put_back(carol);
}

#[test]
fn nobody_is_both() {
    let scene = Scene::empty(&["deploy"]);
    scene.prepare(&[IC, BGO]);
    let founding = |ic: &str, bgo: &str| {
        let args = ["init", "acme", "--allow-no-touch", "--ic", ic, "--bgo", bgo];
        scene.run(&args).ended(4);
        assert!(!fs::exists(scene.vault().join("manifests/1.json")).expect("readable"));
    };
    founding("alice=pkcs11:token=alice", "alice=pkcs11:token=bob");
    founding("alice=pkcs11:token=alice", "bob=pkcs11:token=alice");
}

#[test]
fn without_a_terminal_a_person_is_missing() {
    let scene = Scene::sealed(&["deploy"]);
    let (args, trace) = attempt(&scene);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let seen = scene.run(&args).ended(3);
    assert!(seen.error.contains("[no-terminal]"), "{seen}");
    assert_eq!(log::refusals(&scene), ["no-terminal"]);
    assert!(log::of(&scene, "opened").is_empty() && !trace.exists());
}

#[test]
fn without_a_reason_nobody_is_asked() {
    let scene = Scene::sealed(&["deploy"]);
    let before = log::events(&scene);
    for reason in [vec![], vec!["--reason", ""], vec!["--reason", "  "]] {
        let args = [&["unseal", "deploy"], &reason[..], &["--", "true"]].concat();
        scene.at_terminal(&args, &[]).ended(2);
    }
    assert_eq!(log::events(&scene), before);
}

#[test]
fn the_right_people_still_open_it_after_that() {
    let scene = Scene::sealed(&["deploy"]);
    let (args, trace) = attempt(&scene);
    let mut pty = start(&scene, &args);
    let answers = [
        ("PIN of alice", WRONG_PIN),
        ("PIN of alice", &*pin(IC)),
        ("PIN of bob", &*pin(BGO)),
    ];
    let seen = crate::scene::answer(&mut pty, &answers).ended(0);
    assert!(trace.exists(), "{seen}");
    fs::remove_file(&trace).expect("ours");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    scene.at_terminal(&args, &borrowed(&both_pins())).ended(0);
    assert!(trace.exists());
}
