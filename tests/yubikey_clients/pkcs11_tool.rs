//! OpenSC's pkcs11-tool, through OpenSC's own module and through Yubico's (ykcs11).

use crate::desk::{Desk, FACTORY_KEY, OTHER_KEY};

const OPENSC: &str = "opensc-pkcs11.so";
const YKCS11: &str = "libykcs11.so.2";

/// The flags of a token by how many wrong PINs were entered.
type Flags = [&'static str; 4];

/// A card with keys in 9D (seal) and 9A (sign). OpenSC shows no key without a certificate.
fn prepared() -> Desk {
    let desk = Desk::touching();
    desk.give_old_kind_of_key();
    for (slot, name) in [("9d", "seal"), ("9a", "sign")] {
        let policies = "--pin-policy=once --touch-policy=always";
        let make = "--action=generate --algorithm=ECCP256";
        let tool = format!("yubico-piv-tool --key={OTHER_KEY} --slot={slot}");
        desk.does(&format!("{tool} {make} {policies} --output={name}.pem"));
        desk.certify(&format!("{name}.pem"), "certified.pem");
        desk.does(&format!(
            "{tool} --action=import-certificate --input=certified.pem"
        ));
    }
    desk.message();
    desk
}

/// Looks, signs, derives, and meets a card that nobody touches.
fn keys_work(module: &str, token: &str) {
    let desk = prepared();
    let tool = |words: &str| format!("pkcs11-tool --module {module} {words}");
    let login = |words: &str| tool(&format!("--login --pin 123456 {words}"));
    desk.says(&tool("--list-token-slots"), token);
    for id in ["01", "03"] {
        let said = desk.does(&login(&format!("--list-objects --type privkey --id {id}")));
        assert!(
            said.contains("sensitive, always sensitive, never extractable, local"),
            "{said}"
        );
    }
    desk.does(&login(
        "--read-object --type cert --id 03 --output-file certificate.der",
    ));
    desk.does("openssl x509 -inform DER -in certificate.der -pubkey -noout -out shown.pem");
    assert_eq!(desk.file("shown.pem"), desk.file("seal.pem"));

    let sign = login(
        "--sign --id 01 --mechanism ECDSA --signature-format openssl --input-file digest --output-file signature",
    );
    desk.does(&sign);
    desk.signed("sha256", "sign.pem", "signature");
    desk.peer_of("seal.pem");
    let derive = login(
        "--derive --id 03 --mechanism ECDH1-DERIVE --input-file peer.der --output-file derived",
    );
    desk.does(&derive);
    assert_eq!(desk.file("derived"), desk.file("agreed"));
    assert_eq!(desk.file("agreed").len(), 32);

    desk.tell("auto-touch off");
    desk.tell("touch-limit 0.2");
    desk.fails(&sign, "CKR_USER_NOT_LOGGED_IN");
    desk.tell("touch-limit 60");
    std::fs::remove_file(desk.folder().join("derived")).expect("it was made");
    desk.while_it_waits(|| desk.does(&derive));
    assert_eq!(desk.file("derived"), desk.file("agreed"));
}

/// Changes the PIN, blocks it, and goes on after it was unblocked.
fn pins_count(module: &str, flags: Flags) {
    let desk = prepared();
    let tool = |words: &str| format!("pkcs11-tool --module {module} {words}");
    let sign = |pin: &str| {
        tool(&format!(
            "--login --pin {pin} --sign --id 01 --mechanism ECDSA --input-file digest --output-file signature"
        ))
    };
    desk.does(&tool("--login --pin 123456 --change-pin --new-pin 654321"));
    for (count, flag) in flags.iter().enumerate() {
        let said = desk.does(&tool("--list-token-slots"));
        let line = said
            .lines()
            .find(|line| line.contains("flags"))
            .expect("flags");
        for other in [
            "user PIN count low",
            "final user PIN try",
            "user PIN locked",
        ] {
            assert_eq!(
                line.contains(other),
                *flag == other,
                "after {count}: {line}"
            );
        }
        if count < 3 {
            desk.fails(&sign("111111"), "CKR_PIN_INCORRECT");
        }
    }
    desk.fails(&sign("654321"), "CKR_PIN_LOCKED");
    desk.does("yubico-piv-tool --action=unblock-pin --pin=12345678 --new-pin=234567");
    desk.does(&sign("234567"));
}

#[test]
fn keys_work_through_opensc() {
    keys_work(OPENSC, "token manufacturer : piv_II");
}

#[test]
fn keys_work_through_ykcs11() {
    keys_work(YKCS11, "token label        : YubiKey PIV #12345678");
}

#[test]
fn pins_count_through_opensc() {
    pins_count(OPENSC, ["", "", "final user PIN try", "user PIN locked"]);
}

#[test]
fn pins_count_through_ykcs11() {
    pins_count(
        YKCS11,
        [
            "",
            "user PIN count low",
            "final user PIN try",
            "user PIN locked",
        ],
    );
}

/// ykcs11 makes keys as the security officer, whose PIN is the management key (a 3DES one).
#[test]
fn ykcs11_makes_keys() {
    let desk = Desk::with_firmware("5.4.3");
    desk.does(&format!(
        "pkcs11-tool --module {YKCS11} --login --login-type so --so-pin {FACTORY_KEY} --keypairgen --id 03 --key-type EC:prime256v1"
    ));
    desk.does("yubico-piv-tool --action=attest --slot=9d --output=leaf.pem");
    desk.does("yubico-piv-tool --action=read-certificate --slot=f9 --output=f9.pem");
    desk.attested("leaf.pem", "f9.pem");
    desk.does("openssl x509 -in leaf.pem -pubkey -noout -out seal.pem");
    desk.peer_of("seal.pem");
    desk.does(&format!(
        "pkcs11-tool --module {YKCS11} --login --pin 123456 --derive --id 03 --mechanism ECDH1-DERIVE --input-file peer.der --output-file derived"
    ));
    assert_eq!(desk.file("derived"), desk.file("agreed"));
}
