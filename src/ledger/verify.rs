//! The two verdicts on a ledger: *intact* (every hash and every signature holds) and *complete* (what was
//! remembered elsewhere shows that nothing was cut off).

use std::collections::BTreeSet;

use super::bundle::Bundles;
use super::commit::Commit;
use super::derived::{self, Derived, Object};
use super::walk::{self, EntryAt, Grown, Way};
use super::{Head, LedgerError, names, note};
use crate::model::{Digest, Name};
use crate::ports::Store;

/// A head that was remembered somewhere else: on a token, in a rotator's configuration, on a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// How many entries there were.
    pub size: u64,
    /// The root hash then.
    pub root: Digest,
}

impl From<Head> for Anchor {
    fn from(head: Head) -> Self {
        Self {
            size: head.size,
            root: head.root,
        }
    }
}

/// What the anchors say of an intact ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// All anchors are in the ledger: nothing that the newest of them knew was cut off. Of what came after
    /// it they know nothing.
    Complete {
        /// The newest anchor.
        newest: Anchor,
    },
    /// There was nothing to compare with: entries may have been cut off at the end.
    NoAnchor,
    /// The ledger is shorter than it was: its end was cut off.
    Missing {
        /// The largest that shows it.
        anchor: Anchor,
    },
    /// At the size of the anchor the ledger was another one: it was forked or made anew.
    Forked {
        /// The first that shows it.
        anchor: Anchor,
        /// The root that the ledger has at that size.
        found: Digest,
    },
}

/// One of those who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerCount {
    /// The name in the commits.
    pub name: Name,
    /// The Ed25519 public key (32 bytes).
    pub key: [u8; 32],
    /// How many commits this pair signed.
    pub commits: u64,
}

/// What is known of a ledger that is intact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Its head.
    pub head: Head,
    /// How many entries it has.
    pub entries: u64,
    /// In how many commits.
    pub commits: u64,
    /// Who signed them, in the order of their first commits. Whether they may is not said here.
    pub signers: Vec<SignerCount>,
    /// The state of the derived objects. It takes nothing from the ledger.
    pub derived: Derived,
    /// Whether anything was cut off.
    pub complete: Completeness,
    /// A head signed for more entries than there are, found in the plain checkpoint: a sign that the end
    /// was cut off, unless somebody is appending right now. Anybody who can write to the store can remove
    /// or forge it, so it is a hint and no verdict.
    pub checkpoint_ahead: Option<Anchor>,
}

/// Reads the whole ledger of a vault and checks everything in it.
///
/// # Errors
/// [`LedgerError::Corrupt`] names the first commit that does not hold; [`LedgerError::Stray`];
/// [`LedgerError::Store`].
pub fn verify(
    store: &dyn Store,
    vault: &Digest,
    anchors: &[Anchor],
) -> Result<Verified, LedgerError> {
    verify_showing(store, vault, anchors, &|_| (), |_, ()| {}).map(|(verified, _)| verified)
}

