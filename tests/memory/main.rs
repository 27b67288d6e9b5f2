//! After a secret's scope has ended it is nowhere in the memory of the process: every command that touches
//! one is held at its end, and all of its memory is read from outside, as root can. Searched is for the PINs,
//! every secret access key that the AWS server ever made, and all that a generation hides.

#[path = "../common/aws.rs"]
mod aws;
mod held;
mod hidden;
mod library;
#[path = "../common/pty.rs"]
mod pty;
mod scan;
#[path = "../common/scene.rs"]
mod scene;
mod sessions;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use aws::Proxy;
use held::{AS_NOBODY, Held, children};
use pty::Pty;
use scan::{Needle, can_look};
use scene::{BGO, IC, Scene, binary, borrowed, both_pins, pin, type_all, unseal_args, uri};

/// The answer of a `credential_process`, at a terminal.
const PROCESS: [&str; 7] = [
    "unseal",
    "deploy",
    "--reason",
    "INC-42",
    "--credential-process",
    "-o",
    "-",
];

fn pins() -> Vec<Needle> {
    [IC, BGO, "carol"]
        .map(|who| (format!("the PIN of {who}"), pin(who).into_bytes()))
        .to_vec()
}

/// PINs, secret access keys, and what the generation hides.
fn everything(scene: &Scene, generation: u64) -> Vec<Needle> {
    let mut needles = pins();
    needles.extend(access_keys(scene));
    needles.extend(hidden::of_generation(scene, generation));
    needles
}

fn access_keys(scene: &Scene) -> Vec<Needle> {
    let secrets = scene.server().secrets();
    assert!(!secrets.is_empty());
    let named = (1..).zip(secrets);
    named
        .map(|(n, secret)| (format!("secret access key {n}"), secret.into_bytes()))
        .collect()
}

fn nothing_of(needles: &[Needle], pid: u32, what: &str) {
    let found = scan::find(pid, needles);
    assert!(found.is_empty(), "{what}: {found:#?}");
}

