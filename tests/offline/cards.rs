//! What `doctor` says of readers and cards, with virtual YubiKeys behind a real pcscd.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use pcsc::{Context, Protocols, Scope, ShareMode};

use crate::doctor::assert_found;
use crate::rack::{Desk, with_cards};
use crate::scene::{Seen, binary, seen};

const SERIAL: &str = "12345678";
/// Tells the copy of this test binary that it is to hold the card.
const HOLD: &str = "BREAKGLASS_TEST_HOLDS_A_CARD";

/// `doctor` without a vault and without other tokens.
fn doctor(desk: &Desk) -> Seen {
    let folder = desk.folder().with_file_name("laptop");
    fs::create_dir_all(folder.join("tokens")).expect("the folder is ours");
    let conf = folder.join("softhsm2.conf");
    let text = format!("directories.tokendir = {}/tokens\n", folder.display());
    fs::write(&conf, text).expect("the folder is ours");
    let (name, socket) = desk.variable();
    let output = Command::new("setsid")
        .arg("--wait")
        .arg(binary())
        .args(["doctor", "--json", "--station"])
        .arg(folder.join("station"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("SOFTHSM2_CONF", conf)
        .env(name, socket)
        .stdin(Stdio::null())
        .output();
    // There is no terminal, which is a problem of its own.
    seen(&output.expect("the binary runs")).ended(10)
}

fn wrong_pin() {
    let context = Context::establish(Scope::User).expect("pcscd runs");
    let readers = context.list_readers_owned().expect("readers");
    let card = context.connect(&readers[0], ShareMode::Shared, Protocols::ANY);
    let card = card.expect("a card");
    let mut buffer = [0; 300];
    let select = b"\x00\xa4\x04\x00\x05\xa0\x00\x00\x03\x08";
    let verify = b"\x00\x20\x00\x80\x08999999\xff\xff";
    for command in [&select[..], &verify[..]] {
        card.transmit(command, &mut buffer).expect("an answer");
    }
}

#[test]
fn a_card_from_the_factory_its_last_try_and_its_blocked_pin_are_told() {
    with_cards(
        "cards::a_card_from_the_factory_its_last_try_and_its_blocked_pin_are_told",
        "--readers 2 --card 12345678",
        |desk| {
            let seen = doctor(desk);
            assert_found(&seen, "pcscd", "ok", "readers: 2");
            assert_found(&seen, "reader", "ok", "empty");
            assert_found(&seen, "reader", "ok", "nobody uses");
            assert_found(
                &seen,
                "token-factory",
                "warning",
                "PIN, PUK, management key",
            );
            assert_found(
                &seen,
                "token-factory",
                "warning",
                "token generate piv:12345678",
            );
            let token = &seen.json()["tokens"][0];
            assert_eq!(token["identity"]["serial"], SERIAL);
            assert_eq!(token["identity"]["model"], "YubiKey, firmware 5.7.1");
            assert_eq!(token["tries"], 3);
            assert!(token["custodian"].is_null());

            wrong_pin();
            wrong_pin();
            let seen = doctor(desk);
            assert_found(&seen, "token-pin", "warning", "LAST TRY");
            assert_eq!(seen.json()["tokens"][0]["tries"], 1);
            wrong_pin();
            assert_found(&doctor(desk), "token-pin", "warning", "blocked");
            // Looking costs nothing: only what we sent ourselves was a PIN.
            let verifies = desk.instructions(12_345_678);
            assert_eq!(verifies.iter().filter(|one| *one == "20").count(), 3);
        },
    );
}

#[test]
fn a_card_that_another_program_keeps_is_found_with_what_to_type() {
    with_cards(
        "cards::a_card_that_another_program_keeps_is_found_with_what_to_type",
        "--readers 2 --card 12345678",
        |desk| {
            // A program of that name, which does what that program does.
            let scdaemon = desk.folder().with_file_name("scdaemon");
            let this = std::env::current_exe().expect("a test binary");
            fs::copy(this, &scdaemon).expect("the folder is ours");
            let mut holder = Holder::start(&scdaemon);
            let seen = doctor(desk);
            assert_found(&seen, "reader", "problem", "keeps for itself");
            assert_found(&seen, "reader", "problem", "gpgconf --kill scdaemon");
            assert_found(&seen, "program", "warning", "scdaemon (process");
            assert_eq!(seen.json()["readers"][0]["card"], "held");
            assert_eq!(seen.json()["tokens"].as_array().map(Vec::len), Some(0));
            holder.end();
            let seen = doctor(desk);
            assert_eq!(seen.json()["tokens"][0]["identity"]["serial"], SERIAL);
        },
    );
}

#[test]
fn a_service_that_does_not_run_is_found_with_what_starts_it() {
    with_cards(
        "cards::a_service_that_does_not_run_is_found_with_what_starts_it",
        "--readers 2 --card 12345678",
        |desk| {
            desk.tell("pcscd kill");
            let seen = doctor(desk);
            assert_found(&seen, "pcscd", "problem", "systemctl start pcscd.socket");
            desk.tell("pcscd start");
            assert_found(&doctor(desk), "pcscd", "ok", "readers: 2");
        },
    );
}

struct Holder(std::process::Child);

impl Holder {
    fn start(program: &Path) -> Self {
        let mut child = Command::new(program)
            .args(["--exact", "cards::holds_a_card", "--nocapture"])
            .env(HOLD, "yes")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the copy starts");
        let stdout = child.stdout.take().expect("piped");
        let mut lines = BufReader::new(stdout).lines();
        let held = lines.any(|line| line.is_ok_and(|line| line.contains("held")));
        assert!(held, "the card could not be held");
        Self(child)
    }

    fn end(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("it ends");
    }
}

/// Not a test by itself: what the copy of this binary does.
#[test]
fn holds_a_card() {
    if std::env::var_os(HOLD).is_none() {
        return;
    }
    let context = Context::establish(Scope::User).expect("pcscd runs");
    let readers = context.list_readers_owned().expect("readers");
    let card = context.connect(&readers[0], ShareMode::Exclusive, Protocols::ANY);
    let card = card.expect("a free card");
    println!("held");
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
    drop(card);
}
