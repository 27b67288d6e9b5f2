//! The Merkle tree of RFC 6962 (section 2.1) by its right edge: all that is needed to add to it.

use tlog_tiles::{EMPTY_HASH, Hash, node_hash};

use super::names::TILE_WIDTH;
use crate::model::Digest;

/// Bits of [`TILE_WIDTH`].
const TILE_HEIGHT: u32 = 8;

/// A tile that became full.
#[derive(Clone)]
pub(super) struct FullTile {
    pub(super) level: usize,
    pub(super) index: u64,
    /// 256 hashes.
    pub(super) bytes: Vec<u8>,
}

/// A tree of some size. It takes a few kilobytes, however large the tree is.
#[derive(Clone, Default)]
pub(super) struct Tree {
    size: u64,
    /// The roots of the largest whole subtrees, from left to right: one for each one bit of the size.
    edge: Vec<Hash>,
    /// Of each tile level the hashes in the last tile that is not full.
    rows: Vec<Vec<Hash>>,
    /// The tiles that became full since somebody took them from here.
    pub(super) full: Vec<FullTile>,
}

impl Tree {
    /// How many leaves there are.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The root hash; of no leaves at all the hash of nothing.
    pub(super) fn root(&self) -> Digest {
        let folded = self.edge.iter().rev().copied();
        let root = folded.reduce(|right, left| node_hash(left, right));
        Digest(root.unwrap_or(EMPTY_HASH).0)
    }

    /// Adds a leaf by its hash.
    pub(super) fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        let mut level = 0;
        self.keep(level, hash);
        while (self.size >> level) & 1 == 1 {
            // There is one hash in the edge for each one bit of the size.
            let Some(left) = self.edge.pop() else { break };
            hash = node_hash(left, hash);
            level += 1;
            if level % TILE_HEIGHT == 0 {
                self.keep(level, hash);
            }
        }
        self.edge.push(hash);
        self.size += 1;
    }

    /// Puts a hash into its tile, and the tile aside once it is full. Called before the size grows.
    fn keep(&mut self, level: u32, hash: Hash) {
        let row = (level / TILE_HEIGHT) as usize;
        while self.rows.len() <= row {
            self.rows.push(Vec::new());
        }
        self.rows[row].push(hash);
        if self.rows[row].len() == TILE_WIDTH {
            self.full.push(FullTile {
                level: row,
                index: self.size >> (level + TILE_HEIGHT),
                bytes: to_bytes(&self.rows[row]),
            });
            self.rows[row].clear();
        }
    }

    /// The roots of the largest whole subtrees, from left to right.
    pub(super) fn edge(&self) -> Vec<Digest> {
        self.edge.iter().map(|hash| Digest(hash.0)).collect()
    }

    /// The tree of this size by those roots alone: it can be added to, and makes no tiles.
    pub(super) fn from_edge(size: u64, edge: &[Digest]) -> Option<Self> {
        let whole = u32::try_from(edge.len()).ok() == Some(size.count_ones());
        whole.then(|| Self {
            size,
            edge: edge.iter().map(|root| Hash(root.0)).collect(),
            ..Self::default()
        })
    }

    /// The levels of tiles that a tree has.
    pub(super) fn levels(size: u64) -> usize {
        (0..8).take_while(|level| size >> (8 * level) > 0).count()
    }

    /// Number and width of the last tile of a level that is not full; a width of 0 means that there is
    /// none.
    pub(super) fn last_tile(size: u64, level: usize) -> (u64, usize) {
        let hashes = size >> (8 * level);
        (hashes >> TILE_HEIGHT, (hashes & 0xff) as usize)
    }

    /// The hashes of that tile.
    pub(super) fn row(&self, level: usize) -> &[Hash] {
        self.rows.get(level).map_or(&[], Vec::as_slice)
    }

    /// The tree of this size whose last tiles `read` finds (level, number, width); nothing is taken on
    /// trust once the root was compared.
    pub(super) fn from_last_tiles(
        size: u64,
        mut read: impl FnMut(usize, u64, usize) -> Option<Vec<Hash>>,
    ) -> Option<Self> {
        let mut rows = Vec::new();
        for level in 0..Self::levels(size) {
            let (index, width) = Self::last_tile(size, level);
            let row = match width {
                0 => Vec::new(),
                _ => read(level, index, width)?,
            };
            if row.len() != width {
                return None;
            }
            rows.push(row);
        }
        let edge = rows
            .iter()
            .rev()
            .flat_map(|row| whole_subtrees(row))
            .collect();
        Some(Self {
            size,
            edge,
            rows,
            full: Vec::new(),
        })
    }
}

