//! A command at a pseudo-terminal of its own, and the person in front of it: waits for what is shown,
//! types, and keeps everything that was shown.
//!
//! ```ignore
//! let mut pty = Pty::spawn(Command::new(env!("CARGO_BIN_EXE_breakglass")).args(["status"]));
//! pty.expect("PIN of alice").send_line("1234");
//! assert!(pty.finish().success(), "{}", pty.transcript());
//! ```

// Each test binary that includes this file uses a part of it.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::Size;
/// As `std::process::Command`, but its methods take and give back the command itself. Streams that are
/// not set are the terminal.
pub use pty_process::blocking::Command;

/// How long anything is waited for: a machine may be busy, and only a failing test waits that long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What was shown so far.
#[derive(Default)]
struct Screen {
    bytes: Vec<u8>,
    /// Nobody has the terminal open any more.
    ended: bool,
}

/// A running command and its terminal. Dropping it kills the command.
pub struct Pty {
    child: Child,
    keyboard: std::fs::File,
    screen: Arc<(Mutex<Screen>, Condvar)>,
    /// How much of what was shown has been expected already.
    seen: usize,
}

impl Pty {
    /// Starts the command as the leader of a session with the terminal as its controlling one: 24 lines
    /// of 200 columns, so that nothing is wrapped.
    pub fn spawn(command: Command) -> Self {
        let (pty, pts) = pty_process::blocking::open().expect("a pseudo-terminal");
        pty.resize(Size::new(24, 200)).expect("a size");
        let child = command.spawn(pts).expect("the command starts");
        let keyboard = std::fs::File::from(std::os::fd::OwnedFd::from(pty));
        let glass = keyboard.try_clone().expect("a second handle");
        let screen = Arc::default();
        let shared = Arc::clone(&screen);
        thread::spawn(move || watch(glass, &shared));
        Self {
            child,
            keyboard,
            screen,
            seen: 0,
        }
    }

    /// Makes the terminal this many columns wide.
    pub fn narrow(&mut self, columns: u16) -> &mut Self {
        let size = rustix::termios::Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&self.keyboard, size).expect("a terminal");
        self
    }

    /// Waits until the text is shown, after what was expected before. Line ends are `\r\n` here.
    ///
    /// # Panics
    /// With all that was shown, if the command ends first or nothing comes for [`PATIENCE`].
    pub fn expect(&mut self, text: &str) -> &mut Self {
        assert!(
            self.shows(text),
            "ended before it showed \"{text}\":\n{}",
            self.transcript()
        );
        self
    }

    /// Waits as [`Pty::expect`]; says false where the command ends first.
    ///
    /// # Panics
    /// With all that was shown, if nothing comes for [`PATIENCE`].
    pub fn shows(&mut self, text: &str) -> bool {
        let wanted = text.as_bytes();
        let from = self.seen;
        let position = |screen: &Screen| {
            let fresh = &screen.bytes[from..];
            fresh.windows(wanted.len()).position(|part| part == wanted)
        };
        self.wait_until(&format!("\"{text}\""), |screen| {
            position(screen).is_some() || screen.ended
        });
        let found = position(&self.screen.0.lock().expect("the screen"));
        if let Some(at) = found {
            self.seen = from + at + wanted.len();
        }
        found.is_some()
    }

    /// Waits until what is typed is not shown: some programs ask first, switch the echo off then, and
    /// throw away what was typed in between.
    ///
    /// # Panics
    /// If that does not happen within [`PATIENCE`].
    pub fn expect_no_echo(&mut self) -> &mut Self {
        let since = Instant::now();
        let echoes = |keyboard: &std::fs::File| {
            let modes = rustix::termios::tcgetattr(keyboard).expect("a terminal");
            modes
                .local_modes
                .contains(rustix::termios::LocalModes::ECHO)
        };
        while echoes(&self.keyboard) {
            assert!(since.elapsed() < PATIENCE, "{}", self.transcript());
            thread::sleep(Duration::from_millis(5));
        }
        self
    }

    /// Types a text and Enter.
    pub fn send_line(&mut self, text: &str) -> &mut Self {
        self.send(&format!("{text}\r"))
    }

    /// Types a text as it is: `\x03` is Ctrl-C, `\x04` Ctrl-D.
    pub fn send(&mut self, text: &str) -> &mut Self {
        self.keyboard
            .write_all(text.as_bytes())
            .expect("the terminal takes input");
        self
    }

    /// All that was shown so far, what was typed with echo too.
    pub fn transcript(&self) -> String {
        String::from_utf8_lossy(&self.screen.0.lock().expect("the screen").bytes).into_owned()
    }

    /// Waits until the command has ended and nothing more is shown.
    ///
    /// # Panics
    /// With all that was shown, if it does not end within [`PATIENCE`] of its last output.
    pub fn finish(&mut self) -> ExitStatus {
        self.wait_until("the end", |screen| screen.ended);
        self.child.wait().expect("an exit status")
    }

    /// The command's process id, to look at it from outside.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a state of the screen; patience begins anew whenever something is shown.
    fn wait_until(&self, what: &str, done: impl Fn(&Screen) -> bool) {
        let (lock, changed) = &*self.screen;
        let mut screen = lock.lock().expect("the screen");
        let mut since = (Instant::now(), screen.bytes.len());
        while !done(&screen) {
            let left = PATIENCE.saturating_sub(since.0.elapsed());
            if left.is_zero() {
                let shown = String::from_utf8_lossy(&screen.bytes).into_owned();
                drop(screen);
                panic!("waited in vain for {what}; shown was:\n{shown}");
            }
            screen = changed.wait_timeout(screen, left).expect("the screen").0;
            if screen.bytes.len() != since.1 {
                since = (Instant::now(), screen.bytes.len());
            }
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies what is shown until the last program has closed the terminal.
fn watch(mut glass: std::fs::File, shared: &(Mutex<Screen>, Condvar)) {
    let (lock, changed) = shared;
    let mut buffer = [0; 4096];
    loop {
        // At the end Linux answers EIO.
        let count = glass.read(&mut buffer).unwrap_or(0);
        let mut screen = lock.lock().expect("the screen");
        screen.bytes.extend_from_slice(&buffer[..count]);
        screen.ended = count == 0;
        changed.notify_all();
        if screen.ended {
            return;
        }
    }
}
