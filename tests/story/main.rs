//! The whole story, typed at a real pseudo-terminal as people would: two tokens, a vault, a credential,
//! an opening that one person alone does not get, one by two, its end, and what AWS says afterwards.

#[path = "../common/aws.rs"]
mod aws;
#[path = "../common/pty.rs"]
mod pty;
#[path = "../common/scene.rs"]
mod scene;

mod alone;
mod delivery;
mod drill;
mod giving_up;
mod leases;
mod life;
mod log;
mod opening;
mod people;
mod rivals;
mod sessions;
mod stations;
mod times;
mod watch;

use std::fs;
use std::process::Command;

use scene::{BGO, IC, Scene, aws, pin, uri};

const ARN: &str = "arn:aws:iam::123456789012:user/deploy";

#[test]
fn the_main_job_from_the_first_token_to_the_last_verification() {
    let scene = Scene::empty(&["deploy"]);
    prepare_two_tokens(&scene);
    found(&scene);
    seal(&scene);
    refuse_one_alone(&scene);
    let kept = open_by_two(&scene);
    close(&scene, &kept);
    verify(&scene);
}

fn prepare_two_tokens(scene: &Scene) {
    for label in [IC, BGO] {
        scene.initialise(label);
        let seen = scene.run(&["token", "inspect", &uri(label)]).ended(0);
        assert!(seen.text.contains("token generate"), "{seen}");
        let generate = ["token", "generate", &uri(label)];
        let seen = scene
            .at_terminal(&generate, &[("PIN", &pin(label))])
            .ended(0);
        assert!(seen.text.contains("seal key"), "{seen}");
        // Keys that are there are never overwritten, and no PIN is asked for that.
        scene.at_terminal(&generate, &[]).ended(4);
    }
    let seen = scene.run(&["token", "list"]).ended(0);
    assert!(seen.text.contains(IC) && seen.text.contains(BGO), "{seen}");
}

fn found(scene: &Scene) {
    let seen = scene.found(&[IC], &[BGO], &[]);
    let status = scene.run(&["status", "--json"]).ended(0).json();
    let fingerprint = status["fingerprint"].as_str().expect("a fingerprint");
    assert_eq!(fingerprint.len(), 64);
    // It is shown in groups, to be written on the card.
    let shown: String = seen.text.split_whitespace().collect();
    assert!(shown.contains(fingerprint), "{seen}");
    assert_eq!(log::events(scene), ["vault-founded"]);
}

fn seal(scene: &Scene) {
    scene
        .run(&["credential", "add", "deploy", "--user", "deploy"])
        .ended(0);
    assert_eq!(scene.keys_of("deploy"), []);
    // What has no sealed key is nothing to be content with.
    scene.run(&["status"]).ended(10);
    let seen = scene.run(&["rotate"]).ended(0);
    let keys = scene.keys_of("deploy");
    assert!(matches!(keys.as_slice(), [(_, true)]), "{keys:?}");
    assert!(seen.text.contains(&keys[0].0), "{seen}");
    scene.run(&["status"]).ended(0);
}

fn refuse_one_alone(scene: &Scene) {
    let answers = [("PIN of alice", &*pin(IC)), ("PIN of bob", "\x03")];
    let aws = aws();
    let args = scene::unseal_args(&["deploy"], &[&aws, "sts", "get-caller-identity"]);
    let seen = scene.at_terminal(&args, &answers).ended(3);
    assert!(seen.text.contains("alice (ic) contributed"), "{seen}");
    assert!(!seen.text.contains("arn:"), "{seen}");
    assert!(log::of(scene, "opened").is_empty());
    assert_eq!(log::refusals(scene), ["declined"]);
}

/// Returns the key that was opened, and its secret, as the person who had them may have kept them.
fn open_by_two(scene: &Scene) -> (String, String) {
    let endpoint = scene.endpoint();
    let aws = aws();
    let command = [
        aws.as_str(),
        "--endpoint-url",
        &endpoint,
        "sts",
        "get-caller-identity",
    ];
    let seen = scene.unseal(&["deploy"], &command).ended(0);
    assert!(seen.text.contains(&format!("\"Arn\": \"{ARN}\"")), "{seen}");
    assert!(seen.text.contains("breakglass close"), "{seen}");

    let file = scene.path("kept");
    let keep = format!(
        "printf '%s %s' $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY > '{}'",
        file.display()
    );
    scene.unseal(&["deploy"], &["sh", "-c", &keep]).ended(0);
    let kept = fs::read_to_string(&file).expect("the child wrote it");
    let (key, secret) = kept.split_once(' ').expect("two words");
    assert_eq!(key, scene.keys_of("deploy")[0].0);

    assert_eq!(log::of(scene, "opened").len(), 2);
    assert_eq!(log::of(scene, "delivered").len(), 2);
    assert_eq!(
        scene.open_incidents().len(),
        1,
        "the second opening belongs to the first's incident"
    );
    let status = scene.run(&["status"]).ended(10);
    assert!(status.text.contains("breakglass close"), "{status}");
    (key.to_owned(), secret.to_owned())
}

fn close(scene: &Scene, kept: &(String, String)) {
    let before = who_am_i(scene, kept);
    assert!(
        before.status.success(),
        "the key lives until it is closed: {before:?}"
    );
    let seen = scene.run(&["close"]).ended(0);
    assert!(
        seen.text.contains(&format!("AWS refuses {}", kept.0)),
        "{seen}"
    );
    let after = who_am_i(scene, kept);
    let said = String::from_utf8_lossy(&after.stderr);
    assert!(
        !after.status.success() && said.contains("InvalidClientTokenId"),
        "{after:?}"
    );
    let keys = scene.keys_of("deploy");
    assert!(
        matches!(keys.as_slice(), [(id, true)] if *id != kept.0),
        "{keys:?}"
    );
    scene.run(&["status"]).ended(0);
    scene.run(&["close"]).ended(4);
}

/// AWS, asked by its own command line.
fn who_am_i(scene: &Scene, (key, secret): &(String, String)) -> std::process::Output {
    Command::new(aws())
        .args([
            "--endpoint-url",
            &scene.endpoint(),
            "sts",
            "get-caller-identity",
        ])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", scene.path("home"))
        .env("AWS_REGION", "us-east-1")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", key)
        .env("AWS_SECRET_ACCESS_KEY", secret)
        .output()
        .expect("the aws command line is installed")
}

fn verify(scene: &Scene) {
    let seen = scene.run(&["ledger", "verify"]).ended(0);
    assert!(
        seen.text.contains("intact") && seen.text.contains("complete"),
        "{seen}"
    );
    let copy = scene.copy_of_vault("tampered");
    let copy = copy.to_str().expect("UTF-8");
    scene.run(&["--vault", copy, "ledger", "verify"]).ended(0);
    log::tamper(
        std::path::Path::new(copy),
        "single sign-on is down",
        "single sign-on is fine",
    );
    let seen = scene.run(&["--vault", copy, "ledger", "verify"]).ended(7);
    assert!(seen.error.contains("error:"), "{seen}");
    scene.run(&["--vault", copy, "status"]).ended(7);
    scene.run(&["ledger", "verify"]).ended(0);
}
