//! How an opened credential comes to who asked for it.

use std::fs;
use std::process::Stdio;

use crate::pty::{Command, Pty};
use crate::scene::{Scene, answer, binary, borrowed, both_pins};
use crate::{ARN, aws, log};

const ASKED: [&str; 5] = [
    "unseal",
    "deploy",
    "--reason",
    "INC-42",
    "--credential-process",
];

#[test]
fn the_answer_of_a_credential_process_goes_into_a_pipe() {
    let scene = Scene::sealed(&["deploy"]);
    let file = scene.path("answer");
    let out = fs::File::create(&file).expect("ours");
    let mut pty = Pty::spawn(scene.pty_command(&ASKED).stdout(Stdio::from(out)));
    let seen = answer(&mut pty, &borrowed(&both_pins())).ended(0);
    let text = fs::read_to_string(&file).expect("ours");
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["Version"], 1);
    assert_eq!(
        document["AccessKeyId"].as_str(),
        Some(&*scene.keys_of("deploy")[0].0)
    );
    let secret = document["SecretAccessKey"].as_str().expect("a secret");
    assert_eq!(secret.len(), 40);
    assert!(
        document["Expiration"]
            .as_str()
            .expect("a time")
            .ends_with('Z')
    );
    assert!(!seen.text.contains(secret), "the terminal shows the secret");
}

#[test]
fn a_terminal_gets_no_secret_unless_it_is_meant() {
    let scene = Scene::sealed(&["deploy"]);
    let before = log::events(&scene);
    let seen = scene.at_terminal(&ASKED, &[]).ended(2);
    assert!(
        seen.text.contains("[secret-to-terminal]") && seen.text.contains("-o -"),
        "{seen}"
    );
    assert_eq!(
        log::events(&scene),
        before,
        "nobody was asked and nothing begun"
    );
    let meant = [&ASKED[..], &["-o", "-"]].concat();
    let seen = scene.at_terminal(&meant, &borrowed(&both_pins())).ended(0);
    assert!(seen.text.contains("\"SecretAccessKey\":\""), "{seen}");
}

#[test]
fn the_aws_command_line_gets_it_through_a_profile() {
    let scene = Scene::sealed(&["deploy"]);
    let config = scene.path("emergency.config");
    let process = format!(
        "{} unseal deploy --reason INC-42 --credential-process",
        binary()
    );
    let text = format!("[profile emergency]\nregion = us-east-1\ncredential_process = {process}\n");
    fs::write(&config, text).expect("ours");
    let endpoint = scene.endpoint();
    let command = Command::new(aws())
        .args([
            "--profile",
            "emergency",
            "--endpoint-url",
            &endpoint,
            "sts",
            "get-caller-identity",
        ])
        .env_clear()
        .envs(scene.environment())
        .env_remove("AWS_PROFILE")
        .env("AWS_CONFIG_FILE", &config)
        .env("AWS_SHARED_CREDENTIALS_FILE", scene.path("nothing"));
    let mut pty = Pty::spawn(command);
    let seen = answer(&mut pty, &borrowed(&both_pins())).ended(0);
    assert!(seen.text.contains(ARN), "{seen}");
}

#[test]
fn the_profile_that_a_runbook_names_is_there_and_on_no_disk() {
    let scene = Scene::sealed(&["deploy"]);
    let (aws, endpoint) = (aws(), scene.endpoint());
    let script = format!(
        "'{aws}' --profile break-glass --endpoint-url {endpoint} sts get-caller-identity; \
         echo profile $BREAKGLASS_PROFILES; readlink $AWS_SHARED_CREDENTIALS_FILE"
    );
    let seen = scene.unseal(&["deploy"], &["sh", "-c", &script]).ended(0);
    for wanted in [ARN, "profile break-glass", "/memfd:breakglass-profiles"] {
        assert!(seen.text.contains(wanted), "{wanted}: {seen}");
    }
}

#[test]
fn the_exit_code_of_the_child_is_ours() {
    let scene = Scene::sealed(&["deploy"]);
    for (script, code) in [
        ("exit 0", 0),
        ("exit 10", 10),
        ("exit 255", 255),
        ("kill -9 $$", 137),
    ] {
        scene.unseal(&["deploy"], &["sh", "-c", script]).ended(code);
    }
    let ends = log::of(&scene, "released");
    let codes: Vec<_> = ends.iter().map(|event| event["exit"].as_i64()).collect();
    assert_eq!(codes, [Some(0), Some(10), Some(255), Some(137)]);
    let seen = scene.unseal(&["deploy"], &["/nowhere/at-all"]).ended(1);
    assert!(
        seen.text.contains("[command-not-run]") && seen.text.contains("breakglass close"),
        "{seen}"
    );
}

#[test]
fn the_child_has_the_credential_and_nobody_elses() {
    let scene = Scene::sealed(&["deploy"]);
    let file = scene.path("environment");
    let script = format!("env > '{}'", file.display());
    scene.unseal(&["deploy"], &["sh", "-c", &script]).ended(0);
    let text = fs::read_to_string(&file).expect("the child wrote it");
    let has = |name: &str| {
        text.lines()
            .any(|line| line.starts_with(&format!("{name}=")))
    };
    for wanted in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "BREAKGLASS_INCIDENT",
        "BREAKGLASS_EXPIRES",
    ] {
        assert!(has(wanted), "{wanted}");
    }
    for unwanted in ["AWS_PROFILE", "AWS_SESSION_TOKEN"] {
        assert!(!has(unwanted), "{unwanted}");
    }
}

#[test]
fn the_lease_runs_out_and_the_child_is_ended() {
    let scene = Scene::sealed(&["deploy"]);
    // The terminal is closed only when the child is gone, too: that is what is waited for.
    let seen = scene.unseal_past_the_lease("deploy").ended(143);
    assert!(seen.text.contains("the lease ran out"), "{seen}");
    assert_eq!(log::of(&scene, "released")[0]["exit"], 143);
    let status = scene.run(&["status"]).ended(10);
    assert!(status.text.contains("NOT CLOSED"), "{status}");
    // Its incident gives nothing more: the next opening declares another.
    scene.unseal(&["deploy"], &["true"]).ended(0);
    assert_eq!(scene.open_incidents().len(), 2);
}

#[test]
fn a_lease_longer_than_the_policy_allows_is_refused() {
    let scene = Scene::sealed(&["deploy"]);
    for lease in ["0s", "241m", "100h"] {
        let args = [
            "unseal", "deploy", "--reason", "INC-42", "--for", lease, "--", "true",
        ];
        scene.at_terminal(&args, &[]).ended(4);
    }
    assert!(log::of(&scene, "incident-declared").is_empty());
}
