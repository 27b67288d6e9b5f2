//! Where the ledger's objects lie in the store.

use std::collections::BTreeSet;

use super::LedgerError;
use crate::model::Digest;
use crate::ports::{StoreError, StoreKey};

/// Hashes of a tile, entries of a bundle (C2SP tlog-tiles: tiles of height 8).
pub(super) const TILE_WIDTH: usize = 256;

const COMMITS: &str = "ledger/commit";
const TILES: &str = "ledger/tile";
const OFFLINE: &str = "ledger/offline";

/// The folder of the commits.
pub(super) fn commits() -> Result<StoreKey, LedgerError> {
    key(COMMITS.to_owned())
}

/// `ledger/commit/<n>`, twelve digits.
pub(super) fn commit(number: u64) -> Result<StoreKey, LedgerError> {
    Ok(commit_in(&commits()?, number)?)
}

/// The commit of this number in a folder of commits.
pub(super) fn commit_in(folder: &StoreKey, number: u64) -> Result<StoreKey, StoreError> {
    store_key(format!("{folder}/{number:012}"))
}

/// The number of a commit by its name; it is written in one way only.
pub(super) fn commit_number(name: &StoreKey) -> Result<u64, LedgerError> {
    commit_number_in(&commits()?, name).ok_or_else(|| LedgerError::Stray(name.to_string()))
}

/// The number of a commit by its name in a folder of commits; nothing where it is none of them.
pub(super) fn commit_number_in(folder: &StoreKey, name: &StoreKey) -> Option<u64> {
    let digits = name.as_str().strip_prefix(folder.as_str())?;
    let number = digits.strip_prefix('/')?.parse().ok()?;
    commit_in(folder, number)
        .is_ok_and(|again| again == *name)
        .then_some(number)
}

/// The folder of the commits of a joined ledger, `ledger/offline/<root of its newest head>/commit`.
pub(super) fn kept_commits(root: &Digest) -> Result<StoreKey, LedgerError> {
    key(format!("{OFFLINE}/{root}/commit"))
}

/// One of them, by the number that it had there, twelve digits.
pub(super) fn kept_commit(root: &Digest, number: u64) -> Result<StoreKey, LedgerError> {
    Ok(commit_in(&kept_commits(root)?, number)?)
}

/// The plain checkpoint, for tlog clients: the note of the newest commit.
pub(super) fn checkpoint() -> Result<StoreKey, LedgerError> {
    key("ledger/checkpoint".to_owned())
}

/// What lies in a derived object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    /// The hashes of one level, counted in tiles: level L holds the hashes of subtrees of 256^L entries.
    Level(usize),
    /// The entries themselves.
    Entries,
}

/// `ledger/tile/<L>/<N>` or `ledger/tile/entries/<N>`, and `.p/<W>` behind it where it is not full (C2SP
/// tlog-tiles). The number N is written in groups of three digits, all but the last with an `x` before it.
pub(super) fn tile(row: Row, index: u64, width: usize) -> Result<StoreKey, LedgerError> {
    let name = full_tile_name(row, index);
    if width >= TILE_WIDTH {
        key(name)
    } else {
        key(format!("{name}.p/{width}"))
    }
}

/// The folder of the partial forms of a tile.
pub(super) fn partial_tiles(row: Row, index: u64) -> Result<StoreKey, LedgerError> {
    key(format!("{}.p", full_tile_name(row, index)))
}

/// The folder of all tiles and bundles.
pub(super) fn tiles() -> Result<StoreKey, LedgerError> {
    key(TILES.to_owned())
}

/// The tile and the width of a partial one, by its name; it is written in one way only.
pub(super) fn partial(name: &StoreKey) -> Option<(&str, usize)> {
    let (tile, digits) = name.as_str().split_once(".p/")?;
    let width: usize = digits.parse().ok()?;
    let sound = (1..TILE_WIDTH).contains(&width) && width.to_string() == digits;
    sound.then_some((tile, width))
}

/// Of these names the one of the same tile that is wider: full, or more of it.
pub(super) fn wider<'k>(
    names: &'k BTreeSet<StoreKey>,
    tile: &str,
    width: usize,
) -> Option<&'k StoreKey> {
    let full = StoreKey::new(tile).ok().and_then(|key| names.get(&key));
    full.or_else(|| {
        let folder = format!("{tile}.p/");
        let first = StoreKey::new(format!("{folder}0")).ok()?;
        let mut partials = names.range(first..);
        partials.find(|name| {
            let more = partial(name).is_some_and(|(_, more)| more > width);
            more && name.as_str().starts_with(&folder)
        })
    })
}

/// Whether the tile of this name holds entries.
pub(super) fn is_bundle(tile: &str) -> bool {
    tile.starts_with("ledger/tile/entries/")
}

fn full_tile_name(row: Row, index: u64) -> String {
    let mut number = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        number = format!("x{:03}/{number}", rest % 1000);
        rest /= 1000;
    }
    match row {
        Row::Level(level) => format!("ledger/tile/{level}/{number}"),
        Row::Entries => format!("ledger/tile/entries/{number}"),
    }
}

fn key(text: String) -> Result<StoreKey, LedgerError> {
    Ok(store_key(text)?)
}

fn store_key(text: String) -> Result<StoreKey, StoreError> {
    StoreKey::new(text.as_str()).map_err(|e| StoreError::Failed(text, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_named_as_the_specification_says() {
        // The example of C2SP tlog-tiles: tile 1234067 is x001/x234/067.
        let named = |row, index, width| tile(row, index, width).unwrap().to_string();
        assert_eq!(
            named(Row::Level(0), 1_234_067, 256),
            "ledger/tile/0/x001/x234/067"
        );
        assert_eq!(
            named(Row::Entries, 1_234_067, 8),
            "ledger/tile/entries/x001/x234/067.p/8"
        );
        assert_eq!(named(Row::Level(1), 0, 1), "ledger/tile/1/000.p/1");
    }

    #[test]
    fn a_commit_is_named_in_one_way() {
        let number = |text: &str| commit_number(&StoreKey::new(text).unwrap());
        assert_eq!(number("ledger/commit/000000000012"), Ok(12));
        for bad in [
            "ledger/commit/12",
            "ledger/commit/00000000001a",
            "ledger/commit/000000000012.old",
        ] {
            assert_eq!(number(bad), Err(LedgerError::Stray(bad.to_owned())));
        }
    }
}
