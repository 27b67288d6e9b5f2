//! This machine: whether it keeps what it is told to itself, has a terminal, and knows what time it is.

use std::fs;

use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

use crate::model::Timestamp;
use crate::ops::{Finding, Level};
use crate::ports::Clock;
use crate::system::SystemClock;

/// 2026-11-01, when this was written: no clock that shows less is right. In seconds since 1970.
const WRITTEN: i64 = 1_793_491_200;

/// What is found of the machine.
pub fn look() -> Vec<Finding> {
    [terminal(), dumps(), swap()]
        .into_iter()
        .chain(clock(SystemClock.now()))
        .collect()
}

fn terminal() -> Finding {
    let opened = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty");
    match opened {
        Ok(_) => Finding::new(
            Level::Good,
            "terminal",
            "there is a terminal to type PINs at",
        ),
        Err(error) => Finding::new(
            Level::Problem,
            "terminal",
            format!("there is no terminal to type PINs at: {error}"),
        )
        .mend("run breakglass at a terminal, not in a script; over ssh: ssh -t"),
    }
}

/// The process hardens itself at its start; this looks at what came of it.
fn dumps() -> Finding {
    let core = getrlimit(Resource::Core);
    let dumpable = dumpable_behavior();
    if core.current == Some(0) && matches!(dumpable, Ok(DumpableBehavior::NotDumpable)) {
        return Finding::new(
            Level::Good,
            "core-dumps",
            "core dumps are off, and no other process of this user can read this one",
        );
    }
    Finding::new(
        Level::Warning,
        "core-dumps",
        "this process could be dumped to disk or read by others of this user: the system would not turn it off",
    )
    .mend("ulimit -c 0, in the shell that runs breakglass")
}

/// Memory is not locked, so what was opened can be written to a swap disk.
fn swap() -> Finding {
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let disks: Vec<&str> = swaps
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .filter(|disk| !disk.contains("zram"))
        .collect();
    if disks.is_empty() {
        return Finding::new(Level::Good, "swap", "memory is written to no swap disk");
    }
    let what = format!(
        "memory is not locked and may be written to {}: an opened secret, too",
        disks.join(", ")
    );
    Finding::new(Level::Warning, "swap", what).mend("swapoff -a, as root")
}

fn clock(now: Timestamp) -> Option<Finding> {
    let written = Timestamp::from_unix(WRITTEN);
    (now < written).then(|| {
        let what = format!(
            "this machine's clock says {now}, and this program was made after {written}: leases would end \
             before they begin"
        );
        Finding::new(Level::Problem, "clock", what)
            .mend("date -u -s 'YYYY-MM-DD HH:MM:SS', from a watch")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_from_before_the_program_was_made_is_wrong_and_none_after_it_is() {
        let found = clock("2020-01-01T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(found.level, Level::Problem);
        assert!(
            found.what.contains("2020-01-01") && found.what.contains("2026-11-01"),
            "{found:?}"
        );
        assert_eq!(clock(Timestamp::from_unix(WRITTEN)), None);
        assert_eq!(clock("2036-01-01T00:00:00Z".parse().unwrap()), None);
    }
}
