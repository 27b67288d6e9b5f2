//! Commits in their order, decoded ahead of whoever takes them in: signatures, leaf hashes and the reading of
//! entries depend on nothing but the commit itself. In a long ledger they are the work of a few threads,
//! while the tree and the state, in which each entry rests on those before it, grow in the caller's. What is
//! read ahead is bounded, however long the ledger is.

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::LedgerError;
use super::commit::{self, Commit};
use super::walk::{self, Way};
use crate::model::Digest;
use crate::ports::Store;

/// From how many commits on threads are started: fewer are decoded in a moment.
const THREADS_FROM: u64 = 256;

/// How many threads decode. What the caller does takes as long as decoding in two or three of them.
const THREADS: usize = 4;

/// What is decoded at a time, while the caller takes in what was decoded before and reads what is decoded next:
/// so many commits at most, and so many bytes or one commit more.
const BATCH: usize = 32;
const BATCH_BYTES: usize = 1 << 20;

/// A commit that holds by itself, and what was made of its entries.
type Decoded<T> = Result<(Commit, Vec<T>), LedgerError>;

/// Hands each commit over, in their order, with what `look` makes of its entries. Nothing is handed over
/// after the first that is not there or does not hold by itself.
pub(super) fn each<T: Send, E: From<LedgerError>>(
    way: Way<'_>,
    look: &(impl Fn(&[u8]) -> T + Sync),
    mut take: impl FnMut(Commit, Vec<T>) -> Result<(), E>,
) -> Result<(), E> {
    let Some(pool) = pool(way.last) else {
        return (1..=way.last).try_for_each(|number| {
            let bytes = walk::read_listed(way.store, number)?;
            let (commit, seen) = decoded(&way.vault, number, bytes, look)?;
            take(commit, seen)
        });
    };
    let mut numbers = 1..=way.last;
    let mut ready: Vec<Decoded<T>> = Vec::new();
    let mut batch = read_batch(way.store, &mut numbers);
    while !(batch.is_empty() && ready.is_empty()) {
        let mut next: Vec<Option<Decoded<T>>> = batch.iter().map(|_| None).collect();
        batch = pool.in_place_scope(|scope| {
            for ((number, bytes), place) in batch.into_iter().zip(&mut next) {
                scope.spawn(move |_| {
                    *place = Some(bytes.and_then(|b| decoded(&way.vault, number, b, look)));
                });
            }
            ready.drain(..).try_for_each(|decoded| {
                let (commit, seen) = decoded?;
                take(commit, seen)
            })?;
            Ok::<_, E>(read_batch(way.store, &mut numbers))
        })?;
        ready.extend(next.into_iter().flatten());
    }
    Ok(())
}

/// The threads, where there is enough to do and the system allows them.
fn pool(commits: u64) -> Option<ThreadPool> {
    let threads = ThreadPoolBuilder::new().num_threads(THREADS);
    (commits >= THREADS_FROM).then(|| threads.build().ok())?
}

/// Reads the next commits; one that cannot be read is the last.
fn read_batch(
    store: &dyn Store,
    numbers: &mut impl Iterator<Item = u64>,
) -> Vec<(u64, Result<Vec<u8>, LedgerError>)> {
    let mut batch = Vec::new();
    let mut size = 0;
    for number in numbers.take(BATCH) {
        let read = walk::read_listed(store, number);
        size += read.as_ref().map_or(BATCH_BYTES, Vec::len);
        batch.push((number, read));
        if size >= BATCH_BYTES {
            break;
        }
    }
    batch
}

fn decoded<T>(
    vault: &Digest,
    number: u64,
    bytes: Vec<u8>,
    look: impl Fn(&[u8]) -> T,
) -> Decoded<T> {
    let commit = commit::decode(vault, number, bytes)?;
    let seen = commit.entries().map(look).collect();
    Ok((commit, seen))
}
