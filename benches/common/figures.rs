//! Figures of a benchmark: said as they come, one line each.

#![allow(dead_code)] // each benchmark uses a part of it

use std::fmt::Display;
use std::time::{Duration, Instant};

/// The figures of one benchmark.
pub struct Figures(&'static str);

impl Figures {
    pub fn titled(title: &'static str) -> Self {
        println!("# {title}");
        Self(title)
    }

    pub fn say(&self, what: &str, value: impl Display) {
        println!("{}: {what}: {value}", self.0);
    }

    /// One time against another of the same run, and what is wanted of it.
    pub fn ratio(&self, what: &str, one: Duration, other: Duration, wanted: &str) {
        let ratio = one.as_secs_f64() / other.as_secs_f64();
        let wanted = match wanted {
            "" => String::new(),
            wanted => format!(" ({wanted})"),
        };
        self.say(what, format!("{ratio:.2}{wanted}"));
    }
}

/// The number on the command line, if there is one.
pub fn argument() -> Option<u64> {
    std::env::args().skip(1).find_map(|word| word.parse().ok())
}

pub fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

/// The shortest of some runs, and what the last one gave.
pub fn best_of<T>(runs: u32, mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut timed = || {
        let begun = Instant::now();
        let given = run();
        (begun.elapsed(), given)
    };
    let (mut best, mut last) = timed();
    for _ in 1..runs {
        let (time, given) = timed();
        best = best.min(time);
        last = given;
    }
    (best, last)
}
