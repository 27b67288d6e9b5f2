//! What is derived from the commits: tiles, entry bundles and the plain checkpoint, in the layout of C2SP
//! tlog-tiles under `ledger/`. They make opening fast and serve other people's tools. What lies there is
//! compared with a signed root before it is used; losing it loses nothing.

use std::collections::BTreeSet;

use tlog_tiles::{Hash, record_hash};

use super::bundle::{self, BUNDLE_MAX, Bundles};
use super::names::{self, Row, TILE_WIDTH};
use super::tree::{self, Tree};
use super::{Head, LedgerError};
use crate::ports::{Store, StoreError, StoreKey};

/// Bytes of a full tile.
const TILE_BYTES: usize = TILE_WIDTH * 32;

/// How the derived objects were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Derived {
    /// The names of those that are not there.
    pub missing: Vec<StoreKey>,
    /// The names of those that are not as they must be. A checkpoint that is merely older is one too.
    pub wrong: Vec<StoreKey>,
    /// The names of what lies among them and is none, and of older partial tiles that are not as they were.
    /// Nothing reads them.
    pub odd: Vec<StoreKey>,
}

impl Derived {
    /// Whether all of them are there and right.
    pub fn is_ok(&self) -> bool {
        self.missing.is_empty() && self.wrong.is_empty()
    }
}

/// Looks at what lies where the derived objects do and is none of those that must be there, whose names are
/// `known`: partial tiles of older heads, which stay until their tile is full, must be its beginning (if
/// that is not right itself, they are not judged). All else is odd.
pub(super) fn find_odd(
    store: &dyn Store,
    known: &BTreeSet<StoreKey>,
    found: &mut Derived,
) -> Result<(), LedgerError> {
    let folder = names::tiles()?;
    let Ok(all) = store.list_all(&folder) else {
        // A link, a pipe, a name that nothing of ours has.
        found.odd.push(folder);
        return Ok(());
    };
    for name in all {
        if !known.contains(&name) && !is_beginning(store, known, found, &name) {
            found.odd.push(name);
        }
    }
    found.odd.sort_unstable();
    Ok(())
}

/// Whether this is a partial tile, and the beginning of the one that must be there.
fn is_beginning(
    store: &dyn Store,
    known: &BTreeSet<StoreKey>,
    found: &Derived,
    name: &StoreKey,
) -> bool {
    let Some((tile, width)) = names::partial(name) else {
        return false;
    };
    let Some(whole) = names::wider(known, tile, width) else {
        return false;
    };
    if found.wrong.contains(whole) || found.missing.contains(whole) {
        return true;
    }
    let read = |key: &StoreKey| store.read(key, BUNDLE_MAX).ok();
    let (Some(part), Some(whole)) = (read(name), read(whole)) else {
        return false;
    };
    let length = if names::is_bundle(tile) {
        let entries = bundle::split(&whole).unwrap_or_default();
        entries.iter().take(width).map(|e| 2 + e.len()).sum()
    } else {
        width * 32
    };
    whole.get(..length) == Some(part.as_slice())
}

/// A derived object as it must be.
pub(super) struct Object {
    key: StoreKey,
    bytes: Vec<u8>,
    /// For a full tile: the folder of its partial forms, which are of no use any more.
    partial: Option<StoreKey>,
}

/// The tree of this head by its last tiles, if they are there and right.
pub(super) fn load_tree(store: &dyn Store, head: &Head) -> Option<Tree> {
    let tree = Tree::from_last_tiles(head.size, |level, index, width| {
        last_tile(store, Row::Level(level), index, width, TILE_BYTES)
            .map(|bytes| tree::from_bytes(&bytes[..bytes.len().min(width * 32)]))
    })?;
    (tree.root() == head.root).then_some(tree)
}