#[test]
fn nothing_is_left_of_a_pin() {
    if !can_look() {
        return;
    }
    let scene = Scene::empty(&["deploy"]);
    for label in [IC, BGO, "carol"] {
        scene.initialise(label);
    }
    for label in [IC, BGO, "carol"] {
        let args = ["token", "generate", &uri(label)];
        let held = Held::at_its_end(&scene, &args, &[("PIN", &pin(label))]);
        nothing_of(&pins(), held.pid, "token generate");
    }
    let args = scene::init_args(&[IC], &[BGO], &[]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let held = Held::at_its_end(&scene, &args, &borrowed(&both_pins()));
    let mut needles = pins();
    let seed = fs::read(scene.station().join("station.key")).expect("the seed");
    needles.push(("the station's seed".to_owned(), seed));
    nothing_of(&needles, held.pid, "init");
    drop(held);
    let token = uri("carol");
    let enroll = [
        "custodian",
        "enroll",
        "carol",
        "--role",
        "ic",
        "--token",
        &token,
    ];
    let mut answers = vec![("PIN of carol".to_owned(), pin("carol"))];
    answers.extend(both_pins());
    let held = Held::at_its_end(&scene, &enroll, &borrowed(&answers));
    nothing_of(&needles, held.pid, "custodian enroll");
}

#[test]
fn nothing_is_left_of_a_rotation_and_a_closing() {
    if !can_look() {
        return;
    }
    let scene = Scene::founded(&["deploy"]);
    scene.add(&["deploy"]);
    for generation in [1, 2] {
        let held = Held::at_its_end(&scene, &["rotate"], &[]);
        nothing_of(&everything(&scene, generation), held.pid, "rotate");
    }
    scene.unseal(&["deploy"], &["true"]).ended(0);
    let incident = scene.open_incidents()[0].clone();
    let held = Held::at_its_end(&scene, &["close", &incident], &[]);
    nothing_of(&everything(&scene, 3), held.pid, "close");
}

/// A rotation that waits for an answer of AWS, and what is found in its memory meanwhile. It is killed then,
/// and resumed.
fn found_while_waiting_for(scene: &mut Scene, action: &str, nth: u32) -> Vec<String> {
    let proxy = Proxy::start(scene.server());
    let to_proxy = ("AWS_ENDPOINT_URL".into(), proxy.endpoint().into());
    scene.variables.push(to_proxy);
    proxy.arm(action, "hang-before", nth, 1);
    let rotate = Pty::spawn(scene.pty_command(&["rotate"]));
    proxy.await_held();
    let generations = fs::read_dir(scene.vault().join("generation/main"));
    let generation = generations.expect("a folder").count() as u64;
    let needles = everything(scene, generation);
    let found = scan::find(rotate.id(), &needles);
    drop(rotate);
    proxy.reset();
    scene.variables.pop();
    scene.run(&["rotate"]).ended(0);
    found
}

#[test]
fn nothing_but_the_key_outlives_its_sealing() {
    if !can_look() {
        return;
    }
    let mut scene = Scene::founded(&["deploy"]);
    // The SDK holds the rotator's own for as long as the rotator asks AWS.
    let own: Vec<String> = access_keys(&scene)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    scene.add(&["deploy"]);
    // The first call of this name asks who the rotator is, the next one proves the new key: with its secret.
    for (action, nth, key) in [
        ("GetCallerIdentity", 2, true),
        ("GetCallerIdentity", 3, true),
        ("DeleteAccessKey", 1, false),
    ] {
        let found = found_while_waiting_for(&mut scene, action, nth);
        let is_own = |one: &String| own.iter().any(|name| one.starts_with(&format!("{name} ")));
        let found: Vec<String> = found.into_iter().filter(|one| !is_own(one)).collect();
        println!("{action} {nth}: {found:?}");
        let keys = found
            .iter()
            .filter(|one| one.starts_with("secret access key"));
        assert_eq!(keys.count(), usize::from(key), "{action} {nth}: {found:#?}");
        let in_scope = usize::from(key) + usize::from(seed_in(&found));
        assert_eq!(found.len(), in_scope, "{action} {nth}: {found:#?}");
    }
}

#[test]
fn nothing_is_left_of_an_opening() {
    if !can_look() {
        return;
    }
    let scene = Scene::sealed(&["deploy"]);
    let needles = everything(&scene, 1);
    let args = unseal_args(&["deploy"], &["sh", "-c", "echo holding; read line"]);
    let mut pty = Pty::spawn(scene.pty_command(&args));
    let alice = pin(IC);
    type_all(&mut pty, &[("PIN of alice", &alice)]);
    pty.expect("PIN of bob");
    // What is in scope is found, so this would find the rest; alice's PIN is out of it.
    let found = scan::find(pty.id(), &needles);
    let shares = found
        .iter()
        .filter(|one| one.contains("the share of ic"))
        .count();
    assert_eq!(
        (found.len(), shares),
        (1 + usize::from(seed_in(&found)), 1),
        "{found:#?}"
    );
    pty.send_line(&pin(BGO)).expect("holding");
    // The child has the secret, and we have nothing any more but the station's seed.
    let child = children(pty.id())[0];
    assert!(!scan::find(child, &access_keys(&scene)).is_empty());
    let found = scan::find(pty.id(), &needles);
    assert!(
        found.len() <= 1 && (found.is_empty() || seed_in(&found)),
        "{found:#?}"
    );
    pty.send_line("").finish();
    let args = unseal_args(&["deploy"], &["true"]);
    let held = Held::at_its_end(&scene, &args, &borrowed(&both_pins()));
    nothing_of(&needles, held.pid, "unseal -- CMD");
}

/// The seed is in scope for as long as the station may have to sign.
fn seed_in(found: &[String]) -> bool {
    found.iter().any(|one| one.contains("the station's seed"))
}

#[test]
fn nothing_is_left_of_an_answer_to_a_credential_process() {
    if !can_look() {
        return;
    }
    let scene = Scene::sealed(&["deploy"]);
    let needles = everything(&scene, 1);
    let held = Held::at_its_end(&scene, &PROCESS, &borrowed(&both_pins()));
    assert!(held.pty.transcript().contains("SecretAccessKey"));
    nothing_of(&needles, held.pid, "unseal --credential-process");
}

#[test]
fn nobody_but_root_looks_into_the_process_and_it_leaves_no_core() {
    if !can_look() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // Who is not root may not look into ours.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let tool = folder.path().join("breakglass");
    fs::copy(binary(), &tool).expect("the folder is ours");
    let mut owners = Vec::new();
    for program in [tool.as_path(), Path::new("/bin/echo")] {
        let held = Held::of_nobody(program, folder.path());
        let proc = format!("/proc/{}", held.pid);
        let status = fs::read_to_string(format!("{proc}/status")).expect("it is there");
        assert!(status.contains("Uid:\t65534"), "{status}");
        let owner = fs::metadata(format!("{proc}/environ"))
            .expect("it is there")
            .uid();
        let looks = Command::new("setpriv")
            .args(AS_NOBODY)
            .args(["cat", &format!("{proc}/environ"), &format!("{proc}/maps")])
            .output();
        owners.push((owner, looks.expect("setpriv runs").status.success()));
        if program == tool {
            let limits = fs::read_to_string(format!("{proc}/limits")).expect("it is there");
            let core = limits
                .lines()
                .find(|line| line.starts_with("Max core file size"));
            let core: Vec<&str> = core.expect("a limit").split_whitespace().collect();
            assert_eq!(core[4..6], ["0", "0"], "{limits}");
        }
    }
    // The same user looks into any other program.
    assert_eq!(owners, [(0, false), (65_534, true)]);
}
