//! Tests of modules that are configured through the environment.
//!
//! A PKCS#11 module reads its settings from its own process. Setting a variable in a running process is
//! unsafe (edition 2024), and threads of one test binary would share it. So such a test runs twice:
//! [`run_again`] prepares a folder and starts the same test of the same binary once more, with the
//! variables set from outside; only that child runs the body. It works under `cargo test` and
//! `cargo nextest` alike, in parallel, and nothing outside the temporary folder is touched.

#![allow(dead_code)] // each test binary uses a part of it

use std::any::Any;
use std::path::Path;
use std::process::Command;

const BENCH: &str = "BREAKGLASS_TEST_BENCH";

/// How the child is started: variables, and a command with its options in front of it (such as strace).
#[derive(Default)]
pub struct Start {
    pub variables: Vec<(&'static str, String)>,
    pub command: Vec<String>,
    /// What has to live as long as the child.
    pub keep: Option<Box<dyn Any>>,
}

/// Runs `body` in a child process, after `prepare` has prepared its folder. `test` is the test's own path,
/// as libtest prints it.
pub fn run_again(test: &str, prepare: impl FnOnce(&Path) -> Start, body: impl FnOnce(&Path)) {
    if let Some(folder) = std::env::var_os(BENCH) {
        let folder = Path::new(&folder);
        body(folder);
        std::fs::write(folder.join("done"), "").expect("the folder is ours");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let start = prepare(folder.path());
    let this = std::env::current_exe().expect("a test binary");
    let this = this.to_str().expect("a path in UTF-8").to_owned();
    let words = [start.command, vec![this]].concat();
    let output = Command::new(&words[0])
        .args(&words[1..])
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .envs(start.variables)
        .env(BENCH, folder.path())
        .output()
        .expect("the test binary runs");
    drop(start.keep);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(
        output.status.success(),
        "{test} in its child: {}\n{said}",
        output.status
    );
    assert!(
        folder.path().join("done").exists(),
        "{test} is not what the test is called:\n{said}"
    );
}
