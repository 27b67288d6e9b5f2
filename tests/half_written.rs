//! `init` and `unseal` at a disk that fails: killed, or refused with an I/O error, at the calls by which they
//! change the vault or the station; a full disk and a read-only one. Nothing half-written is ever taken for
//! whole, nothing is released that is not recorded, and the next run works. (`rotate` and `close` are swept
//! by `crash`.)
//!
//! The short form takes some calls. `BREAKGLASS_LONG=1` takes all of them.

#[path = "common/aws.rs"]
mod aws;
#[path = "common/pty.rs"]
mod pty;
#[path = "common/scene.rs"]
mod scene;
#[path = "common/strace.rs"]
mod strace;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use pty::Pty;
use scene::{BGO, IC, Scene, Seen, binary, borrowed, both_pins, code, init_args, pin, unseal_args};

const KILLED: i32 = 128 + 9;

/// Runs a command at a terminal behind other words. What is asked for is answered, as far as it is asked.
fn behind(scene: &Scene, words: &[String], args: &[&str], answers: &[(String, String)]) -> Seen {
    let all = words.iter().map(String::as_str).chain([binary()]);
    let all: Vec<&str> = all.chain(args.iter().copied()).collect();
    let command = pty::Command::new(all[0]).args(&all[1..]);
    let mut pty = Pty::spawn(command.env_clear().envs(scene.environment()));
    for (prompt, answer) in answers {
        if !pty.shows(prompt) || !pty.shows("(not shown): ") {
            break;
        }
        pty.send_line(answer);
    }
    let status = pty.finish();
    Seen {
        code: code(status),
        text: pty.transcript(),
        error: String::new(),
    }
}

/// The faults of a sweep over these calls: each is killed at some, and refused at others.
fn faults(operations: &[(String, usize)], short: usize) -> Vec<(String, String)> {
    let long = std::env::var_os("BREAKGLASS_LONG").is_some_and(|value| value == "1");
    let mut faults = Vec::new();
    let step = if long { 1 } else { short };
    for (at, (call, nth)) in operations.iter().enumerate().step_by(step) {
        let error = ["EIO", "ENOSPC", "EROFS"][at / step % 3];
        let kill = (call.clone(), format!("signal=KILL:when={nth}"));
        let fail = (call.clone(), format!("error={error}:when={nth}"));
        let from_then_on = (call.clone(), format!("error={error}:when={nth}+"));
        match (long, at / step % 3) {
            (true, _) => faults.extend([kill, fail, from_then_on]),
            (_, 0) => faults.push(kill),
            (_, 1) => faults.push(fail),
            _ => faults.push(from_then_on),
        }
    }
    println!(
        "{} of {} calls, {} faults ({})",
        operations.len().div_ceil(step),
        operations.len(),
        faults.len(),
        if long {
            "all"
        } else {
            "the short form; BREAKGLASS_LONG=1 takes all"
        }
    );
    faults
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let done = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(done.expect("cp runs").success());
}

