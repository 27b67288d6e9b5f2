//! The ledger: an append-only log (C2SP tlog, RFC 6962) of signed commits in a store.
//!
//! An append creates the next numbered object, `ledger/commit/<n>`, only if it is absent: that is the
//! commit point, and all that two writers ever race for. It holds the new entries and the signed head of
//! the tree with them in it. Everything else (tiles, entry bundles, the plain checkpoint) is derived from
//! these objects by whoever comes next, and losing it loses nothing.
//!
//! Entries are bytes here, UTF-8, 1 to [`ENTRY_MAX`] of them. No two entries should be alike (an event has
//! a time or a random number in it): where a store loses its answer, the bytes are what tells our commit
//! from somebody else's.

mod ahead;
mod archive;
mod branch;
mod bundle;
mod commit;
mod derived;
mod error;
mod event;
mod incidents;
mod join;
mod joined;
mod journal;
mod kept;
mod log;
mod names;
mod note;
mod reading;
mod recorded;
mod replay;
mod state;
mod tree;
mod verify;
mod walk;
mod witness;

pub use archive::ARCHIVED_FROM;
pub use branch::Branch;
pub use bundle::ENTRY_MAX;
pub use commit::{COMMIT_ENTRIES, COMMIT_MAX, FIRST_LINE as COMMIT_MAGIC};
pub use derived::Derived;
pub use error::LedgerError;
pub use event::{
    CredentialDefinition, DeliveredSession, Delivery, Entry, Event, Retirement, RetirementCause,
};
pub use join::{Kinship, adopt, kinship};
pub use joined::{HeadRef, JoinedLedger};
pub use journal::{Journal, JournalError, Seen};
pub use kept::verify_joined;
pub use log::{Head, Ledger};
pub use note::{LedgerSigner, origin};
pub use reading::Rights;
pub use recorded::Recorded;
pub use replay::{Impossible, Writer};
pub use state::{
    Claim, CompartmentState, CredentialState, IncidentPhase, IncidentState, KeyIntent, KeyState,
    Orphan, VaultState,
};
pub use verify::{Anchor, Completeness, SignerCount, Verified, verify};
pub use walk::EntryAt;
