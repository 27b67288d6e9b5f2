//! Entries in a row, as C2SP tlog-tiles bundles them: each a length (2 bytes, big endian) and its bytes.

use super::names::TILE_WIDTH;

/// The longest entry, in bytes.
pub const ENTRY_MAX: usize = 65_535;

/// The longest bundle, in bytes.
pub(super) const BUNDLE_MAX: usize = TILE_WIDTH * (2 + ENTRY_MAX);

/// Adds an entry; its length was checked.
pub(super) fn put(bundle: &mut Vec<u8>, entry: &[u8]) {
    let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// The entries of a bundle, which must end where its last entry does.
pub(super) fn split(mut bundle: &[u8]) -> Result<Vec<&[u8]>, &'static str> {
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        let (length, rest) = bundle
            .split_first_chunk::<2>()
            .ok_or("it ends within the length of an entry")?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, rest) = rest
            .split_at_checked(length)
            .ok_or("it ends within an entry")?;
        entries.push(entry);
        bundle = rest;
    }
    Ok(entries)
}

/// The end of the ledger in bundles of 256.
#[derive(Clone, Default)]
pub(super) struct Bundles {
    /// The number of the bundle that is not full.
    pub(super) index: u64,
    /// How many entries it has.
    pub(super) count: usize,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// Those that became full since somebody took them from here, with their numbers.
    pub(super) full: Vec<(u64, Vec<u8>)>,
}

impl Bundles {
    /// Where the bundle with this number begins.
    pub(super) fn starting(index: u64) -> Self {
        Self {
            index,
            ..Self::default()
        }
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, entry: &[u8]) {
        put(&mut self.bytes, entry);
        self.count += 1;
        if self.count == TILE_WIDTH {
            // The next will be about as long.
            let next = Vec::with_capacity(self.bytes.capacity());
            let full = std::mem::replace(&mut self.bytes, next);
            self.full.push((self.index, full));
            self.index += 1;
            self.count = 0;
        }
    }
}
