//! Opening: the people, the quorum, the entry, and only then the secret. It needs no AWS.

use std::time::Duration;

use super::assemble::{Purpose, counted, gather, hold_ceremony, names};
use super::declare::{Declared, declare};
use super::open_vault::OpenVault;
use super::stated::on_one_head;
use super::world::People;
use crate::ceremony::Opening;
use crate::format::dsse::Envelope;
use crate::format::{OpenedStatement, Participant};
use crate::ledger::{CredentialDefinition, Event, Head};
use crate::model::{AccessKeyId, Class, Failure, Name, Reason, Timestamp};
use crate::ports::Notice;
use crate::secret::AccessKeySecret;

/// What is to be opened, and why.
#[derive(Debug, Clone)]
pub struct UnsealRequest {
    /// The credentials.
    pub credentials: Vec<Name>,
    /// Why.
    pub reason: Reason,
    /// In which incident; a new one is declared if none is named and none is open for them.
    pub incident: Option<Name>,
    /// How long; an hour unless said otherwise.
    pub lease: Option<Duration>,
}

/// One opened credential.
pub struct Released {
    /// Which.
    pub definition: CredentialDefinition,
    /// The access key.
    pub access_key: AccessKeyId,
    /// Its secret.
    pub secret: AccessKeySecret,
}

/// What was opened.
pub struct Unsealed {
    /// The incident.
    pub incident: Name,
    /// When its lease runs out.
    pub expires: Timestamp,
    /// Who took part.
    pub participants: Vec<Participant>,
    /// The credentials.
    pub credentials: Vec<Released>,
}

/// How many bytes of names an entry of the ledger has room for (64 KiB) beside everything else in it.
const NAMES_MAX: usize = 60_000;

/// Opens credentials. The incident, the intent and every refusal stand in the ledger before they are
/// told; the opening itself before anything is decrypted.
///
/// # Errors
/// [`Failure`]; nothing was opened then.
pub fn unseal(
    vault: &mut OpenVault<'_>,
    request: &UnsealRequest,
    operator: People<'_>,
) -> Result<Unsealed, Failure> {
    let named: usize = request.credentials.iter().map(in_entry).sum();
    if named > NAMES_MAX {
        return Err(Failure::new(
            Class::Usage,
            "too-many",
            format!(
                "{} credentials are more than one incident can name",
                request.credentials.len()
            ),
            "nothing was opened",
        )
        .hint("open them in several parts, each by its names"));
    }
    let mut known = None;
    match attempt(vault, request, operator, &mut known) {
        Ok(unsealed) => {
            vault.remember()?;
            Ok(unsealed)
        }
        Err(failure) => Err(refuse(vault, known, failure)),
    }
}

/// The bytes that a name takes in an entry: its quotes and the comma, too.
fn in_entry(name: &Name) -> usize {
    name.as_str().len() + 3
}

/// A refusal is an entry, too, and is recorded before it is told.
pub(super) fn refuse(
    vault: &mut OpenVault<'_>,
    incident: Option<Name>,
    failure: Failure,
) -> Failure {
    let failure = match &incident {
        Some(name) => stays_declared(name, failure),
        None => failure,
    };
    let what = failure.what.chars().take(300).collect();
    let event = Event::Refused {
        incident,
        code: failure.code.to_owned(),
        what,
    };
    match vault.journal.record(vault.world.clock.now(), event) {
        Ok(()) => {
            // The anchor may lag: it is a lower bound.
            let _ = vault.remember();
            failure
        }
        Err(error) => {
            let unrecorded = Failure::from(error);
            if unrecorded.code == failure.code {
                return failure;
            }
            failure.hint(format!(
                "this refusal could not be recorded: {}",
                unrecorded.what
            ))
        }
    }
}

