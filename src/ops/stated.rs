//! What witnesses state of an opening or a drill: it stands on one head of the ledger and is recorded on that head.

use super::open_vault::OpenVault;
use crate::ledger::{Head, Impossible, Journal, JournalError};
use crate::model::{Class, Failure, Timestamp};

/// How often others may add to the ledger between stating and recording.
const RACES: u32 = 100;

/// States and records, anew on each head that somebody else has made meanwhile: what a rotation did in between is
/// seen, and nothing is stated of a key that is no longer in force. `record` answers with nothing where the head was
/// overtaken.
///
/// # Errors
/// [`Failure`]; nothing is recorded then.
pub(super) fn on_one_head<S, T>(
    vault: &mut OpenVault<'_>,
    state: impl Fn(&Head, Timestamp) -> Result<Vec<S>, Failure>,
    record: impl Fn(&mut Journal<'_>, &Head, Timestamp, Vec<S>) -> Result<Option<T>, JournalError>,
) -> Result<T, Failure> {
    for _ in 0..RACES {
        let now = vault.world.clock.now();
        let head = vault.journal.head();
        let statements = state(&head, now)?;
        match record(&mut vault.journal, &head, now, statements) {
            Ok(Some(recorded)) => return Ok(recorded),
            Ok(None) => {}
            Err(JournalError::Refused(reason)) => return Err(overtaken(&reason)),
            Err(other) => return Err(other.into()),
        }
    }
    Err(Failure::new(
        Class::Failed,
        "ledger-busy",
        "others keep adding to the ledger",
        "nothing was opened",
    ))
}

/// The ledger does not take the opening: between the first look and the last touch the key was replaced,
/// or its incident closed.
fn overtaken(reason: &Impossible) -> Failure {
    Failure::new(
        Class::Refused,
        "overtaken",
        format!("while the two of you were at it, something changed: {reason}"),
        "nothing was opened",
    )
    .hint("run the same command again: it opens what is in force now")
}
