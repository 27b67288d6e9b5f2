//! A credential with roles: what is handed over is a session of each, and the key stays in the process.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::aws::{EXTERNAL_ID, Proxy};
use crate::pty::Pty;
use crate::scene::{Scene, Seen, answer, borrowed, both_pins, unseal_args};
use crate::{ARN, aws, log};

const ELSEWHERE: &str = "210987654321";

fn arn(account: &str, role: &str) -> String {
    format!("arn:aws:iam::{account}:role/breakglass/access/{role}")
}

/// A scene with an AWS that has sessions, and the credential `deploy` with these roles, sealed.
fn with_roles(roles: &[String]) -> Scene {
    Scene::with_roles(&["--accounts", ELSEWHERE], roles)
}

/// `home` in the user's own account, and `prod` in another one, which asks for an external id.
fn two() -> Scene {
    let scene = with_roles(&[]);
    let roles = [
        format!("home={}", arn("123456789012", "open")),
        format!("prod={}", arn(ELSEWHERE, "named")),
    ];
    let id = format!("prod={EXTERNAL_ID}");
    let args = [
        "credential",
        "roles",
        "deploy",
        "--role",
        &roles[0],
        "--role",
        &roles[1],
        "--external-id",
        &id,
    ];
    let seen = scene.run(&args).ended(0);
    assert!(seen.text.contains("home, prod"), "{seen}");
    scene
}

fn opened(scene: &Scene, options: &[&str], command: &[&str]) -> Seen {
    let mut args = vec!["unseal", "deploy", "--reason", "INC-42"];
    args.extend(options);
    if !command.is_empty() {
        args.push("--");
        args.extend(command);
    }
    scene.at_terminal(&args, &borrowed(&both_pins()))
}

fn incident(scene: &Scene) -> String {
    scene.open_incidents().pop().expect("an incident")
}

#[test]
fn a_role_is_used_under_the_name_of_the_incident() {
    let scene = two();
    let shown = scene.run(&["credential", "show", "deploy"]).ended(0);
    for wanted in [&arn(ELSEWHERE, "named"), EXTERNAL_ID, "prod", "home"] {
        assert!(shown.text.contains(wanted), "{wanted}: {shown}");
    }
    // One role: its session is what the AWS tools use, with and without its profile.
    let (aws, kept) = (aws(), scene.path("kept"));
    let script = format!(
        "'{aws}' sts get-caller-identity && '{aws}' --profile home sts get-caller-identity && env > '{}'",
        kept.display()
    );
    let seen = opened(&scene, &["--role", "home"], &["sh", "-c", &script]).ended(0);
    let incident = incident(&scene);
    let who = format!("arn:aws:sts::123456789012:assumed-role/open/breakglass-{incident}");
    let shown = seen.text.split_whitespace().collect::<String>();
    assert_eq!(
        shown.matches(&format!("\"Arn\":\"{who}\"")).count(),
        2,
        "{seen}"
    );
    assert!(!seen.text.contains(ARN), "{seen}");

    let kept = fs::read_to_string(&kept).expect("the child wrote it");
    let of = |name: &str| {
        let line = kept
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.unwrap_or_else(|| panic!("the child has no {name}"))
            .to_owned()
    };
    let key = scene
        .run(&["credential", "show", "deploy", "--json"])
        .ended(0)
        .json();
    assert_ne!(key["keys"][0]["id"], of("AWS_ACCESS_KEY_ID"));
    assert_eq!(of("BREAKGLASS_PROFILES"), "home break-glass");

    // What was intended, with whom, and what went where.
    let intended = &log::of(&scene, "sessions-intended")[0];
    assert_eq!(intended["roles"], json!([arn("123456789012", "open")]));
    assert_eq!(intended["endpoint"], scene.endpoint());
    let session = &log::of(&scene, "delivered")[0]["sessions"][0];
    assert_eq!(session["credential"], "deploy");
    assert_eq!(session["role"], arn("123456789012", "open"));
    assert_eq!(session["key"], of("AWS_ACCESS_KEY_ID"));
    assert_eq!(session["expires"], of("AWS_CREDENTIAL_EXPIRATION"));
    let all = scene.log().to_string();
    for secret in ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        assert!(!all.contains(&of(secret)), "{secret} stands in the ledger");
    }
    scene.run(&["ledger", "verify"]).ended(0);
}

#[test]
fn several_roles_are_profiles_and_none_of_them_is_used_by_itself() {
    let scene = two();
    let aws = aws();
    let script = format!(
        "for p in $BREAKGLASS_PROFILES; do '{aws}' --profile $p sts get-caller-identity; done; \
         '{aws}' sts get-caller-identity || echo nobody; ls -l $AWS_SHARED_CREDENTIALS_FILE; \
         echo x > $AWS_SHARED_CREDENTIALS_FILE || echo sealed"
    );
    let seen = opened(&scene, &[], &["sh", "-c", &script]).ended(0);
    let name = format!("breakglass-{}", incident(&scene));
    for wanted in [
        format!("arn:aws:sts::123456789012:assumed-role/open/{name}"),
        format!("arn:aws:sts::{ELSEWHERE}:assumed-role/named/{name}"),
        "Unable to locate credentials".to_owned(),
        "nobody".to_owned(),
        "sealed".to_owned(),
    ] {
        assert!(seen.text.contains(&wanted), "{wanted}: {seen}");
    }
    assert!(seen.text.contains("nothing is used without one"), "{seen}");
    let sessions = log::of(&scene, "delivered")[0]["sessions"].clone();
    assert_eq!(sessions.as_array().map(Vec::len), Some(2), "{sessions}");
}

