//! Text from outside that would move the cursor, turn a line round or hide a letter: in token labels, in
//! reasons, in what AWS says, in a command's name.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::pty::Pty;
use crate::refusal::{assert_calm, raw, refused, told};
use crate::scene::{IC, Scene, code, pin};

/// A label has at most 32 bytes.
const LABEL: &str = "eve\u{1b}[2J\u{9b}31m\u{202e}\u{200b}x";
const URI: &str = "pkcs11:token=eve%1B%5B2J%C2%9B31m%E2%80%AE%E2%80%8Bx";
const SHOWN: &str = r"eve\u{1b}[2J\u{9b}31m\u{202e}\u{200b}x";

/// What was shown at a terminal, without the blanks of its own line ends.
fn assert_shown_calmly(pty: &Pty) {
    let text = pty.transcript().replace("\r\n", "\n");
    assert_eq!(raw(&text), None, "{text:?}");
}

#[test]
fn a_tokens_label_is_never_raw() {
    let scene = Scene::empty(&["deploy"]);
    scene.prepare(&["bob"]);
    scene.initialise(LABEL);
    for args in [
        &["token", "list"][..],
        &["token", "list", "--json"],
        &["token", "inspect", URI],
        &["token", "inspect", URI, "--json"],
    ] {
        let seen = scene.run(args).ended(0);
        assert_calm(&seen);
        if args.contains(&"--json") {
            assert!(seen.json().to_string().contains("\u{202e}"), "{seen}");
        } else {
            assert!(seen.text.contains(SHOWN), "{seen}");
        }
    }
    told(
        &scene,
        &["token", "inspect", "pkcs11:token=nobody"],
        5,
        "token-absent",
    );
    told(&scene, &["token", "generate", URI], 3, "no-terminal");
    let mut pty = Pty::spawn(scene.pty_command(&["token", "generate", URI]));
    pty.expect(SHOWN)
        .expect("(not shown): ")
        .send_line(&pin(LABEL));
    assert_eq!(code(pty.finish()), 0, "{}", pty.transcript());
    assert_shown_calmly(&pty);
    // The same token as a founder's: at the prompts, in the manifest, in what is listed from it.
    let ic = format!("eve={URI}");
    let init = [
        "init",
        "acme",
        "--allow-no-touch",
        "--ic",
        &ic,
        "--bgo",
        "bob=pkcs11:token=bob",
    ];
    let mut pty = Pty::spawn(scene.pty_command(&init));
    pty.expect(SHOWN)
        .expect("(not shown): ")
        .send_line(&pin(LABEL));
    pty.expect("PIN of bob")
        .expect("(not shown): ")
        .send_line(&pin("bob"));
    assert_eq!(code(pty.finish()), 0, "{}", pty.transcript());
    assert_shown_calmly(&pty);
    for args in [
        &["custodian", "list"][..],
        &["custodian", "list", "--json"],
        &["status"],
        &["policy", "explain"],
        &["policy", "explain", "--json"],
        &["compartment", "add", "more", "--dry-run"],
        &["compartment", "add", "more", "--dry-run", "--json"],
        &["ledger", "log"],
        &["ledger", "log", "--json"],
    ] {
        let seen = scene.run(args).ended(0);
        assert_calm(&seen);
    }
    let unseen = "pkcs11:token=%1B%5B2J%E2%80%AEnobody";
    let enroll = [
        "custodian",
        "enroll",
        "eve",
        "--role",
        "ic",
        "--dry-run",
        "--token",
        unseen,
    ];
    assert_calm(&scene.run(&enroll).ended(0));
    told(
        &scene,
        &["custodian", "enroll", "eve", "--role", "ic", "--token", URI],
        4,
        "change-refused",
    );
}

