//! The command line itself: help for every command, usage errors in both forms, manual pages and
//! completions, readers that go away.

use std::fs;
use std::process::{Command, Stdio};

use crate::refusal::{Look, assert_calm, raw, refused, told};
use crate::scene::{Scene, Seen, binary, code, seen, unseal_args};

/// Runs the binary with nothing but a home that does not exist.
fn bare(args: &[&str]) -> Seen {
    let output = Command::new(binary())
        .args(args)
        .env_clear()
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .output();
    seen(&output.expect("the binary runs"))
}

/// The commands that a help text lists.
fn listed(help: &str) -> Vec<String> {
    let list = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    lines
        .filter_map(|line| {
            let name = line.strip_prefix("  ")?.split(' ').next()?;
            (!name.is_empty()).then(|| name.to_owned())
        })
        .filter(|name| name != "help")
        .collect()
}

/// Every command, as its words.
fn all_commands(prefix: &[String], into: &mut Vec<Vec<String>>) {
    let words: Vec<&str> = prefix.iter().map(String::as_str).collect();
    let help = bare(&[&words[..], &["--help"]].concat()).ended(0);
    assert_calm(&help);
    assert_eq!(help.error, "", "{help}");
    assert!(help.text.contains("Usage: breakglass"), "{help}");
    into.push(prefix.to_vec());
    for name in listed(&help.text) {
        all_commands(&[prefix, &[name]].concat(), into);
    }
}

fn everything() -> Vec<Vec<String>> {
    let mut all = Vec::new();
    all_commands(&[], &mut all);
    all
}

#[test]
fn every_command_has_help() {
    let all = everything();
    for known in ["init", "unseal", "rotate", "close", "status"] {
        assert!(all.contains(&vec![known.to_owned()]), "{all:?}");
    }
    assert!(all.contains(&vec!["credential".to_owned(), "add".to_owned()]));
    for command in &all {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let short = bare(&[&words[..], &["-h"]].concat()).ended(0);
        assert_eq!(short.error, "", "{short}");
        if !words.is_empty() {
            bare(&[&["help"], &words[..]].concat()).ended(0);
        }
    }
    assert!(
        bare(&["--version"])
            .ended(0)
            .text
            .starts_with("breakglass ")
    );
}

#[test]
fn a_mistake_is_told_like_any_other_failure() {
    let scene = Scene::founded(&["deploy"]);
    for args in [
        &["nosuch"][..],
        &["status", "--nosuch"],
        &["unseal"],
        &["unseal", "deploy"],
        &["unseal", "deploy", "--reason", ""],
        &["unseal", "deploy", "--reason", "x", "--for", "soon"],
        &["unseal", "deploy", "--reason", "x", "--for", "-1h"],
        &["rotate", "UPPER"],
        &["rotate", "../x"],
        &["threshold", "ic", "256"],
        &["threshold", "xx", "1"],
        &["credential", "add", "x", "--user", "a/b"],
        &[
            "init",
            "x",
            "--ic",
            "alice",
            "--bgo",
            "bob=pkcs11:token=bob",
        ],
        &["trust"],
        &["close", "a", "b"],
        &["completions", "tcsh"],
    ] {
        refused(&scene, &["deploy"], args, 2, "usage");
    }
    // A command without its second word shows what there is.
    let alone = bare(&["token"]).ended(2);
    assert!(
        alone.error.contains("inspect") && alone.text.is_empty(),
        "{alone}"
    );
    assert_calm(&alone);
}

#[test]
fn what_was_typed_is_never_shown_raw() {
    let scene = Scene::founded(&["deploy"]);
    let hostile = [
        "\u{1b}]0;owned\u{7}",
        "\u{9b}31m",
        "a\nerror: b",
        "\u{202e}live",
        "z\u{200b}",
    ];
    for text in hostile {
        let reason = ["unseal", "deploy", "--reason", text];
        for args in [
            &["unseal", text, "--reason", "x"][..],
            &["rotate", text],
            &["close", text],
            &["credential", "show", text],
            &[
                "custodian",
                "enroll",
                text,
                "--role",
                "ic",
                "--token",
                "pkcs11:token=x",
            ],
            &[
                "custodian",
                "enroll",
                "carol",
                "--role",
                text,
                "--token",
                "pkcs11:token=x",
            ],
            &["init", "x", "--ic", text, "--bgo", "bob=pkcs11:token=bob"],
            &["credential", "add", "x", "--user", text],
            &["ledger", "log", "--incident", text],
            &["rotator", "add", text, "--key", "x"],
            &["completions", text],
            &[text],
        ] {
            told(&scene, args, 2, "usage");
        }
        told(&scene, &["trust", text], 2, "not-a-fingerprint");
        told(
            &scene,
            &["rotator", "add", "x", "--key", text],
            2,
            "not-a-key",
        );
        told(&scene, &["token", "inspect", text], 2, "token-uri");
        told(&scene, &["inspect", text], 1, "file-unreadable");
        // What only moves letters about is a reason, and is shown for what it is; the others are none.
        if text.chars().any(char::is_control) {
            told(&scene, &reason, 2, "usage");
        } else {
            told(&scene, &reason, 4, "no-such-credential");
        }
    }
    scene.run(&["status"]).ended(0);
}

