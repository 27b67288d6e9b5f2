//! The same of the sessions of a role: what a command was handed is nowhere in ours once it was handed over.

use crate::held::Held;
use crate::pty::Pty;
use crate::scan::{self, Needle, can_look};
use crate::scene::{Scene, borrowed, both_pins, type_all, unseal_args};
use crate::{PROCESS, nothing_of, pins, seed_in};

const PRINTED: &str = "printf '\"SecretAccessKey\":\"%s\",\"SessionToken\":\"%s\"\\n' \
     \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_SESSION_TOKEN\"";

/// The session that a transcript shows.
fn shown(transcript: &str) -> Vec<Needle> {
    let value = |name: &str| {
        let (_, rest) = transcript
            .split_once(&format!("\"{name}\""))
            .unwrap_or_else(|| panic!("no {name}: {transcript}"));
        let value = rest.split('"').nth(1).expect("a value");
        assert!(value.len() >= 20, "{name} is {value}");
        (name.to_owned(), value.as_bytes().to_vec())
    };
    vec![value("SecretAccessKey"), value("SessionToken")]
}

#[test]
fn nothing_is_left_of_a_session() {
    if !can_look() {
        return;
    }
    let role = "arn:aws:iam::123456789012:role/breakglass/access/open".to_owned();
    let scene = Scene::with_roles(&[], &[role]);
    let hold = format!("{PRINTED}; echo holding; read line");
    let args = unseal_args(&["deploy"], &["sh", "-c", &hold]);
    let mut pty = Pty::spawn(scene.pty_command(&args));
    type_all(&mut pty, &borrowed(&both_pins()));
    pty.expect("holding");
    let mut needles = shown(&pty.transcript());
    // The child has it, and we have nothing any more but the station's seed.
    let child = crate::held::children(pty.id())[0];
    assert!(!scan::find(child, &needles).is_empty());
    needles.extend(pins());
    let found = scan::find(pty.id(), &needles);
    assert!(
        found.iter().all(|one| seed_in(std::slice::from_ref(one))),
        "{found:#?}"
    );
    pty.send_line("").finish();

    let print = unseal_args(&["deploy"], &["sh", "-c", PRINTED]);
    for args in [&print[..], &PROCESS] {
        let held = Held::at_its_end(&scene, args, &borrowed(&both_pins()));
        let mut needles = shown(&held.pty.transcript());
        needles.extend(pins());
        nothing_of(&needles, held.pid, &args.join(" "));
    }
}