#[test]
fn a_reason_and_a_commands_name_are_never_raw() {
    let scene = Scene::sealed(&["deploy"]);
    let reason = "INC-1: \u{202e}evil\u{200b} is \u{2066}here";
    let program = scene.path("\u{1b}[31m\u{9b}32m\nerror: x");
    std::fs::copy("/bin/true", &program).expect("ours");
    let program = program.to_str().expect("UTF-8").to_owned();
    let mut opened = 0;
    for (command, ended) in [(program.as_str(), 0), ("/nonexistent/\u{1b}[31m", 1)] {
        let args = ["unseal", "deploy", "--reason", reason, "--", command];
        let mut pty = Pty::spawn(scene.pty_command(&args));
        for name in [IC, "bob"] {
            pty.expect(&format!("PIN of {name}"))
                .expect("(not shown): ")
                .send_line(&pin(name));
        }
        assert_eq!(code(pty.finish()), ended, "{}", pty.transcript());
        assert_shown_calmly(&pty);
        opened += 1;
    }
    for (args, exit) in [
        (&["status"][..], 10),
        (&["status", "--json"], 10),
        (&["ledger", "log"], 0),
        (&["ledger", "log", "--json"], 0),
    ] {
        let seen = scene.run(args).ended(exit);
        assert_calm(&seen);
        assert!(seen.text.contains("INC-1"), "{seen}");
    }
    let log = scene.log()["entries"].to_string();
    assert_eq!(log.matches("\"delivered\"").count(), opened, "{log}");
    assert!(
        log.contains("\u{202e}evil"),
        "the ledger holds what was said: {log}"
    );
}

/// A server that answers everything with an error of these words, until the test ends.
fn impolite(status: &'static str, error: &'static str, message: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 8192];
            let _ = stream.read(&mut request);
            let body = format!(
                "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error>\
                 <Type>Sender</Type><Code>{error}</Code><Message>{message}</Message></Error>\
                 <RequestId>1</RequestId></ErrorResponse>"
            );
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    format!("http://{address}")
}

#[test]
fn what_aws_says_is_never_raw() {
    let mut scene = Scene::sealed(&["deploy"]);
    // What XML lets through, and what it does not.
    const NASTY: &str = "\u{9b}31m\u{202e}\u{200b}\u{7f}\r\nerror: all is well [fine]";
    const WORSE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}";
    const ESCAPED: &str = "&#27;[2J&#x1b;]0;owned&#7;&#155;31m&#x202e;";
    const DENIED: &str = "User: \u{9b}31mroot is not authorized to perform: iam:\u{9b}1m on \
                          resource: \u{202e}x because";
    for (error, message, code) in [
        ("ValidationError", NASTY, "aws-refused"),
        ("ValidationError", ESCAPED, "aws-refused"),
        ("ValidationError", WORSE, "aws-unclear"),
        ("\u{9b}31mOdd\u{202e}", NASTY, "aws-refused"),
        ("InvalidClientTokenId", NASTY, "aws-credentials"),
        ("AccessDenied", DENIED, "aws-denied"),
    ] {
        let endpoint = impolite("400 Bad Request", error, message);
        scene.variables = vec![("AWS_ENDPOINT_URL".into(), endpoint.into())];
        let told = told(&scene, &["rotate"], 8, code);
        let errors = told.text.lines().filter(|l| l.starts_with("error: "));
        assert_eq!(errors.count(), 1, "{}", told.text);
        if code == "aws-refused" {
            assert!(
                told.what().contains('\u{9b}'),
                "it came through: {}",
                told.text
            );
        }
    }
    // An address that holds such things is shown, too.
    scene.variables = vec![(
        "AWS_ENDPOINT_URL".into(),
        "http://\u{1b}[31m\u{202e}/".into(),
    )];
    refused(&scene, &["deploy"], &["rotate"], 8, "aws-endpoint-insecure");
    scene.variables = vec![("AWS_PROFILE".into(), "\u{1b}[31m\u{202e}".into())];
    refused(&scene, &["deploy"], &["rotate"], 8, "aws-credentials");
}
