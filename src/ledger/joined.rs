//! Ledgers that parted from this one, were recorded offline, and are joined to it: what an entry of theirs
//! means here.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::event::{Entry, Event};
use super::replay::{Impossible, contradiction};
use super::state::{IncidentPhase, VaultState};
use crate::model::{Digest, Name};

/// A head, as an entry names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadRef {
    /// How many entries there are.
    pub size: u64,
    /// The root hash over them.
    pub root: Digest,
}

impl From<super::Head> for HeadRef {
    fn from(head: super::Head) -> Self {
        Self {
            size: head.size,
            root: head.root,
        }
    }
}

/// A ledger that was joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinedLedger {
    /// The last head that both have.
    pub parted: HeadRef,
    /// Its heads since, by their size.
    pub heads: BTreeMap<u64, Digest>,
    /// The number in it from which on entries may still be carried over.
    pub next: u64,
}

impl JoinedLedger {
    /// Whether it parted at this head, or had it since.
    pub(super) fn had(&self, head: &HeadRef) -> bool {
        *head == self.parted || self.heads.get(&head.size) == Some(&head.root)
    }
}

impl Event {
    /// Whether it is carried over when a ledger is joined: what was opened, in which incident or in a drill. What makes
    /// and ends keys happens at the main vault alone.
    pub fn is_carried(&self) -> bool {
        matches!(
            self,
            Self::IncidentDeclared { .. }
                | Self::OpeningIntended { .. }
                | Self::Refused { .. }
                | Self::Opened { .. }
                | Self::DrillIntended { .. }
                | Self::Drilled { .. }
                | Self::SessionsIntended { .. }
                | Self::Delivered { .. }
                | Self::Released { .. }
        )
    }
}

/// Reads an entry that may be carried over.
pub(super) fn carried<'de, D: Deserializer<'de>>(from: D) -> Result<Box<Entry>, D::Error> {
    let entry = Box::<Entry>::deserialize(from)?;
    if entry.event.is_carried() {
        Ok(entry)
    } else {
        Err(serde::de::Error::custom(
            "an entry of this kind is not carried over",
        ))
    }
}

impl VaultState {
    pub(super) fn apply_joined(&mut self, event: &Event) -> Result<(), Impossible> {
        match event {
            Event::LedgerJoined {
                parted,
                main,
                heads,
            } => self.ledger_joined(*parted, *main, heads),
            Event::Carried {
                ledger,
                index,
                entry,
            } => self.carried(ledger, *index, entry),
            _ => Ok(()),
        }
    }

    fn ledger_joined(
        &mut self,
        parted: HeadRef,
        main: HeadRef,
        heads: &[HeadRef],
    ) -> Result<(), Impossible> {
        let sizes: Vec<u64> = heads.iter().map(|head| head.size).collect();
        let ascending = sizes.windows(2).all(|pair| pair[0] < pair[1]);
        let after = sizes.first().is_some_and(|first| *first > parted.size);
        let Some(newest) = heads.last().filter(|_| ascending && after) else {
            return Err(contradiction("a joined ledger's heads are out of order"));
        };
        if main.size < parted.size {
            return Err(contradiction("a joined ledger parted after it was joined"));
        }
        let joined = JoinedLedger {
            parted,
            heads: heads.iter().map(|head| (head.size, head.root)).collect(),
            next: parted.size,
        };
        match self.joined.insert(newest.root, joined) {
            None => Ok(()),
            Some(_) => Err(contradiction(format!(
                "the ledger {} is joined twice",
                newest.root
            ))),
        }
    }

    /// An entry means here what it meant there, but that what was opened there stays open until it is closed
    /// here: a key that is not in force any more was opened all the same, and an incident that was closed
    /// meanwhile is open again.
    fn carried(&mut self, ledger: &Digest, index: u64, entry: &Entry) -> Result<(), Impossible> {
        let joined = self.joined.get_mut(ledger);
        let joined =
            joined.ok_or_else(|| contradiction(format!("no ledger {ledger} was joined")))?;
        let end = joined.heads.last_key_value().map_or(0, |(size, _)| *size);
        if !(joined.next..end).contains(&index) {
            return Err(contradiction(format!(
                "entry {index} of the ledger {ledger} is carried over out of turn"
            )));
        }
        joined.next = index + 1;
        match &entry.event {
            Event::Refused { .. } => {
                self.refusals += 1;
                Ok(())
            }
            Event::Opened { statement } => self.opened(statement, true),
            Event::DrillIntended { .. } | Event::Drilled { .. } => {
                self.apply_drill(&entry.event, true)
            }
            Event::OpeningIntended { incident, .. } => {
                self.open_again(incident);
                self.apply_incident(&entry.event, entry.time)
            }
            other => self.apply_incident(other, entry.time),
        }
    }

    pub(super) fn open_again(&mut self, incident: &Name) {
        if let Some(known) = self.incidents.get_mut(incident) {
            known.phase = IncidentPhase::Open;
        }
    }
}
