//! What a long ledger added up to, kept outside the vault so that an opening need not read all of it again.
//!
//! An archive holds one row for each credential, compartment and incident, as they were at one head, and a
//! summary that names that head. It is written only by who has read and checked the whole ledger, and is
//! as trustworthy as the anchor beside it. A reading that begins there fetches the rows that its entries
//! speak of; what contradicts them is judged by reading everything, never by the archive.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Head;
use super::event::Event;
use super::joined::JoinedLedger;
use super::state::VaultState;
use crate::format::{DrilledStatement, OpenedStatement};
use crate::model::{Digest, Name};
use crate::ports::{Archive, Archived};

/// From how many entries on a ledger is archived: a shorter one is read in a moment, all of it.
pub const ARCHIVED_FROM: u64 = 1024;

/// By how many entries an archive may be behind before it is made anew.
const LAG: u64 = 32;

/// Something that has a row of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    Compartment(Name),
    Credential(Name),
    Incident(Name),
}

impl Row {
    fn key(&self) -> String {
        match self {
            Self::Compartment(name) => format!("compartment/{name}"),
            Self::Credential(name) => format!("credential/{name}"),
            Self::Incident(name) => format!("incident/{name}"),
        }
    }

    /// Its value in a state.
    fn write(&self, state: &VaultState) -> Option<Vec<u8>> {
        match self {
            Self::Compartment(name) => bytes(state.compartments.get(name)?),
            Self::Credential(name) => bytes(state.credentials.get(name)?),
            Self::Incident(name) => bytes(state.incidents.get(name)?),
        }
    }

    /// Puts a value into a state.
    fn read(&self, value: &[u8], state: &mut VaultState) -> Result<(), Unusable> {
        match self {
            Self::Compartment(name) => drop(state.compartments.insert(name.clone(), parse(value)?)),
            Self::Credential(name) => drop(state.credentials.insert(name.clone(), parse(value)?)),
            Self::Incident(name) => drop(state.incidents.insert(name.clone(), parse(value)?)),
        }
        Ok(())
    }
}

/// What an event reads or changes. The state is that before it.
pub(super) fn mentioned(event: &Event, state: &VaultState) -> Vec<Row> {
    let credential = |name: &Name| Row::Credential(name.clone());
    let credentials = |names: &[Name]| names.iter().map(credential).collect::<Vec<_>>();
    let incident = |name: &Name| Row::Incident(name.clone());
    match event {
        Event::VaultFounded { .. }
        | Event::ManifestIntended { .. }
        | Event::ManifestAdopted { .. }
        | Event::Refused { .. }
        | Event::LedgerJoined { .. } => Vec::new(),
        Event::Carried { entry, .. } => mentioned(&entry.event, state),
        Event::CredentialAdded { credential: new } => vec![credential(&new.name)],
        Event::RotationBegun { compartment, .. } => vec![Row::Compartment(compartment.clone())],
        Event::GenerationCommitted {
            compartment,
            credentials: names,
            ..
        } => [
            credentials(names),
            vec![Row::Compartment(compartment.clone())],
        ]
        .concat(),
        Event::RolesSet { credential: of, .. }
        | Event::CredentialRetired { credential: of, .. }
        | Event::KeyIntended { credential: of, .. }
        | Event::KeySealed { credential: of, .. }
        | Event::KeyProved { credential: of, .. }
        | Event::KeyRetiring { credential: of, .. }
        | Event::KeyDeactivated { credential: of, .. }
        | Event::KeyDeleted { credential: of, .. }
        | Event::KeyMissing { credential: of, .. }
        | Event::KeyAbandoned { credential: of, .. }
        | Event::KeyUnanswered { credential: of, .. }
        | Event::KeyRefused { credential: of, .. }
        | Event::UnexplainedUse { credential: of, .. }
        | Event::RotationFailed { credential: of, .. } => vec![credential(of)],
        Event::IncidentDeclared {
            incident: of,
            credentials: names,
            ..
        }
        | Event::OpeningIntended {
            incident: of,
            credentials: names,
            ..
        }
        | Event::Delivered {
            incident: of,
            credentials: names,
            ..
        } => [credentials(names), vec![incident(of)]].concat(),
        Event::SessionsIntended {
            incident: of,
            credential: name,
            ..
        } => vec![credential(name), incident(of)],
        Event::Opened { statement } => match statement.document::<OpenedStatement>() {
            Ok(stated) => vec![credential(&stated.credential), incident(&stated.incident)],
            Err(_) => Vec::new(),
        },
        Event::DrillIntended { credentials: names } => credentials(names),
        Event::Drilled { statement } => match statement.document::<DrilledStatement>() {
            Ok(stated) => vec![credential(&stated.credential)],
            Err(_) => Vec::new(),
        },
        Event::SessionsDenied { credential: of, .. } => {
            let live = state.incidents.iter().filter(|(_, known)| known.is_live());
            let live = live.map(|(name, _)| incident(name));
            live.chain([credential(of)]).collect()
        }
        Event::Released { incident: of, .. }
        | Event::ClosingIntended { incident: of, .. }
        | Event::LeaseExpired { incident: of, .. }
        | Event::ClosingFailed { incident: of, .. }
        | Event::IncidentClosed { incident: of } => vec![incident(of)],
    }
}

