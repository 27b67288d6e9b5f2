//! Which YubiKeys are enrolled: each refusal once, with cards that really are so. None of them asks for a PIN:
//! there is no terminal.

use std::fs;
use std::process::Command;

use p256::pkcs8::EncodePrivateKey;

use crate::safe::{ALICE, BOB, PIN_ALICE, PIN_BOB, Safe, end};
use crate::scene::Seen;

/// Yubico's own tool, for the cards of which ours makes none.
fn tool(safe: &Safe, args: &[&str]) {
    let (name, value) = safe.rack.variable();
    let output = Command::new("yubico-piv-tool")
        .args(args)
        .env(name, value)
        .current_dir(safe.rack.folder())
        .output()
        .expect("yubico-piv-tool: scripts/setup installs it");
    assert!(output.status.success(), "{args:?}: {output:?}");
}

/// With the management key of a card from the factory.
const KEY: &str = "--key=010203040506070801020304050607080102030405060708";

/// Keys with these policies in both slots of the one card that is inserted.
fn keys(safe: &Safe, pin: &str, touch: &str) {
    for slot in ["9d", "9c"] {
        key(safe, slot, pin, touch);
    }
}

fn key(safe: &Safe, slot: &str, pin: &str, touch: &str) {
    let (slot, pin) = (format!("--slot={slot}"), format!("--pin-policy={pin}"));
    let touch = format!("--touch-policy={touch}");
    let fixed = [
        KEY,
        "--action=generate",
        "--algorithm=ECCP256",
        "--output=public.pem",
    ];
    tool(safe, &[&fixed[..], &[&slot, &pin, &touch]].concat());
}

fn openssl(safe: &Safe, args: &str) {
    let output = Command::new("openssl")
        .args(args.split(' '))
        .current_dir(safe.rack.folder())
        .output()
        .expect("openssl");
    assert!(output.status.success(), "{args}: {output:?}");
}

/// A founding with this card as alice's; that of bob is not there.
fn found(safe: &Safe, serial: u32, options: &[&str]) -> Seen {
    let (alice, bob) = (format!("alice=piv:{serial}"), format!("bob=piv:{BOB}"));
    let fixed = ["init", "acme", "--ic", &alice, "--bgo", &bob, "--json"];
    safe.scene.run(&[&fixed[..], options].concat())
}

/// Refused with this code and these words, and nothing was founded.
fn refused(safe: &Safe, seen: Seen, code: &str, words: &str) {
    let seen = seen.ended(4);
    let said = &seen.json()["error"];
    assert_eq!(said["code"], code, "{seen}");
    let what = said["what"].as_str().expect("a text");
    assert!(what.contains(words), "{words}: {seen}");
    assert!(
        !said["hints"].as_array().expect("a list").is_empty(),
        "{seen}"
    );
    assert!(!safe.scene.path("vault").exists(), "{seen}");
}

#[test]
fn old_devices_and_unknown_roots_are_refused() {
    let safe = Safe::new(&["deploy"], &format!("--readers 1 --card {ALICE}:5.4.3"));
    let root = safe.root();
    let own = ["--attestation-root", &root];
    keys(&safe, "always", "always");
    let seen = found(&safe, ALICE, &[]);
    refused(
        &safe,
        seen,
        "attestation-root-unknown",
        "Virtual YubiKey PIV Root CA",
    );
    let seen = found(&safe, ALICE, &own);
    refused(&safe, seen, "firmware-too-old", "CVE-2024-45678");
    // With leave it is taken, and the next token is missing.
    let seen = found(
        &safe,
        ALICE,
        &[&own[..], &["--min-firmware", "5.4.0"]].concat(),
    );
    assert!(seen.ended(5).text.contains(&BOB.to_string()));
    // A device that claims to be another: the attestation tells.
    safe.rack.tell(&format!("serial {ALICE} 77777777"));
    let seen = found(
        &safe,
        77_777_777,
        &[&own[..], &["--min-firmware", "5.4.0"]].concat(),
    );
    refused(&safe, seen, "attested-serial-differs", &ALICE.to_string());
    safe.rack.tell(&format!("serial {ALICE} {ALICE}"));
    // The key of an old device's slot F9, computed from its public half, in another device.
    old_f9(&safe);
    let seen = found(
        &safe,
        ALICE,
        &[&own[..], &["--min-firmware", "4.0.0"]].concat(),
    );
    refused(&safe, seen, "firmware-too-old", "CVE-2017-15361");
}

