//! What a station keeps of a long ledger: one file, written whole, of which a look-up reads a few kilobytes
//! however large it is.
//!
//! ```text
//! magic             24 bytes
//! buckets           4 bytes, big endian
//! summary           4 bytes, big endian: its length; 32 bytes: its SHA-256
//! for each bucket   8 bytes: where it begins; 4 bytes: its length; 32 bytes: its SHA-256
//! the summary
//! the buckets       each a JSON object of base64: the rows whose keys fall into it
//! ```
//!
//! A row falls into the bucket of the first four bytes of its key's SHA-256, modulo their number. The file
//! is of this machine alone and may be deleted at any time.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};

use super::DirStore;
use crate::ports::{Archived, Forgetful, Store, StoreError, StoreKey};

const MAGIC: &[u8; 24] = b"breakglass-state/v3\n\n\n\n\n";
const HEADER: usize = MAGIC.len() + 4 + 4 + 32;
const SLOT: usize = 8 + 4 + 32;
/// Rows of a bucket, on average.
const ROWS: usize = 8;
/// The most bytes of a summary or a bucket.
const PART_MAX: usize = 4 << 20;

type Bucket = BTreeMap<String, String>;

/// An open file.
pub(super) struct ArchiveFile {
    file: File,
    place: String,
    buckets: u32,
    summary: Vec<u8>,
}

/// Opens the file of this name, if it is there.
pub(super) fn open(store: &DirStore, key: &StoreKey) -> Result<Option<ArchiveFile>, Forgetful> {
    let file = match store.open_file(key) {
        Err(StoreError::NotFound(_)) => return Ok(None),
        opened => opened.map_err(super::station::forgetful)?,
    };
    let place = format!("{}/{key}", store.place());
    ArchiveFile::read(file, place).map(Some)
}

impl ArchiveFile {
    fn read(file: File, place: String) -> Result<Self, Forgetful> {
        let mut opened = Self {
            file,
            place,
            buckets: 0,
            summary: Vec::new(),
        };
        let header = opened.bytes(0, HEADER)?;
        let rest = header
            .strip_prefix(MAGIC)
            .ok_or_else(|| opened.damaged("it is of another version"))?;
        let (buckets, rest) = number(rest).ok_or_else(|| opened.damaged("it is too short"))?;
        let (length, digest) = number(rest).ok_or_else(|| opened.damaged("it is too short"))?;
        let at = HEADER as u64 + u64::from(buckets) * SLOT as u64;
        opened.summary = opened.part(at, length, digest)?;
        opened.buckets = buckets;
        Ok(opened)
    }

    /// A part whose digest is known.
    fn part(&self, at: u64, length: u32, digest: &[u8]) -> Result<Vec<u8>, Forgetful> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > PART_MAX {
            return Err(self.damaged("a part of it is too long"));
        }
        let bytes = self.bytes(at, length)?;
        if Sha256::digest(&bytes).as_slice() == digest {
            Ok(bytes)
        } else {
            Err(self.damaged("it was changed"))
        }
    }

    fn bytes(&self, at: u64, length: usize) -> Result<Vec<u8>, Forgetful> {
        let mut bytes = vec![0; length];
        self.file
            .read_exact_at(&mut bytes, at)
            .map_err(|error| self.damaged(&error.to_string()))?;
        Ok(bytes)
    }

    fn damaged(&self, why: &str) -> Forgetful {
        Forgetful::Damaged {
            place: self.place.clone(),
            why: why.to_owned(),
        }
    }
}

impl Archived for ArchiveFile {
    fn summary(&self) -> &[u8] {
        &self.summary
    }

    fn row(&self, key: &str) -> Result<Option<Vec<u8>>, Forgetful> {
        let slot = HEADER as u64 + u64::from(bucket_of(key, self.buckets)) * SLOT as u64;
        let slot = self.bytes(slot, SLOT)?;
        let (at, rest) = slot
            .split_first_chunk()
            .ok_or_else(|| self.damaged("it is too short"))?;
        let (length, digest) = number(rest).ok_or_else(|| self.damaged("it is too short"))?;
        let bucket = self.part(u64::from_be_bytes(*at), length, digest)?;
        let bucket: Bucket =
            serde_json::from_slice(&bucket).map_err(|error| self.damaged(&error.to_string()))?;
        let row = bucket.get(key).map(|row| BASE64.decode(row.as_bytes()));
        row.transpose()
            .map_err(|error| self.damaged(&error.to_string()))
    }
}

