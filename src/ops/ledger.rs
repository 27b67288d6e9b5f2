//! Looking at the ledger: its two verdicts, and its entries.

use super::documents::{self, Documents};
use super::open_vault::{OpenVault, read_chain, require_begun};
use super::world::World;
use crate::format::Rotator;
use crate::ledger::{self, Anchor, Completeness, Entry, EntryAt, Event, Journal, Seen, Verified};
use crate::manifest::{Chain, Pin};
use crate::model::{Failure, Name};
use crate::ports::Remembered;
use std::sync::Arc;

/// What a verification found.
pub struct LedgerReport {
    /// Hashes, signatures, signers.
    pub verified: Verified,
    /// The rotators that the manifest in force names. Names in the ledger are claims: keys count.
    pub rotators: Vec<Rotator>,
    /// How many ledgers were joined to it that had parted from it.
    pub joined: usize,
    /// The sealed documents that the ledger names.
    pub documents: Documents,
}

impl LedgerReport {
    /// Whether nothing is missing, as far as the anchor of this station knows.
    pub fn is_complete(&self) -> bool {
        matches!(self.verified.complete, Completeness::Complete { .. })
    }

    /// Whether nothing in it speaks against the ledger.
    fn is_silent(&self) -> bool {
        let told = matches!(
            self.verified.complete,
            Completeness::Missing { .. } | Completeness::Forked { .. }
        );
        !told && self.documents.bad.is_empty() && self.documents.unknown.is_empty()
    }
}

/// Verifies the ledger, and that everything sealed is what the ledger says. What this station remembers is
/// the anchor.
///
/// # Errors
/// [`crate::model::Class::Integrity`] names the first entry that is not good. What is cut off, and documents
/// that are not good, are in the report.
pub fn verify(world: &World<'_>) -> Result<LedgerReport, Failure> {
    let seen = world.station.memory.recall()?;
    let chain = Arc::new(pinned_chain(world, seen.as_ref())?);
    let listed = documents::listed(world.store)?;
    let anchors: Vec<Anchor> = seen
        .iter()
        .map(|seen| Anchor {
            size: seen.ledger_size,
            root: seen.ledger_root,
        })
        .collect();
    // The meaning, too: who may write what, and every witness's signature.
    let station = world.station;
    let (verified, journal) = Journal::verify(
        world.store,
        chain.clone(),
        &anchors,
        &station.name,
        &station.signer,
    )?;
    let joined = ledger::verify_joined(world.store, chain.vault(), journal.state(), |branch| {
        let chain = chain.clone();
        Journal::open(branch, chain, None, &station.name, &station.signer).map(drop)
    })?;
    let rotators = chain.newest().rotators.clone();
    let vault = OpenVault {
        world,
        chain,
        journal,
    };
    let documents = documents::documents(&vault, listed)?;
    let report = LedgerReport {
        verified,
        rotators,
        joined,
        documents,
    };
    // An anchor, or what is sealed, tells more of a ledger that is gone.
    if report.is_silent() {
        require_begun(world, &vault.journal)?;
    }
    Ok(report)
}

/// The manifests, compared with what this station remembers, if it remembers anything: the ledger can be
/// looked at on a machine that has never seen the vault.
fn pinned_chain(world: &World<'_>, seen: Option<&Remembered>) -> Result<Chain, Failure> {
    let chain = read_chain(world.store)?;
    if let Some(seen) = seen {
        let pin = Pin {
            vault: seen.vault,
            version: seen.version,
            manifest: seen.manifest,
        };
        chain.compare(&pin)?;
    }
    Ok(chain)
}

/// One entry, to be shown.
pub struct LoggedEntry {
    /// Its index.
    pub index: u64,
    /// Its commit.
    pub commit: u64,
    /// Who signed the commit.
    pub signer: Name,
    /// What it says.
    pub entry: Entry,
}

/// All entries, oldest first; of one incident alone if it is named.
///
/// # Errors
/// [`crate::model::Class::Integrity`] where the ledger is not good, or not all of what this station has seen.
pub fn log(world: &World<'_>, incident: Option<&Name>) -> Result<Vec<LoggedEntry>, Failure> {
    let seen = world.station.memory.recall()?;
    let chain = Arc::new(pinned_chain(world, seen.as_ref())?);
    // What is shown is all of it, as far as this station remembers, and nothing that cannot stand there.
    let station = world.station;
    let seen = seen.map(|seen| Seen {
        size: seen.ledger_size,
        root: seen.ledger_root,
    });
    let mut entries = Vec::new();
    let show = |at: &EntryAt<'_>, entry: Entry| {
        if incident.is_none_or(|wanted| concerns(&entry.event, wanted)) {
            entries.push(LoggedEntry {
                index: at.index,
                commit: at.commit,
                signer: at.signer_name.clone(),
                entry,
            });
        }
    };
    let journal = Journal::open_showing(
        world.store,
        chain,
        seen,
        &station.name,
        &station.signer,
        show,
    )?;
    require_begun(world, &journal)?;
    Ok(entries)
}

fn concerns(event: &Event, wanted: &Name) -> bool {
    match event {
        Event::IncidentDeclared { incident, .. }
        | Event::OpeningIntended { incident, .. }
        | Event::SessionsIntended { incident, .. }
        | Event::Delivered { incident, .. }
        | Event::Released { incident, .. }
        | Event::ClosingIntended { incident, .. }
        | Event::LeaseExpired { incident, .. }
        | Event::ClosingFailed { incident, .. }
        | Event::IncidentClosed { incident } => incident == wanted,
        Event::Carried { entry, .. } => concerns(&entry.event, wanted),
        Event::Refused { incident, .. } => incident.as_ref() == Some(wanted),
        Event::Opened { statement } => statement
            .document::<crate::format::OpenedStatement>()
            .is_ok_and(|statement| statement.incident == *wanted),
        _ => false,
    }
}
