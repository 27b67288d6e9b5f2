//! Openings.

use crate::safe::{ALICE, BOB, PIN_ALICE, PIN_BOB, Safe, end};

#[test]
fn two_people_open_with_two_pins_and_two_touches() {
    let safe = Safe::sealed(&["deploy"]);
    safe.clear();
    let mut pty = safe.unseal("deploy");
    pty.expect("the turn of the Incident Commander");
    pty.expect("alice  YubiKey, serial 11112222");
    pty.expect("3 left");
    safe.contribute(&mut pty, "alice", PIN_ALICE, ALICE);
    pty.expect("the turn of the Break-Glass Operator");
    safe.contribute(&mut pty, "bob", PIN_BOB, BOB);
    let seen = end(&mut pty);
    assert_eq!(seen.code, 7, "{seen}");
    for serial in [ALICE, BOB] {
        let spent = ["A4", "F7", "CB", "F7", "20", "87"];
        let log = safe.rack.instructions(serial);
        assert!(log.ends_with(&spent.map(str::to_owned)), "{log:?}");
        assert_eq!(safe.verifies(serial), 1);
    }
    safe.scene.run(&["close"]).ended(0);
}
