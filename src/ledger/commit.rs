//! The numbered objects that are the ledger: each carries new entries and the signed head of the tree that
//! holds them.
//!
//! ```text
//! breakglass-ledger-commit/v1\n
//! <number> <length of the note> <number of entries>\n
//! <the note>
//! <the entries: each a length of 2 bytes, big endian, and its bytes>
//! ```
//!
//! Numbers are decimal, in their shortest form; nothing follows the last entry.

use std::ops::Range;

use tlog_tiles::{Hash, record_hash};

use super::bundle;
use super::note::{self, SignedHead};
use super::{ENTRY_MAX, LedgerError};
use crate::model::Digest;

/// The most entries that one commit, and so one append, may hold.
pub const COMMIT_ENTRIES: usize = 256;

/// The most bytes that a commit may have: 4 MiB.
pub const COMMIT_MAX: usize = 4 << 20;

/// The first line of every commit object.
pub const FIRST_LINE: &str = "breakglass-ledger-commit/v1\n";

/// A commit that holds by itself: its signature is good, its form is sound. Whether it continues the one
/// before it is the tree's affair.
pub(super) struct Commit {
    pub(super) number: u64,
    pub(super) head: SignedHead,
    bytes: Vec<u8>,
    note: Range<usize>,
    entries: Vec<Range<usize>>,
    leaves: Vec<Hash>,
}

impl Commit {
    /// All of it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The signed note.
    pub(super) fn note(&self) -> &[u8] {
        &self.bytes[self.note.clone()]
    }

    /// The entries.
    pub(super) fn entries(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().map(|at| &self.bytes[at.clone()])
    }

    /// The hashes of the entries (RFC 6962, section 2.1: of leaves).
    pub(super) fn leaves(&self) -> &[Hash] {
        &self.leaves
    }

    /// How many entries there are.
    pub(super) fn count(&self) -> u64 {
        self.entries.len() as u64
    }
}

/// Whether these entries can be written as one commit.
pub(super) fn check_entries(entries: &[Vec<u8>]) -> Result<(), LedgerError> {
    let refused = |why: String| Err(LedgerError::Refused(why));
    if entries.is_empty() || entries.len() > COMMIT_ENTRIES {
        return refused(format!(
            "{} of them, where 1 to {COMMIT_ENTRIES} can be written at once",
            entries.len()
        ));
    }
    for (at, entry) in entries.iter().enumerate() {
        if !(1..=ENTRY_MAX).contains(&entry.len()) {
            return refused(format!(
                "number {at} has {} bytes, where 1 to {ENTRY_MAX} are possible",
                entry.len()
            ));
        }
        if std::str::from_utf8(entry).is_err() {
            return refused(format!("number {at} is not UTF-8"));
        }
    }
    Ok(())
}

/// The bytes of a commit.
pub(super) fn encode(
    number: u64,
    note: &[u8],
    entries: &[Vec<u8>],
) -> Result<Vec<u8>, LedgerError> {
    let mut bytes = header(number, note.len(), entries.len()).into_bytes();
    bytes.extend_from_slice(note);
    for entry in entries {
        bundle::put(&mut bytes, entry);
    }
    if bytes.len() > COMMIT_MAX {
        return Err(LedgerError::Refused(format!(
            "{} bytes, where {COMMIT_MAX} can be written at once",
            bytes.len()
        )));
    }
    Ok(bytes)
}

/// Reads the commit with this number of this vault.
pub(super) fn decode(vault: &Digest, number: u64, bytes: Vec<u8>) -> Result<Commit, LedgerError> {
    parse(vault, number, bytes).map_err(|reason| LedgerError::corrupt(number, reason))
}

fn parse(vault: &Digest, number: u64, bytes: Vec<u8>) -> Result<Commit, &'static str> {
    let (note, count, rest) = split_note(number, &bytes)?;
    let entries = bundle::split(rest)?;
    if entries.len() != count {
        return Err("it does not hold as many entries as it says");
    }
    if entries.iter().any(|entry| entry.is_empty()) {
        return Err("it holds an empty entry");
    }
    if entries
        .iter()
        .any(|entry| std::str::from_utf8(entry).is_err())
    {
        return Err("it holds an entry that is not UTF-8");
    }
    let head = note::read(vault, note)?;
    let mut end = bytes.len() - rest.len();
    let note = end - note.len()..end;
    let leaves = entries.iter().map(|entry| record_hash(entry)).collect();
    let entries = entries
        .iter()
        .map(|entry| {
            // Each stands behind its length.
            let start = end + 2;
            end = start + entry.len();
            start..end
        })
        .collect();
    Ok(Commit {
        number,
        head,
        bytes,
        note,
        entries,
        leaves,
    })
}

/// The note of a commit, its number of entries, and what follows the note.
fn split_note(number: u64, bytes: &[u8]) -> Result<(&[u8], usize, &[u8]), &'static str> {
    let rest = bytes
        .strip_prefix(FIRST_LINE.as_bytes())
        .ok_or("it is not a commit of a version that is known")?;
    let (found, note_length, count) = second_line(rest).ok_or("its second line is malformed")?;
    if found != number {
        return Err("it is the commit of another number");
    }
    let head_line = header(number, note_length, count);
    let rest = bytes
        .strip_prefix(head_line.as_bytes())
        .ok_or("its second line does not say what it must")?;
    if !(1..=COMMIT_ENTRIES).contains(&count) {
        return Err("its number of entries is impossible");
    }
    let (note, rest) = rest
        .split_at_checked(note_length)
        .ok_or("it ends within its checkpoint")?;
    Ok((note, count, rest))
}

/// How many bytes from the beginning of a commit are sure to hold its checkpoint.
pub(super) const START_MAX: usize = 4096;

/// The signed head of a commit by the bytes that it begins with; its entries are not looked at.
pub(super) fn decode_head(
    vault: &Digest,
    number: u64,
    start: &[u8],
) -> Result<SignedHead, LedgerError> {
    parse_head(vault, number, start).map_err(|reason| LedgerError::corrupt(number, reason))
}

fn parse_head(vault: &Digest, number: u64, start: &[u8]) -> Result<SignedHead, &'static str> {
    let (note, _, _) = split_note(number, start)?;
    note::read(vault, note)
}

fn header(number: u64, note_length: usize, count: usize) -> String {
    format!("{FIRST_LINE}{number} {note_length} {count}\n")
}

/// Length of the note and number of entries; how they are written is compared by the caller.
fn second_line(rest: &[u8]) -> Option<(u64, usize, usize)> {
    let end = rest.iter().take(64).position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&rest[..end]).ok()?;
    let mut numbers = line.split(' ');
    let number = numbers.next()?.parse().ok()?;
    let note_length = numbers.next()?.parse().ok()?;
    let count = numbers.next()?.parse().ok()?;
    Some((number, note_length, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_as_long_as_it_may_be_and_no_byte_longer() {
        let mut entries = vec![vec![b'x'; ENTRY_MAX]; COMMIT_MAX / (ENTRY_MAX + 2)];
        let rest = COMMIT_MAX - encode(1, b"note", &entries).unwrap().len();
        let last = entries.len() - 1;
        // Another number of entries would have as many digits.
        entries.push(vec![b'x'; rest - 2]);
        assert_eq!(encode(1, b"note", &entries).unwrap().len(), COMMIT_MAX);
        entries[last + 1].push(b'x');
        let refused = encode(1, b"note", &entries);
        assert!(matches!(refused, Err(LedgerError::Refused(_))));
    }
}
