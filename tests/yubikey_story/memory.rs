//! Nothing of a PIN is left in the process once the cards have it: its memory is read from outside.

use crate::safe::{ALICE, BOB, PIN_ALICE, PIN_BOB, PUK, Safe, end};
use crate::scan::{self, Needle, can_look};

fn needles() -> Vec<Needle> {
    [PIN_ALICE, PIN_BOB, PUK]
        .map(|secret| (secret.to_owned(), secret.as_bytes().to_vec()))
        .to_vec()
}

#[test]
fn nothing_is_left_of_the_pins_of_an_opening() {
    if !can_look() {
        return;
    }
    let safe = Safe::sealed(&["deploy"]);
    let hold = "echo holding; read line";
    let reason = "INC-42: single sign-on is down";
    let mut pty = safe.start(&[
        "unseal", "deploy", "--reason", reason, "--", "sh", "-c", hold,
    ]);
    safe.contribute(&mut pty, "alice", PIN_ALICE, ALICE);
    pty.expect("tries  3 left, then the PIN is blocked");
    let found = scan::find(pty.id(), &needles());
    assert!(found.is_empty(), "while bob is waited for: {found:#?}");
    safe.contribute(&mut pty, "bob", PIN_BOB, BOB);
    pty.expect("holding");
    let found = scan::find(pty.id(), &needles());
    assert!(found.is_empty(), "while the command runs: {found:#?}");
    // And nobody's card is held from others meanwhile.
    let inspect = ["token", "inspect", &format!("piv:{ALICE}")];
    safe.scene.run(&inspect).ended(0);
    pty.send_line("");
    assert_eq!(end(&mut pty).code, 0);
}
