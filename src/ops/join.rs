//! Bringing what was recorded offline home: the commits on another medium go on with the ledger that they
//! continue, or, where that went on by itself meanwhile, what was opened by them is carried over.

use std::sync::Arc;

use super::open_vault::OpenVault;
use crate::ledger::{
    self, Branch, Entry, EntryAt, Event, HeadRef, Journal, JournalError, Kinship, Ledger,
    LedgerError,
};
use crate::model::{Class, Digest, Failure, Name};
use crate::ports::Store;

/// How many entries are carried over in one commit.
const AT_ONCE: usize = 200;

/// What was joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// How many entries of the other ledger are new in the vault's.
    pub entries: u64,
    /// How many there are now.
    pub size: u64,
    /// Whether both had gone on: then the other ledger is kept as evidence.
    pub parted: bool,
    /// The incidents that are not closed, now.
    pub open: Vec<Name>,
}

/// Joins the commits on `medium` to the vault's ledger.
///
/// Everything is checked before anything is written: signatures, the tree, and whether each entry can stand
/// where it does. Where they continue the ledger, each commit is made as it is, if its number is free. Where
/// both went on, the other's own commits are kept in the vault, an entry names both heads, and what was opened
/// is carried over, so that it is open here, too. Doing it again goes on where it stopped.
///
/// # Errors
/// [`Class::Refused`] where there is nothing to join, or the vault is behind; [`Class::Integrity`] where an
/// entry is not good, or says what nobody may have done offline.
pub fn join(vault: &mut OpenVault<'_>, medium: &dyn Store) -> Result<Joined, Failure> {
    let before = vault.journal.head();
    let main = vault.world.store;
    let kinship = ledger::kinship(main, medium).map_err(of_ledger)?;
    let (entries, parted) = match kinship {
        Kinship::Nothing => return Err(nothing(medium)),
        Kinship::Ahead { first, newest } => return Err(ahead(first, newest)),
        Kinship::Contained => (0, false),
        Kinship::Continues { first, last } => {
            let branch = Branch::on_medium(main, medium, first).map_err(of_ledger)?;
            check(vault, &branch, |_, _| {})?;
            match ledger::adopt(main, medium, first, last) {
                // Somebody was faster. What was adopted stands, and the rest has parted from it.
                Err(LedgerError::Moved) => return again(vault, medium),
                adopted => adopted.map_err(of_ledger)?,
            }
            // For speed alone, so that it could not be done is no failure.
            let _ = Ledger::open(main, vault.chain.vault()).and_then(|mut it| it.repair());
            vault.journal.reload()?;
            let size = vault.journal.head().size;
            (size.saturating_sub(before.size), false)
        }
        Kinship::Parted { at } => (carry_over(vault, medium, at)?, true),
    };
    vault.remember()?;
    let incidents = vault.state().incidents.iter();
    Ok(Joined {
        entries,
        size: vault.journal.head().size,
        parted,
        open: incidents
            .filter(|(_, incident)| incident.is_live())
            .map(|(name, _)| name.clone())
            .collect(),
    })
}

fn again(vault: &mut OpenVault<'_>, medium: &dyn Store) -> Result<Joined, Failure> {
    vault.journal.reload()?;
    join(vault, medium)
}

