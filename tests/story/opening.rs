//! The order of an opening, and what it costs the people.

use std::fs;
use std::path::Path;

use crate::log;
use crate::pty::{Command, Pty};
use crate::scene::{
    BGO, IC, Scene, answer, binary, borrowed, both_pins, pin, softhsm_library, type_all,
    unseal_args,
};

/// Stands between the tool and the module and writes down every call.
const SPY: &str = "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so";

#[test]
fn twenty_credentials_take_one_pin_and_one_key_operation_of_each_person() {
    let names: Vec<String> = (1..=20).map(|n| format!("user-{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut scene = Scene::sealed(&names);
    let calls = scene.path("calls");
    scene
        .variables
        .push(("PKCS11SPY".into(), softhsm_library().into()));
    scene
        .variables
        .push(("PKCS11SPY_OUTPUT".into(), calls.clone().into()));
    let seen_by_children = scene.path("seen");
    let script = format!(
        "echo $BREAKGLASS_CREDENTIAL $AWS_ACCESS_KEY_ID >> '{}'",
        seen_by_children.display()
    );
    let args = [
        "--module",
        SPY,
        "unseal",
        "--compartment",
        "main",
        "--reason",
        "INC-42",
        "--",
        "sh",
        "-c",
        &script,
    ];
    let seen = scene.at_terminal(&args, &borrowed(&both_pins())).ended(0);
    assert_eq!(seen.text.matches("PIN of").count(), 2, "{seen}");

    let calls = fs::read_to_string(&calls).expect("the spy wrote it");
    let count = |call: &str| {
        calls
            .lines()
            .filter(|line| line.ends_with(&format!(": {call}")))
            .count()
    };
    assert_eq!(count("C_DeriveKey"), 2, "one key operation of each");
    assert_eq!(count("C_Login"), 2, "one PIN of each");
    assert_eq!(count("C_Sign") + count("C_Decrypt"), 0);

    let lines = fs::read_to_string(&seen_by_children).expect("the children wrote it");
    assert_eq!(lines.lines().count(), 20);
    for name in &names {
        let line = format!("{name} {}", scene.keys_of(name)[0].0);
        assert!(
            lines.lines().any(|one| one == line),
            "{line} is not in\n{lines}"
        );
    }
    assert_eq!(log::of(&scene, "opened").len(), 20);
}

/// Takes the right to write from the vault, or gives it back.
fn writable(vault: &Path, yes: bool) {
    let mut chmod = std::process::Command::new("chmod");
    let mode = if yes { "u+w" } else { "a-w" };
    let done = chmod
        .args(["-R", mode])
        .arg(vault)
        .status()
        .expect("chmod runs");
    assert!(done.success());
}

/// The command as somebody to whom the modes of files apply: root loses the right to pass over them.
fn bound_by_modes(scene: &Scene, args: &[&str]) -> Command {
    let unbound = "-dac_override,-dac_read_search,-fowner";
    let root = rustix::process::geteuid().is_root();
    let command = if root {
        Command::new("setpriv").args([
            "--bounding-set",
            unbound,
            "--inh-caps",
            unbound,
            "--",
            binary(),
        ])
    } else {
        Command::new(binary())
    };
    command.args(args).env_clear().envs(scene.environment())
}

#[test]
fn what_cannot_be_recorded_does_not_happen() {
    let scene = Scene::sealed(&["deploy"]);
    let trace = scene.path("trace");
    let args = unseal_args(&["deploy"], &["touch", trace.to_str().expect("UTF-8")]);
    let before = log::events(&scene);

    // From the beginning: nobody is asked for a PIN.
    writable(&scene.vault(), false);
    let mut pty = Pty::spawn(bound_by_modes(&scene, &args));
    let seen = answer(&mut pty, &[]).ended(1);
    assert!(
        seen.text.contains("[vault-unwritable]") && !seen.text.contains("PIN of"),
        "{seen}"
    );
    assert!(!trace.exists());
    writable(&scene.vault(), true);
    assert_eq!(log::events(&scene), before);

    // From the moment at which both have contributed: the quorum is there, the entry is not.
    let mut pty = Pty::spawn(bound_by_modes(&scene, &args));
    type_all(&mut pty, &[("PIN of alice", &pin(IC))]);
    pty.expect("PIN of bob").expect("(not shown): ");
    writable(&scene.vault(), false);
    pty.send_line(&pin(BGO));
    let seen = answer(&mut pty, &[]).ended(1);
    assert!(seen.text.contains("[vault-unwritable]"), "{seen}");
    assert!(!trace.exists());
    writable(&scene.vault(), true);
    assert!(log::of(&scene, "opened").is_empty());

    // The same command where it can be recorded, so that the modes were what stopped it.
    let mut pty = Pty::spawn(bound_by_modes(&scene, &args));
    answer(&mut pty, &borrowed(&both_pins())).ended(0);
    assert!(trace.exists());
}

#[test]
fn what_is_opened_stands_in_the_ledger_before_the_child_has_it() {
    let scene = Scene::sealed(&["deploy"]);
    let file = scene.path("log");
    let script = format!("'{}' ledger log --json > '{}'", binary(), file.display());
    scene.unseal(&["deploy"], &["sh", "-c", &script]).ended(0);
    let text = fs::read_to_string(&file).expect("the child wrote it");
    let log: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let entries = log["entries"].as_array().expect("entries");
    let last: Vec<&String> = entries[entries.len() - 4..]
        .iter()
        .filter_map(|entry| entry["event"].as_object()?.keys().next())
        .collect();
    assert_eq!(
        last,
        [
            "incident-declared",
            "opening-intended",
            "opened",
            "delivered"
        ]
    );
}