/// What else must be at hand where these rows are: the compartment of a credential, what was opened in an
/// incident.
fn behind(row: &Row, state: &VaultState) -> Vec<Row> {
    match row {
        Row::Compartment(_) => Vec::new(),
        Row::Credential(name) => {
            let known = state.credentials.get(name).into_iter();
            known
                .map(|known| Row::Compartment(known.definition.compartment.clone()))
                .collect()
        }
        Row::Incident(name) => {
            let known = state.incidents.get(name).into_iter();
            known
                .flat_map(|known| &known.opened)
                .map(|(name, _)| Row::Credential(name.clone()))
                .collect()
        }
    }
}

/// The archive does not serve: everything must be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unusable;

/// What is not a row of its own, and the head that all rows belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Summary {
    vault: Digest,
    commit: u64,
    size: u64,
    root: Digest,
    /// The roots of the largest whole subtrees, from left to right.
    edge: Vec<Digest>,
    manifest: Option<(u64, Digest)>,
    strangers: BTreeMap<Digest, u64>,
    refusals: u64,
    /// The incidents that are not closed.
    live: Vec<Name>,
    /// The ledgers that were joined.
    #[serde(default)]
    joined: BTreeMap<Digest, JoinedLedger>,
}

/// An archive that a reading began at.
pub(super) struct Source {
    archived: Box<dyn Archived>,
    /// The rows that were asked for, there or not.
    fetched: BTreeSet<Row>,
}

/// Where an archived state stands in the ledger.
pub(super) struct Ground {
    pub(super) head: Head,
    pub(super) edge: Vec<Digest>,
}

impl Source {
    /// Begins at an archive of this vault: its ground, and what the state is without any row but those of
    /// the incidents that are not closed.
    pub(super) fn begin(
        archive: &dyn Archive,
        vault: &Digest,
    ) -> Result<(Self, Ground, VaultState), Unusable> {
        let archived = archive.open().map_err(|_| Unusable)?.ok_or(Unusable)?;
        let summary: Summary = parse(archived.summary())?;
        if summary.vault != *vault {
            return Err(Unusable);
        }
        let mut source = Self {
            archived,
            fetched: BTreeSet::new(),
        };
        let mut state = VaultState {
            vault: Some(summary.vault),
            manifest: summary.manifest,
            strangers: summary.strangers,
            refusals: summary.refusals,
            joined: summary.joined,
            ..VaultState::default()
        };
        let live = summary.live.into_iter().map(Row::Incident).collect();
        source.fetch(live, &mut state)?;
        let ground = Ground {
            head: Head {
                commit: summary.commit,
                size: summary.size,
                root: summary.root,
            },
            edge: summary.edge,
        };
        Ok((source, ground, state))
    }

    /// Fetches rows that were not fetched yet, and what belongs to them.
    pub(super) fn fetch(
        &mut self,
        mut rows: Vec<Row>,
        state: &mut VaultState,
    ) -> Result<(), Unusable> {
        loop {
            rows.retain(|row| self.fetched.insert(row.clone()));
            if rows.is_empty() {
                return Ok(());
            }
            for row in &rows {
                let value = self.archived.row(&row.key()).map_err(|_| Unusable)?;
                if let Some(value) = value {
                    row.read(&value, state)?;
                }
            }
            rows = rows.iter().flat_map(|row| behind(row, state)).collect();
        }
    }
}

/// Keeps the state of a ledger that was read in full, where it is long enough and has grown enough since
/// for that to pay. `heads` are those that it went through.
pub(super) fn keep(
    archive: &dyn Archive,
    ground: &Ground,
    heads: &BTreeMap<u64, Digest>,
    state: &VaultState,
) -> Result<(), Unusable> {
    if ground.head.size < ARCHIVED_FROM || !is_behind(archive, ground, heads, state) {
        return Ok(());
    }
    let compartments = state.compartments.keys().cloned().map(Row::Compartment);
    let credentials = state.credentials.keys().cloned().map(Row::Credential);
    let incidents = state.incidents.keys().cloned().map(Row::Incident);
    let all = compartments.chain(credentials).chain(incidents);
    let rows = all
        .map(|row| Some((row.key(), row.write(state)?)))
        .collect::<Option<_>>()
        .ok_or(Unusable)?;
    let summary = summary(ground, state).ok_or(Unusable)?;
    archive.keep(&summary, rows).map_err(|_| Unusable)
}

/// Whether what is kept is of another ledger, or so far behind that reading on takes a while.
fn is_behind(
    archive: &dyn Archive,
    ground: &Ground,
    heads: &BTreeMap<u64, Digest>,
    state: &VaultState,
) -> bool {
    let archived = archive.open().ok().flatten();
    let known = archived.and_then(|archived| parse::<Summary>(archived.summary()).ok());
    let ours = known.filter(|known| {
        Some(known.vault) == state.vault && heads.get(&known.size) == Some(&known.root)
    });
    ours.is_none_or(|known| ground.head.size - known.size >= LAG)
}

fn summary(ground: &Ground, state: &VaultState) -> Option<Vec<u8>> {
    let live = state.incidents.iter().filter(|(_, known)| known.is_live());
    bytes(&Summary {
        vault: state.vault?,
        commit: ground.head.commit,
        size: ground.head.size,
        root: ground.head.root,
        edge: ground.edge.clone(),
        manifest: state.manifest,
        strangers: state.strangers.clone(),
        refusals: state.refusals,
        live: live.map(|(name, _)| name.clone()).collect(),
        joined: state.joined.clone(),
    })
}

fn bytes(value: &impl Serialize) -> Option<Vec<u8>> {
    serde_json::to_vec(value).ok()
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unusable> {
    serde_json::from_slice(bytes).map_err(|_| Unusable)
}