/// Reads a ledger to its end, as what it was where it was written.
fn check(
    vault: &OpenVault<'_>,
    branch: &Branch<'_>,
    show: impl FnMut(&EntryAt<'_>, Entry),
) -> Result<(), Failure> {
    let station = vault.world.station;
    let chain = Arc::clone(&vault.chain);
    Journal::open_showing(branch, chain, None, &station.name, &station.signer, show)?;
    Ok(())
}

/// What of the other ledger is its own.
struct Own {
    /// The last head that both have.
    parted: HeadRef,
    /// Its heads since.
    heads: Vec<HeadRef>,
    /// Its newest commit.
    last: u64,
    /// Its entries since, by their number.
    entries: Vec<(u64, Entry)>,
}

/// Checks the other ledger, and takes what is its own.
fn own(vault: &OpenVault<'_>, branch: &Branch<'_>) -> Result<Own, Failure> {
    let mut own = Own {
        parted: ledger::Head::default().into(),
        heads: Vec::new(),
        last: 0,
        entries: Vec::new(),
    };
    check(vault, branch, |at, entry| {
        let head = HeadRef::from(at.head);
        own.last = at.commit;
        if at.commit < branch.from() {
            own.parted = head;
            return;
        }
        if own.heads.last() != Some(&head) {
            own.heads.push(head);
        }
        own.entries.push((at.index, entry));
    })?;
    Ok(own)
}

/// Keeps the other ledger's own commits, records that it is joined, and carries over what was opened by it.
/// Returns how many entries.
fn carry_over(vault: &mut OpenVault<'_>, medium: &dyn Store, at: u64) -> Result<u64, Failure> {
    let branch = Branch::on_medium(vault.world.store, medium, at).map_err(of_ledger)?;
    let own = own(vault, &branch)?;
    let Some(newest) = own.heads.last().copied() else {
        return Ok(0);
    };
    let after = carried_before(vault, &own);
    let carried = to_carry(&own, after)?;
    let known = vault.state().joined.contains_key(&newest.root);
    if known && carried.is_empty() {
        return Ok(0);
    }
    branch.keep(&newest.root, own.last).map_err(of_ledger)?;
    let mut events = Vec::new();
    if !known {
        events.push(Event::LedgerJoined {
            parted: own.parted,
            main: vault.journal.head().into(),
            heads: own.heads,
        });
    }
    let count = carried.len() as u64;
    events.extend(carried.into_iter().map(|(index, entry)| Event::Carried {
        ledger: newest.root,
        index,
        entry: Box::new(entry),
    }));
    let now = vault.world.clock.now();
    for some in events.chunks(AT_ONCE) {
        let recorded = vault.journal.record_all(now, some.to_vec());
        recorded.map_err(|error| not_carried(error, medium))?;
    }
    Ok(count)
}

/// From which number on entries are still to be carried over: the same ledger may have been joined before, in
/// part, or when it was shorter.
fn carried_before(vault: &OpenVault<'_>, own: &Own) -> u64 {
    let is_ours = |size: &u64, root: &Digest| {
        own.heads
            .iter()
            .any(|head| head.size == *size && head.root == *root)
    };
    let joined = vault.state().joined.values();
    joined
        .filter(|one| {
            one.heads
                .last_key_value()
                .is_some_and(|(s, r)| is_ours(s, r))
        })
        .map(|one| one.next)
        .max()
        .unwrap_or(0)
}

fn to_carry(own: &Own, after: u64) -> Result<Vec<(u64, Entry)>, Failure> {
    let mut carried = Vec::new();
    for (index, entry) in own.entries.iter().filter(|(index, _)| *index >= after) {
        if entry.event.is_carried() {
            carried.push((*index, entry.clone()));
        } else if entry.event.needs_rotator() {
            return Err(Failure::new(
                Class::Integrity,
                "ledger-not-offline",
                format!(
                    "entry {index} of what is to be joined says \"{}\": keys were made or ended there while the \
                     main ledger went on",
                    entry.event.name()
                ),
                "nothing was changed; both ledgers are whole, each by itself",
            )
            .hint("two copies of the vault were rotated side by side: call the security officer"));
        }
    }
    Ok(carried)
}

fn not_carried(error: JournalError, medium: &dyn Store) -> Failure {
    let failure = Failure::from(error);
    let state = format!(
        "the commits of {} are kept in the vault; not all of its entries stand in the ledger yet",
        medium.place()
    );
    failure.state(state)
}

fn of_ledger(error: LedgerError) -> Failure {
    Failure::from(JournalError::from(error))
}

fn nothing(medium: &dyn Store) -> Failure {
    Failure::new(
        Class::Refused,
        "nothing-to-join",
        format!("{} holds no entry of a ledger", medium.place()),
        "nothing was changed",
    )
    .hint("it takes the folder that was given with --ledger when the vault was opened")
}

fn ahead(first: u64, newest: u64) -> Failure {
    Failure::new(
        Class::Refused,
        "vault-behind",
        format!(
            "what is to be joined begins with commit {first} of the ledger, and this vault ends with {newest}"
        ),
        "nothing was changed",
    )
    .hint("is this the main vault? it is older than the copy that was opened: --vault PLACE")
}
