//! `token generate` and the founding with YubiKeys.

use crate::safe::{ALICE, PIN_ALICE, PUK, Safe, end};

#[test]
fn a_card_from_the_factory_is_prepared_in_one_act() {
    let safe = Safe::new(&["deploy"], &format!("--readers 1 --card {ALICE}"));
    safe.prepare(ALICE, PIN_ALICE);
    let uri = format!("piv:{ALICE}");
    let seen = safe.scene.run(&["token", "inspect", &uri]).ended(0);
    for told in ["3 tries left", "each use takes a touch", "11112222"] {
        assert!(seen.text.contains(told), "{told}: {seen}");
    }
    // A second time nothing is overwritten, and nobody is asked for anything.
    let again = safe.scene.run(&["token", "generate", &uri]).ended(4);
    assert!(again.error.contains("holds keys already"), "{again}");
    assert!(again.error.contains("--replace-keys"), "{again}");
    // With leave, only whoever types the serial overwrites them.
    let replace = ["token", "generate", &uri, "--replace-keys"];
    let mut pty = safe.start(&replace);
    pty.expect("can never be opened with this token again");
    pty.expect("Type \"11112222\"").send_line("yes");
    assert_eq!(end(&mut pty).code, 3);
    let mut pty = safe.start(&replace);
    pty.expect("Type \"11112222\"").send_line("11112222");
    pty.expect("PIN for token serial 11112222")
        .send_line(PIN_ALICE);
    let seen = end(&mut pty);
    assert_eq!(seen.code, 0, "{seen}");
}

#[test]
fn what_cannot_be_a_pin_is_not_taken() {
    let safe = Safe::new(&["deploy"], &format!("--readers 1 --card {ALICE}"));
    let mut pty = safe.start(&["token", "generate", &format!("piv:{ALICE}")]);
    pty.expect("still has the factory's PIN and PUK and management key");
    pty.expect("New PIN").send_line("12345");
    pty.expect("Not taken: a PIN of this token has at least 6 characters");
    pty.expect("New PIN").send_line(PIN_ALICE);
    pty.expect("once more: ").send_line(PUK);
    pty.expect("Not taken: the two are not the same");
    pty.expect("New PIN").send_line("123456");
    pty.expect("once more: ").send_line("123456");
    pty.expect("New PUK").send_line(PUK);
    pty.expect("once more: ").send_line(PUK);
    let seen = end(&mut pty);
    assert_eq!(seen.code, 5, "{seen}");
    assert!(
        seen.text
            .contains("still has the PIN that it left the factory with"),
        "{seen}"
    );
}
