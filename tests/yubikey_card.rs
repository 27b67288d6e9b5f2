//! The virtual YubiKey by itself: status words, touches, faults, readers, and what it keeps.

#[path = "yubikey_card/attestation.rs"]
mod attestation;
#[path = "common/bench.rs"]
mod bench;
#[path = "yubikey_card/keys.rs"]
mod keys;
#[path = "common/rack.rs"]
mod rack;
#[path = "yubikey_card/talk.rs"]
mod talk;

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rack::{Desk, Rack, with_cards};
use talk::{
    MANAGED, SEAL, SELECT, VERIFY, agree, authenticate, context, manage, open, reader_of, retry,
};

const ONE: u32 = 12_345_678;
const TWO: u32 = 23_456_789;

#[test]
fn a_wrong_pin_costs_a_try_and_the_puk_unblocks() {
    with_cards(
        "a_wrong_pin_costs_a_try_and_the_puk_unblocks",
        "--readers 1 --card 12345678",
        |_| {
            let card = open(0);
            let wrong = "0020008008 373138333934FFFF";
            let right = VERIFY;
            card.says("0020008000", 0x6D00);
            card.says(SELECT, 0x9000);
            card.says("00200080", 0x63C3);
            card.says(right, 0x9000);
            card.says("00200080", 0x9000);
            // The same application again keeps the PIN, another one does not.
            card.says(SELECT, 0x9000);
            card.says("00200080", 0x9000);
            card.says("00A4040008 A000000527471117", 0x9000);
            card.says(SELECT, 0x9000);
            card.says("00200080", 0x63C3);
            card.says("0020008006 313233343536", 0x6A80);
            card.says("00200081", 0x6A88);
            for status in [0x63C2, 0x63C1, 0x63C0, 0x6983] {
                card.says(wrong, status);
            }
            card.says(right, 0x6983);
            card.says("00200080", 0x6983);
            assert_eq!(
                card.data("00F7008000"),
                "0101ff 050101 06020300".replace(' ', "")
            );
            // PUK wrong, new PIN too short, both right.
            card.says("002C008010 3131313131313131 363534333231FFFF", 0x63C2);
            card.says("002C008010 3132333435363738 3635343332FFFFFF", 0x6985);
            card.says("002C008010 3132333435363738 363534333231FFFF", 0x9000);
            card.says("0020008008 363534333231FFFF", 0x9000);
            assert_eq!(
                card.data("00F7008000"),
                "0101ff 050100 06020303".replace(' ', "")
            );
            card.says("00FB0000", 0x6985);
        },
    );
}

#[test]
fn a_key_wants_manager_pin_and_touch() {
    with_cards(
        "a_key_wants_manager_pin_and_touch",
        "--readers 1 --card 12345678",
        |desk| {
            let card = open(0);
            card.says(SELECT, 0x9000);
            card.says("0047009D 0B AC09 800111 AA0103 AB0102", 0x6982);
            manage(&card);
            let point = card.data("0047009D 0B AC09 800111 AA0103 AB0102");
            assert!(point.starts_with("7f4943864104"), "{point}");
            let point = &point[10..];
            assert_eq!(
                card.data("00F7009D00"),
                format!("010111 02020302 030101 04438641{point}").replace(' ', "")
            );
            let agree = &agree(SEAL, point);
            // Empty slot, other algorithm, no PIN.
            card.says(&agree.replace("87119D", "87119A"), 0x6A80);
            card.says(&agree.replace("87119D", "87149D"), 0x6A80);
            card.says(agree, 0x6982);
            card.says(VERIFY, 0x9000);
            // No touch within the limit; the PIN is spent on it.
            desk.tell("touch-limit 12345678 0.05");
            card.says(agree, 0x6982);
            desk.tell("touch-limit 12345678 20");
            card.says(agree, 0x6982);
            assert_eq!(desk.counts(ONE)["touch_waits"], 1);
            assert_eq!(desk.counts(ONE)["touches"], 0);
            assert!(desk.try_tell("touch 12345678").is_err());
            card.says(VERIFY, 0x9000);
            let shared = std::thread::scope(|scope| {
                let shared = scope.spawn(|| card.data(agree));
                desk.tell("await-touch 12345678");
                assert_eq!(desk.tell("waiting 12345678"), "true");
                desk.tell("touch 12345678");
                shared.join().expect("no panic")
            });
            assert!(shared.starts_with("7c228220") && shared.len() == 72);
            // Not a point of the curve: found before the touch.
            card.says(VERIFY, 0x9000);
            let no_point = agree.replace("85410", "85411");
            card.says(&no_point, 0x6A80);
            assert_eq!(desk.counts(ONE)["touch_waits"], 2);
            assert_eq!(desk.counts(ONE)["verifies"], 3);
        },
    );
}

