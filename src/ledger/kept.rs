//! Whether what was carried over from joined ledgers is what stands in them.

use super::event::{Entry, Event};
use super::journal::JournalError;
use super::state::VaultState;
use super::{Branch, Ledger, LedgerError};
use crate::format::strict;
use crate::model::Digest;
use crate::ports::Store;

/// Compares every ledger that was joined, as it is kept in the vault, with what the vault's own ledger says of
/// it: its heads, and each entry that was carried over. None may be missing. Shows each to `check`.
///
/// # Errors
/// [`JournalError::Corrupt`] names the ledger; what `check` says.
pub fn verify_joined(
    store: &dyn Store,
    vault: Digest,
    state: &VaultState,
    mut check: impl FnMut(&Branch<'_>) -> Result<(), JournalError>,
) -> Result<usize, JournalError> {
    if state.joined.is_empty() {
        return Ok(0);
    }
    let carried = all_carried(store, vault)?;
    for (root, joined) in &state.joined {
        let branch = Branch::kept(store, root)?;
        check(&branch)?;
        let wrong = |commit, what: &str| {
            let reason = format!("of the joined ledger {}: {what}", root.short());
            JournalError::from(LedgerError::corrupt(commit, reason))
        };
        let mut heads = joined.heads.clone();
        let read = Ledger::replay(&branch, vault, |at| {
            if at.commit < branch.from() {
                return Ok(());
            }
            heads.remove(&at.head.size);
            if joined.heads.get(&at.head.size) != Some(&at.head.root) {
                return Err(wrong(at.commit, "it leads to another head than was joined"));
            }
            let entry: Entry = strict::read(at.bytes).map_err(JournalError::Internal)?;
            if entry.event.is_carried() && !carried.contains(&(at.index, entry)) {
                let what = format!("its entry {} was not carried over as it is", at.index);
                return Err(wrong(at.commit, &what));
            }
            Ok(())
        })?;
        if read.head().root != *root || !heads.is_empty() {
            return Err(wrong(read.head().commit, "its end is missing"));
        }
    }
    Ok(state.joined.len())
}

/// Every entry that was carried over, from whichever ledger.
fn all_carried(store: &dyn Store, vault: Digest) -> Result<Vec<(u64, Entry)>, JournalError> {
    let mut found = Vec::new();
    Ledger::replay(store, vault, |at| {
        let entry: Entry = strict::read(at.bytes).map_err(JournalError::Internal)?;
        if let Event::Carried { index, entry, .. } = entry.event {
            found.push((index, *entry));
        }
        Ok::<(), JournalError>(())
    })?;
    Ok(found)
}