/// The file that holds a summary and rows.
pub(super) fn encode(summary: &[u8], rows: Vec<(String, Vec<u8>)>) -> Option<Vec<u8>> {
    let buckets = u32::try_from(rows.len() / ROWS + 1).ok()?;
    let mut filled = vec![Bucket::new(); usize::try_from(buckets).ok()?];
    for (key, row) in rows {
        let at = usize::try_from(bucket_of(&key, buckets)).ok()?;
        filled.get_mut(at)?.insert(key, BASE64.encode(&row));
    }
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(&buckets.to_be_bytes());
    describe(&mut file, summary)?;
    let mut parts = summary.to_vec();
    let before = HEADER + filled.len() * SLOT;
    for bucket in filled {
        let bytes = serde_json::to_vec(&bucket).ok()?;
        let at = u64::try_from(before + parts.len()).ok()?;
        file.extend_from_slice(&at.to_be_bytes());
        describe(&mut file, &bytes)?;
        parts.extend_from_slice(&bytes);
    }
    file.append(&mut parts);
    Some(file)
}

/// Length and digest of a part.
fn describe(file: &mut Vec<u8>, part: &[u8]) -> Option<()> {
    let length = u32::try_from(part.len()).ok()?;
    file.extend_from_slice(&length.to_be_bytes());
    file.extend_from_slice(&Sha256::digest(part));
    (part.len() <= PART_MAX).then_some(())
}

fn bucket_of(key: &str, buckets: u32) -> u32 {
    let digest: [u8; 32] = Sha256::digest(key).into();
    let (first, _) = number(&digest).unwrap_or_default();
    first.checked_rem(buckets).unwrap_or_default()
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(rows: usize) -> (tempfile::TempDir, DirStore, StoreKey, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let store = DirStore::found(folder.path().join("station")).unwrap();
        let rows = (0..rows).map(|n| (format!("row/{n}"), n.to_string().into_bytes()));
        let bytes = encode(b"summary", rows.collect()).unwrap();
        let key = StoreKey::new("state.archive").unwrap();
        store.replace(&key, &bytes).unwrap();
        (folder, store, key, bytes)
    }

    #[test]
    fn every_row_is_found_and_no_other() {
        for rows in [0, 1, 7, 8, 1000] {
            let (_folder, store, key, _) = kept(rows);
            let archive = open(&store, &key).unwrap().unwrap();
            assert_eq!(archive.summary(), b"summary");
            for n in 0..rows {
                let row = archive.row(&format!("row/{n}")).unwrap();
                assert_eq!(row, Some(n.to_string().into_bytes()));
            }
            assert_eq!(archive.row("row/1000").unwrap(), None);
        }
    }

    #[test]
    fn no_changed_byte_is_believed() {
        let (_folder, store, key, bytes) = kept(20);
        let rows: Vec<String> = (0..20).map(|n| format!("row/{n}")).collect();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            store.replace(&key, &changed).unwrap();
            let Ok(archive) = open(&store, &key) else {
                continue;
            };
            let archive = archive.unwrap();
            assert_eq!(archive.summary(), b"summary");
            // A changed slot or bucket is noticed by whoever asks for one of its rows.
            let noticed = rows.iter().any(|row| archive.row(row).is_err());
            let same = (0..20).all(|n| {
                let row = archive.row(&rows[n]);
                row.is_err() || row == Ok(Some(n.to_string().into_bytes()))
            });
            assert!(noticed && same, "byte {at}");
        }
    }

    #[test]
    fn what_was_cut_off_is_not_there() {
        let (_folder, store, key, bytes) = kept(20);
        for length in 0..bytes.len() {
            store.replace(&key, &bytes[..length]).unwrap();
            let archive = open(&store, &key);
            let lost =
                |archive: &ArchiveFile| (0..20).any(|n| archive.row(&format!("row/{n}")).is_err());
            assert!(archive.map_or(true, |archive| lost(&archive.unwrap())));
        }
    }
}
