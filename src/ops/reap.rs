//! The reaper: an incident whose lease has run out is closed by whichever rotator comes along, whoever
//! opened it and whether their machine still lives.

use super::close::{self, Closed};
use super::open_vault::OpenVault;
use super::world::{Cloud, People};
use crate::incident;
use crate::ledger::{Event, IncidentPhase};
use crate::model::{Failure, Name};
use crate::ports::Notice;

/// An incident that was found past its lease.
#[derive(Debug)]
pub struct Reaped {
    /// The incident.
    pub incident: Name,
    /// What closing it did, or why it is NOT CLOSED.
    pub outcome: Result<Closed, Failure>,
}

impl Reaped {
    /// Why it is NOT CLOSED, if it is not.
    pub fn failure(&self) -> Option<Failure> {
        self.outcome.as_ref().err().map(Failure::again)
    }
}

/// Closes every incident whose lease has run out. One that cannot be closed does not keep the others open.
///
/// # Errors
/// [`Failure`] where nobody can say that it is time: AWS is not reached. It takes no request of a machine
/// whose clock is more than a quarter of an hour off, so no lease is cut short by more than that.
pub(super) fn reap(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    operator: People<'_>,
) -> Result<Vec<Reaped>, Failure> {
    let overdue = incident::overdue(vault.state(), vault.world.clock.now());
    if !overdue.is_empty() {
        cloud.keys.rotator()?;
    }
    let mut reaped = Vec::with_capacity(overdue.len());
    for incident in overdue {
        operator.notice(Notice::Step(format!(
            "incident {incident}: its lease has run out, it is being closed"
        )));
        let outcome = intend(vault, cloud, &incident)
            .and_then(|()| close::end(vault, cloud, &incident, operator));
        reaped.push(Reaped { incident, outcome });
    }
    Ok(reaped)
}

/// Records that an incident is closed because its lease ran out, unless it is being closed already.
fn intend(vault: &mut OpenVault<'_>, cloud: &Cloud<'_>, incident: &Name) -> Result<(), Failure> {
    let known = vault.state().incidents.get(incident);
    if known.is_none_or(|known| known.phase != IncidentPhase::Open) {
        return Ok(());
    }
    let event = Event::LeaseExpired {
        incident: incident.clone(),
        endpoint: cloud.endpoint.clone(),
    };
    Ok(vault.journal.record(vault.world.clock.now(), event)?)
}
