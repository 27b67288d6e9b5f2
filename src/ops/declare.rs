//! The incident that an opening belongs to: one that is open already, or one that is declared on the way.

use std::time::Duration;

use super::open_vault::OpenVault;
use super::unseal::UnsealRequest;
use crate::incident;
use crate::ledger::{Event, IncidentPhase};
use crate::model::{Class, Failure, Name, Reason, Timestamp};

/// The incident that an opening belongs to.
pub(super) struct Declared {
    pub name: Name,
    pub reason: Reason,
    pub expires: Timestamp,
    /// Whether it was open already.
    pub joined: bool,
}

/// Joins the incident that is open for these credentials, or declares one, and records the intent.
pub(super) fn declare(
    vault: &mut OpenVault<'_>,
    request: &UnsealRequest,
    credentials: Vec<Name>,
) -> Result<Declared, Failure> {
    let now = vault.world.clock.now();
    let existing = match &request.incident {
        Some(incident) => Some(join(vault, incident, &credentials, now)?),
        None => open_for_all(vault, &credentials, now),
    };
    let mut events = Vec::new();
    let declared = match existing {
        // Who opens says why, each time: the statement bears the reason that the two have seen.
        Some(declared) => Declared {
            reason: request.reason.clone(),
            ..declared
        },
        None => {
            let declared = fresh(vault, request, now)?;
            events.push(Event::IncidentDeclared {
                incident: declared.name.clone(),
                reason: declared.reason.clone(),
                credentials: credentials.clone(),
                expires: declared.expires,
            });
            declared
        }
    };
    events.push(Event::OpeningIntended {
        incident: declared.name.clone(),
        reason: declared.reason.clone(),
        credentials,
    });
    vault.journal.record_all(now, events)?;
    Ok(declared)
}

fn fresh(
    vault: &OpenVault<'_>,
    request: &UnsealRequest,
    now: Timestamp,
) -> Result<Declared, Failure> {
    let minutes = u64::from(vault.manifest().policy.max_lease_minutes);
    let longest = Duration::from_secs(minutes * 60);
    let lease = incident::lease(request.lease, longest).map_err(|too_long| {
        Failure::new(
            Class::Refused,
            "lease-refused",
            format!(
                "the lease must be longer than nothing and at most {} minutes",
                too_long.longest.as_secs() / 60
            ),
            "nothing was opened",
        )
        .hint(format!("--for {}m", too_long.longest.as_secs() / 60))
    })?;
    let mut random = [0; 2];
    vault.world.entropy.fill(&mut random)?;
    let name = incident::name(now, random).ok_or_else(|| {
        Failure::new(
            Class::Bug,
            "bug",
            "no name for the incident",
            "nothing was opened",
        )
    })?;
    Ok(Declared {
        name,
        reason: request.reason.clone(),
        expires: now.plus(lease),
        joined: false,
    })
}

/// An incident that is open for all of these and has time left.
fn open_for_all(vault: &OpenVault<'_>, credentials: &[Name], now: Timestamp) -> Option<Declared> {
    let found = vault.state().incidents.iter().find(|(_, known)| {
        known.phase == IncidentPhase::Open
            && known.expires > now
            && credentials
                .iter()
                .all(|name| known.credentials.contains(name))
    });
    found.map(|(name, known)| Declared {
        name: name.clone(),
        reason: known.reason.clone(),
        expires: known.expires,
        joined: true,
    })
}

fn join(
    vault: &OpenVault<'_>,
    incident: &Name,
    credentials: &[Name],
    now: Timestamp,
) -> Result<Declared, Failure> {
    let refused =
        |code, what: String| Failure::new(Class::Refused, code, what, "nothing was opened");
    let known = vault.state().incidents.get(incident).ok_or_else(|| {
        refused(
            "no-such-incident",
            format!("there is no incident {incident}"),
        )
        .hint("breakglass status")
    })?;
    if known.phase != IncidentPhase::Open {
        let what = format!("incident {incident} is closed or being closed");
        return Err(
            refused("incident-closed", what).hint("open in a new one: leave --incident out")
        );
    }
    if known.expires <= now {
        let what = format!(
            "the lease of incident {incident} ran out at {}",
            known.expires
        );
        return Err(refused("lease-over", what).hint(format!("breakglass close {incident}")));
    }
    if let Some(other) = credentials
        .iter()
        .find(|name| !known.credentials.contains(name))
    {
        let what = format!("incident {incident} was not declared for {other}");
        return Err(
            refused("not-authorised", what).hint("open it in a new one: leave --incident out")
        );
    }
    Ok(Declared {
        name: incident.clone(),
        reason: known.reason.clone(),
        expires: known.expires,
        joined: true,
    })
}
