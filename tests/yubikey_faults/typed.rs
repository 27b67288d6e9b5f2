//! Chance, and what people type and paste where a PIN is wanted.

use std::cell::Cell;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A generator (SplitMix64) whose seed is said where something fails. `BREAKGLASS_TEST_SEED` repeats a run.
pub struct Chance {
    seed: u64,
    state: Cell<u64>,
}

impl Chance {
    pub fn new() -> Self {
        let given = std::env::var("BREAKGLASS_TEST_SEED").ok();
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.map_or(1, |since| u64::from(since.subsec_nanos()));
        let seed = given.map_or(now, |text| text.parse().expect("a number"));
        let state = Cell::new(seed);
        Self { seed, state }
    }

    fn next(&self) -> u64 {
        self.state
            .set(self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut z = self.state.get();
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn text(&self, letters: &str, count: usize) -> String {
        let letters: Vec<char> = letters.chars().collect();
        (0..count)
            .map(|_| letters[self.below(letters.len())])
            .collect()
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BREAKGLASS_TEST_SEED={}", self.seed)
    }
}

/// What somebody types; there may be line ends in it, as in what is pasted.
pub fn line(chance: &Chance, right: &str) -> String {
    let otp = || chance.text("cbdefghijklnrtuv", 44);
    let wrong = |shortest| {
        format!(
            "7{}",
            chance.text("0123456789", shortest + chance.below(3) - 1)
        )
    };
    match chance.below(14) {
        0..=3 => right.to_owned(),
        4..=6 => wrong(6),
        7 => String::new(),
        8 => chance.text("0123456789", 9 + chance.below(300)),
        9 => chance.text("äöüß日本🔑é", 1 + chance.below(6)),
        10 => otp(),
        11 => format!("{}{right}", otp()),
        12 => format!("{}\n{right}\n", wrong(6)),
        _ => format!("{right}\n{}", wrong(3)),
    }
}
