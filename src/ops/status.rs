//! What a person must know of the vault: who can open it, what is overdue, what is open.

use std::time::Duration;

use super::due::{due_at, is_due, left_active_and_free, unsettled};
use super::open_vault::OpenVault;
use super::rotate::retention;
use super::usage::alarms;
use crate::incident;
use crate::ledger::IncidentPhase;
use crate::model::{Digest, Firmware, Name, Presence, Role, Timestamp, TokenIdentity};
use crate::policy::{self, Access, Ending, Exposure, Panel};
use crate::rotation::Retention;

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
    /// How many refusals stand in it.
    pub refusals: u64,
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
    /// How many people may drop out, each with all their tokens, until it has none.
    pub people_left: usize,
    /// Whether one of its tokens proves no touch.
    pub without_touch: bool,
    /// The oldest firmware of its tokens, as far as they attest it.
    pub firmware: Option<Firmware>,
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
    /// Whether a generation was begun and not committed.
    pub unfinished: bool,
    /// Who can open each living generation of it, and who still could.
    pub sealed: Vec<SealedStatus>,
}

/// Who can open a generation, where other people, tokens or thresholds open what is sealed next.
#[derive(Debug)]
pub struct SealedStatus {
    /// The generation.
    pub generation: u64,
    /// The version of the manifest that it was sealed under.
    pub manifest: u64,
    /// Whether an opening gives a key of it.
    pub current: bool,
    /// Who can open it now.
    pub access: Access,
    /// Who could open it with tokens that are enrolled no more.
    pub exposures: Vec<Exposure>,
    /// Whose tokens open nothing of it yet.
    pub newcomers: Vec<(Name, TokenIdentity)>,
    /// What ends it.
    pub ends: Vec<Ending>,
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
    /// When an opening or a drill last showed that this key opens.
    pub exercised: Option<Timestamp>,
    /// When that was last shown of any key of it.
    pub last_exercised: Option<Timestamp>,
    /// Whether the last rotation of it failed.
    pub failed: bool,
    /// How many replaced keys are still active, those that an incident holds aside.
    pub left_active: usize,
    /// The latest use of a key of it that no opening explains, while that key is there.
    pub unexplained_use: Option<Timestamp>,
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
        refusals: vault.state().refusals,
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
    let losses = Panel::of(manifest, role).losses();
    RoleStatus {
        role,
        threshold: manifest.thresholds.of(role),
        custodians: manifest
            .holders(role)
            .map(|(_, custodian)| (custodian.name.clone(), custodian.tokens.len()))
            .collect(),
        losses_left: losses.map_or(0, |losses| losses.tokens),
        people_left: losses.map_or(0, |losses| losses.people),
        without_touch: manifest
            .tokens()
            .any(|(c, token)| c.role == role && token.keys.presence == Presence::None),
        firmware: manifest
            .tokens()
            .filter(|(custodian, _)| custodian.role == role)
            .filter_map(|(_, token)| policy::firmware(token))
            .min(),
    }
}

fn compartment(vault: &OpenVault<'_>, name: &Name) -> CompartmentStatus {
    let state = vault.state();
    // Where all was given up nothing is left to finish.
    let known = state.members(name).next();
    let known = known.and_then(|_| state.compartments.get(name));
    CompartmentStatus {
        name: name.clone(),
        committed: known.and_then(|known| known.committed),
        due: due_at(vault, name),
        unfinished: known.is_some_and(|known| known.unfinished.is_some()),
        sealed: sealed(vault, name),
    }
}

fn sealed(vault: &OpenVault<'_>, name: &Name) -> Vec<SealedStatus> {
    let explained = policy::explain(&vault.chain, vault.state(), std::slice::from_ref(name));
    let sets = explained
        .compartments
        .into_iter()
        .flat_map(|(_, sets)| sets);
    sets.filter(|set| !set.as_next)
        .map(|set| SealedStatus {
            generation: set.set.generation,
            manifest: set.set.manifest.version,
            current: set.set.is_current(),
            ends: set.set.ends(),
            access: set.access,
            exposures: set.exposures,
            newcomers: set.newcomers,
        })
        .collect()
}

fn credentials(vault: &OpenVault<'_>) -> Vec<CredentialStatus> {
    let alarms = alarms(vault);
    let of = |credential: &crate::ledger::CredentialState| CredentialStatus {
        name: credential.definition.name.clone(),
        compartment: credential.definition.compartment.clone(),
        account: credential.definition.account.to_string(),
        user: credential.definition.user.to_string(),
        key: credential
            .current()
            .map(|key| (key.id.to_string(), key.generation, key.sealed)),
        exercised: credential.current().and_then(|key| key.exercised),
        last_exercised: credential.keys.iter().filter_map(|key| key.exercised).max(),
        failed: credential.failed.is_some(),
        left_active: left_active_and_free(vault, credential).count(),
        unexplained_use: alarms
            .iter()
            .filter(|alarm| alarm.credential == credential.definition.name)
            .map(|alarm| alarm.used)
            .max(),
    };
    vault.state().kept().map(of).collect()
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
    list.extend(alarms(vault).iter().map(|alarm| Attention {
        what: alarm.failure().what,
        command: format!("breakglass rotate {}", alarm.compartment),
    }));
    for compartment in &status.compartments {
        list.extend(of_compartment(vault, compartment, now));
    }
    list
}

fn of_compartment(
    vault: &OpenVault<'_>,
    compartment: &CompartmentStatus,
    now: Timestamp,
) -> Option<Attention> {
    let name = &compartment.name;
    let rotate = format!("breakglass rotate {name}");
    let others = compartment.sealed.iter().find(|set| set.current);
    if let Some(set) =
        others.or_else(|| compartment.sealed.iter().find(|s| !s.exposures.is_empty()))
    {
        let rotates = set.ends.contains(&Ending::Rotate(name.clone()));
        let close = set.ends.first().filter(|_| !rotates);
        return Some(Attention {
            what: still_sealed(name, set),
            command: close.map_or(rotate, Ending::to_string),
        });
    }
    if is_due(vault, name, now) {
        let what = match compartment.due {
            Some(due) if due <= now => format!("{name} was due for rotation at {due}"),
            _ => format!("{name} has something unsealed or unfinished"),
        };
        return Some(Attention {
            what,
            command: rotate,
        });
    }
    let Retention { grace, keep } = retention(vault);
    let late = Retention {
        grace: grace + A_DAY,
        keep: keep + A_DAY,
    };
    let left = unsettled(vault, name, late);
    (!left.is_empty()).then(|| Attention {
        what: format!("a rotation of {name} left something to clear away"),
        command: format!("breakglass rotate --due {name}"),
    })
}

/// What is sealed for others than the manifest in force names, and what that means.
fn still_sealed(name: &Name, set: &SealedStatus) -> String {
    let version = set.manifest;
    let mut what =
        format!("{name} is still sealed for the people and tokens of manifest {version}");
    if set.current && !set.access.is_possible() {
        what.push_str("; NOBODY can open it");
    }
    for leaver in set.exposures.iter().map(|exposure| &exposure.leaver) {
        what.push_str(&format!(
            "; a retired token of {leaver} could still open it with a partner"
        ));
    }
    for (newcomer, token) in &set.newcomers {
        let serial = &token.serial;
        what.push_str(&format!(
            "; {newcomer} cannot open it with token {serial} yet"
        ));
    }
    what
}
