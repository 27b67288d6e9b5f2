//! Signals that would end this process, held back while something must be put in order first: the
//! terminal's echo, or what the ledger says of a child.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::{SigId, flag, low_level};

/// The signals that people and systems end a process with.
pub const ENDING: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

/// Whether the signals do what they usually do; made with the first [`Held`]. Once a handler was
/// installed, taking it away would leave the signal ignored, so this one stays.
static USUAL: Mutex<Option<Arc<AtomicBool>>> = Mutex::new(None);

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// A signal that would end us.
    Signal,
    /// There is something to read.
    File,
    /// The other one is readable.
    Other,
}

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

    /// Waits until there is something to read, or until `other` is readable; a signal comes first.
    ///
    /// # Errors
    /// Of the system.
    pub fn wait_for(&self, file: impl AsFd, other: Option<BorrowedFd<'_>>) -> io::Result<Woken> {
        self.poll(&file.as_fd(), other, None)
            .map(|woken| woken.unwrap_or(Woken::Signal))
    }

    /// Whether there is something to read, or a signal came, by now.
    ///
    /// # Errors
    /// Of the system.
    pub fn look(&self, file: impl AsFd) -> io::Result<Option<Woken>> {
        self.poll(&file.as_fd(), None, Some(&Timespec::default()))
    }

    fn poll(
        &self,
        file: &BorrowedFd<'_>,
        other: Option<BorrowedFd<'_>>,
        limit: Option<&Timespec>,
    ) -> io::Result<Option<Woken>> {
        loop {
            let mut all = vec![
                PollFd::new(&self.came, PollFlags::IN),
                PollFd::new(file, PollFlags::IN),
            ];
            all.extend(other.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
            match poll(&mut all, limit) {
                Err(Errno::INTR) => continue,
                done => done?,
            };
            // Whatever else poll says of a file, reading it tells.
            let woken = [Woken::Signal, Woken::File, Woken::Other];
            let first = all.iter().position(|fd| !fd.revents().is_empty());
            return Ok(first.map(|at| woken[at]));
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
