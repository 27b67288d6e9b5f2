//! Bringing what was recorded offline home: the commits on another medium join the ledger that they continue.

use std::sync::Arc;

use super::open_vault::OpenVault;
use crate::ledger::{self, Journal, JournalError, Kinship, Ledger, LedgerError, Seen};
use crate::model::{Class, Failure, Name};
use crate::ports::Store;

/// What was joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// How many entries are new in the vault's ledger.
    pub entries: u64,
    /// How many there are now.
    pub size: u64,
    /// The incidents that are not closed, now.
    pub open: Vec<Name>,
}

/// Joins the commits on `medium` to the vault's ledger. `both` reads the vault with them in it.
///
/// Everything is checked before anything is written: signatures, the tree, and whether each entry can stand
/// where it would. Then each commit is made as it is, if its number is free.
///
/// # Errors
/// [`Class::Refused`] where there is nothing to join, or where both ledgers went on and differ;
/// [`Class::Integrity`] where an entry is not good.
pub fn join(
    vault: &mut OpenVault<'_>,
    medium: &dyn Store,
    both: &dyn Store,
) -> Result<Joined, Failure> {
    let before = vault.journal.head();
    let main = vault.world.store;
    let kinship = ledger::kinship(main, medium).map_err(of_ledger)?;
    if let Kinship::Continues { first, last } = kinship {
        check(vault, both)?;
        ledger::adopt(main, medium, first, last).map_err(|error| match error {
            LedgerError::Moved => parted(first, medium),
            other => of_ledger(other),
        })?;
        // For speed alone, so that it could not be done is no failure.
        let _ = Ledger::open(main, vault.chain.vault()).and_then(|mut ledger| ledger.repair());
        vault.journal.reload()?;
        vault.remember()?;
    }
    match kinship {
        Kinship::Nothing => Err(nothing(medium)),
        Kinship::Parted { at } => Err(parted(at, medium)),
        Kinship::Ahead { first, newest } => Err(ahead(first, newest)),
        Kinship::Contained | Kinship::Continues { .. } => Ok(joined(vault, before.size)),
    }
}

fn joined(vault: &OpenVault<'_>, before: u64) -> Joined {
    let size = vault.journal.head().size;
    let incidents = vault.state().incidents.iter();
    Joined {
        entries: size.saturating_sub(before),
        size,
        open: incidents
            .filter(|(_, incident)| incident.is_live())
            .map(|(name, _)| name.clone())
            .collect(),
    }
}

/// Reads the ledger as it will be.
fn check(vault: &OpenVault<'_>, both: &dyn Store) -> Result<(), Failure> {
    let head = vault.journal.head();
    let seen = Seen {
        size: head.size,
        root: head.root,
    };
    let station = vault.world.station;
    let chain = Arc::clone(&vault.chain);
    Journal::open(both, chain, Some(seen), &station.name, &station.signer)?;
    Ok(())
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
    .hint("is this the main vault? it is older than the copy that was opened: --vault DIR")
}

fn parted(at: u64, medium: &dyn Store) -> Failure {
    Failure::new(
        Class::Refused,
        "ledger-parted",
        format!(
            "both ledgers went on after commit {}: commit {at} of {} is another than the vault's",
            at.saturating_sub(1),
            medium.place()
        ),
        "nothing was changed; both are whole, and the opening that was recorded offline stands in the other \
         alone",
    )
    .hint(format!(
        "keep {} as it is, read-only: it is the evidence of what was opened",
        medium.place()
    ))
    .hint("whatever was opened there is not closed: breakglass rotate puts new keys in the place of all")
    .hint("call the security officer")
}
