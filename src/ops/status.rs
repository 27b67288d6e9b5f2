//! What a person must know of the vault: who can open it, what is overdue, what is open.

use std::time::Duration;

use super::due::{due_at, is_due, sealed_for_others, unsettled};
use super::open_vault::OpenVault;
use super::rotate::grace;
use crate::incident;
use crate::ledger::IncidentPhase;
use crate::model::{Digest, Name, Presence, Role, Timestamp};

/// The state of a vault, for people and monitors.
#[derive(Debug)]
pub struct Status {
    /// Its name.
    pub vault: Name,
    /// Its fingerprint.
    pub fingerprint: Digest,
    /// The manifest in force.
    pub manifest_version: u64,
    /// The number of entries in the ledger.
    pub ledger_size: u64,
    /// Each opening role.
    pub roles: Vec<RoleStatus>,
    /// The rotators.
    pub rotators: Vec<Name>,
    /// Whether this station is one.
    pub is_rotator: bool,
    /// The compartments.
    pub compartments: Vec<CompartmentStatus>,
    /// The credentials.
    pub credentials: Vec<CredentialStatus>,
    /// The incidents that are not closed.
    pub incidents: Vec<IncidentStatus>,
    /// What somebody must do.
    pub attention: Vec<Attention>,
}

/// How a role stands.
#[derive(Debug)]
pub struct RoleStatus {
    /// The role.
    pub role: Role,
    /// How many make a quorum.
    pub threshold: u8,
    /// The custodians, and how many tokens each has.
    pub custodians: Vec<(Name, usize)>,
    /// How many tokens may be lost, in the worst order, until the role has no quorum.
    pub losses_left: usize,
    /// Whether one of its tokens proves no touch.
    pub without_touch: bool,
}

/// How a compartment stands.
#[derive(Debug)]
pub struct CompartmentStatus {
    /// Its name.
    pub name: Name,
    /// The newest committed generation, and when it was.
    pub committed: Option<(u64, Timestamp)>,
    /// When it is due.
    pub due: Option<Timestamp>,
}

/// How a credential stands.
#[derive(Debug)]
pub struct CredentialStatus {
    /// Its name.
    pub name: Name,
    /// Its compartment.
    pub compartment: Name,
    /// The account.
    pub account: String,
    /// The user.
    pub user: String,
    /// The key that an opening gives, its generation, and since when.
    pub key: Option<(String, u64, Timestamp)>,
}

/// How an incident stands.
#[derive(Debug)]
pub struct IncidentStatus {
    /// Its name.
    pub name: Name,
    /// Why it was declared.
    pub reason: String,
    /// When its lease runs out.
    pub expires: Timestamp,
    /// Whether closing was begun.
    pub closing: bool,
    /// What is still to be done to close it.
    pub outstanding: Vec<String>,
}

/// Something that somebody must do, and the command that does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attention {
    /// What.
    pub what: String,
    /// What to type.
    pub command: String,
}

/// Draws up the state of a vault.
pub fn status(vault: &OpenVault<'_>) -> Status {
    let now = vault.world.clock.now();
    let manifest = vault.manifest();
    let id = vault.world.station.signer.key_id();
    let mut status = Status {
        vault: manifest.vault.clone(),
        fingerprint: vault.chain.vault(),
        manifest_version: manifest.version,
        ledger_size: vault.journal.head().size,
        roles: Role::ALL
            .into_iter()
            .map(|role| role_status(vault, role))
            .collect(),
        rotators: manifest
            .rotators
            .iter()
            .map(|rotator| rotator.name.clone())
            .collect(),
        is_rotator: manifest.rotator(&id).is_some(),
        compartments: manifest
            .compartments
            .iter()
            .map(|name| compartment(vault, name))
            .collect(),
        credentials: credentials(vault),
        incidents: incidents(vault),
        attention: Vec::new(),
    };
    status.attention = attention(vault, &status, now);
    status
}

