//! ykman, the YubiKey Manager (Debian's).

use crate::desk::{Desk, FACTORY_KEY, OTHER_KEY, SERIAL};

/// A command for the card. An empty second slot of a reader counts as a YubiKey, so it is named.
fn ykman(words: &str) -> String {
    format!("ykman --device {SERIAL} {words}")
}

/// The same for what needs the factory's management key and PIN.
fn managing(words: &str, rest: &str) -> String {
    ykman(&format!(
        "piv {words} --management-key {FACTORY_KEY} --pin 123456 {rest}"
    ))
}

#[test]
fn it_tells_what_it_sees() {
    let desk = Desk::with_firmware("5.4.3");
    let info = desk.does(&ykman("info"));
    for line in [
        "Serial number: 12345678",
        "Firmware version: 5.4.3",
        "Form factor: Keychain (USB-A)",
    ] {
        assert!(info.contains(line), "{info}");
    }
    let info = desk.does(&ykman("piv info"));
    for line in [
        "PIV version: 5.4.3",
        "Using default PIN!",
        "PIN tries remaining: 3/3",
        "Using default Management key!",
        "Management key algorithm: TDES",
    ] {
        assert!(info.contains(line), "{info}");
    }
    desk.tell("firmware 5.7.4");
    desk.says(&ykman("piv info"), "PIV version: 5.7.4");
}

#[test]
fn it_changes_pin_puk_and_management_key() {
    let desk = Desk::touching();
    let key = |length: usize| "0123456789abcdef".repeat(length / 8);
    desk.does(&ykman(
        "piv access change-pin --pin 123456 --new-pin 654321",
    ));
    desk.does(&ykman(
        "piv access change-puk --puk 12345678 --new-puk 87654321",
    ));
    let mut old = FACTORY_KEY.to_owned();
    for (algorithm, new) in [
        ("AES256", key(32)),
        // Its algorithm where none is named.
        ("TDES", OTHER_KEY.to_owned()),
    ] {
        let change = "piv access change-management-key --management-key";
        desk.does(&ykman(&format!(
            "{change} {old} --algorithm {algorithm} --new-management-key {new}"
        )));
        let info = desk.does(&ykman("piv info"));
        assert!(info.contains(&format!("algorithm: {algorithm}")), "{info}");
        assert!(!info.contains("WARNING"), "{info}");
        old = new;
    }
    desk.fails(
        &managing("keys generate", "--algorithm ECCP256 9d -"),
        "management key",
    );
    // On the card, behind the PIN.
    desk.does(&ykman(&format!(
        "piv access change-management-key --management-key {old} --pin 654321 --protect --generate --touch --force"
    )));
    desk.says(
        &ykman("piv info"),
        "stored on the YubiKey, protected by PIN",
    );
    desk.says(
        &ykman("piv keys generate --pin 654321 --algorithm ECCP256 9d -"),
        "BEGIN PUBLIC KEY",
    );
    let (counts, touches) = (desk.rack.counts(SERIAL), "touches");
    assert!(counts[touches].as_u64() >= Some(1), "{counts}");
    desk.does(&ykman("piv access set-retries --pin 654321 --force 5 4"));
    desk.says(&ykman("piv info"), "PIN tries remaining: 5/5");
}

#[test]
fn it_makes_keys_and_attests_them() {
    let desk = Desk::touching();
    desk.does(&ykman("piv certificates export f9 f9.pem"));
    for (slot, algorithm, policies) in [
        ("9d", "ECCP256", "--pin-policy ALWAYS --touch-policy ALWAYS"),
        ("82", "ECCP384", "--pin-policy ONCE --touch-policy CACHED"),
    ] {
        let words = format!("--algorithm {algorithm} {policies} {slot} public.pem");
        desk.does(&managing("keys generate", &words));
        desk.does(&ykman(&format!("piv keys attest {slot} leaf.pem")));
        desk.attested("leaf.pem", "f9.pem");
        desk.does("openssl x509 -in leaf.pem -pubkey -noout -out attested.pem");
        assert_eq!(desk.file("attested.pem"), desk.file("public.pem"));
    }
    // Nothing to attest: an empty slot, a key from outside.
    desk.fails(&ykman("piv keys attest 9a none.pem"), "Attestation failed");
    desk.does(&managing("keys import", "9a ca.key"));
    desk.fails(&ykman("piv keys attest 9a none.pem"), "Attestation failed");
}

