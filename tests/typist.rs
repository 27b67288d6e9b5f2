//! `scripts/typist` answers what it was told to answer, and says when something else is asked.

use std::path::Path;
use std::process::Command;

/// The exit code and all that was shown, with the lines that the command had to itself.
fn typed(options: &[&str], script: &str) -> (Option<i32>, String, String) {
    let done = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/typist"))
        .args(options)
        .args(["--", "bash", "-c", script])
        .output()
        .expect("python3");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[test]
fn prompts_are_answered_in_their_order() {
    let script = r#"
        read -rsp "PIN (not shown): " pin </dev/tty; echo
        read -rp "sure? " sure
        echo "${#pin} characters, $sure"
        exit 7
    "#;
    let options = ["--answer", "PIN .*: =47=11", "--answer", r"sure\? =yes"];
    let (code, shown, said) = typed(&options, script);
    assert_eq!((code, said.as_str()), (Some(7), ""), "{shown}");
    assert!(shown.contains("5 characters, yes"), "{shown}");
    assert!(!shown.contains("47=11"), "{shown}");
}

#[test]
fn answers_can_come_from_a_file() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "one: =1\n\ntwo: =2\n").expect("answers");
    let options = ["--answer-file", file.path().to_str().expect("UTF-8")];
    let script = r#"read -rp "one: " a; read -rp "two: " b; echo "sum $((a + b))""#;
    let (code, shown, _) = typed(&options, script);
    assert!(code == Some(0) && shown.contains("sum 3"), "{shown}");
}

#[test]
fn an_unexpected_question_is_named() {
    let options = ["--patience", "1", "--answer", "PIN=1"];
    let (code, shown, said) = typed(&options, r#"read -rp "Which one? " a"#);
    assert_eq!(code, Some(124), "{shown}");
    assert!(
        said.contains("the next answer is for: PIN. Last shown: 'Which one?'"),
        "{said}"
    );
}

#[test]
fn an_answer_that_nobody_asked_for_is_an_error() {
    let (code, _, said) = typed(&["--answer", "PIN=1"], "true");
    assert_eq!(code, Some(125));
    assert!(said.contains("never asked for: PIN"), "{said}");
    // What the command says of itself comes first.
    assert_eq!(typed(&["--answer", "PIN=1"], "exit 3").0, Some(3));
    assert_eq!(typed(&[], "kill -TERM $$").0, Some(143));
}