fn role_status(vault: &OpenVault<'_>, role: Role) -> RoleStatus {
    let manifest = vault.manifest();
    let threshold = manifest.thresholds.of(role);
    let mut tokens: Vec<usize> = manifest
        .holders(role)
        .map(|(_, custodian)| custodian.tokens.len())
        .collect();
    // The worst order takes whole people out, those with the fewest tokens first.
    tokens.sort_unstable();
    let spare_people = tokens.len().saturating_sub(usize::from(threshold));
    let until_broken: usize = tokens.iter().take(spare_people + 1).sum();
    RoleStatus {
        role,
        threshold,
        custodians: manifest
            .holders(role)
            .map(|(_, custodian)| (custodian.name.clone(), custodian.tokens.len()))
            .collect(),
        losses_left: if threshold == 0 {
            0
        } else {
            until_broken.saturating_sub(1)
        },
        without_touch: manifest
            .tokens()
            .any(|(c, token)| c.role == role && token.keys.presence == Presence::None),
    }
}

fn compartment(vault: &OpenVault<'_>, name: &Name) -> CompartmentStatus {
    let committed = vault
        .state()
        .compartments
        .get(name)
        .and_then(|known| known.committed);
    CompartmentStatus {
        name: name.clone(),
        committed,
        due: due_at(vault, name),
    }
}

fn credentials(vault: &OpenVault<'_>) -> Vec<CredentialStatus> {
    let of = |credential: &crate::ledger::CredentialState| CredentialStatus {
        name: credential.definition.name.clone(),
        compartment: credential.definition.compartment.clone(),
        account: credential.definition.account.to_string(),
        user: credential.definition.user.to_string(),
        key: credential
            .current()
            .map(|key| (key.id.to_string(), key.generation, key.sealed)),
    };
    vault.state().credentials.values().map(of).collect()
}

fn incidents(vault: &OpenVault<'_>) -> Vec<IncidentStatus> {
    let state = vault.state();
    let live = state
        .incidents
        .iter()
        .filter(|(_, incident)| incident.is_live());
    live.map(|(name, known)| IncidentStatus {
        name: name.clone(),
        reason: known.reason.to_string(),
        expires: known.expires,
        closing: known.phase == IncidentPhase::Closing,
        outstanding: incident::outstanding(state, known)
            .iter()
            .map(describe)
            .collect(),
    })
    .collect()
}

fn describe(left: &incident::Outstanding<'_>) -> String {
    let what = if left.deactivation {
        "is active"
    } else if left.refusal {
        "is deactivated and was not seen to be refused"
    } else {
        "is dead; older sessions are not denied"
    };
    format!("{}: {} {what}", left.credential, left.key)
}

/// A key that was to be deleted by now is worth a word after this long: it is deactivated, and the next
/// scheduled run takes it.
const A_DAY: Duration = Duration::from_secs(24 * 3600);

fn attention(vault: &OpenVault<'_>, status: &Status, now: Timestamp) -> Vec<Attention> {
    let mut list = Vec::new();
    for incident in &status.incidents {
        let what = if incident.closing {
            format!(
                "incident {} is NOT CLOSED: closing was begun and not finished",
                incident.name
            )
        } else if incident.expires <= now {
            format!(
                "incident {} is NOT CLOSED: its lease ran out at {}",
                incident.name, incident.expires
            )
        } else {
            format!(
                "incident {} is open until {}",
                incident.name, incident.expires
            )
        };
        list.push(Attention {
            what,
            command: format!("breakglass close {}", incident.name),
        });
    }
    for compartment in &status.compartments {
        if is_due(vault, &compartment.name, now) {
            let others = sealed_for_others(vault, &compartment.name);
            let what = match (others, compartment.due) {
                (Some(version), _) => format!(
                    "{} is still sealed for the people and tokens of manifest {version}",
                    compartment.name
                ),
                (None, Some(due)) if due <= now => {
                    format!("{} was due for rotation at {due}", compartment.name)
                }
                (None, _) => format!("{} has something unsealed or unfinished", compartment.name),
            };
            let command = format!("breakglass rotate {}", compartment.name);
            list.push(Attention { what, command });
        } else if !unsettled(vault, &compartment.name, grace(vault) + A_DAY).is_empty() {
            list.push(Attention {
                what: format!(
                    "a rotation of {} left something to clear away",
                    compartment.name
                ),
                command: format!("breakglass rotate --due {}", compartment.name),
            });
        }
    }
    list
}
