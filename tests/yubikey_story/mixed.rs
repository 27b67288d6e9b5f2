//! Quorums of a YubiKey and an HSM, spares, and what `status` says of them.

use crate::pty::Pty;
use crate::safe::{ALICE, BOB, PIN_ALICE, PIN_BOB, Safe, end};
use crate::scene::pin;

const ALICE_SPARE: u32 = 55_556_666;
const BOB_SPARE: u32 = 77_778_888;

/// A vault of these two tokens, with a key of `deploy` sealed in it.
fn found(safe: &Safe, ic: &str, bgo: &str, pins: [&str; 2], options: &[&str]) {
    let (ic, bgo, root) = (format!("alice={ic}"), format!("bob={bgo}"), safe.root());
    let fixed = [
        "init",
        "acme",
        "--ic",
        &ic,
        "--bgo",
        &bgo,
        "--attestation-root",
        &root,
    ];
    safe.auto_touch(true);
    let answers = [("PIN of alice", pins[0]), ("PIN of bob", pins[1])];
    safe.scene
        .at_terminal(&[&fixed[..], options].concat(), &answers)
        .ended(0);
    safe.auto_touch(false);
    safe.scene.add(&["deploy"]);
    safe.scene.run(&["rotate"]).ended(0);
}

/// Types the PIN of somebody whose token has no button.
fn type_pin(pty: &mut Pty, name: &str, pin: &str) {
    pty.expect(&format!("PIN of {name}"))
        .expect("(not shown): ");
    pty.send_line(pin);
}

/// One touch is enough for a policy that demands one, whoever gives it; the other's want of one is told.
#[test]
fn a_yubikey_and_an_hsm_open_together() {
    let safe = Safe::new(&["deploy"], &format!("--readers 1 --card {ALICE}"));
    safe.prepare(ALICE, PIN_ALICE);
    safe.scene.prepare(&["bob"]);
    let hsm = "pkcs11:token=bob";
    found(
        &safe,
        &format!("piv:{ALICE}"),
        hsm,
        [PIN_ALICE, &pin("bob")],
        &[],
    );
    let mut pty = safe.unseal("deploy");
    safe.contribute(&mut pty, "alice", PIN_ALICE, ALICE);
    type_pin(&mut pty, "bob", &pin("bob"));
    let seen = end(&mut pty);
    assert_eq!(seen.code, 7, "{seen}");
    let people = safe.scene.run(&["custodian", "list"]).ended(0);
    let line = |name: &str| {
        let mut lines = people.text.lines();
        lines
            .find(|line| line.contains(name))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(line("alice").contains("touch"), "{people}");
    assert!(line("bob").contains("none"), "{people}");
}

#[test]
fn an_hsm_and_a_yubikey_open_together() {
    let safe = Safe::new(&["deploy"], &format!("--readers 1 --card {BOB}"));
    safe.prepare(BOB, PIN_BOB);
    safe.scene.prepare(&["alice"]);
    let hsm = "pkcs11:token=alice";
    found(
        &safe,
        hsm,
        &format!("piv:{BOB}"),
        [&pin("alice"), PIN_BOB],
        &[],
    );
    let mut pty = safe.unseal("deploy");
    type_pin(&mut pty, "alice", &pin("alice"));
    safe.contribute(&mut pty, "bob", PIN_BOB, BOB);
    let seen = end(&mut pty);
    assert_eq!(seen.code, 7, "{seen}");
}

/// A policy that demands a touch is not met by two HSMs.
#[test]
fn without_any_touch_nothing_is_founded() {
    let safe = Safe::new(&["deploy"], &format!("--readers 1 --card {ALICE}"));
    safe.scene.prepare(&["alice", "bob"]);
    let (ic, bgo) = ("alice=pkcs11:token=alice", "bob=pkcs11:token=bob");
    let seen = safe
        .scene
        .run(&["init", "acme", "--ic", ic, "--bgo", bgo])
        .ended(4);
    assert!(seen.error.contains("without any touch"), "{seen}");
}

/// Both first tokens are lost; the spares open, and `status` has counted.
#[test]
fn the_spares_open_when_the_first_are_lost() {
    let cards = [ALICE, BOB, ALICE_SPARE, BOB_SPARE].map(|serial| format!("--card {serial}"));
    let safe = Safe::new(&["deploy"], &format!("--readers 4 {}", cards.join(" ")));
    for (serial, pin) in [
        (ALICE, PIN_ALICE),
        (BOB, PIN_BOB),
        (ALICE_SPARE, PIN_ALICE),
        (BOB_SPARE, PIN_BOB),
    ] {
        safe.prepare(serial, pin);
        safe.rack.tell(&format!("auto-touch {serial} on"));
    }
    let root = safe.root();
    let mut args: Vec<String> = ["init", "acme", "--attestation-root", &root]
        .map(str::to_owned)
        .to_vec();
    for (role, name, serial) in [
        ("--ic", "alice", ALICE),
        ("--ic", "alice", ALICE_SPARE),
        ("--bgo", "bob", BOB),
        ("--bgo", "bob", BOB_SPARE),
    ] {
        args.extend([role.to_owned(), format!("{name}=piv:{serial}")]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let answers = [
        ("PIN of alice", PIN_ALICE),
        ("PIN of alice", PIN_ALICE),
        ("PIN of bob", PIN_BOB),
        ("PIN of bob", PIN_BOB),
    ];
    safe.scene.at_terminal(&args, &answers).ended(0);
    safe.scene.add(&["deploy"]);
    safe.scene.run(&["rotate"]).ended(0);
    let status = safe.scene.run(&["status"]).ended(0);
    assert!(status.text.contains("alice (2 tokens)"), "{status}");
    assert!(status.text.contains("1 token may be lost"), "{status}");
    for serial in [ALICE, BOB] {
        safe.rack.tell(&format!("remove {serial}"));
    }
    safe.rack.tell("settle");
    let mut pty = safe.unseal("deploy");
    // Both of alice's may be used, and are named.
    pty.expect("alice  YubiKey, serial 11112222");
    pty.expect("alice  YubiKey, serial 55556666");
    pty.expect("PIN of alice for token serial 55556666 (not shown): ");
    pty.send_line(PIN_ALICE);
    pty.expect("PIN of bob for token serial 77778888 (not shown): ");
    pty.send_line(PIN_BOB);
    let seen = end(&mut pty);
    assert_eq!(seen.code, 7, "{seen}");
}