/// The tokens are as they were before: one that remembers a vault that never came to be would ask for its holder's
/// word first (tests/anchors.rs).
fn init(scene: &Scene, words: &[String]) -> Seen {
    copy(&scene.path("tokens-before"), &scene.tokens());
    let args = init_args(&[IC], &[BGO], &[]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    behind(scene, words, &args, &both_pins())
}

/// A scene in which everything is ready for `init`, and a copy of its station.
fn unfounded() -> (Scene, PathBuf) {
    let scene = Scene::empty(&["deploy"]);
    scene.prepare(&[IC, BGO]);
    let before = scene.path("before");
    copy(scene.station(), &before);
    copy(&scene.tokens(), &scene.path("tokens-before"));
    (scene, before)
}

/// Whether there is a vault that this station trusts and all of which holds.
fn is_whole(scene: &Scene) -> bool {
    let status = scene.run(&["status"]);
    let whole = [0, 10].contains(&status.code);
    if whole {
        scene.run(&["ledger", "verify"]).ended(0);
    }
    whole
}

/// However `init` ended: the vault is founded, or the next `init` founds it.
fn founded_or_to_be_founded(scene: &Scene, seen: &Seen, point: &str) -> bool {
    assert!(![70, 101, 2].contains(&seen.code), "{point}: {seen}");
    let whole = is_whole(scene);
    if seen.code == 0 {
        assert!(whole, "{point}: it said that it is founded: {seen}");
    }
    if whole {
        return true;
    }
    let again = init(scene, &[]);
    if again.code != 0 {
        // A manifest that everybody signed lies there already; what to do about it is said.
        assert!(again.text.contains("is not empty"), "{point}: {again}");
        assert!(
            again.text.contains("an init that was interrupted"),
            "{point}: {again}"
        );
        fs::remove_dir_all(scene.vault()).expect("the folder is ours");
        let again = init(scene, &[]);
        assert_eq!(again.code, 0, "{point}: {again}");
    }
    assert!(is_whole(scene), "{point}");
    false
}

#[test]
fn a_founding_is_whole_or_is_done_again() {
    let (scene, before) = unfounded();
    let log = scene.path("strace.log");
    assert_eq!(init(&scene, &strace::logging(&log)).code, 0);
    let operations = strace::operations(&log, &[&scene.vault(), scene.station()]);
    let mut whole = 0;
    let faults = faults(&operations, 5);
    for (call, what) in &faults {
        let _ = fs::remove_dir_all(scene.vault());
        copy(&before, scene.station());
        let seen = init(&scene, &strace::injecting(call, what));
        let point = format!("{call}:{what}");
        assert!(
            what.starts_with("error") || seen.code == KILLED,
            "{point}: {seen}"
        );
        whole += usize::from(founded_or_to_be_founded(&scene, &seen, &point));
    }
    println!("founded in spite of it: {whole} of {}", faults.len());
}

/// How many entries say that something was opened.
fn openings(scene: &Scene) -> usize {
    let log = scene.log().to_string();
    log.matches("\"opened\":{\"statement\"").count()
}

#[test]
fn what_is_released_is_recorded() {
    let scene = Scene::sealed(&["deploy"]);
    let before = [
        (scene.vault(), scene.path("before-vault")),
        (scene.station().to_owned(), scene.path("before-station")),
    ];
    for (from, to) in &before {
        copy(from, to);
    }
    let marker = scene.path("released");
    let script = format!("printf %s \"$AWS_SECRET_ACCESS_KEY\" >{}", marker.display());
    let args = unseal_args(&["deploy"], &["sh", "-c", &script]);
    let log = scene.path("strace.log");
    let seen = behind(&scene, &strace::logging(&log), &args, &both_pins());
    assert_eq!(seen.code, 0, "{seen}");
    assert_eq!(
        (openings(&scene), fs::metadata(&marker).expect("it").len()),
        (1, 40)
    );
    let operations = strace::operations(&log, &[&scene.vault(), scene.station()]);
    let mut released = 0;
    let faults = faults(&operations, 11);
    for (call, what) in &faults {
        for (from, to) in &before {
            copy(to, from);
        }
        let _ = fs::remove_file(&marker);
        let seen = behind(&scene, &strace::injecting(call, what), &args, &both_pins());
        let point = format!("{call}:{what}");
        assert!(![70, 101, 2].contains(&seen.code), "{point}: {seen}");
        let is_out = marker.exists();
        released += usize::from(is_out);
        let verified = scene.run(&["ledger", "verify"]);
        assert_eq!(verified.code, 0, "{point}: {verified}");
        assert!(
            !is_out || openings(&scene) == 1,
            "{point}: released and not recorded"
        );
        assert!(seen.code != 0 || is_out, "{point}: {seen}");
        scene.unseal(&["deploy"], &["true"]).ended(0);
    }
    println!("released in spite of it: {released} of {}", faults.len());
}

/// The words that run what follows where the folder is a small file system of its own, in which so much is
/// left free, or which cannot be written to at all.
fn on_disk(folder: &Path, kilobytes: Option<u32>) -> Vec<String> {
    let script = match kilobytes {
        Some(free) => format!(
            "cp -a \"$0\" \"$0.all\" && mount -t tmpfs -o size=4m,mode=0700 none \"$0\" && \
             cp -a \"$0.all/.\" \"$0\" && \
             fill=$(( $(df -k --output=avail \"$0\" | tail -n 1) - {free} )) && \
             head -c \"${{fill}}k\" /dev/zero >\"$0/.tmp-fill\" && \"$@\"; code=$?; \
             rm \"$0/.tmp-fill\"; cp -a \"$0/.\" \"$0.all\"; umount \"$0\"; \
             cp -a \"$0.all/.\" \"$0\"; rm -r \"$0.all\"; exit $code"
        ),
        None => "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\""
            .to_owned(),
    };
    let folder = folder.to_str().expect("UTF-8").to_owned();
    let words = ["unshare", "-m", "sh", "-c"].map(str::to_owned);
    words.into_iter().chain([script, folder]).collect()
}

#[test]
fn a_full_disk_and_a_read_only_one_release_nothing_and_are_told() {
    let can_mount = Command::new("unshare")
        .args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !can_mount {
        eprintln!("SKIPPED: no file system can be mounted here");
        return;
    }
    let scene = Scene::sealed(&["deploy"]);
    let marker = scene.path("released");
    let script = format!("touch {}", marker.display());
    let args = unseal_args(&["deploy"], &["sh", "-c", &script]);
    let pins = both_pins();
    for free in [None, Some(0), Some(8), Some(16), Some(24)] {
        let disk = on_disk(&scene.vault(), free);
        let seen = behind(&scene, &disk, &args, &pins);
        let told = ["ead-only", "o space"]
            .iter()
            .any(|words| seen.text.contains(words));
        assert!(told || seen.code == 0, "{free:?}: {seen}");
        assert!(
            free.is_some_and(|free| free > 8) || seen.code == 1,
            "{free:?}: {seen}"
        );
        let recorded = openings(&scene) > 0;
        assert!(!marker.exists() || recorded, "{free:?}: {seen}");
        let rotated = behind(&scene, &disk, &["rotate"], &[]);
        assert_ne!(rotated.code, 70, "{free:?}: {rotated}");
        scene.run(&["ledger", "verify"]).ended(0);
    }
    // The vault's disk has room again; so has the station's, which had none.
    let (modes, station) = (
        fs::Permissions::from_mode(0o700),
        scene.station().to_owned(),
    );
    fs::set_permissions(&station, modes).expect("the folder is ours");
    let seen = behind(&scene, &on_disk(&station, None), &args, &pins);
    assert!(seen.text.contains("ead-only") && seen.code != 0, "{seen}");
    assert_eq!(seen.text.matches(&pin(IC)).count(), 0);
    scene.at_terminal(&args, &borrowed(&pins)).ended(0);
    scene.run(&["rotate"]).ended(0);
    scene.run(&["ledger", "verify"]).ended(0);
}
