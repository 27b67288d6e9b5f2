//! The system's clock and its random numbers.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;
use crate::ports::{Clock, Entropy, NoEntropy};

/// The time of this machine, to the second; a clock before 1970 reads 1970.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }

    fn pause(&self, span: Duration) {
        thread::sleep(span);
    }
}

/// The system's random numbers (getrandom(2) on Linux), fit for keys.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(buffer).map_err(|_| NoEntropy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_forwards_from_a_plausible_time() {
        let first = SystemClock.now();
        assert!(first.unix() > 1_700_000_000);
        SystemClock.pause(Duration::from_millis(1));
        assert!(SystemClock.now() >= first);
    }

    #[test]
    fn random_bytes_fill_the_whole_buffer_and_differ() {
        let (mut one, mut two) = ([0; 64], [0; 64]);
        assert_eq!(SystemEntropy.fill(&mut one), Ok(()));
        assert_eq!(SystemEntropy.fill(&mut two), Ok(()));
        assert_ne!(one, two);
        assert!(one.iter().rev().take(16).any(|byte| *byte != 0));
    }
}
