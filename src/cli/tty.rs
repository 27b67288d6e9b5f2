//! One line from the person at the controlling terminal, whatever standard input and output are.
//!
//! The line is read with read(2) straight into one buffer that is wiped. The `rpassword` crate is not
//! used for this, because Ctrl-C kills the process there with the echo still off, because it drops
//! control characters in silence (an arrow key then turns one PIN into another, which costs a try), and
//! because its growing `String` leaves copies behind.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;

use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use super::fold;
use super::signals::{Held, Woken};
use crate::ports::Declined;

/// The most bytes of a line; well above the longest PIN and the longest answer.
const LINE_MAX: usize = 1_024;

/// Ctrl-C, where the terminal has no other character for it.
const CTRL_C: u8 = 3;

/// Whether what is typed can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// As it is typed.
    On,
    /// Not at all, not even its length.
    Off,
}

/// A line as it was typed, wiped on drop.
pub struct Line {
    /// A fixed length: it never grows, so no copy is left behind.
    buffer: Zeroizing<Vec<u8>>,
    len: usize,
}

impl Line {
    /// The text without its line end; nothing where it is not UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.buffer[..self.len]).ok()
    }
}

/// The controlling terminal, in modes of ours for as long as this lives.
pub struct Tty {
    file: File,
    before: Termios,
    leave: u8,
    /// Whoever ends us at a prompt must find the terminal as it was.
    signals: Held,
}

impl Tty {
    /// Takes the terminal. What was typed before is thrown away: it was no answer to a question that had
    /// not been asked.
    ///
    /// The line is edited by the terminal as usual. No key sends a signal; Ctrl-C ends the line instead
    /// and comes out of [`Tty::ask`] as [`Declined::Said`], and so does a signal from elsewhere.
    ///
    /// # Errors
    /// [`Declined::NoTerminal`].
    pub fn take(echo: Echo) -> Result<Self, Declined> {
        Self::open(echo).map_err(|_| Declined::NoTerminal)
    }

    fn open(echo: Echo) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        let signals = Held::new()?;
        let before = tcgetattr(&file)?;
        let leave = match before.special_codes[SpecialCodeIndex::VINTR] {
            0 => CTRL_C,
            chosen => chosen,
        };
        let mut modes = before.clone();
        modes.input_modes.insert(InputModes::ICRNL);
        modes
            .local_modes
            .insert(LocalModes::ICANON | LocalModes::ECHONL);
        modes.local_modes.remove(LocalModes::ISIG);
        modes.local_modes.set(LocalModes::ECHO, echo == Echo::On);
        modes.special_codes[SpecialCodeIndex::VEOL] = leave;
        tcsetattr(&file, OptionalActions::Flush, &modes)?;
        Ok(Self {
            file,
            before,
            leave,
            signals,
        })
    }

    /// Shows a text.
    ///
    /// # Errors
    /// [`Declined::NoTerminal`] where the terminal is gone.
    pub fn show(&mut self, text: &str) -> Result<(), Declined> {
        let text = fold::for_terminal(text, &self.file);
        self.file
            .write_all(text.as_bytes())
            .map_err(|_| Declined::NoTerminal)
    }

    /// How many columns it has; 80 where it does not say.
    pub fn columns(&self) -> usize {
        fold::columns(&self.file).unwrap_or(80)
    }

    /// Shows a prompt and reads the line that answers it. A line longer than the buffer is read to its
    /// end and comes back cut off: longer than anything that it could be.
    ///
    /// # Errors
    /// [`Declined::Said`] for Ctrl-C, for a signal that would end us, for the end of input on an empty
    /// line (Ctrl-D), and where the terminal goes away.
    pub fn ask(&mut self, prompt: &str) -> Result<Line, Declined> {
        self.show(prompt)?;
        let mut line = Line {
            buffer: Zeroizing::new(vec![0; LINE_MAX]),
            len: 0,
        };
        loop {
            if !matches!(self.signals.wait_for(&self.file, None), Ok(Woken::File)) {
                return Err(self.left());
            }
            // The last byte is kept free: where a line is too long, what follows is read over it.
            let from = line.len.min(LINE_MAX - 1);
            let end = match self.file.read(&mut line.buffer[from..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => return Err(self.left()),
                Ok(count) => from + count,
            };
            match line.buffer[end - 1] {
                b'\n' => {
                    line.len = end - 1;
                    return Ok(line);
                }
                last if last == self.leave => return Err(self.left()),
                _ => line.len = end,
            }
        }
    }

    /// Waits for the Enter key, or until `changes` is readable.
    ///
    /// # Errors
    /// As for [`Tty::ask`].
    pub fn wait(&mut self, changes: Option<BorrowedFd<'_>>) -> Result<(), Declined> {
        match self.signals.wait_for(&self.file, changes) {
            Ok(Woken::Other) => Ok(()),
            Ok(Woken::File) if !self.has_left() => Ok(()),
            _ => Err(self.left()),
        }
    }

    /// Whether the person has left by now. What else was typed is thrown away.
    pub fn has_left(&mut self) -> bool {
        loop {
            match self.signals.look(&self.file) {
                Ok(None) => return false,
                Ok(Some(Woken::File)) => {}
                _ => return true,
            }
            let mut typed = Zeroizing::new([0; 64]);
            match self.file.read(typed.as_mut_slice()) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(count @ 1..) if !typed[..count].contains(&self.leave) => {}
                _ => return true,
            }
        }
    }

    /// The person left: the cursor goes to a line of its own.
    fn left(&mut self) -> Declined {
        // Whether that can still be shown changes nothing.
        let _ = self.file.write_all(b"\n");
        Declined::Said
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        // Where this fails the terminal is gone, and its modes with it.
        let _ = tcsetattr(&self.file, OptionalActions::Now, &self.before);
    }
}