/// The people come back to the same incident, or somebody closes it.
fn stays_declared(incident: &Name, failure: Failure) -> Failure {
    let failure = if failure.state == "nothing was changed" {
        failure.state("nothing was opened; the incident stays declared")
    } else {
        failure
    };
    failure.hint(format!(
        "if it is not to be opened after all: breakglass close {incident}"
    ))
}

fn attempt(
    vault: &mut OpenVault<'_>,
    request: &UnsealRequest,
    operator: People<'_>,
    known: &mut Option<Name>,
) -> Result<Unsealed, Failure> {
    let (wanted, headers) = gather(vault, &request.credentials)?;
    let opened = wanted.iter().map(|one| one.definition.name.clone());
    let declared = declare(vault, request, opened.collect())?;
    *known = Some(declared.name.clone());
    if declared.joined && request.lease.is_some() {
        operator.notice(Notice::Warning(format!(
            "incident {} is open already: its lease stays as it was declared, and --for is not used",
            declared.name
        )));
    }
    operator.notice(Notice::Step(format!(
        "incident {}: {} until {}",
        declared.name,
        names(&wanted),
        declared.expires
    )));
    let purpose = Purpose {
        incident: Some(&declared.name),
        text: format!("open {}", counted(wanted.len())),
    };
    let ceremony = hold_ceremony(vault, headers, &purpose, operator)?;
    let definitions: Vec<CredentialDefinition> =
        wanted.iter().map(|one| one.definition.clone()).collect();
    let openings = ceremony.unlock(wanted.into_iter().map(|one| one.record).collect())?;
    let released = release(vault, &declared, ceremony.participants(), openings)?;
    Ok(Unsealed {
        incident: declared.name,
        expires: declared.expires,
        participants: ceremony.participants().to_vec(),
        credentials: released
            .into_iter()
            .zip(definitions)
            .map(|((access_key, secret), definition)| Released {
                definition,
                access_key,
                secret,
            })
            .collect(),
    })
}

/// States the opening of each credential, signed by its witness; records all of them; then decrypts.
fn release(
    vault: &mut OpenVault<'_>,
    declared: &Declared,
    participants: &[Participant],
    openings: Vec<Opening>,
) -> Result<Vec<(AccessKeyId, AccessKeySecret)>, Failure> {
    let recorded = on_one_head(
        vault,
        |head, now| state_openings(head, now, declared, participants, &openings),
        |journal, head, now, statements| journal.record_opened(head, now, &statements),
    )?;
    let mut released = Vec::with_capacity(openings.len());
    for (opening, recorded) in openings.into_iter().zip(recorded) {
        let access_key = opening.record().about.access_key.clone();
        released.push((access_key, opening.release(recorded)?));
    }
    Ok(released)
}

fn state_openings(
    head: &Head,
    now: Timestamp,
    declared: &Declared,
    participants: &[Participant],
    openings: &[Opening],
) -> Result<Vec<Envelope>, Failure> {
    let mut statements = Vec::with_capacity(openings.len());
    for opening in openings {
        let about = &opening.record().about;
        let statement = OpenedStatement {
            vault: about.vault,
            incident: declared.name.clone(),
            reason: declared.reason.clone(),
            credential: about.credential.clone(),
            compartment: about.compartment.clone(),
            generation: about.generation,
            access_key: about.access_key.clone(),
            participants: participants.to_vec(),
            ledger_size: head.size,
            ledger_root: head.root,
            opened: now,
            expires: declared.expires,
        };
        statements.push(crate::crypto::sign(
            Envelope::of(&statement)?,
            opening.witness(),
        ));
    }
    Ok(statements)
}

/// Records that the holding process let go.
///
/// # Errors
/// [`Failure`].
pub fn released(
    vault: &mut OpenVault<'_>,
    incident: &Name,
    exit: Option<i32>,
) -> Result<(), Failure> {
    let event = Event::Released {
        incident: incident.clone(),
        exit,
    };
    vault.journal.record(vault.world.clock.now(), event)?;
    vault.remember()
}