/// As [`verify`]; `look` and `visit` are those of [`walk::visit`]. An entry can be shown and one after it be
/// corrupt.
pub(super) fn verify_showing<T: Send>(
    store: &dyn Store,
    vault: &Digest,
    anchors: &[Anchor],
    look: &(impl Fn(&[u8]) -> T + Sync),
    mut visit: impl FnMut(&EntryAt<'_>, T),
) -> Result<(Verified, Grown), LedgerError> {
    let way = Way::whole(store, *vault)?;
    let mut check = Check::new(anchors);
    let mut derived = Derived::default();
    let mut known = BTreeSet::new();
    let compare = |object: &Object| {
        object.compare(store, &mut derived);
        known.insert(object.key().clone());
        Ok(())
    };
    let shown = |commit: &Commit, seen: Vec<T>| {
        let shown = walk::entries(commit).zip(seen);
        shown.for_each(|(entry, seen)| visit(&entry, seen));
    };
    let grown = walk_derived(way, &mut check, look, shown, compare)?;
    derived::find_odd(store, &known, &mut derived)?;
    let verified = Verified {
        head: grown.head,
        entries: grown.head.size,
        commits: grown.head.commit,
        complete: check.roots.verdict(grown.head.size),
        signers: check.signers,
        checkpoint_ahead: checkpoint_ahead(store, vault, &grown.head),
        derived,
    };
    Ok((verified, grown))
}

/// Walks the commits, shows each that holds, and shows every derived object as it must be, in the order in
/// which they become whole, the checkpoint last.
pub(super) fn walk_derived<T: Send>(
    way: Way<'_>,
    check: &mut Check<'_>,
    look: &(impl Fn(&[u8]) -> T + Sync),
    mut visit: impl FnMut(&Commit, Vec<T>),
    mut show: impl FnMut(&Object) -> Result<(), LedgerError>,
) -> Result<Grown, LedgerError> {
    let mut bundles = Bundles::default();
    let mut note = Vec::new();
    let mut shown = |objects: Vec<Object>| objects.iter().try_for_each(&mut show);
    let roots = &mut check.roots;
    let signers = &mut check.signers;
    let grown = walk::walk(
        way,
        look,
        |tree| roots.compare(tree.size(), || tree.root()),
        |grown, commit, seen| {
            count(signers, commit);
            if commit.number == way.last {
                note = commit.note().to_vec();
            }
            commit.entries().for_each(|entry| bundles.push(entry));
            visit(commit, seen);
            shown(derived::take_full(&mut grown.tree, &mut bundles)?)
        },
    )?;
    if way.last > 0 {
        shown(derived::ends(&grown.tree, &bundles, 0)?)?;
        shown(vec![derived::checkpoint(&note)?])?;
    }
    Ok(grown)
}

/// What is gathered on the way.
pub(super) struct Check<'a> {
    roots: Roots<'a>,
    signers: Vec<SignerCount>,
}

/// The anchors, and what they show.
struct Roots<'a> {
    anchors: &'a [Anchor],
    forked: Option<(Anchor, Digest)>,
}

impl<'a> Check<'a> {
    pub(super) fn new(anchors: &'a [Anchor]) -> Self {
        let mut roots = Roots {
            anchors,
            forked: None,
        };
        roots.compare(0, || Head::default().root);
        Self {
            roots,
            signers: Vec::new(),
        }
    }
}

impl Roots<'_> {
    fn compare(&mut self, size: u64, root: impl Fn() -> Digest) {
        for anchor in self.anchors.iter().filter(|anchor| anchor.size == size) {
            let found = root();
            if anchor.root != found && self.forked.is_none() {
                self.forked = Some((*anchor, found));
            }
        }
    }

    fn verdict(&self, size: u64) -> Completeness {
        if let Some((anchor, found)) = self.forked {
            return Completeness::Forked { anchor, found };
        }
        match self.anchors.iter().max_by_key(|anchor| anchor.size) {
            None => Completeness::NoAnchor,
            Some(anchor) if anchor.size > size => Completeness::Missing { anchor: *anchor },
            Some(anchor) => Completeness::Complete { newest: *anchor },
        }
    }
}

fn count(signers: &mut Vec<SignerCount>, commit: &Commit) {
    let (name, key) = (&commit.head.signer, &commit.head.key);
    match signers
        .iter_mut()
        .find(|s| s.name == *name && s.key == *key)
    {
        Some(signer) => signer.commits += 1,
        None => signers.push(SignerCount {
            name: name.clone(),
            key: *key,
            commits: 1,
        }),
    }
}

fn checkpoint_ahead(store: &dyn Store, vault: &Digest, head: &Head) -> Option<Anchor> {
    let bytes = store.read(&names::checkpoint().ok()?, 1 << 16).ok()?;
    let signed = note::read(vault, &bytes).ok()?;
    let is_ahead =
        signed.size > head.size && !matches!(walk::read(store, head.commit + 1), Ok(Some(_)));
    is_ahead.then_some(Anchor {
        size: signed.size,
        root: signed.root,
    })
}
