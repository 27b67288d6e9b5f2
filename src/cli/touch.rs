//! What is shown while a token waits to be touched.

use crate::cli::escape::Shown;
use crate::cli::tty::{Echo, Tty};
use crate::ports::{Patience, TouchRequest, TouchWait};

/// At how many seconds left a terminal that writes nothing over is told once more.
const REMINDER: u64 = 5;

/// A token that waits, as it is shown.
pub struct TouchShown {
    tty: Tty,
    /// Which touch it is, and the seconds that were shown last, if any were.
    number: usize,
    last: Option<u64>,
    /// Whether the line is written over in place.
    in_place: bool,
    width: usize,
}

impl TouchShown {
    /// Takes the terminal for it. What is typed meanwhile is not shown: a YubiKey that is touched at the wrong
    /// moment types.
    pub fn begin() -> Option<Self> {
        let tty = Tty::take(Echo::Off).ok()?;
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
        Some(Self {
            tty,
            number: 0,
            last: None,
            in_place: !dumb,
            width: 0,
        })
    }

    /// Shows how long there is, and whether the person has left.
    pub fn show(&mut self, request: &TouchRequest<'_>, wait: TouchWait) -> Patience {
        let left = wait.limit.saturating_sub(wait.waited).as_secs_f64().ceil();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let left = left as u64;
        if wait.number != self.number {
            self.number = wait.number;
            self.last = None;
        }
        let line = text(request, wait, left);
        // A line that wraps cannot be written over.
        self.in_place &= line.chars().count() < self.tty.columns();
        if self.in_place {
            if self.last != Some(left) {
                let blank = self.width.saturating_sub(line.chars().count());
                let _ = self.tty.show(&format!("\r{line}{}", " ".repeat(blank)));
                self.width = line.chars().count();
            }
        } else if self.last.is_none() || self.last > Some(REMINDER) && left <= REMINDER {
            let _ = self.tty.show(&format!("{line}\n"));
        }
        self.last = Some(left);
        if self.tty.has_left() {
            Patience::Leave
        } else {
            Patience::Wait
        }
    }
}

impl Drop for TouchShown {
    fn drop(&mut self) {
        if self.width > 0 {
            let _ = self.tty.show("\n");
        }
    }
}

fn text(request: &TouchRequest<'_>, wait: TouchWait, left: u64) -> String {
    let (token, custodian) = (request.token, request.custodian);
    match left {
        0 => format!(
            "{custodian}: no touch on {}, serial {}; waiting for the token to say so",
            Shown(&token.label),
            Shown(&token.serial)
        ),
        left => format!(
            "{custodian}: TOUCH {}, serial {}, NOW ({}{left} s left)",
            Shown(&token.label),
            Shown(&token.serial),
            match wait.of {
                1 => String::new(),
                of => format!("touch {} of {of}, ", wait.number),
            }
        ),
    }
}
