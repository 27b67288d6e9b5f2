//! One fault of each kind as people see it: a real vault, the binary at a terminal. What is refused stands in the
//! ledger and nothing else does, and the next attempt opens.

use crate::pty::Pty;
use crate::safe::{ALICE, BOB, PIN_ALICE, PIN_BOB, Safe, end};
use crate::scene::Seen;

/// The entries of the ledger, by what they are: nothing is done that is no entry.
fn entries(safe: &Safe) -> Vec<String> {
    let log = safe.scene.log();
    let all = log["entries"].as_array().or_else(|| log.as_array());
    let all = all.unwrap_or_else(|| panic!("{log}"));
    all.iter().map(ToString::to_string).collect()
}

/// An opening with both cards touched whenever they wait. Their PINs are typed when they are asked for.
fn opens(safe: &Safe) {
    safe.auto_touch(true);
    let mut pty = safe.unseal("deploy");
    for (name, pin) in [("alice", PIN_ALICE), ("bob", PIN_BOB)] {
        give(&mut pty, name, pin);
    }
    let seen = end(&mut pty);
    assert_eq!(seen.code, 7, "the next attempt: {seen}");
    safe.auto_touch(false);
}

fn give(pty: &mut Pty, name: &str, pin: &str) {
    pty.expect(&format!("PIN of {name} "))
        .expect("(not shown): ");
    pty.send_line(pin);
}

/// A refusal with this code, recorded as one entry; then an opening.
fn refuses(
    safe: &Safe,
    code: &str,
    exit: i32,
    play: impl FnOnce(&mut Pty),
    mend: impl FnOnce(),
) -> Seen {
    let before = entries(safe);
    safe.auto_touch(true);
    let mut pty = safe.unseal("deploy");
    play(&mut pty);
    let seen = end(&mut pty);
    assert_eq!(seen.code, exit, "{code}: {seen}");
    assert!(seen.text.contains(&format!("[{code}]")), "{code}: {seen}");
    assert!(seen.text.contains("hint: "), "{code}: {seen}");
    assert!(seen.text.contains("nothing was opened"), "{code}: {seen}");
    let after = entries(safe);
    let added = &after[before.len()..];
    assert_eq!(after[..before.len()], before[..]);
    let refusals = added
        .iter()
        .filter(|entry| entry.contains("refused"))
        .count();
    assert_eq!(refusals, 1, "{code}: {added:?}");
    let released = added
        .iter()
        .any(|entry| entry.contains("opened\"") || entry.contains("delivered"));
    assert!(!released, "{code}: {added:?}");
    for serial in [ALICE, BOB] {
        assert!(safe.verifies(serial) <= 1, "{code}: {serial}");
    }
    mend();
    safe.clear();
    opens(safe);
    safe.clear();
    seen
}

#[test]
fn one_fault_of_each_kind() {
    let safe = Safe::sealed(&["deploy"]);
    // One incident for all of them.
    opens(&safe);
    let rack = &safe.rack;
    let alice = |pty: &mut Pty| give(pty, "alice", PIN_ALICE);
    let both = |pty: &mut Pty| {
        give(pty, "alice", PIN_ALICE);
        give(pty, "bob", PIN_BOB);
    };
    safe.clear();
    rack.tell(&format!("fault {BOB} 20 1 pull-after"));
    refuses(&safe, "token-removed", 5, both, || {
        rack.tell(&format!("insert {BOB} 1"));
        rack.tell("settle");
    });
    rack.tell(&format!("fault {ALICE} 87 1 reset"));
    refuses(&safe, "token-failed", 5, alice, || {});
    rack.tell(&format!("fault {BOB} 87 1 garbage"));
    refuses(&safe, "token-garbled", 5, both, || {});
    rack.tell(&format!("fault {ALICE} F7 1 truncate"));
    refuses(&safe, "token-garbled", 5, |_| {}, || {});
    let killed = |pty: &mut Pty| {
        pty.expect("PIN of alice ").expect("(not shown): ");
        rack.tell("pcscd kill");
        pty.send_line(PIN_ALICE);
    };
    let seen = refuses(&safe, "no-card-service", 5, killed, || {
        rack.tell("pcscd start");
        rack.tell("settle");
    });
    assert!(seen.text.contains("pcscd"), "{seen}");
    let holder = rack.hold(0, "exclusive");
    let seen = refuses(&safe, "token-busy", 5, |_| {}, || drop(holder));
    assert!(
        seen.text.contains("gpgconf") || seen.text.contains("virtual-yubikey"),
        "{seen}"
    );
    // Between the two people the second one's key becomes another.
    let regenerated = |pty: &mut Pty| {
        give(pty, "alice", PIN_ALICE);
        pty.expect("PIN of bob ").expect("(not shown): ");
        rack.tell(&format!("regenerate {BOB} 9d"));
        pty.send_line(PIN_BOB);
    };
    let refused = || {
        let all = entries(&safe).into_iter();
        all.filter(|entry| entry.contains("refused")).count()
    };
    let before = refused();
    for (code, play) in [
        ("wrong-share", &regenerated as &dyn Fn(&mut Pty)),
        ("token-not-enrolled", &alice),
    ] {
        safe.auto_touch(true);
        let mut pty = safe.unseal("deploy");
        play(&mut pty);
        let seen = end(&mut pty);
        assert_eq!(seen.code, 7, "{seen}");
        assert!(seen.text.contains(&format!("[{code}]")), "{seen}");
    }
    assert_eq!(refused(), before + 2);
}