/// A slot F9 whose certificate, of the rack's root, tells firmware 4.3.2.
fn old_f9(safe: &Safe) {
    let folder = safe.rack.folder();
    let root = fs::read_to_string(folder.join("attestation-issuer.key")).expect("the rack's");
    let root = data_encoding::HEXLOWER.decode(root.trim().as_bytes());
    let root = p256::SecretKey::from_slice(&root.expect("hex")).expect("a key");
    let root = root.to_pkcs8_der().expect("DER");
    fs::write(folder.join("root.der"), root.as_bytes()).expect("ours");
    let facts = "basicConstraints=critical,CA:TRUE,pathlen:0\n1.3.6.1.4.1.41482.3.3=DER:04:03:02\n";
    fs::write(folder.join("f9.cnf"), facts).expect("ours");
    openssl(safe, "ecparam -name prime256v1 -genkey -noout -out f9.key");
    openssl(safe, "req -new -key f9.key -subj /CN=Old -out f9.csr");
    openssl(
        safe,
        "x509 -req -in f9.csr -CA attestation-root.pem -CAkey root.der -CAkeyform DER -set_serial 9 \
         -days 30 -extfile f9.cnf -out f9.pem",
    );
    write_f9(safe, "f9.key", "f9.pem");
}

/// Writes over the card's attestation key and its certificate.
fn write_f9(safe: &Safe, key: &str, certificate: &str) {
    for (action, input) in [("import-key", key), ("import-certificate", certificate)] {
        let (action, input) = (format!("--action={action}"), format!("--input={input}"));
        tool(safe, &[KEY, "--slot=f9", &action, &input]);
    }
}

#[test]
fn keys_that_open_without_pin_or_touch_are_refused() {
    let safe = Safe::new(&["deploy"], &format!("--readers 1 --card {ALICE}:5.4.3"));
    let root = safe.root();
    let own = ["--attestation-root", &root, "--min-firmware", "5.4.3"];
    let once = [&own[..], &["--allow-pin-once"]].concat();
    for touch in ["never", "cached"] {
        keys(&safe, "always", touch);
        refused(&safe, found(&safe, ALICE, &once), "touch-policy", touch);
    }
    // One of the two keys is enough.
    key(&safe, "9d", "always", "always");
    refused(&safe, found(&safe, ALICE, &own), "touch-policy", "9c");
    keys(&safe, "never", "always");
    refused(&safe, found(&safe, ALICE, &once), "pin-policy", "never");
    keys(&safe, "once", "always");
    refused(&safe, found(&safe, ALICE, &own), "pin-policy", "once");
    let seen = found(&safe, ALICE, &once).ended(5);
    assert!(seen.text.contains(&BOB.to_string()), "{seen}");
    // A key that was brought in.
    openssl(
        &safe,
        "ecparam -name prime256v1 -genkey -noout -out ours.key",
    );
    let import = [KEY, "--action=import-key", "--slot=9d", "--input=ours.key"];
    let policies = ["--pin-policy=always", "--touch-policy=always"];
    tool(&safe, &[&import[..], &policies].concat());
    refused(
        &safe,
        found(&safe, ALICE, &own),
        "key-unfit",
        "was not made on it",
    );
    // A slot F9 that its owner has written over.
    keys(&safe, "always", "always");
    openssl(
        &safe,
        "req -x509 -new -key ours.key -subj /CN=Ours -days 30 -out ours.pem",
    );
    write_f9(&safe, "ours.key", "ours.pem");
    let seen = found(&safe, ALICE, &own);
    refused(&safe, seen, "attestation-root-unknown", "Ours");
}

