//! Replay of what belongs to incidents: opening and closing.

use super::event::{DeliveredSession, Event};
use super::replay::{Impossible, contradiction};
use super::state::{IncidentPhase, IncidentState, VaultState};
use super::witness::Claims;
use crate::format::OpenedStatement;
use crate::format::dsse::Envelope;
use crate::model::{Name, Timestamp};

impl VaultState {
    pub(super) fn apply_incident(
        &mut self,
        event: &Event,
        time: Timestamp,
    ) -> Result<(), Impossible> {
        match event {
            Event::IncidentDeclared { .. } => self.declared(event, time),
            Event::OpeningIntended {
                incident,
                credentials,
                ..
            } => {
                let state = self.incident(incident)?;
                let all = credentials.iter().all(|c| state.credentials.contains(c));
                if all && state.phase == IncidentPhase::Open {
                    return Ok(());
                }
                Err(contradiction(format!(
                    "something is to be opened in {incident} that may not be"
                )))
            }
            Event::Opened { statement } => self.opened(statement, false),
            Event::SessionsIntended {
                incident,
                credential,
                ..
            } => self.open_in(incident, [credential]).map(drop),
            Event::Delivered {
                incident,
                credentials,
                sessions,
                ..
            } => {
                let of_them = |one: &DeliveredSession| credentials.contains(&one.credential);
                let state = self.open_in(incident, credentials)?;
                if !sessions.iter().all(of_them) {
                    return Err(contradiction(format!(
                        "a session is handed over in {incident} whose credential is not"
                    )));
                }
                state.sessions.extend_from_slice(sessions);
                Ok(())
            }
            // A child may outlive the closing of its incident.
            Event::Released { incident, .. } => self.incident(incident).map(drop),
            Event::ClosingIntended { incident, .. } | Event::LeaseExpired { incident, .. } => {
                let incident = self.incident(incident)?;
                if incident.is_live() {
                    incident.phase = IncidentPhase::Closing;
                }
                Ok(())
            }
            Event::SessionsDenied { credential, before } => {
                self.credential(credential)?;
                for incident in self.incidents.values_mut().filter(|i| i.is_live()) {
                    if incident.opened.iter().any(|(name, _)| name == credential) {
                        incident.sessions_denied.insert(credential.clone(), *before);
                    }
                }
                Ok(())
            }
            Event::ClosingFailed { incident, code } => {
                self.incident(incident)?.failure = Some(code.clone());
                Ok(())
            }
            Event::IncidentClosed { incident } => self.closed(incident),
            _ => Ok(()),
        }
    }

    /// The incident, in which all of these were opened and which is not closed.
    fn open_in<'n>(
        &mut self,
        incident: &Name,
        credentials: impl IntoIterator<Item = &'n Name>,
    ) -> Result<&mut IncidentState, Impossible> {
        let state = self.incident(incident)?;
        let opened = |name| state.opened.iter().any(|(opened, _)| opened == name);
        if state.is_live() && credentials.into_iter().all(opened) {
            return Ok(state);
        }
        Err(contradiction(format!(
            "something is handed over in {incident} that is not open in it"
        )))
    }

    fn incident(&mut self, id: &Name) -> Result<&mut IncidentState, Impossible> {
        self.incidents
            .get_mut(id)
            .ok_or_else(|| contradiction(format!("there is no incident {id}")))
    }

    fn declared(&mut self, event: &Event, time: Timestamp) -> Result<(), Impossible> {
        let Event::IncidentDeclared {
            incident,
            reason,
            credentials,
            expires,
        } = event
        else {
            return Ok(());
        };
        for name in credentials {
            self.credential(name)?;
        }
        let state = IncidentState {
            reason: reason.clone(),
            credentials: credentials.clone(),
            declared: time,
            expires: *expires,
            phase: IncidentPhase::Open,
            opened: Vec::new(),
            sessions: Vec::new(),
            sessions_denied: Default::default(),
            failure: None,
            statements: Default::default(),
        };
        match self.incidents.insert(incident.clone(), state) {
            None => Ok(()),
            Some(_) => Err(contradiction(format!(
                "incident {incident} is declared twice"
            ))),
        }
    }

    /// An incident is closed only if every key that was opened in it was seen to be refused, sessions made
    /// with it are denied, and a newer one has taken its place, unless the credential was given up.
    fn closed(&mut self, id: &Name) -> Result<(), Impossible> {
        let incident = self.incident(id)?;
        let (opened, denied) = (incident.opened.clone(), incident.sessions_denied.clone());
        for (name, key) in opened {
            let still = |what| Err(contradiction(format!("{id} is closed while {what}")));
            let credential = self.credential(&name)?;
            let Some(known) = credential.key(&key) else {
                continue;
            };
            if !known.refused {
                return still(format!("{key} may live"));
            }
            if !denied.contains_key(&name) {
                return still(format!("sessions of {name} may live"));
            }
            if !credential.is_replaced(known) && credential.retired.is_none() {
                return still(format!("{key} is not replaced"));
            }
        }
        let incident = self.incident(id)?;
        incident.phase = IncidentPhase::Closed;
        incident.failure = None;
        Ok(())
    }

    /// A witness's statement: signed by the key that was recorded when the access key was sealed, and in
    /// agreement with what the ledger says. One that is carried over from a joined ledger may speak of a key
    /// that was in force there alone, and opens its incident again.
    pub(super) fn opened(&mut self, envelope: &Envelope, carried: bool) -> Result<(), Impossible> {
        let statement: OpenedStatement = envelope
            .document()
            .map_err(|e| Impossible::Malformed(e.to_string()))?;
        let name = statement.credential.clone();
        let bad = |why| Impossible::Witness(name.to_string(), why);
        let key = self.witnessed(envelope, &Claims::from(&statement), carried)?;
        key.opened_in.push(statement.incident.clone());
        key.exercised = key.exercised.max(Some(statement.opened));
        if carried {
            self.open_again(&statement.incident);
        }
        let incident = self.incident(&statement.incident)?;
        if incident.phase != IncidentPhase::Open {
            return Err(bad("its incident is closed or being closed"));
        }
        if !incident.credentials.contains(&name) {
            return Err(bad("its incident was not declared for it"));
        }
        if incident.expires != statement.expires {
            return Err(bad("it names another lease"));
        }
        if carried {
            // What was denied before does not reach what was opened elsewhere meanwhile.
            incident.sessions_denied.remove(&name);
        }
        let opened = (statement.credential, statement.access_key);
        if !incident.opened.contains(&opened) {
            incident.opened.push(opened);
        }
        if !incident.statements.insert(envelope.digest()) {
            return Err(bad("it stands in the ledger already"));
        }
        Ok(())
    }
}
