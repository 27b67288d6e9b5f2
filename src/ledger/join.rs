//! Bringing the commits that were made on another medium home to the ledger that they continue.

use super::walk;
use super::{LedgerError, names};
use crate::ports::Store;

/// What the commits on another medium are to a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinship {
    /// There are none.
    Nothing,
    /// All of them are in the ledger already.
    Contained,
    /// They continue it with the commits `first` to `last`.
    Continues {
        /// The first that the ledger does not have.
        first: u64,
        /// The last there.
        last: u64,
    },
    /// Both have a commit of this number, and the two differ: a fork.
    Parted {
        /// The first that differs.
        at: u64,
    },
    /// They begin after a commit that the ledger does not have.
    Ahead {
        /// Their first.
        first: u64,
        /// The ledger's newest.
        newest: u64,
    },
}

/// Compares the commits on another medium with a ledger, by their bytes alone: whether they hold is for whoever
/// reads both together.
///
/// # Errors
/// [`LedgerError::Corrupt`] where one of them is missing in between, [`LedgerError::Stray`],
/// [`LedgerError::Store`].
pub fn kinship(ledger: &dyn Store, medium: &dyn Store) -> Result<Kinship, LedgerError> {
    let numbers = medium
        .list(&names::commits()?)?
        .iter()
        .map(names::commit_number)
        .collect::<Result<Vec<u64>, _>>()?;
    let Some((&first, &last)) = numbers.first().zip(numbers.last()) else {
        return Ok(Kinship::Nothing);
    };
    // The names are sorted, and have all the same length.
    if let Some((expected, _)) = (first..).zip(&numbers).find(|(n, found)| n != *found) {
        return Err(LedgerError::corrupt(
            expected,
            "it is missing among those to be joined",
        ));
    }
    let newest = walk::newest(ledger)?;
    for at in first..=last.min(newest) {
        if walk::read_listed(ledger, at)? != walk::read_listed(medium, at)? {
            return Ok(Kinship::Parted { at });
        }
    }
    Ok(if last <= newest {
        Kinship::Contained
    } else if first > newest + 1 {
        Kinship::Ahead { first, newest }
    } else {
        Kinship::Continues {
            first: newest + 1,
            last,
        }
    })
}

/// Makes the commits `first` to `last` in the ledger as they are on the other medium, one after the other. What
/// was made is a ledger by itself at every moment, and doing it again goes on.
///
/// # Errors
/// [`LedgerError::Moved`] where somebody else made a commit of one of these numbers meanwhile.
pub fn adopt(
    ledger: &dyn Store,
    medium: &dyn Store,
    first: u64,
    last: u64,
) -> Result<(), LedgerError> {
    for number in first..=last {
        super::log::create(ledger, number, &walk::read_listed(medium, number)?)?;
    }
    Ok(())
}