/// The bundle at the end of the tree, if it is there and right.
pub(super) fn load_bundle(store: &dyn Store, tree: &Tree) -> Option<Bundles> {
    let (index, width) = Tree::last_tile(tree.size(), 0);
    let mut bundles = Bundles::starting(index);
    if width == 0 {
        return Some(bundles);
    }
    let bytes = last_tile(store, Row::Entries, index, width, BUNDLE_MAX)?;
    let entries = bundle::split(&bytes).ok()?;
    let hashes: Vec<Hash> = entries.iter().take(width).map(|e| record_hash(e)).collect();
    if hashes != tree.row(0) {
        return None;
    }
    for entry in &entries[..width] {
        bundles.push(entry);
    }
    Some(bundles)
}

/// A partial tile, or the full one that took its place.
fn last_tile(
    store: &dyn Store,
    row: Row,
    index: u64,
    width: usize,
    limit: usize,
) -> Option<Vec<u8>> {
    [width, TILE_WIDTH].into_iter().find_map(|width| {
        let key = names::tile(row, index, width).ok()?;
        store.read(&key, limit).ok()
    })
}

/// Takes the tiles and bundles that became full.
pub(super) fn take_full(
    tree: &mut Tree,
    bundles: &mut Bundles,
) -> Result<Vec<Object>, LedgerError> {
    let tiles = std::mem::take(&mut tree.full)
        .into_iter()
        .map(|tile| full(Row::Level(tile.level), tile.index, tile.bytes));
    let bundles = std::mem::take(&mut bundles.full)
        .into_iter()
        .map(|(index, bytes)| full(Row::Entries, index, bytes));
    tiles.chain(bundles).collect()
}

fn full(row: Row, index: u64, bytes: Vec<u8>) -> Result<Object, LedgerError> {
    Ok(Object {
        key: names::tile(row, index, TILE_WIDTH)?,
        bytes,
        partial: Some(names::partial_tiles(row, index)?),
    })
}

/// The tiles and the bundle at the end of the tree that are not full, as far as they are different from
/// those of a tree of the size `since`.
pub(super) fn ends(tree: &Tree, bundles: &Bundles, since: u64) -> Result<Vec<Object>, LedgerError> {
    let mut objects = Vec::new();
    for level in 0..Tree::levels(tree.size()) {
        let (index, width) = Tree::last_tile(tree.size(), level);
        if width > 0 && Tree::last_tile(since, level) != (index, width) {
            objects.push(partial(
                Row::Level(level),
                index,
                width,
                tree::to_bytes(tree.row(level)),
            )?);
        }
    }
    let (index, width) = Tree::last_tile(tree.size(), 0);
    if width > 0 && Tree::last_tile(since, 0) != (index, width) {
        objects.push(partial(Row::Entries, index, width, bundles.bytes.clone())?);
    }
    Ok(objects)
}

fn partial(row: Row, index: u64, width: usize, bytes: Vec<u8>) -> Result<Object, LedgerError> {
    Ok(Object {
        key: names::tile(row, index, width)?,
        bytes,
        partial: None,
    })
}

/// The plain checkpoint as it must be.
pub(super) fn checkpoint(note: &[u8]) -> Result<Object, LedgerError> {
    Ok(Object {
        key: names::checkpoint()?,
        bytes: note.to_vec(),
        partial: None,
    })
}

impl Object {
    /// Its name.
    pub(super) fn key(&self) -> &StoreKey {
        &self.key
    }

    /// Whether this is the plain checkpoint.
    pub(super) fn is_checkpoint(&self) -> Result<bool, LedgerError> {
        Ok(self.key == names::checkpoint()?)
    }

    /// Writes the object; what it makes useless goes, as far as that is possible.
    pub(super) fn write(&self, store: &dyn Store) -> Result<(), StoreError> {
        store.replace(&self.key, &self.bytes)?;
        if let Some(folder) = &self.partial {
            for useless in store.list(folder).unwrap_or_default() {
                let _ = store.discard(&useless);
            }
        }
        Ok(())
    }

    /// Compares the object with what is there and notes a difference. Says whether they are the same.
    pub(super) fn compare(&self, store: &dyn Store, found: &mut Derived) -> bool {
        match store.read(&self.key, self.bytes.len()) {
            Ok(bytes) if bytes == self.bytes => return true,
            Err(StoreError::NotFound(_)) => found.missing.push(self.key.clone()),
            _ => found.wrong.push(self.key.clone()),
        }
        false
    }
}