#[test]
fn a_credential_process_answers_with_the_session() {
    let scene = two();
    let asked = [
        "unseal",
        "deploy",
        "--reason",
        "INC-42",
        "--credential-process",
    ];
    // Two roles are one too many.
    let file = scene.path("answer");
    let to_file = || Stdio::from(fs::File::create(&file).expect("ours"));
    let mut pty = Pty::spawn(scene.pty_command(&asked).stdout(to_file()));
    let seen = answer(&mut pty, &[]).ended(2);
    assert!(seen.text.contains("--role prod"), "{seen}");

    let asked = [&asked[..], &["--role", "prod", "--for", "20m"]].concat();
    let mut pty = Pty::spawn(scene.pty_command(&asked).stdout(to_file()));
    answer(&mut pty, &borrowed(&both_pins())).ended(0);
    let text = fs::read_to_string(&file).expect("ours");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["Version"], 1);
    let entry = &log::of(&scene, "delivered")[0];
    assert_eq!(entry["how"], "credential-process");
    assert_eq!(document["AccessKeyId"], entry["sessions"][0]["key"]);
    assert!(
        document["SessionToken"]
            .as_str()
            .is_some_and(|token| token.len() > 16)
    );
    // Whichever ends first is what it says.
    let lease = log::of(&scene, "incident-declared")[0]["expires"].clone();
    let ends = [
        lease.to_string(),
        entry["sessions"][0]["expires"].to_string(),
    ];
    assert_eq!(
        Some(document["Expiration"].to_string()),
        ends.into_iter().min()
    );
    let unknown = [
        "unseal", "deploy", "--reason", "INC-42", "--role", "staging", "--", "true",
    ];
    let seen = scene.at_terminal(&unknown, &[]).ended(2);
    assert!(seen.text.contains("home, prod"), "{seen}");
}

#[test]
fn what_cannot_be_assumed_keeps_nobody_from_the_rest() {
    let roles = [
        format!("prod={}", arn(ELSEWHERE, "strange")),
        format!("home={}", arn("123456789012", "open")),
        format!("old={}", arn(ELSEWHERE, "unsourced")),
    ];
    let scene = with_roles(&roles);
    let seen = opened(&scene, &[], &["sh", "-c", "echo has $BREAKGLASS_PROFILES"]).ended(0);
    for wanted in [
        "has home",
        "prod: no session",
        "old: no session",
        "sts:SetSourceIdentity",
    ] {
        assert!(seen.text.contains(wanted), "{wanted}: {seen}");
    }
    assert_eq!(
        log::refusals(&scene),
        ["role-not-assumed", "role-not-assumed"]
    );

    // Nothing is left: what was opened counts as exposed, and nobody got anything.
    let seen = opened(&scene, &["--role", "prod"], &["true"]).ended(8);
    for wanted in [
        "[role-not-assumed]",
        "sts:AssumeRole",
        "counts as exposed",
        "--without-role",
        &format!("breakglass close {}", incident(&scene)),
    ] {
        let shown = seen.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains(wanted), "{wanted}: {seen}");
    }
    assert_eq!(log::of(&scene, "opened").len(), 2);
    assert_eq!(log::of(&scene, "delivered").len(), 1);
    scene.run(&["close"]).ended(0);
    scene.run(&["ledger", "verify"]).ended(0);
}