#[test]
fn what_is_asked_of_tokens_holds_for_the_life_of_the_vault() {
    let safe = Safe::new(
        &["deploy"],
        &format!("--readers 3 --card {ALICE} --card {BOB}"),
    );
    let (alice, bob) = (format!("alice=piv:{ALICE}"), format!("bob=piv:{ALICE}"));
    safe.prepare(ALICE, PIN_ALICE);
    let root = safe.root();
    let twice = ["init", "acme", "--json", "--ic", &alice, "--bgo", &bob];
    let seen = safe
        .scene
        .run(&[&twice[..], &["--attestation-root", &root]].concat());
    refused(&safe, seen, "founding-refused", "appears twice");
    safe.prepare(BOB, PIN_BOB);
    safe.found(&["--allow-pin-once"]);
    let seen = safe.scene.run(&["custodian", "list"]).ended(0);
    assert_eq!(seen.text.matches("touch     5.7.1").count(), 2, "{seen}");
    let seen = safe.scene.run(&["status"]);
    let shown = "NO token may be lost, presence touch, firmware 5.7.1";
    assert_eq!(seen.text.matches(shown).count(), 2, "{seen}");
    let again = [
        "custodian",
        "enroll",
        "carol",
        "--role",
        "so",
        "--dry-run",
        "--token",
    ];
    let seen = safe
        .scene
        .run(&[&again[..], &[&format!("piv:{ALICE}")]].concat());
    assert!(seen.ended(4).error.contains("appears twice"));
    // What is enrolled holds the policy to it.
    let seen = safe
        .scene
        .run(&["policy", "set", "--min-firmware", "5.7.2", "--dry-run"]);
    assert!(
        seen.ended(4)
            .error
            .contains("has firmware 5.7.1, older than 5.7.2")
    );
    let seen = safe
        .scene
        .run(&["policy", "set", "--min-firmware", "5.4.3", "--dry-run"]);
    let seen = seen.ended(0);
    assert!(
        seen.text
            .contains("! YubiKeys with firmware 5.4.3 will be taken"),
        "{seen}"
    );
    // A third card is looked at.
    safe.rack.tell("card 55556666:5.7.4@2");
    safe.rack.tell("settle");
    safe.prepare(55_556_666, PIN_BOB);
    let third = [
        "custodian",
        "enroll",
        "carol",
        "--role",
        "bgo",
        "--token",
        "piv:55556666",
    ];
    let third = [&third[..], &["--dry-run"]].concat();
    let seen = safe.scene.run(&third).ended(0);
    let said = "serial 55556666, presence touch, firmware 5.7.4";
    let words: Vec<&str> = seen.text.split_whitespace().collect();
    assert!(words.join(" ").contains(said), "{seen}");
    safe.rack.tell("firmware 55556666 5.4.3");
    let seen = safe.scene.run(&third).ended(4);
    assert!(seen.error.contains("older than 5.7.0"), "{seen}");
    // Both sign, and it is in force.
    safe.auto_touch(true);
    let answers = [("PIN of alice", PIN_ALICE), ("PIN of bob", PIN_BOB)];
    let set = [
        "policy",
        "set",
        "--refuse-pin-once",
        "--min-firmware",
        "5.7.1",
    ];
    let seen = safe.scene.at_terminal(&set, &answers).ended(0);
    assert!(seen.text.contains("Manifest 2 is in force"), "{seen}");
    let seen = safe.scene.run(&["policy", "explain"]).ended(0);
    assert!(seen.text.contains("firmware 5.7.1 or newer"), "{seen}");
    assert!(
        seen.text.contains("Virtual YubiKey PIV Root CA Serial 1"),
        "{seen}"
    );
    let json = safe.scene.run(&["policy", "explain", "--json"]).ended(0);
    let rules = &json.json()["yubikeys"];
    assert_eq!(rules["min-firmware"], "5.7.1");
    assert_eq!(rules["allow-pin-once"], false);
    let name = &rules["own-roots"][0]["name"];
    assert_eq!(name, "Virtual YubiKey PIV Root CA Serial 1");
    // The third card is enrolled, too.
    safe.rack.tell("firmware 55556666 5.7.4");
    safe.rack.tell("auto-touch 55556666 on");
    let answers = [
        ("PIN of carol", PIN_BOB),
        ("PIN of alice", PIN_ALICE),
        ("PIN of bob", PIN_BOB),
    ];
    let enrol = &third[..third.len() - 1];
    let seen = safe.scene.at_terminal(enrol, &answers).ended(0);
    assert!(seen.text.contains("Manifest 3 is in force"), "{seen}");
    let seen = safe.scene.run(&["custodian", "list"]).ended(0);
    assert!(seen.text.contains("touch     5.7.4"), "{seen}");
}

#[test]
fn a_vault_that_claims_a_touch_without_evidence_is_refused() {
    let safe = Safe::new(
        &["deploy"],
        &format!("--readers 2 --card {ALICE} --card {BOB}"),
    );
    safe.prepare(ALICE, PIN_ALICE);
    safe.prepare(BOB, PIN_BOB);
    safe.found(&[]);
    safe.scene.run(&["custodian", "list"]).ended(0);
    let path = safe.scene.path("vault").join("manifest/00000001.json");
    let good = fs::read_to_string(&path).expect("the manifest");
    let mut envelope: serde_json::Value = serde_json::from_str(&good).expect("JSON");
    let base64 = &data_encoding::BASE64;
    let payload = envelope["payload"].as_str().expect("a text").to_owned();
    let payload = base64.decode(payload.as_bytes()).expect("base64");
    let mut manifest: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
    manifest["custodians"][0]["tokens"][0]["attestation"] = serde_json::Value::Null;
    let payload = base64.encode(manifest.to_string().as_bytes());
    let whole = good.replacen(envelope["payload"].as_str().expect("a text"), &payload, 1);
    envelope["payload"] = payload.into();
    fs::remove_file(&path).expect("ours");
    fs::write(&path, whole).expect("ours");
    let seen = safe.scene.run(&["status"]).ended(7);
    assert!(seen.error.contains("has no attestation"), "{seen}");
}

#[test]
fn a_key_from_the_factory_is_no_key() {
    let safe = Safe::new(&["deploy"], &format!("--readers 1 --card {ALICE}"));
    let seen = found(&safe, ALICE, &[]);
    assert_eq!(seen.code, 5, "{seen}");
    let mut pty = safe.start(&["token", "generate", &format!("piv:{ALICE}")]);
    pty.expect("New PIN for").send_line(PIN_ALICE);
    pty.expect("once more: ").send_line(PIN_ALICE);
    pty.expect("New PUK").send_line(crate::safe::PUK);
    pty.expect("once more: ").send_line(crate::safe::PUK);
    // Under Yubico's roots nothing is known of this card, and it is not said to be fit.
    pty.expect("a vault would not take them");
    let seen = end(&mut pty);
    assert_eq!(seen.code, 0, "{seen}");
    assert!(!seen.text.contains("a new vault takes it"), "{seen}");
}
