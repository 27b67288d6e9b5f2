//! Signals that would end this process, held back while something must be put in order first: the
//! terminal's echo, or what the ledger says of a child.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::{SigId, flag, low_level};

/// The signals that people and systems end a process with.
pub const ENDING: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

/// Whether the signals do what they usually do; made with the first [`Held`]. Once a handler was
/// installed, taking it away would leave the signal ignored, so this one stays.
static USUAL: Mutex<Option<Arc<AtomicBool>>> = Mutex::new(None);

/// While this lives, the signals end nothing: they wake [`Held::wait_for`]. There is one at a time.
pub struct Held {
    usual: Arc<AtomicBool>,
    came: UnixStream,
    ids: Vec<SigId>,
}

impl Held {
    /// Holds the signals back.
    ///
    /// # Errors
    /// Of the system.
    pub fn new() -> io::Result<Self> {
        let usual = usual()?;
        let (came, wake) = UnixStream::pair()?;
        let mut held = Self {
            usual,
            came,
            ids: Vec::new(),
        };
        held.usual.store(false, Ordering::SeqCst);
        for signal in ENDING {
            let id = low_level::pipe::register(signal, wake.try_clone()?)?;
            held.ids.push(id);
        }
        Ok(held)
    }

    /// Waits until there is something to read; says no if a signal came first.
    ///
    /// # Errors
    /// Of the system.
    pub fn wait_for(&self, file: impl AsFd) -> io::Result<bool> {
        loop {
            let mut both = [
                PollFd::new(&self.came, PollFlags::IN),
                PollFd::new(&file, PollFlags::IN),
            ];
            match poll(&mut both, None) {
                Err(Errno::INTR) => continue,
                done => done?,
            };
            // Whatever else poll says of the file, reading it tells.
            return Ok(both[0].revents().is_empty());
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            low_level::unregister(id);
        }
        self.usual.store(true, Ordering::SeqCst);
    }
}

fn usual() -> io::Result<Arc<AtomicBool>> {
    let mut known = USUAL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(usual) = &*known {
        return Ok(Arc::clone(usual));
    }
    let usual = Arc::new(AtomicBool::new(true));
    for signal in ENDING {
        flag::register_conditional_default(signal, Arc::clone(&usual))?;
    }
    *known = Some(Arc::clone(&usual));
    Ok(usual)
}
