//! The child that gets an opened credential: it alone sees it, until it ends or the lease does.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use signal_hook::consts::{SIGHUP, SIGTERM};

use super::child_env;
use super::signals::Held;
use crate::model::{Class, Failure, Name, Timestamp};
use crate::ops::Handed;
use crate::ports::Clock;
use crate::system::SystemClock;

/// How a child ended.
pub struct Ended {
    /// Its exit code; 128 and the signal if one ended it.
    pub code: i32,
    /// Whether the lease ran out before.
    pub out_of_time: bool,
}

/// How often the child and the clock are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How long a child may take to end after it was asked to.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Runs a command with a credential in its environment. Nothing of it stays in ours: once the command has
/// it, it is wiped here.
pub fn run(
    command: &[OsString],
    handed: Handed,
    incident: &Name,
    expires: Timestamp,
) -> Result<Ended, Failure> {
    let flags = Flags::new()?;
    let mut child = start(command, &handed, incident, expires)?;
    drop(handed);
    wait(&mut child, expires, &flags)
}

/// The block that the standard library makes of the environment is wiped by the allocator (`main.rs`).
fn start(
    command: &[OsString],
    handed: &Handed,
    incident: &Name,
    expires: Timestamp,
) -> Result<Child, Failure> {
    let (program, arguments) = command.split_first().ok_or_else(|| {
        Failure::new(
            Class::Usage,
            "no-command",
            "there is no command to run",
            "nothing was run",
        )
    })?;
    let not_run = |error| not_run(program, incident, &error);
    let mut command = Command::new(program);
    command.args(arguments);
    let file = child_env::fill(&mut command, handed, incident, expires).map_err(not_run)?;
    let child = command.spawn().map_err(not_run);
    drop(file);
    child
}

fn not_run(program: &OsStr, incident: &Name, error: &std::io::Error) -> Failure {
    let program = program.to_string_lossy();
    Failure::new(
        Class::Failed,
        "command-not-run",
        format!("{program} could not be run: {error}"),
        format!("the credential was opened in incident {incident} and given to nobody"),
    )
    .hint(format!("breakglass close {incident}"))
}

/// Signals that would end us end the child first: what became of it must still be recorded. Ctrl-C
/// reaches the child by itself, as a member of the terminal's foreground group.
struct Flags {
    end: Arc<AtomicBool>,
    ids: Vec<signal_hook::SigId>,
    /// None of them ends us meanwhile.
    _held: Held,
}

impl Flags {
    fn new() -> Result<Self, Failure> {
        let held = Held::new().map_err(uncaught)?;
        let mut flags = Self {
            end: Arc::new(AtomicBool::new(false)),
            ids: Vec::new(),
            _held: held,
        };
        for signal in [SIGTERM, SIGHUP] {
            let id =
                signal_hook::flag::register(signal, Arc::clone(&flags.end)).map_err(uncaught)?;
            flags.ids.push(id);
        }
        Ok(flags)
    }
}

fn uncaught(error: std::io::Error) -> Failure {
    Failure::new(
        Class::Failed,
        "no-signals",
        format!("signals cannot be caught: {error}"),
        "the credential was given to nobody",
    )
}

impl Drop for Flags {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

fn wait(child: &mut Child, expires: Timestamp, flags: &Flags) -> Result<Ended, Failure> {
    let lost = |error: std::io::Error| {
        let what = format!("the child cannot be waited for: {error}");
        Failure::new(
            Class::HalfDone,
            "child-lost",
            what,
            "the child may still run, with the credential",
        )
    };
    let ending = ending(child);
    loop {
        if let Some(status) = child.try_wait().map_err(lost)? {
            return Ok(Ended {
                code: code(status),
                out_of_time: false,
            });
        }
        let out_of_time = SystemClock.now() >= expires;
        if out_of_time || flags.end.load(Ordering::Relaxed) {
            let status = end(child).map_err(lost)?;
            return Ok(Ended {
                code: code(status),
                out_of_time,
            });
        }
        match &ending {
            Some(ending) => rest(ending),
            None => thread::sleep(LOOK),
        }
    }
}

/// Something that becomes readable when the child ends, where the kernel has it.
fn ending(child: &Child) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(child.id()).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// Waits until the child ends, or until it is time to look at the clock and the signals again.
fn rest(ending: &OwnedFd) {
    let limit = Timespec::try_from(LOOK).ok();
    // Whatever comes of it, the child is looked at next.
    let _ = poll(&mut [PollFd::new(ending, PollFlags::IN)], limit.as_ref());
}

/// Asks the child to end, and ends it if it does not.
fn end(child: &mut Child) -> std::io::Result<ExitStatus> {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
    let looks = LAST_WORDS.as_millis() / LOOK.as_millis();
    for _ in 0..looks {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(LOOK);
    }
    child.kill()?;
    child.wait()
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}
