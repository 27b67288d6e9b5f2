//! Nobody to ask, and people who leave.

use std::process::Stdio;

use crate::pty::Pty;
use crate::refusal::{Look, refused, refused_on_record};
use crate::scene::{IC, Scene, WRONG_PIN, code, pin, unseal_args};

#[test]
fn without_a_terminal_whatever_takes_a_person_is_refused() {
    let scene = Scene::sealed(&["deploy"]);
    scene.initialise("carol");
    let unseal = unseal_args(&["deploy"], &["true"]);
    let told = refused_on_record(&scene, &["deploy"], &unseal, 3, "no-terminal");
    assert!(told.hints().contains("terminal"), "{}", told.text);
    for args in [
        &["token", "generate", "pkcs11:token=carol"][..],
        &["compartment", "add", "other"],
        &["custodian", "retire", "alice"],
        &["threshold", "so", "0"],
    ] {
        // Some have a better reason to refuse than the missing terminal.
        let (exit, code) = match args {
            ["custodian", ..] => (4, "change-refused"),
            _ => (3, "no-terminal"),
        };
        refused(&scene, &["deploy"], args, exit, code);
    }
    // What takes nobody works.
    scene.run(&["rotate"]).ended(0);
    // The refused opening stays declared, and `status` says so.
    let status = scene.run(&["status"]).ended(10);
    assert!(status.text.contains("breakglass close"), "{status}");
}

#[test]
fn founding_without_a_terminal_leaves_no_vault_behind() {
    let scene = Scene::empty(&["deploy"]);
    scene.prepare(&["alice", "bob"]);
    let before = Look::at(&scene, &["deploy"]);
    let init = [
        "init",
        "acme",
        "--allow-no-touch",
        "--ic",
        "alice=pkcs11:token=alice",
        "--bgo",
        "bob=pkcs11:token=bob",
    ];
    let told = crate::refusal::told(&scene, &init, 3, "no-terminal");
    assert!(told.text.contains("nothing was"), "{}", told.text);
    before.assert_vault_same(&Look::at(&scene, &["deploy"]), &told.text);
    scene.found(&["alice"], &["bob"], &[]);
}

/// The modes of a terminal, seen from the outside.
fn stty(pty: &Pty) -> String {
    let terminal = std::fs::read_link(format!("/proc/{}/fd/2", pty.id())).expect("our child");
    let modes = std::process::Command::new("stty")
        .arg("-a")
        .arg("-F")
        .arg(terminal)
        .stdin(Stdio::null())
        .output()
        .expect("coreutils");
    String::from_utf8_lossy(&modes.stdout).into_owned()
}

/// A shell that outlives the command, so that the terminal is still there afterwards.
fn at_a_shell(scene: &Scene, args: &[&str]) -> Pty {
    let words: Vec<String> = args.iter().map(|arg| format!("'{arg}'")).collect();
    let script = format!(
        "stty -a; echo ready; '{}' {} & wait $!; code=$?; trap : INT; echo \"ended $code.\"; read line",
        crate::scene::binary(),
        words.join(" ")
    );
    let command = crate::pty::Command::new("bash")
        .args([
            "-c",
            &format!("trap : INT HUP; {}", script.replace(" & wait $!", "")),
        ])
        .env_clear()
        .envs(scene.environment());
    Pty::spawn(command)
}

/// The process that a shell runs.
fn child_of(pid: u32) -> i32 {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(path).expect("the shell runs");
    let first = children.split_whitespace().next().expect("a child");
    first.parse().expect("a process id")
}

fn signal_at_a_prompt(signal: rustix::process::Signal) {
    let scene = Scene::sealed(&["deploy"]);
    let before = Look::at(&scene, &["deploy"]);
    let mut pty = at_a_shell(&scene, &unseal_args(&["deploy"], &["true"]));
    pty.expect("ready");
    let modes = stty(&pty);
    assert!(modes.contains(" echo "), "{modes}");
    pty.expect("PIN of alice").expect("(not shown): ");
    assert!(stty(&pty).contains(" -echo "), "{}", stty(&pty));
    pty.send("1234");
    let child = rustix::process::Pid::from_raw(child_of(pty.id())).expect("a process id");
    rustix::process::kill_process(child, signal).expect("it is ours");
    pty.expect("[declined]").expect("ended 3.");
    assert_eq!(stty(&pty), modes);
    pty.send_line("");
    pty.finish();
    assert!(!pty.transcript().contains("1234"), "{}", pty.transcript());
    before.assert_recorded_at_most(&Look::at(&scene, &["deploy"]), "it was declined");
    let log = scene.log()["entries"].to_string();
    assert!(log.contains("declined"), "{log}");
}

#[test]
fn sigint_at_a_prompt_gives_the_echo_back() {
    signal_at_a_prompt(rustix::process::Signal::INT);
}

#[test]
fn sigterm_at_a_prompt_gives_the_echo_back() {
    signal_at_a_prompt(rustix::process::Signal::TERM);
}

#[test]
fn ctrl_c_ctrl_d_and_three_wrong_pins_end_an_opening() {
    let scene = Scene::sealed(&["deploy"]);
    let before = Look::at(&scene, &["deploy"]);
    let unseal = unseal_args(&["deploy"], &["true"]);
    for key in ["\u{3}", "\u{4}"] {
        let mut pty = Pty::spawn(scene.pty_command(&unseal));
        pty.expect("PIN of alice").expect("(not shown): ").send(key);
        pty.expect("[declined]");
        assert_eq!(code(pty.finish()), 3, "{}", pty.transcript());
    }
    let wrong = [("PIN of alice", WRONG_PIN); 3];
    let seen = scene.at_terminal(&unseal, &wrong).ended(5);
    assert!(seen.text.contains("[wrong-pin]"), "{seen}");
    assert!(!seen.text.contains(WRONG_PIN), "{seen}");
    // The first person's PIN alone opens nothing.
    let mut pty = Pty::spawn(scene.pty_command(&unseal));
    pty.expect("PIN of alice")
        .expect("(not shown): ")
        .send_line(&pin(IC));
    pty.expect("PIN of bob")
        .expect("(not shown): ")
        .send("\u{3}");
    pty.expect("[declined]");
    assert_eq!(code(pty.finish()), 3, "{}", pty.transcript());
    before.assert_recorded_at_most(&Look::at(&scene, &["deploy"]), "nobody opened");
    let log = scene.log()["entries"].to_string();
    assert!(!log.contains("\"opened\""), "{log}");
    assert!(
        log.contains("wrong-pin") && log.contains("declined"),
        "{log}"
    );
}

#[test]
fn a_secret_is_not_shown_at_a_terminal_unasked() {
    let scene = Scene::sealed(&["deploy"]);
    let args = ["unseal", "deploy", "--reason", "x", "--credential-process"];
    let seen = scene.at_terminal(&args, &[]).ended(2);
    assert!(seen.text.contains("[secret-to-terminal]"), "{seen}");
    assert!(scene.open_incidents().is_empty());
}