#[test]
fn management_keys_of_all_kinds_authenticate() {
    with_cards(
        "management_keys_of_all_kinds_authenticate",
        "--readers 1 --card 12345678",
        |_| {
            let mut card = open(0);
            card.says(SELECT, 0x9000);
            assert_eq!(card.data("00F7009B00"), "01010a02020001050101");
            card.says("0087039B04 7C028000", 0x6A80);
            manage(&card);
            for (algorithm, length) in [(0x08, 16), (0x0C, 32), (0x03, 24), (0x0A, 24)] {
                let key: Vec<u8> = (1..=length).map(|at| at * 2 + 1).collect();
                let hex = data_encoding::HEXLOWER.encode(&key);
                let set = format!(
                    "00FFFFFF{:02X} {algorithm:02X}9B{length:02X} {hex}",
                    length + 3
                );
                card.says(&set, 0x9000);
                card = card.reset();
                card.says(SELECT, 0x9000);
                card.says("00FFFFFF03 0A9B00", 0x6982);
                authenticate(&card, algorithm, &key);
                card.says("00FFFFFF03 0A9B00", 0x6A80);
            }
            // A witness that is not the right one.
            card.data("00870A9B04 7C028000");
            let wrong = format!("00870A9B26 7C248010{0}8110{0}", "00".repeat(16));
            card.says(&wrong, 0x6982);
            card.says("00FFFFFF03 0A9B00", 0x6982);
        },
    );
}

#[test]
fn long_answers_and_commands_come_in_parts() {
    with_cards(
        "long_answers_and_commands_come_in_parts",
        "--readers 1 --card 12345678:5.4.3",
        |desk| {
            let card = open(0);
            card.says(SELECT, 0x9000);
            assert_eq!(card.data("00FD000000"), "050403");
            authenticate(&card, 0x03, MANAGED);
            // 600 bytes in three commands, read in three answers and in one.
            let value = format!("5C035FC10B 53820258{}", "A5".repeat(600));
            let value = value.replace(' ', "");
            card.says(&format!("10DB3FFFFF{}", &value[..510]), 0x9000);
            card.says(&format!("10DB3FFFFF{}", &value[510..1020]), 0x9000);
            let rest = &value[1020..];
            card.says(&format!("00DB3FFF{:02X}{rest}", rest.len() / 2), 0x9000);
            let ask = "00CB3FFF05 5C035FC10B 00";
            assert_eq!(card.answer(ask).1, 0x6100);
            assert_eq!(card.answer("00C0000000").1, 0x615C);
            assert_eq!(card.answer("00C000005C").0.len(), 0x5C);
            let whole = card.answer("00CB3FFF000005 5C035FC10B 0000");
            assert_eq!((whole.0.len(), whole.1), (604, 0x9000));
            // What is new in 5.7, and a class and an instruction that do not exist.
            card.says("00F6FF9D", 0x6D00);
            card.says("80CA9F7F00", 0x6E00);
            card.says("00AA000000", 0x6D00);
            desk.tell("firmware 12345678 5.7.4");
            card.says("00F6FF9D", 0x6A88);
        },
    );
}

#[test]
fn faults_come_when_they_are_ordered() {
    with_cards(
        "faults_come_when_they_are_ordered",
        "--readers 1 --card 12345678",
        |desk| {
            let card = open(0);
            card.says(SELECT, 0x9000);
            let version = "00FD000000";
            for (fault, data, status) in [
                ("status 6F00", "", 0x6F00),
                ("lie 6A80", "", 0x6A80),
                ("truncate", "05", 0x9000),
                ("truncate 3", "05", 0x0701),
                ("oversize 2", "0507015a5a", 0x9000),
                ("garbage", "a0a2a4", 0x9000),
                ("hang 5", "050701", 0x9000),
            ] {
                desk.tell(&format!("fault 12345678 FD 2 {fault}"));
                assert_eq!(card.data(version), "050701");
                let (found, word) = card.answer(version);
                let found = data_encoding::HEXLOWER.encode(&found);
                assert_eq!((found.as_str(), word), (data, status), "{fault}");
                assert_eq!(card.data(version), "050701");
            }
            desk.tell("fault 12345678 * 1 reset");
            card.says(version, 0x6D00);
            card.says(SELECT, 0x9000);
            assert!(desk.counts(ONE)["think_ms"].as_f64() >= Some(5.0));
            assert!(desk.try_tell("fault 12345678 FD 1 burn").is_err());

            // A PIN that was right, and a card that is gone before it says so.
            desk.tell("clear 12345678");
            desk.tell("fault 12345678 20 1 pull-after");
            card.is_gone(VERIFY);
            assert_eq!(desk.instructions(ONE), ["20"]);
            desk.tell("settle");
            desk.tell("insert 12345678");
            desk.tell("settle");
            let card = open(0);
            card.says(SELECT, 0x9000);
            desk.tell("fault 12345678 FD 1 pull");
            card.is_gone(version);
        },
    );
}