#[test]
fn it_makes_and_stores_certificates() {
    let desk = Desk::touching();
    let words = "--algorithm ECCP256 --pin-policy ALWAYS --touch-policy ALWAYS 9d public.pem";
    desk.does(&managing("keys generate", words));
    let words = "--subject CN=self 9d public.pem";
    desk.does(&managing("certificates generate", words));
    desk.does(&ykman("piv certificates export 9d self.pem"));
    desk.says("openssl verify -CAfile self.pem self.pem", "self.pem: OK");
    desk.does(&ykman(
        "piv certificates request --pin 123456 --subject CN=asked 9d public.pem request.pem",
    ));
    desk.does("openssl req -in request.pem -verify -noout");

    desk.certify("public.pem", "certified.pem");
    desk.does(&managing(
        "certificates import --verify",
        "9d certified.pem",
    ));
    desk.does(&ykman("piv certificates export 9d back.pem"));
    assert_eq!(desk.file("back.pem"), desk.file("certified.pem"));
    desk.says(&ykman("piv info"), "Subject DN:\tCN=certified");
    desk.does(&managing("certificates delete", "9d"));
    let export = ykman("piv certificates export 9d gone.pem");
    desk.fails(&export, "No certificate found");
}

#[test]
fn it_waits_for_a_touch() {
    let desk = Desk::with_firmware("5.7.1");
    desk.does(&managing(
        "keys generate",
        "--algorithm ECCP256 --pin-policy ONCE --touch-policy ALWAYS 9c public.pem",
    ));
    let sign = managing("certificates generate", "--subject CN=self 9c public.pem");
    desk.tell("touch-limit 0.2");
    desk.fails(&sign, "Certificate generation failed");
    desk.tell("touch-limit 60");
    desk.while_it_waits(|| desk.does(&sign));
    let counts = desk.rack.counts(SERIAL);
    assert_eq!(
        (&counts["touch_waits"], &counts["touches"]),
        (&2.into(), &1.into())
    );
}

#[test]
fn it_blocks_unblocks_and_resets() {
    let desk = Desk::touching();
    let wrong = ykman("piv access change-pin --pin 111111 --new-pin 222222");
    for said in [
        "2 tries left",
        "1 tries left",
        "PIN is blocked",
        "PIN is blocked",
    ] {
        desk.fails(&wrong, said);
    }
    desk.fails(
        &ykman("piv access change-pin --pin 123456 --new-pin 222222"),
        "PIN is blocked",
    );
    desk.says(&ykman("piv info"), "PIN tries remaining: 0/3");
    let unblock = |puk: &str| {
        ykman(&format!(
            "piv access unblock-pin --puk {puk} --new-pin 234567"
        ))
    };
    desk.fails(&unblock("11111111"), "2 tries left");
    desk.does(&unblock("12345678"));
    desk.does(&ykman(
        "piv access change-pin --pin 234567 --new-pin 345678",
    ));

    desk.does(&ykman(&format!(
        "piv keys generate --management-key {FACTORY_KEY} --pin 345678 --algorithm ECCP256 9d public.pem"
    )));
    desk.does(&ykman("piv reset --force"));
    let info = desk.does(&ykman("piv info"));
    for line in [
        "Using default PIN!",
        "PIN tries remaining: 3/3",
        "Using default Management key!",
        "algorithm: AES192",
    ] {
        assert!(info.contains(line), "{info}");
    }
    desk.fails(&ykman("piv keys attest 9d leaf.pem"), "Attestation failed");
}