#[test]
fn more_credentials_than_an_entry_can_name_are_refused_before_anything_is_recorded() {
    let scene = Scene::sealed(&["deploy"]);
    let before = scene.log();
    let names: Vec<String> = (0..1000).map(|number| format!("{number:064}")).collect();
    let mut args = vec!["unseal", "--reason", "INC-42"];
    args.extend(names.iter().map(String::as_str));
    args.extend(["--", "true"]);
    let seen = scene.run(&args).ended(2);
    assert!(seen.error.contains("[too-many]"), "{seen}");
    assert_eq!(scene.log(), before);
}

#[test]
fn names_that_nobody_has_are_refused() {
    let scene = Scene::sealed(&["deploy"]);
    for (args, code) in [
        (&["credential", "show", "nobody"][..], "no-such-credential"),
        (&["rotate", "nowhere"], "no-such-compartment"),
        (&["close", "i-nothing"], "no-such-incident"),
        (&["close"], "no-open-incident"),
        (&["custodian", "retire", "nobody"], "change-refused"),
        (
            &["custodian", "retire", "alice", "--token", "0"],
            "change-refused",
        ),
        (&["rotator", "retire", "nobody"], "change-refused"),
        (&["compartment", "add", "main"], "change-refused"),
        (&["threshold", "ic", "2"], "change-refused"),
        (&["threshold", "bgo", "0"], "change-refused"),
        (
            &["credential", "add", "deploy", "--user", "deploy"],
            "credential-exists",
        ),
        (
            &["credential", "add", "x", "--user", "deploy"],
            "user-taken",
        ),
        (
            &[
                "credential",
                "add",
                "x",
                "--user",
                "y",
                "--compartment",
                "z",
            ],
            "no-such-compartment",
        ),
        (
            &[
                "credential",
                "add",
                "x",
                "--user",
                "y",
                "--account",
                "000000000000",
            ],
            "other-account",
        ),
    ] {
        let told = refused(&scene, &["deploy"], args, 4, code);
        if !matches!(code, "credential-exists" | "user-taken") {
            assert!(!told.hints().is_empty(), "{}", told.text);
        }
    }
    let unseal = unseal_args(&["nobody"], &["true"]);
    crate::refusal::refused_on_record(&scene, &["deploy"], &unseal, 4, "no-such-credential");
}

#[test]
fn manual_pages_and_completions_are_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("UTF-8");
    bare(&["man", path]).ended(0);
    let pages: Vec<String> = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|page| {
            page.expect("a page")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    for command in everything() {
        let name = [&["breakglass".to_owned()], &command[..]]
            .concat()
            .join("-");
        assert!(pages.contains(&format!("{name}.1")), "{name}: {pages:?}");
    }
    let page = fs::read_to_string(folder.path().join("breakglass-unseal.1")).expect("a page");
    assert!(page.contains("\\-\\-reason"), "{page}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = bare(&["completions", shell]).ended(0);
        assert!(
            script.text.contains("unseal") && script.text.contains("reason"),
            "{shell}"
        );
    }
    for bad in ["/nonexistent/man", "/dev/null"] {
        let failed = bare(&["man", bad]).ended(1);
        assert!(failed.error.contains("[man-unwritable]"), "{failed}");
        assert_eq!(failed.text, "");
    }
}

/// Runs `breakglass … | head -1`, with standard error going the same way, and says how the first ended.
fn into_a_closed_pipe(scene: &Scene, args: &[&str]) -> i32 {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut child = scene
        .breakglass(args)
        .stdout(writer.try_clone().expect("a second handle"))
        .stderr(writer)
        .spawn()
        .expect("the binary runs");
    drop(reader);
    code(child.wait().expect("it ends"))
}

#[test]
fn a_reader_that_goes_away_does_no_harm() {
    let scene = Scene::sealed(&["deploy"]);
    let before = Look::at(&scene, &["deploy"]);
    for (args, exit) in [
        (&["status"][..], 0),
        (&["status", "--json"], 0),
        (&["ledger", "log"], 0),
        (&["ledger", "verify"], 0),
        (&["--help"], 0),
        (&["completions", "bash"], 0),
        (&["nosuch"], 2),
        (&["close"], 4),
        (&["--json", "close"], 4),
    ] {
        assert_eq!(into_a_closed_pipe(&scene, args), exit, "{args:?}");
    }
    before.assert_same(&Look::at(&scene, &["deploy"]), "nobody read");
    // A deed goes on to its end, although nobody hears of it.
    assert_eq!(into_a_closed_pipe(&scene, &["rotate"]), 0);
    let keys = scene.keys_of("deploy");
    assert_eq!(keys.len(), 1);
    assert_ne!(before.keys(), keys);
    let status = scene.run(&["status", "--json"]).ended(0).json();
    assert_eq!(status["credentials"][0]["key"][0], keys[0].0.as_str());
    assert_eq!(raw(&status.to_string()), None);
}
