//! A machine at the safe: a command that finds no network, and a folder that it cannot write to.
//!
//! Wants the `#[path]` module `pty` beside this one.

#![allow(dead_code)] // each test binary uses a part of it

use std::path::Path;
use std::process;

use crate::pty::Command;

/// Mounts the folder on itself, read-only, and becomes the command.
const SCRIPT: &str =
    "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && shift && exec \"$@\"";

/// Whether this machine lets us take the network away and mount; says so where it does not.
pub fn possible() -> bool {
    let tried = process::Command::new("unshare")
        .args(["-n", "-m", "mount", "-t", "tmpfs", "none", "/mnt"])
        .output();
    let possible = tried.is_ok_and(|output| output.status.success());
    if !possible {
        eprintln!("SKIPPED: unshare -n -m and mount are not allowed here (they take root)");
    }
    possible
}

/// A command that runs its first argument without a network, the folder read-only.
pub fn command(read_only: &Path) -> Command {
    Command::new("unshare")
        .args(["-n", "-m", "sh", "-c", SCRIPT, "sh"])
        .arg(read_only)
}