/// The roots of the largest whole subtrees over fewer than 256 hashes, from left to right.
fn whole_subtrees(hashes: &[Hash]) -> Vec<Hash> {
    let mut roots = Vec::new();
    let mut rest = hashes;
    for height in (0..TILE_HEIGHT).rev() {
        let width = 1 << height;
        if hashes.len() & width != 0 {
            let (subtree, after) = rest.split_at(width);
            roots.push(subtree_root(subtree));
            rest = after;
        }
    }
    roots
}

/// The root over a power of two of hashes.
fn subtree_root(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks(2)
            .map(|pair| node_hash(pair[0], pair[1]))
            .collect();
    }
    row.first().copied().unwrap_or(EMPTY_HASH)
}

/// Hashes as the bytes of a tile.
pub(super) fn to_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The hashes in a tile's bytes; what does not fill a hash is left out.
pub(super) fn from_bytes(bytes: &[u8]) -> Vec<Hash> {
    bytes
        .as_chunks::<32>()
        .0
        .iter()
        .map(|hash| Hash(*hash))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tlog_tiles::{Error, HashReader, record_hash, stored_hashes, tree_hash};

    struct Stored(Vec<Hash>);
    impl HashReader for Stored {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
            Ok(indexes.iter().map(|i| self.0[*i as usize]).collect())
        }
    }

    #[test]
    fn every_root_is_that_of_the_reference_and_comes_back_from_the_last_tiles() {
        let mut stored = Stored(Vec::new());
        let mut tree = Tree::default();
        assert_eq!(tree.root().0, EMPTY_HASH.0);
        for n in 0..700_u64 {
            let entry = n.to_be_bytes();
            let more = stored_hashes(n, &entry, &stored).unwrap();
            stored.0.extend(more);
            tree.push(record_hash(&entry));
            let wanted = tree_hash(n + 1, &stored).unwrap();
            assert_eq!(tree.root().0, wanted.0, "of {} leaves", n + 1);
            let read = |level: usize, _: u64, width: usize| {
                assert!(width > 0, "an empty tile is asked for");
                Some(tree.row(level).to_vec())
            };
            let again = Tree::from_last_tiles(n + 1, read).unwrap();
            assert_eq!(again.root(), tree.root());
        }
        assert_eq!(tree.full.len(), 2);
        assert_eq!(tree.row(1).len(), 2);
    }

    #[test]
    fn a_tree_has_as_many_levels_as_it_takes() {
        let levels = [0, 1, 255, 256, 65_535, 65_536, 1 << 56, u64::MAX].map(Tree::levels);
        assert_eq!(levels, [0, 1, 1, 2, 2, 3, 8, 8]);
    }

    #[test]
    fn the_second_level_fills_at_65536() {
        let mut tree = Tree::default();
        for n in 0..65_537_u64 {
            tree.push(record_hash(&n.to_be_bytes()));
        }
        let above: Vec<(usize, u64)> = tree
            .full
            .iter()
            .filter(|tile| tile.level == 1)
            .map(|tile| (tile.level, tile.index))
            .collect();
        assert_eq!(above, [(1, 0)]);
        let last = tree.full.iter().rfind(|tile| tile.level == 0);
        assert_eq!(last.map(|tile| tile.index), Some(255));
        assert_eq!(
            (tree.row(0).len(), tree.row(1).len(), tree.row(2).len()),
            (1, 0, 1)
        );
    }
}
