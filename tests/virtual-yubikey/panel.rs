//! What happens to a card from outside: readers, touches, think time, faults; and what it counts.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::apdu::{Refused, sw};
use crate::faults::{Fault, Kind};

/// How long the card waits for a touch.
const TOUCH_LIMIT: Duration = Duration::from_secs(15);
/// How many commands the log holds.
const LOG: usize = 10_000;

/// What a card did since it was last asked to forget.
#[derive(Default, Clone, Serialize)]
pub struct Counts {
    /// All command APDUs.
    apdus: u64,
    /// By instruction (two hexadecimal digits).
    by_instruction: BTreeMap<String, u64>,
    /// VERIFYs with a PIN in them.
    verifies: u64,
    /// Touches that released the card.
    touches: u64,
    /// How often it waited for one.
    touch_waits: u64,
    /// Milliseconds for which it seemed to think.
    think_ms: f64,
    /// Milliseconds for which it waited for touches.
    touch_ms: f64,
    /// Milliseconds between a command's arrival and its answer, thinking and touches included.
    busy_ms: f64,
}

#[derive(Default)]
struct Inner {
    /// The reader that it is in.
    reader: Option<usize>,
    /// Counts removals.
    removals: u64,
    /// When the last of them was.
    removed: Option<Instant>,
    wire: Option<TcpStream>,
    waiting: bool,
    touched: bool,
    auto_touch: bool,
    touch_limit: Option<Duration>,
    think: Duration,
    faults: Vec<Fault>,
    counts: Counts,
    log: VecDeque<String>,
}

/// The outside of a card; each method locks it for a moment.
#[derive(Default)]
pub struct Panel {
    inner: Mutex<Inner>,
    bell: Condvar,
}

