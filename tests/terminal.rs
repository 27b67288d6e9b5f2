//! The prompts at a real (pseudo-)terminal. Each test starts itself once more as the program at the
//! terminal; that copy asks, says on standard output what came of it, and ends.

#[path = "common/pty.rs"]
mod pty;

use std::env;
use std::process;
use std::time::Duration;

use breakglass::cli::terminal::Terminal;
use breakglass::model::{Name, Role, TokenIdentity, TokenKind};
use breakglass::ports::{Notice, Operator, PinRequest, PinRules, PinShape, PinStatus};
use pty::{Command, Pty};

/// Set for the copy of a test that asks.
const ASKS: &str = "BREAKGLASS_TEST_ASKS";

const OTP: &str = "cccccccfhcbelrhifnjrrddcgrburluurftrgfdrdifj";

/// How a copy of this program is told to run one test's asking part.
fn itself(test: &str) -> [&str; 5] {
    ["--exact", test, "--nocapture", "--color", "never"]
}

/// In the copy: asks, and says what came of it. In the test: nothing, and false.
fn asked(ask: impl FnOnce() -> String) -> bool {
    let asking = env::var_os(ASKS).is_some();
    if asking {
        println!("outcome: {}.", ask());
    }
    asking
}

/// Starts the copy at a terminal.
fn at_terminal(test: &str) -> Pty {
    let program = env::current_exe().expect("this program");
    Pty::spawn(Command::new(program).args(itself(test)).env(ASKS, "1"))
}

fn outcome(pty: &mut Pty, expected: &str) {
    pty.expect(&format!("outcome: {expected}."));
    assert!(pty.finish().success(), "{}", pty.transcript());
}

fn ask_pin(status: PinStatus) -> String {
    ask_pin_of("OPS-IC", "0042a", status)
}

fn ask_pin_of(label: &str, serial: &str, status: PinStatus) -> String {
    ask_pin_by(label, serial, status, PinRules::default())
}

fn ask_pin_by(label: &str, serial: &str, status: PinStatus, rules: PinRules) -> String {
    let custodian: Name = "alice".parse().expect("a name");
    let token = TokenIdentity {
        kind: TokenKind::Pkcs11,
        locator: "pkcs11:serial=0042a".to_owned(),
        label: label.to_owned(),
        serial: serial.to_owned(),
        manufacturer: "SoftHSM project".to_owned(),
        model: "SoftHSM v2".to_owned(),
    };
    let request = PinRequest {
        custodian: Some(&custodian),
        role: Some(Role::Ic),
        token: &token,
        status,
        rules,
        purpose: "open 3 credentials of prod",
    };
    match Terminal::default().pin(&request) {
        Ok(pin) if pin.expose() == b"4711-pin" => "the right PIN".to_owned(),
        Ok(pin) => format!("another PIN of {} bytes", pin.expose().len()),
        Err(declined) => format!("{declined:?}"),
    }
}

fn ask_to_confirm() -> String {
    format!(
        "{:?}",
        Terminal::default().confirm("Delete the key AKIA1?", "delete")
    )
}

/// The terminal's modes, in the words of stty.
fn modes() -> Vec<u8> {
    let done = process::Command::new("stty")
        .args(["-F", "/dev/tty", "-g"])
        .output()
        .expect("stty");
    assert!(done.status.success());
    done.stdout
}

/// Asks, and says too whether the terminal is as it was before.
fn with_modes(ask: impl FnOnce() -> String) -> String {
    let before = modes();
    let said = ask();
    let kept = before == modes();
    format!(
        "{said}, modes {}",
        if kept { "as before" } else { "changed" }
    )
}

#[test]
fn a_pin_is_asked_of_a_person_for_a_token_and_not_shown() {
    if asked(|| with_modes(|| ask_pin(PinStatus::Left(3)))) {
        return;
    }
    let mut pty = at_terminal("a_pin_is_asked_of_a_person_for_a_token_and_not_shown");
    pty.expect("A PIN is needed to open 3 credentials of prod\r\n")
        .expect("from   alice (Incident Commander)\r\n")
        .expect("token  OPS-IC, serial 0042a\r\n")
        .expect("tries  3 left, then the PIN is blocked\r\n")
        .expect("PIN of alice for token serial 0042a (not shown): ")
        .send_line("4711-pin");
    outcome(&mut pty, "the right PIN, modes as before");
    assert!(!pty.transcript().contains("4711"), "{}", pty.transcript());
}