#[test]
fn a_card_that_waits_for_a_touch_can_be_pulled_out() {
    with_cards(
        "a_card_that_waits_for_a_touch_can_be_pulled_out",
        "--readers 1 --card 12345678",
        |desk| {
            let card = open(0);
            card.says(SELECT, 0x9000);
            manage(&card);
            let point = card.data("0047009D 08 AC06 800111 AB0102 00");
            card.says(VERIFY, 0x9000);
            std::thread::scope(|scope| {
                scope.spawn(|| card.is_gone(&agree(SEAL, &point[10..])));
                desk.tell("await-touch 12345678");
                desk.tell("remove 12345678");
            });
            desk.tell("insert 12345678");
            desk.tell("settle");
            let card = open(0);
            card.says(SELECT, 0x9000);
            card.says("00200080", 0x63C3);
            // Touches by themselves.
            desk.tell("auto-touch 12345678 on");
            card.says(VERIFY, 0x9000);
            let shared = card.data(&agree(SEAL, &point[10..]));
            assert!(shared.starts_with("7c228220"));
        },
    );
}

#[test]
fn one_reader_serves_two_cards_in_turn() {
    with_cards(
        "one_reader_serves_two_cards_in_turn",
        "--readers 1 --card 12345678 --card 23456789",
        |desk| {
            for (serial, hex) in [(ONE, "00bc614e"), (TWO, "0165ec15"), (ONE, "00bc614e")] {
                let card = open(0);
                card.says(SELECT, 0x9000);
                assert_eq!(card.data("00F8000000"), hex);
                let other = if serial == ONE { TWO } else { ONE };
                assert!(desk.try_tell(&format!("insert {other} 0")).is_err());
                desk.tell(&format!("remove {serial}"));
                desk.tell("settle");
                desk.tell(&format!("insert {other} 0"));
                desk.tell("settle");
            }
            // Its serial number may lie, and its name in the rack stays.
            desk.tell("serial 23456789 7");
            let card = open(0);
            card.says(SELECT, 0x9000);
            assert_eq!(card.data("00F8000000"), "00000007");
        },
    );
}

#[test]
fn pcscd_can_be_killed_and_started() {
    with_cards(
        "pcscd_can_be_killed_and_started",
        "--readers 2 --card 12345678 --card 23456789@1",
        |desk| {
            assert_eq!(reader_of(1), "Yubico YubiKey OTP+FIDO+CCID 00 01");
            let card = open(1);
            card.says(SELECT, 0x9000);
            desk.tell("pcscd kill");
            assert!(card.transmit("00FD000000").is_err());
            assert!(context().is_err());
            desk.tell("pcscd start");
            let card = open(1);
            card.says("00FD000000", 0x6D00);
            desk.tell("pcscd restart");
            assert!(card.transmit("00FD000000").is_err());
            open(1).says(SELECT, 0x9000);
        },
    );
}

#[test]
fn a_rack_can_be_started_again_and_leaves_nothing_running() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let start = || Rack::start(folder.path(), "--readers 3 --card 12345678@2");
    let rack = start();
    rack.tell("tries 12345678 5 4");
    let state = |desk: &Desk| std::fs::read_to_string(desk.folder().join("card-12345678.json"));
    let kept = state(&rack).expect("a file");
    let root = std::fs::read(rack.attestation_root()).expect("a file");
    assert_eq!(talk::processes_in(folder.path()).len(), 2);
    drop(rack);
    retry(Duration::from_secs(5), || {
        talk::processes_in(folder.path()).is_empty()
    });
    let rack = start();
    assert_eq!(state(&rack).expect("a file"), kept);
    assert!(kept.contains("\"total\":5,\"left\":5"), "{kept}");
    assert_eq!(std::fs::read(rack.attestation_root()).ok(), Some(root));
}

/// As somebody who is not root the rack makes itself a user namespace.
#[test]
fn a_rack_needs_no_root() {
    if !rustix::process::geteuid().is_root() {
        // All other tests run so too.
        eprintln!("SKIPPED: a_rack_needs_no_root: this is not run by root anyway");
        return;
    }
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    let nobodys = |program: &Path| {
        let mut command = Command::new("setpriv");
        command.args(nobody).arg(program);
        command
    };
    let mut unshare = nobodys(Path::new("unshare"));
    let unshared = unshare.args(["--map-root-user", "--net", "true"]).output();
    let unshared = unshared.expect("setpriv runs");
    if !unshared.status.success() {
        let why = String::from_utf8_lossy(&unshared.stderr);
        eprintln!("SKIPPED: a_rack_needs_no_root: users can make no namespaces here: {why}");
        return;
    }
    // A home that they reach, and a copy of the program, which may lie where they do not.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("virtual-yubikey");
    std::fs::copy(rack::program(), &program).expect("a copy");
    for path in [folder.path(), &program] {
        chown(path, Some(65_534), Some(65_534)).expect("root may");
    }
    let home = folder.path().join("rack");
    let rack = Rack::spawn(nobodys(&program), &home, "--readers 1 --card 12345678");
    let mut tool = Command::new("yubico-piv-tool");
    let status = tool.arg("--action=status").envs([rack.variable()]).output();
    let said = String::from_utf8(status.expect("it is installed").stdout).expect("UTF-8");
    assert!(said.contains("Serial Number:\t12345678"), "{said}");
    let owner = std::fs::metadata(home.join("card-12345678.json")).expect("a file");
    assert_eq!(owner.uid(), 65_534);
}