#[test]
fn where_sts_is_silent_nobody_is_troubled_and_the_key_is_to_be_had() {
    let mut scene = two();
    scene
        .variables
        .push(("AWS_ENDPOINT_URL_STS".into(), "http://127.0.0.1:1".into()));
    let before = log::events(&scene).len();
    let args = unseal_args(&["deploy"], &["true"]);
    let seen = scene.at_terminal(&args, &[]).ended(8);
    for wanted in ["[sts-unreachable]", "nothing was opened", "--without-role"] {
        assert!(seen.text.contains(wanted), "{wanted}: {seen}");
    }
    assert_eq!(log::events(&scene)[before..], ["refused"]);

    // The same without a network at all is what opening is for.
    let seen = opened(
        &scene,
        &["--without-role"],
        &["sh", "-c", "echo key $AWS_ACCESS_KEY_ID"],
    )
    .ended(0);
    let key = log::of(&scene, "key-sealed")[0]["key"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert!(seen.text.contains(&format!("key {key}")), "{seen}");
    assert!(seen.text.contains("the long-lived key itself"), "{seen}");
    let entry = &log::of(&scene, "delivered")[0];
    assert_eq!(
        (&entry["credentials"], &entry["sessions"]),
        (&json!(["deploy"]), &Value::Null)
    );
}

#[test]
fn sts_may_fall_silent_once_the_key_is_open() {
    let mut scene = two();
    let proxy = Proxy::start(scene.server());
    scene
        .variables
        .push(("AWS_ENDPOINT_URL_STS".into(), proxy.endpoint().into()));
    proxy.arm("AssumeRole", "drop-before", 1, 100);
    let seen = opened(&scene, &[], &["true"]).ended(8);
    let incident = incident(&scene);
    let again = format!("breakglass unseal deploy --incident {incident}");
    let shown = seen.text.split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in ["[sts-unreachable]", "counts as exposed", &again] {
        assert!(shown.contains(wanted), "{wanted}: {seen}");
    }
    // The second role was not asked for: it would have waited as long.
    assert_eq!(log::refusals(&scene), ["sts-unreachable"]);
    assert!(log::of(&scene, "delivered").is_empty());

    proxy.reset();
    let seen = opened(
        &scene,
        &["--incident", &incident, "--role", "home"],
        &["true"],
    )
    .ended(0);
    assert!(seen.text.contains("home: a session of"), "{seen}");
}

#[test]
fn a_session_that_ends_before_the_lease_says_how_to_get_the_next() {
    let scene = two();
    let seen = opened(&scene, &["--role", "home", "--for", "3h"], &["true"]).ended(0);
    let shown = seen.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let next = format!(
        "before the lease ends; the next one: breakglass unseal deploy --incident {} --role home",
        incident(&scene)
    );
    assert!(shown.contains(&next), "{seen}");
}

#[test]
fn closing_tells_what_outlives_it_and_how_to_end_that() {
    let scene = two();
    opened(&scene, &["--role", "home"], &["true"]).ended(0);
    let incident = incident(&scene);
    let delivered = log::of(&scene, "delivered")[0]["sessions"][0].clone();
    let seen = scene.run(&["close", &incident]).ended(0);
    for wanted in [
        "sessions of arn:aws:iam::123456789012:role/breakglass/access/open",
        delivered["expires"].as_str().expect("a time"),
        "in account 123456789012",
    ] {
        assert!(seen.text.contains(wanted), "{wanted}: {seen}");
    }
    let again = scene.run(&["--json", "close", &incident]).ended(0).json();
    assert_eq!(again["closed-before"], true);
    let [told] = again["sessions"].as_array().expect("a list").as_slice() else {
        panic!("one role was used: {again}");
    };
    assert_eq!(told["role"], arn("123456789012", "open"));
    let command = told["revoke"].as_str().expect("a command");
    assert!(seen.text.contains(command), "{seen}");
    let denied = log::of(&scene, "sessions-denied");
    let before = denied.last().expect("denied")["before"].clone();
    assert!(command.contains(&before.to_string()), "{command}");

    // It is a command that AWS takes, of somebody who may.
    let command = command.replacen("aws ", &format!("'{}' ", aws()), 1);
    let kept = "iam get-role-policy --role-name open --policy-name breakglass-revoke-sessions";
    let script = format!("{command} && '{}' {kept}", aws());
    let ran = std::process::Command::new("sh")
        .args(["-c", &script])
        .envs(scene.environment())
        .env("AWS_PROFILE", "admin")
        .output()
        .expect("the AWS tool");
    assert!(ran.status.success(), "{ran:?}");
    assert!(String::from_utf8_lossy(&ran.stdout).contains("aws:TokenIssueTime"));
}

#[test]
fn roles_are_set_anew_and_taken_away() {
    let scene = two();
    let role = arn("123456789012", "open");
    scene
        .run(&[
            "credential",
            "roles",
            "deploy",
            "--role",
            &role,
            "--role",
            &role,
        ])
        .ended(4);
    scene
        .run(&["credential", "roles", "nobody", "--role", &role])
        .ended(4);
    scene.run(&["credential", "roles", "deploy"]).ended(2);
    scene
        .run(&["credential", "roles", "deploy", "--role", "deploy"])
        .ended(2);
    let seen = scene
        .run(&["--json", "credential", "roles", "deploy", "--role", &role])
        .ended(0);
    assert_eq!(
        seen.json(),
        json!({ "credential": "deploy", "roles": [{ "profile": "deploy", "arn": role, "external_id": null }] })
    );
    let seen = opened(&scene, &[], &["sh", "-c", "echo has $BREAKGLASS_PROFILES"]).ended(0);
    assert!(seen.text.contains("has deploy"), "{seen}");
    scene
        .run(&["credential", "roles", "deploy", "--none"])
        .ended(0);
    let seen = opened(&scene, &[], &["sh", "-c", "echo key $AWS_ACCESS_KEY_ID"]).ended(0);
    let key = log::of(&scene, "key-sealed")[0]["key"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert!(seen.text.contains(&format!("key {key}")), "{seen}");
    scene.run(&["ledger", "verify"]).ended(0);
}