/// What a token's PIN looks like is told, and what cannot be it is asked for again and never sent.
#[test]
fn a_pin_of_another_form_is_asked_for_again() {
    let rules = PinRules {
        form: "a name, a colon and a password".to_owned(),
        shape: PinShape::UserColonPassword,
        min: 6,
        max: 12,
        locks_after: Some(5),
        warns: false,
        checked: true,
    };
    if asked(|| ask_pin_by("OPS-IC", "0042a", PinStatus::Untold, rules)) {
        return;
    }
    let mut pty = at_terminal("a_pin_of_another_form_is_asked_for_again");
    pty.expect("PIN    a name, a colon and a password\r\n")
        .expect("how many are left; 5 wrong ones in a row block it, and it warns of nothing\r\n")
        .expect("(not shown): ")
        .send_line("alice:a-long-password")
        .expect("Not sent to the token: a PIN of this token has at most 12 characters.")
        .expect("(not shown): ")
        .send_line("4711-pin")
        .expect("Not sent to the token: it is a user's name, a colon and a password, in one.")
        .expect("(not shown): ")
        .send_line("al:passwd");
    outcome(&mut pty, "another PIN of 9 bytes");
}

#[test]
fn a_pin_can_be_corrected_while_it_is_typed() {
    if asked(|| ask_pin(PinStatus::Untold)) {
        return;
    }
    let mut pty = at_terminal("a_pin_can_be_corrected_while_it_is_typed");
    pty.expect("the token does not say how many are left")
        .expect("(not shown): ");
    // Ctrl-U throws the line away, the other key its last character.
    pty.send("wrong\u{15}4711-pim\u{7f}").send_line("n");
    outcome(&mut pty, "the right PIN");
}

#[test]
fn what_cannot_be_a_pin_is_asked_for_again() {
    if asked(|| ask_pin(PinStatus::CountLow)) {
        return;
    }
    let mut pty = at_terminal("what_cannot_be_a_pin_is_asked_for_again");
    pty.expect("a wrong PIN was entered before")
        .expect("(not shown): ")
        .send_line("");
    pty.expect("Not sent to the token: the PIN is empty.")
        .expect("(not shown): ")
        .send_line(OTP);
    pty.expect("Not sent to the token: that is a one-time password")
        .expect("(not shown): ");
    pty.send_line("4711-pin");
    outcome(&mut pty, "the right PIN");
    assert!(
        !pty.transcript().contains(&OTP[..8]),
        "{}",
        pty.transcript()
    );
}

#[test]
fn after_three_times_it_is_enough() {
    if asked(|| with_modes(|| ask_pin(PinStatus::Left(3)))) {
        return;
    }
    let mut pty = at_terminal("after_three_times_it_is_enough");
    // An arrow key; then more than any PIN; then more than any line.
    pty.expect("(not shown): ").send_line("12\u{1b}[D3");
    pty.expect("Not sent to the token: the PIN holds a control character.");
    pty.expect("(not shown): ").send_line(&"1".repeat(256));
    pty.expect("Not sent to the token: the PIN is longer than 255 bytes.");
    pty.expect("(not shown): ").send_line(&"1".repeat(3000));
    pty.expect("Not sent to the token: the PIN is longer than 255 bytes.");
    outcome(&mut pty, "Said, modes as before");
}

#[test]
fn ctrl_c_at_a_pin_leaves_and_restores_the_terminal() {
    if asked(|| with_modes(|| ask_pin(PinStatus::Left(3)))) {
        return;
    }
    let mut pty = at_terminal("ctrl_c_at_a_pin_leaves_and_restores_the_terminal");
    pty.expect("(not shown): ").send("47\u{3}");
    outcome(&mut pty, "Said, modes as before");
}

#[test]
fn ctrl_d_at_a_pin_leaves_too() {
    if asked(|| with_modes(|| ask_pin(PinStatus::Left(3)))) {
        return;
    }
    let mut pty = at_terminal("ctrl_d_at_a_pin_leaves_too");
    pty.expect("(not shown): ").send("\u{4}");
    outcome(&mut pty, "Said, modes as before");
}

#[test]
fn the_last_try_is_spent_only_with_the_serial() {
    if asked(|| ask_pin(PinStatus::FinalTry)) {
        return;
    }
    let mut pty = at_terminal("the_last_try_is_spent_only_with_the_serial");
    pty.expect("LAST TRY: one more wrong PIN blocks the token OPS-IC, serial 0042a.")
        .expect("Type its serial number to use the last try, anything else to keep it: ")
        .send_line(" 0042a ");
    pty.expect("tries  this is the last one")
        .expect("(not shown): ")
        .send_line("4711-pin");
    outcome(&mut pty, "the right PIN");
}

#[test]
fn the_last_try_is_kept_without_consent() {
    // A counter that says one is the same as a flag.
    if asked(|| with_modes(|| ask_pin(PinStatus::Left(1)))) {
        return;
    }
    for refusal in ["yes\r", "\r", "0042\r"] {
        let mut pty = at_terminal("the_last_try_is_kept_without_consent");
        pty.expect("to keep it: ").send(refusal);
        outcome(&mut pty, "LastTry, modes as before");
        assert!(!pty.transcript().contains("PIN of"), "{}", pty.transcript());
    }
}

