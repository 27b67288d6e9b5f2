//! How fast one API of one account is asked. AWS tells nobody its rates and lets others use them up, so the
//! rate is learned: as fast as answers come until one is throttled, then about as fast as was answered
//! lately, and from there gently up until it is throttled again. Nothing here waits or knows the time.

use std::collections::VecDeque;

/// So far back the answers tell the rate, in seconds.
const LOOKS_BACK: f64 = 2.0;
/// No answers are counted as if they had come in less time than this, in seconds.
const SHORTEST: f64 = 0.02;
/// What is not throttled may be this much faster after a second, and twice that for every further
/// [`DOUBLES`]: what was cut too far, or has become faster, is found again.
const RAISE: f64 = 0.05;
/// The same for each answer, so that a slow API is not asked in vain at every other call.
const RAISE_BY_ANSWER: f64 = 0.005;
/// In seconds.
const DOUBLES: f64 = 2.0;
/// The most, for one answer.
const RAISE_MOST: f64 = 0.3;
/// The rate after a throttled call that came out of the blue: it was a little too fast.
const CUT: f64 = 0.95;
/// The rate after one that came right after the last: it still is.
const CUT_AGAIN: f64 = 0.9;
/// One that comes in less time than this, in seconds, comes right after the last.
const SOON: f64 = 0.5;
/// The slowest, in calls a second.
const SLOWEST: f64 = 1.0;
/// What was not sent in time may be caught up with, as far as this, in seconds.
const CATCH_UP: f64 = 0.25;

/// The rate of one API of one account. Times are seconds from any beginning.
#[derive(Debug, Default)]
pub(super) struct Pace {
    rate: Option<f64>,
    /// When the next call may be sent.
    next: f64,
    /// When the rate was last cut, and last changed at all.
    cut: f64,
    changed: f64,
    /// When the last answers came.
    answers: VecDeque<f64>,
    answered: u64,
}

impl Pace {
    /// Takes a place in the queue: after so many seconds the call may be sent.
    pub(super) fn wait(&mut self, now: f64) -> f64 {
        let Some(rate) = self.rate else {
            return 0.0;
        };
        let slot = self.next.max(now - CATCH_UP);
        self.next = slot + 1.0 / rate;
        (slot - now).max(0.0)
    }

    /// A call was answered, in whatever way, and not throttled.
    pub(super) fn answered(&mut self, now: f64) {
        self.answered += 1;
        self.answers.push_back(now);
        self.forget(now);
        if let Some(rate) = &mut self.rate {
            // A pause is no proof that more would have been answered.
            let span = (now - self.changed).clamp(0.0, 1.0);
            let times = ((now - self.cut).max(0.0) / DOUBLES).min(10.0).exp2();
            let raise = (RAISE * times).min(1.0) * span;
            *rate *= 1.0 + raise.min(RAISE_BY_ANSWER * times).min(RAISE_MOST);
            self.changed = now;
        }
    }

    /// A call that was sent then was throttled: nothing was done.
    pub(super) fn throttled(&mut self, now: f64, sent: f64) {
        self.forget(now);
        let lately = self.lately(now);
        let rate = match self.rate {
            None => lately,
            // It was on its way already when the rate was cut.
            Some(_) if sent < self.cut => return,
            Some(rate) => {
                let soon = now - self.cut < SOON.max(4.0 / rate);
                let slower = rate * if soon { CUT_AGAIN } else { CUT };
                slower.max(lately * CUT_AGAIN).min(rate)
            }
        };
        let rate = rate.max(SLOWEST);
        self.rate = Some(rate);
        (self.cut, self.changed) = (now, now);
        self.next = self.next.max(now + 1.0 / rate);
    }

    /// How many calls were answered so far.
    pub(super) fn count(&self) -> u64 {
        self.answered
    }

    /// Calls answered per second, lately.
    fn lately(&self, now: f64) -> f64 {
        let first = self.answers.front().copied().unwrap_or(now);
        let span = (now - first).clamp(SHORTEST, LOOKS_BACK);
        self.answers.len() as f64 / span
    }

    fn forget(&mut self, now: f64) {
        while self
            .answers
            .front()
            .is_some_and(|then| now - then > LOOKS_BACK)
        {
            self.answers.pop_front();
        }
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
