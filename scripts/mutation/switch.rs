
/// Whether the numbered mutant is the one that this process is to run with (`MUTANT` in its environment).
/// `MUTANTS_REACHED` names a file that takes a 1 for each mutant that is asked for, at its number.
#[inline]
pub(crate) fn mutant(number: usize) -> bool {
    let active = ACTIVE.load(Relaxed);
    if active < UNREAD { active == number } else { first(number) }
}

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
const NONE: usize = 8192;
const UNREAD: usize = NONE + 1;
const RECORDING: usize = NONE + 2;
static ACTIVE: AtomicUsize = AtomicUsize::new(UNREAD);
static REACHED: [AtomicBool; NONE] = [const { AtomicBool::new(false) }; NONE];
static LOG: std::sync::OnceLock<std::fs::File> = std::sync::OnceLock::new();

fn first(number: usize) -> bool {
    if ACTIVE.load(Relaxed) == UNREAD {
        let mut active = std::env::var("MUTANT").map_or(NONE, |number| number.parse().unwrap());
        if let Some(log) = std::env::var_os("MUTANTS_REACHED") {
            let file = std::fs::OpenOptions::new().write(true).create(true).open(log).unwrap();
            LOG.get_or_init(|| file);
            active = RECORDING;
        }
        ACTIVE.store(active, Relaxed);
        return mutant(number);
    }
    if !REACHED[number].swap(true, Relaxed) {
        // pwrite, which no test kills the process at, as some do at each write.
        std::os::unix::fs::FileExt::write_all_at(LOG.get().unwrap(), &[1], number as u64).unwrap();
    }
    false
}
