//! At the safe with YubiKeys: no network, a copy that cannot be written, a machine that has never seen the vault.

use std::fs;
use std::path::Path;

use crate::cut_off;
use crate::pty::Pty;
use crate::safe::{ALICE, BOB, PIN_ALICE, PIN_BOB, Safe, end};
use crate::scene::binary;

/// A command without a network, the copy read-only, the ledger on another medium.
fn at_the_safe(safe: &Safe, copy: &Path, args: &[&str]) -> Pty {
    let command = cut_off::command(copy)
        .arg(binary())
        .arg("--vault")
        .arg(copy.join("vault"))
        .arg("--ledger")
        .arg(safe.scene.path("stick"))
        .args(args)
        .env_clear()
        .envs(safe.scene.environment());
    Pty::spawn(command)
}

#[test]
fn two_yubikeys_open_a_read_only_copy_without_a_network() {
    if !cut_off::possible() {
        return;
    }
    let mut safe = Safe::sealed(&["deploy"]);
    let copy = safe.scene.path("copy");
    let to = copy.to_str().expect("UTF-8");
    let export = ["vault", "export", to, "--without-program"];
    safe.scene.run(&export).ended(0);
    let card = fs::read_to_string(copy.join("CARD.txt")).expect("the card");
    assert!(
        card.contains("11112222") && card.contains("33334444"),
        "{card}"
    );
    let (fingerprint, home) = (safe.scene.fingerprint(), safe.scene.station().to_owned());
    let laptop = safe.scene.new_station("laptop");
    safe.scene.go_to(laptop);
    let mut pty = at_the_safe(&safe, &copy, &["vault", "import", to, &fingerprint]);
    assert_eq!(end(&mut pty).code, 0);
    let mut pty = at_the_safe(&safe, &copy, &["doctor"]);
    let doctor = end(&mut pty);
    assert_eq!(doctor.code, 0, "{doctor}");
    assert!(doctor.text.contains("11112222"), "{doctor}");
    let reason = "INC-42: single sign-on is down";
    let unseal = [
        "unseal", "deploy", "--reason", reason, "--", "sh", "-c", "exit 7",
    ];
    let mut pty = at_the_safe(&safe, &copy, &unseal);
    safe.both_open(&mut pty);
    safe.scene.go_to(home);
    let stick = safe.scene.path("stick");
    let join = ["ledger", "join", stick.to_str().expect("UTF-8")];
    safe.scene.run(&join).ended(10);
    safe.scene.run(&["close"]).ended(0);
}

/// The cards remember what no machine does.
#[test]
fn an_older_vault_is_refused_by_what_the_yubikeys_remember() {
    let mut safe = Safe::sealed(&["deploy"]);
    let old = safe.scene.copy_of_vault("old");
    safe.auto_touch(true);
    let answers = [("PIN of alice", PIN_ALICE), ("PIN of bob", PIN_BOB)];
    for compartment in ["second", "third"] {
        let add = ["compartment", "add", compartment];
        safe.scene.at_terminal(&add, &answers).ended(0);
    }
    let fingerprint = safe.scene.fingerprint();
    fs::rename(safe.scene.vault(), safe.scene.path("newer")).expect("ours");
    fs::rename(&old, safe.scene.vault()).expect("ours");
    let fresh = safe.scene.new_station("fresh");
    safe.scene.go_to(fresh);
    safe.scene.run(&["trust", &fingerprint]).ended(0);
    safe.clear();
    let mut pty = safe.unseal("deploy");
    let seen = end(&mut pty);
    assert_eq!(seen.code, 7, "{seen}");
    assert!(seen.text.contains("[vault-rolled-back]"), "{seen}");
    assert_eq!((safe.verifies(ALICE), safe.verifies(BOB)), (0, 0));
}
