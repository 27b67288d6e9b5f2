//! yubico-piv-tool (Debian's 2.2).
//!
//! It signs no certificates and no requests with keys on curves here: that fails in the tool, before any
//! command is sent. ykman does that.

use crate::desk::{Desk, FACTORY_KEY, OTHER_KEY};

fn tool(words: &str) -> String {
    format!("yubico-piv-tool {words}")
}

fn managing(words: &str) -> String {
    tool(&format!("--key={OTHER_KEY} {words}"))
}

/// A card with a management key that the tool can use: it takes every 24 bytes for a 3DES key.
fn desk(firmware: &str) -> Desk {
    let desk = Desk::with_firmware(firmware);
    desk.tell("auto-touch");
    let change = format!("--key={FACTORY_KEY} --action=set-mgm-key --new-key={OTHER_KEY}");
    if firmware < "5.7" {
        desk.does(&tool(&change));
    } else {
        desk.fails(&tool(&change), "Failed authentication");
        desk.give_old_kind_of_key();
    }
    desk.fails(&tool(&change), "Failed authentication");
    desk
}

fn keys_work(firmware: &str) {
    let desk = desk(firmware);
    let status = desk.does(&tool("--action=status"));
    assert!(
        status.contains(&format!("Version:\t{firmware}\n")),
        "{status}"
    );
    assert!(
        status.contains("Serial Number:\t12345678\n") && status.contains("tries left:\t3"),
        "{status}"
    );
    desk.does(&tool("--action=read-certificate --slot=f9 --output=f9.pem"));
    desk.message();
    for (slot, bits, policies) in [
        ("9d", 256, "--pin-policy=once --touch-policy=always"),
        ("9c", 384, "--pin-policy=always --touch-policy=cached"),
    ] {
        desk.does(&managing(&format!(
            "--action=generate --slot={slot} --algorithm=ECCP{bits} {policies} --output=public.pem"
        )));
        desk.does(&tool(&format!(
            "--action=attest --slot={slot} --output=leaf.pem"
        )));
        desk.attested("leaf.pem", "f9.pem");
        desk.certify("public.pem", "certified.pem");
        desk.does(&managing(&format!(
            "--action=import-certificate --slot={slot} --input=certified.pem"
        )));
        desk.does(&tool(&format!(
            "--action=read-certificate --slot={slot} --output=back.pem"
        )));
        assert_eq!(desk.file("back.pem"), desk.file("certified.pem"));

        let with_pin = format!("--action=verify-pin --pin=123456 --slot={slot}");
        desk.does(&tool(&format!(
            "{with_pin} --sign --algorithm=ECCP{bits} --hash=SHA{bits} --input=message --output=signature"
        )));
        desk.signed(&format!("sha{bits}"), "public.pem", "signature");
        let input = "--input=certified.pem";
        desk.says(
            &tool(&format!("{with_pin} --action=test-signature {input}")),
            "Successful ECDSA",
        );
        desk.says(
            &tool(&format!("{with_pin} --action=test-decipher {input}")),
            "performed ECDH exchange",
        );
    }
    desk.does("openssl ecparam -name prime256v1 -genkey -noout -out ours.key");
    desk.does(&managing("--action=import-key --slot=9a --input=ours.key"));
    desk.fails(&tool("--action=attest --slot=9a"), "Failed to attest");
}

#[test]
fn keys_of_an_old_card_work() {
    keys_work("5.4.3");
}

#[test]
fn keys_of_a_new_card_work() {
    keys_work("5.7.4");
}

#[test]
fn pins_block_and_are_unblocked() {
    let desk = desk("5.7.1");
    let verify = |pin: &str| tool(&format!("--action=verify-pin --pin={pin}"));
    desk.says(&verify("123456"), "Successfully verified PIN");
    desk.does(&tool("--action=change-pin --pin=123456 --new-pin=654321"));
    desk.does(&tool(
        "--action=change-puk --pin=12345678 --new-pin=87654321",
    ));
    for said in [
        "2 tries left",
        "1 tries left",
        "Pin code blocked",
        "Pin code blocked",
    ] {
        desk.fails(&verify("111111"), said);
    }
    desk.fails(&verify("654321"), "Pin code blocked");
    let unblock = |puk: &str| {
        tool(&format!(
            "--action=unblock-pin --pin={puk} --new-pin=234567"
        ))
    };
    desk.fails(&unblock("12345678"), "2 tries left");
    desk.does(&unblock("87654321"));
    desk.does(&verify("234567"));
    desk.does(&managing(
        "--action=verify-pin --pin=234567 --action=pin-retries --pin-retries=2 --puk-retries=1",
    ));
    desk.says(&tool("--action=status"), "PIN tries left:\t2");

    // Reset only once both are blocked.
    desk.does(&managing(
        "--action=generate --slot=9d --algorithm=ECCP256 --output=public.pem",
    ));
    desk.fails(&tool("--action=reset"), "are pincodes blocked?");
    desk.fails(&verify("111111"), "1 tries left");
    desk.fails(&verify("111111"), "Pin code blocked");
    desk.fails(&tool("--action=reset"), "are pincodes blocked?");
    desk.fails(
        &tool("--action=change-puk --pin=11111111 --new-pin=22222222"),
        "puk code",
    );
    desk.does(&tool("--action=reset"));
    desk.says(&tool("--action=status"), "PIN tries left:\t3");
    desk.does(&verify("123456"));
    desk.fails(&tool("--action=attest --slot=9d"), "Failed to attest");
}
