//! The format, written twice: what the second implementation (tests/second, in Python, written from
//! docs/format.md alone) seals, we open; what we seal, it verifies and opens.

#[path = "../common/aws.rs"]
mod aws;
#[path = "../common/book.rs"]
mod book;
#[path = "../common/pty.rs"]
mod pty;
#[path = "../common/scene.rs"]
mod scene;
#[path = "../common/soft.rs"]
mod soft;

mod generated;
mod openssl;
mod ours;
mod recovery;
mod software;
mod theirs;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The second implementation's command line.
fn second(args: &[&str]) -> Output {
    Command::new(aws::python())
        .arg(repository("tests/second"))
        .args(args)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python runs")
}

/// What it wrote, where it must succeed.
fn second_says(args: &[&str]) -> String {
    let output = second(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A path as an argument.
fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