impl Panel {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder panics")
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.lock());
        self.bell.notify_all();
    }

    /// Waits until `done` says something or the time is over.
    fn wait<T>(
        &self,
        limit: Option<Duration>,
        mut done: impl FnMut(&mut Inner) -> Option<T>,
    ) -> Option<T> {
        let end = limit.map(|limit| Instant::now() + limit);
        let mut inner = self.lock();
        loop {
            if let Some(found) = done(&mut inner) {
                return Some(found);
            }
            inner = match end.map(|end| end.saturating_duration_since(Instant::now())) {
                None => self.bell.wait(inner).expect("no holder panics"),
                Some(Duration::ZERO) => return None,
                Some(left) => {
                    self.bell
                        .wait_timeout(inner, left)
                        .expect("no holder panics")
                        .0
                }
            };
        }
    }

    // --- readers ---

    pub fn reader(&self) -> Option<usize> {
        self.lock().reader
    }

    pub fn insert(&self, reader: usize) {
        self.change(|inner| inner.reader = Some(reader));
    }

    /// How long the card has been out of any reader, if it was in one.
    pub fn out_for(&self) -> Option<Duration> {
        self.lock().removed.map(|since| since.elapsed())
    }

    /// Pulls the card out: the wire is cut, whatever the card is doing.
    pub fn remove(&self) {
        self.change(|inner| {
            inner.reader = None;
            inner.removals += 1;
            inner.removed = Some(Instant::now());
            if let Some(wire) = inner.wire.take() {
                // It may be cut already.
                let _ = wire.shutdown(Shutdown::Both);
            }
        });
    }

    /// Waits until the card is in a reader: which, and how often it was removed before.
    pub fn inserted(&self) -> (usize, u64) {
        let inserted = self.wait(None, |inner| {
            inner.reader.map(|reader| (reader, inner.removals))
        });
        inserted.expect("waited without a limit")
    }

    /// The card has this wire now, unless it has been removed since.
    pub fn wired(&self, wire: TcpStream, removals: u64) -> bool {
        let mut inner = self.lock();
        if inner.removals != removals {
            return false;
        }
        inner.wire = Some(wire);
        true
    }

    // --- touch and time ---

    /// Blocks until the card is touched: refused when its limit runs out or the card is pulled out.
    pub fn wait_for_touch(&self) -> Result<(), Refused> {
        let start = Instant::now();
        let (limit, removals) = {
            let mut inner = self.lock();
            inner.touched = false;
            inner.waiting = true;
            inner.counts.touch_waits += 1;
            (inner.touch_limit.unwrap_or(TOUCH_LIMIT), inner.removals)
        };
        self.bell.notify_all();
        let outcome = self.wait(Some(limit), |inner| {
            if inner.removals != removals {
                Some(Err(Refused::Gone))
            } else if inner.touched || inner.auto_touch {
                inner.counts.touches += 1;
                Some(Ok(()))
            } else {
                None
            }
        });
        self.change(|inner| {
            inner.waiting = false;
            inner.counts.touch_ms += milliseconds(start);
        });
        outcome.unwrap_or(Err(sw::SECURITY.into()))
    }

    /// Touches the card: whether it waited for that.
    pub fn touch(&self) -> bool {
        let mut waited = false;
        self.change(|inner| {
            waited = inner.waiting;
            inner.touched = waited;
        });
        waited
    }

    pub fn waiting(&self) -> bool {
        self.lock().waiting
    }

    /// Waits until the card waits for a touch, so long at most: whether it does.
    pub fn await_touch(&self, limit: Duration) -> bool {
        self.wait(Some(limit), |inner| inner.waiting.then_some(()))
            .is_some()
    }

    pub fn set_auto_touch(&self, on: bool) {
        self.change(|inner| inner.auto_touch = on);
    }

    pub fn set_touch_limit(&self, limit: Duration) {
        self.change(|inner| inner.touch_limit = Some(limit));
    }

    pub fn set_think(&self, think: Duration) {
        self.change(|inner| inner.think = think);
    }

    /// Thinks for as long as it was told, as cards do.
    pub fn think(&self) -> Result<(), Refused> {
        let think = self.lock().think;
        self.sleep(think)
    }

    /// Does nothing for a while, unless it is pulled out.
    pub fn sleep(&self, time: Duration) -> Result<(), Refused> {
        if time.is_zero() {
            return Ok(());
        }
        let start = Instant::now();
        let removals = self.lock().removals;
        let gone = self.wait(Some(time), |inner| {
            (inner.removals != removals).then_some(())
        });
        self.change(|inner| inner.counts.think_ms += milliseconds(start));
        gone.map_or(Ok(()), |()| Err(Refused::Gone))
    }

    // --- faults and counts ---

    pub fn add_fault(&self, fault: Fault) {
        self.change(|inner| inner.faults.push(fault));
    }

    /// The fault that this command meets.
    pub fn fault(&self, ins: u8) -> Option<Kind> {
        let faults = &mut self.lock().faults;
        let due: Vec<bool> = faults
            .iter_mut()
            .map(|fault| fault.counts_down(ins))
            .collect();
        let found = due.iter().position(|&due| due)?;
        Some(faults.remove(found).kind)
    }

    /// Counts a command.
    pub fn count(&self, ins: u8, verifies: bool) {
        let counts = &mut self.lock().counts;
        counts.apdus += 1;
        counts.verifies += u64::from(verifies);
        *counts
            .by_instruction
            .entry(format!("{ins:02X}"))
            .or_default() += 1;
    }

    /// Notes a command that came at `start`, without its data.
    pub fn note(&self, line: String, start: Instant) {
        let mut inner = self.lock();
        inner.counts.busy_ms += milliseconds(start);
        if inner.log.len() == LOG {
            inner.log.pop_front();
        }
        inner.log.push_back(line);
    }

    pub fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    pub fn log(&self) -> Vec<String> {
        self.lock().log.iter().cloned().collect()
    }

    /// Forgets counts, log and faults.
    pub fn clear(&self) {
        self.change(|inner| {
            inner.counts = Counts::default();
            inner.log.clear();
            inner.faults.clear();
        });
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