#[test]
fn a_last_try_of_a_token_without_a_name_is_never_spent() {
    if asked(|| ask_pin_of(" ", "", PinStatus::FinalTry)) {
        return;
    }
    let mut pty = at_terminal("a_last_try_of_a_token_without_a_name_is_never_spent");
    outcome(&mut pty, "LastTry");
}

#[test]
fn a_blocked_pin_is_not_asked_for() {
    if asked(|| ask_pin(PinStatus::Locked) + " " + &ask_pin(PinStatus::Left(0))) {
        return;
    }
    let mut pty = at_terminal("a_blocked_pin_is_not_asked_for");
    outcome(&mut pty, "Blocked Blocked");
    assert!(!pty.transcript().contains("PIN"), "{}", pty.transcript());
}

#[test]
fn a_token_cannot_write_to_the_terminal() {
    let (label, serial) = ("A\u{1b}[2J\u{202e}", "1\r\n2");
    if asked(|| ask_pin_of(label, serial, PinStatus::FinalTry)) {
        return;
    }
    let mut pty = at_terminal("a_token_cannot_write_to_the_terminal");
    pty.expect(r"blocks the token A\u{1b}[2J\u{202e}, serial 1\u{d}\u{a}2.");
    // It can be typed as it is shown.
    pty.expect("to keep it: ").send_line(r"1\u{d}\u{a}2");
    pty.expect(r"token  A\u{1b}[2J\u{202e}, serial 1\u{d}\u{a}2")
        .expect("(not shown): ");
    pty.send_line("4711-pin");
    outcome(&mut pty, "the right PIN");
    assert!(!pty.transcript().contains('\u{1b}'), "{}", pty.transcript());
}

#[test]
fn only_the_named_answer_confirms() {
    if asked(|| with_modes(ask_to_confirm)) {
        return;
    }
    for (typed, expected) in [
        ("delete\r", "Ok(())"),
        (" delete \r", "Ok(())"),
        ("y\r", "Err(Said)"),
        ("Delete\r", "Err(Said)"),
        ("\r", "Err(Said)"),
        ("del\u{3}", "Err(Said)"),
        ("\u{4}", "Err(Said)"),
    ] {
        let mut pty = at_terminal("only_the_named_answer_confirms");
        pty.expect("Delete the key AKIA1?\r\n");
        pty.expect("Type \"delete\" to go on, anything else to stop: ")
            .send(typed);
        outcome(&mut pty, &format!("{expected}, modes as before"));
    }
}

#[test]
fn what_was_typed_before_the_question_is_no_answer() {
    let after_something_was_typed = || {
        println!("ready");
        while rustix::io::ioctl_fionread(std::io::stdin()).expect("a terminal") == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        ask_to_confirm()
    };
    if asked(after_something_was_typed) {
        return;
    }
    let mut pty = at_terminal("what_was_typed_before_the_question_is_no_answer");
    pty.expect("ready").send_line("delete");
    pty.expect("anything else to stop: ").send_line("no");
    outcome(&mut pty, "Err(Said)");
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let ask = || format!("{} {}", ask_pin(PinStatus::FinalTry), ask_to_confirm());
    if asked(|| format!("{} {}", ask_pin(PinStatus::Left(3)), ask())) {
        return;
    }
    // In a session of its own there is no controlling terminal.
    let done = process::Command::new("setsid")
        .arg("--wait")
        .arg(env::current_exe().expect("this program"))
        .args(itself("without_a_terminal_nobody_is_asked"))
        .env(ASKS, "1")
        .output()
        .expect("setsid");
    let said = String::from_utf8_lossy(&done.stdout);
    let expected = "outcome: NoTerminal NoTerminal Err(NoTerminal).";
    assert!(done.status.success() && said.contains(expected), "{said}");
}

#[test]
fn notices_go_to_standard_error_in_one_line_each() {
    let show = || {
        Terminal::default().notice(Notice::Step("reading\nerror: no".to_owned()));
        Terminal::default().notice(Notice::Warning("\u{1b}[31mred".to_owned()));
        "done".to_owned()
    };
    if asked(show) {
        return;
    }
    let done = process::Command::new(env::current_exe().expect("this program"))
        .args(itself("notices_go_to_standard_error_in_one_line_each"))
        .env(ASKS, "1")
        .output()
        .expect("this program runs");
    assert!(String::from_utf8_lossy(&done.stdout).contains("outcome: done."));
    assert_eq!(
        String::from_utf8_lossy(&done.stderr),
        "breakglass: reading\\u{a}error: no\nwarning: \\u{1b}[31mred\n"
    );
}
