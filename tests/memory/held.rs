//! A command that is held right before it ends, when every secret's scope has ended: strace delays its last
//! system call.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::pty::{self, Pty};
use crate::scene::{Scene, binary};

/// `exit_group` on x86-64 and on aarch64.
const EXIT_GROUP: [&str; 2] = ["231 ", "94 "];

/// The command and its tracer; both are ended with it.
pub struct Held {
    pub pty: Pty,
    /// The command itself.
    pub pid: u32,
}

/// setpriv's words that make a process one of Debian's user `nobody`.
pub const AS_NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];

/// strace's words that hold the program behind them before it ends.
const HOLDING: [&str; 7] = [
    "-qqq",
    "-o",
    "/dev/null",
    "-e",
    "trace=exit_group",
    "-e",
    "inject=exit_group:delay_enter=600000000",
];

impl Held {
    /// Runs a command at a terminal, answers, and waits until it is about to end.
    pub fn at_its_end(scene: &Scene, args: &[&str], answers: &[(&str, &str)]) -> Self {
        let command = pty::Command::new("strace")
            .args(HOLDING)
            .arg(binary())
            .args(args);
        let mut pty = Pty::spawn(command.env_clear().envs(scene.environment()));
        crate::scene::type_all(&mut pty, answers);
        let pid = at_exit(&pty, "breakglass");
        Self { pty, pid }
    }

    /// Runs a program as nobody, and waits until it is about to end.
    pub fn of_nobody(program: &Path, folder: &Path) -> Self {
        let command = pty::Command::new("strace").args(HOLDING).arg("setpriv");
        let command = command.args(AS_NOBODY).arg(program).arg("status");
        let pty = Pty::spawn(command.env("HOME", folder).current_dir(folder));
        let name = program.file_name().and_then(|name| name.to_str());
        let pid = at_exit(&pty, name.expect("a name"));
        Self { pty, pid }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// The child of strace, once it stands before its last call.
fn at_exit(pty: &Pty, program: &str) -> u32 {
    let since = Instant::now();
    loop {
        for pid in children(pty.id()) {
            let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if name.trim() == program && EXIT_GROUP.iter().any(|at| call.starts_with(at)) {
                return pid;
            }
        }
        assert!(
            since.elapsed() < pty::PATIENCE,
            "{program} does not come to its end:\n{}",
            pty.transcript()
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// The children of a process.
pub fn children(parent: u32) -> Vec<u32> {
    let wanted = format!("PPid:\t{parent}");
    let is_child = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.lines().any(|line| line == wanted)
    };
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(is_child).collect()
}
