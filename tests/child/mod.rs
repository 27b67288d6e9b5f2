//! Real processes for tests: the test binary starts itself again with one of its ignored tests, which is
//! told by the environment what to do and says by its exit code how it went.

#![allow(dead_code)]

use std::path::Path;
use std::process::Command;

/// The variable that holds what the child is to do.
pub const JOB: &str = "BREAKGLASS_TEST_JOB";
/// The variable that holds the folder.
pub const FOLDER: &str = "BREAKGLASS_TEST_FOLDER";

/// The arguments behind the binary's name that run one ignored test.
fn arguments(test: &str) -> [&str; 5] {
    [
        "--exact",
        test,
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]
}

fn told(mut command: Command, folder: &Path, job: &str) -> Command {
    command.env(JOB, job).env(FOLDER, folder);
    command.stdout(std::process::Stdio::null());
    command
}

/// This binary again, to run the ignored test `test`.
pub fn child(test: &str, folder: &Path, job: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments(test));
    told(command, folder, job)
}

/// The same under strace, which spoils one system call: `inject` as in `-e inject=`.
pub fn child_under_strace(test: &str, folder: &Path, job: &str, inject: &str) -> Command {
    let name = inject.split(':').next().unwrap();
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null"]);
    command.arg("-e").arg(format!("trace={name}"));
    command.arg("-e").arg(format!("inject={inject}"));
    command.arg(std::env::current_exe().unwrap());
    command.args(arguments(test));
    let mut command = told(command, folder, job);
    command.stderr(std::process::Stdio::null());
    command
}

/// The same with a small file system of its own mounted on the folder, which nobody else sees and which
/// goes with the process.
pub fn child_on_small_disk(test: &str, folder: &Path, job: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c"]);
    command.arg("mount -t tmpfs -o size=256k,mode=0700 none \"$0\" && exec \"$@\"");
    command.arg(folder).arg(std::env::current_exe().unwrap());
    command.args(arguments(test));
    told(command, folder, job)
}

/// This binary again, as somebody who is not root and owns the folder.
pub fn child_as_nobody(test: &str, folder: &Path, job: &str) -> Command {
    // The binary may lie where nobody else may look.
    let copy = folder.join("test-binary");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(as_nobody()).arg(copy).args(arguments(test));
    told(command, folder, job)
}

/// Debian's user `nobody`.
const NOBODY: u32 = 65_534;

fn as_nobody() -> [String; 3] {
    [
        format!("--reuid={NOBODY}"),
        format!("--regid={NOBODY}"),
        "--clear-groups".to_owned(),
    ]
}

/// Whether a process can be started here as nobody.
pub fn can_be_nobody() -> bool {
    let words = as_nobody();
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.push("true");
    is_usable("setpriv", &words)
}

/// Whether a program can be run here with this argument; if not, says aloud that the test is skipped.
pub fn is_usable(program: &str, arguments: &[&str]) -> bool {
    let usable = Command::new(program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success());
    if !usable {
        eprintln!(
            "SKIPPED: `{program} {}` does not work here",
            arguments.join(" ")
        );
    }
    usable
}

/// Whether strace can spoil system calls here.
pub fn has_strace() -> bool {
    is_usable("strace", &["-qq", "-o", "/dev/null", "true"])
}

/// Whether file systems can be mounted here.
pub fn can_mount() -> bool {
    is_usable("unshare", &["-m", "mount", "-t", "tmpfs", "none", "/mnt"])
}

/// Whether the process was killed; strace dies of the signal that its child died of.
pub fn was_killed(status: std::process::ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(9) || status.code() == Some(128 + 9)
}
