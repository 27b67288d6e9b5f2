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

#[test]
fn two_people_take_turns_at_one_reader() {
    let safe = Safe::sealed(&["deploy"]);
    // Bob's comes first, by mistake: nobody asks for its PIN.
    safe.rack.tell("remove 11112222");
    safe.rack.tell("settle");
    safe.clear();
    let mut pty = safe.unseal("deploy");
    pty.expect("alice  YubiKey, serial 11112222");
    pty.expect("YubiKey (serial 33334444) is there and is none of these.");
    pty.expect("Insert a token of the Incident Commander. Waiting for it");
    safe.rack.tell("remove 33334444");
    safe.rack.tell("insert 11112222 0");
    safe.contribute(&mut pty, "alice", PIN_ALICE, ALICE);
    pty.expect("the turn of the Break-Glass Operator");
    pty.expect("bob  YubiKey, serial 33334444");
    pty.expect("Insert a token of the Break-Glass Operator. Waiting for it");
    safe.rack.tell("remove 11112222");
    safe.rack.tell("insert 33334444 0");
    safe.contribute(&mut pty, "bob", PIN_BOB, BOB);
    let seen = end(&mut pty);
    assert_eq!(seen.code, 7, "{seen}");
    assert_eq!((safe.verifies(ALICE), safe.verifies(BOB)), (1, 1));
}

#[test]
fn a_missed_touch_costs_no_try_and_another_go_is_offered() {
    let safe = Safe::sealed(&["deploy"]);
    safe.rack.tell("touch-limit 11112222 0.5");
    safe.clear();
    let mut pty = safe.unseal("deploy");
    pty.expect("PIN of alice").expect("(not shown): ");
    pty.send_line(PIN_ALICE);
    pty.expect("was not touched in time. The PIN was right, and no try was spent.");
    pty.expect("Press Enter to go on");
    safe.rack.tell("touch-limit 11112222 15");
    pty.send_line("");
    pty.expect("3 left");
    safe.both_open(&mut pty);
    assert_eq!(safe.verifies(ALICE), 2);
}

#[test]
fn a_wrong_pin_is_told_with_the_tries_left_and_the_last_one_is_kept() {
    let safe = Safe::sealed(&["deploy"]);
    safe.clear();
    let mut pty = safe.unseal("deploy");
    for left in ["2 tries are left", "one try is left"] {
        pty.expect("PIN of alice").expect("(not shown): ");
        pty.send_line("11111111");
        pty.expect("wrong PIN").expect(left);
    }
    pty.expect("LAST TRY").expect("Type its serial number");
    pty.send_line("no");
    let seen = end(&mut pty);
    assert_eq!(seen.code, 6, "{seen}");
    assert!(seen.text.contains("[last-try-withheld]"), "{seen}");
    assert_eq!(safe.verifies(ALICE), 2);
    // With consent the right one opens, and all tries are back.
    let mut pty = safe.unseal("deploy");
    pty.expect("Type its serial number").send_line("11112222");
    safe.both_open(&mut pty);
}

#[test]
fn an_early_touch_that_types_is_no_pin() {
    let safe = Safe::sealed(&["deploy"]);
    safe.clear();
    let mut pty = safe.unseal("deploy");
    pty.expect("PIN of alice").expect("(not shown): ");
    pty.send_line("cccccbkffvtkdnrgvcjebflhhcrkvecjjbccttvjvfjk");
    pty.expect("Not sent to the token: that is a one-time password");
    safe.both_open(&mut pty);
    assert_eq!(safe.verifies(ALICE), 1);
}

/// Whoever leaves, at whatever point, leaves nothing on the cards, and the next attempt works.
#[test]
fn ctrl_c_leaves_nothing_behind() {
    let safe = Safe::sealed(&["deploy"]);
    let leave_at_pin = |pty: &mut crate::pty::Pty| {
        pty.expect("PIN of alice").expect("(not shown): ");
        pty.send("\x03");
    };
    let leave_at_touch = |pty: &mut crate::pty::Pty| {
        pty.expect("PIN of alice").expect("(not shown): ");
        pty.send_line(PIN_ALICE);
        pty.expect("alice: TOUCH YubiKey");
        safe.rack.tell("await-touch 11112222");
        pty.send("\x03");
    };
    let leave_waiting = |pty: &mut crate::pty::Pty| {
        safe.contribute(pty, "alice", PIN_ALICE, ALICE);
        pty.expect("Insert a token of the Break-Glass Operator. Waiting for it");
        pty.send("\x03");
    };
    safe.rack.tell("remove 33334444");
    let ways: [&dyn Fn(&mut crate::pty::Pty); 3] = [&leave_at_pin, &leave_at_touch, &leave_waiting];
    for (number, leave) in ways.iter().enumerate() {
        let mut pty = safe.unseal("deploy");
        leave(&mut pty);
        let seen = end(&mut pty);
        assert_eq!(seen.code, 3, "{number}: {seen}");
        assert!(seen.text.contains("[declined]"), "{number}: {seen}");
        if number == 1 {
            // The card waits on; whatever comes of it goes nowhere.
            safe.rack.tell("touch 11112222");
        }
    }
    safe.rack.tell("insert 33334444 1");
    let mut pty = safe.unseal("deploy");
    safe.both_open(&mut pty);
}

/// At 80 columns no line is longer, and none that the terminal would cut.
#[test]
fn eighty_columns_are_enough() {
    let safe = Safe::sealed(&["deploy"]);
    let mut pty = safe.unseal("deploy");
    pty.narrow(80);
    let seen = safe.both_open(&mut pty);
    let lines = seen.text.split(['\r', '\n']);
    let long: Vec<&str> = lines.filter(|line| line.chars().count() > 80).collect();
    assert_eq!(long, [""; 0], "{seen}");
}

/// A terminal that writes nothing over in place is told in lines, and not more than twice.
#[test]
fn a_dumb_terminal_is_told_in_lines() {
    let mut safe = Safe::sealed(&["deploy"]);
    safe.scene.variables.push(("TERM".into(), "dumb".into()));
    let mut pty = safe.unseal("deploy");
    let seen = safe.both_open(&mut pty);
    assert_eq!(seen.text.matches("TOUCH").count(), 2, "{seen}");
    let bare = seen.text.replace("\r\n", "\n");
    assert!(!bare.contains('\r') && !bare.contains('\x1b'), "{seen}");
}
