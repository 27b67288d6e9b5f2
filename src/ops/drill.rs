//! A drill: the people hold the ceremony of an opening, each credential is seen to open, and nobody sees a secret.
//! It needs no AWS, changes no key, and can be held at the safe.

use super::assemble::{Purpose, counted, gather, hold_ceremony, names};
use super::open_vault::OpenVault;
use super::stated::on_one_head;
use super::unseal::refuse;
use super::world::People;
use crate::ceremony::Opening;
use crate::format::dsse::Envelope;
use crate::format::{DrilledStatement, Participant};
use crate::ledger::{COMMIT_ENTRIES, Event, Head};
use crate::model::{AccessKeyId, Class, Failure, Name, Timestamp};
use crate::ports::Notice;

/// So many names have room in one entry.
const NAMES_TOGETHER: usize = 500;

/// A credential that was seen to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drilled {
    /// Which.
    pub credential: Name,
    /// Its compartment.
    pub compartment: Name,
    /// The generation that opened.
    pub generation: u64,
    /// The access key.
    pub access_key: AccessKeyId,
}

/// What a drill showed.
#[derive(Debug)]
pub struct Drill {
    /// When.
    pub time: Timestamp,
    /// Who took part.
    pub participants: Vec<Participant>,
    /// What opens.
    pub credentials: Vec<Drilled>,
}

/// Shows that credentials open; all of them if none is named. The intent, every refusal and what was shown stand
/// in the ledger.
///
/// # Errors
/// [`Failure`]; what does not open is named, and nothing of the drill counts then but its refusal.
pub fn drill(
    vault: &mut OpenVault<'_>,
    credentials: &[Name],
    operator: People<'_>,
) -> Result<Drill, Failure> {
    match attempt(vault, credentials, operator) {
        Ok(drill) => {
            vault.remember()?;
            Ok(drill)
        }
        Err(failure) => Err(refuse(vault, None, failure)),
    }
}

fn attempt(
    vault: &mut OpenVault<'_>,
    credentials: &[Name],
    operator: People<'_>,
) -> Result<Drill, Failure> {
    let all: Vec<Name> = match credentials {
        [] => {
            let kept = vault.state().kept();
            kept.map(|known| known.definition.name.clone()).collect()
        }
        named => named.to_vec(),
    };
    if all.is_empty() {
        return Err(nothing_to_drill());
    }
    let (wanted, headers) = gather(vault, &all)?;
    let intents = all
        .chunks(NAMES_TOGETHER)
        .map(|names| Event::DrillIntended {
            credentials: names.to_vec(),
        });
    let now = vault.world.clock.now();
    vault.journal.record_all(now, intents.collect())?;
    operator.notice(Notice::Step(format!(
        "drill: {}; no secret is shown",
        names(&wanted)
    )));
    let purpose = Purpose {
        incident: None,
        text: format!("drill {}", counted(wanted.len())),
    };
    let ceremony = hold_ceremony(vault, headers, &purpose, operator)?;
    let openings = ceremony.unlock(wanted.into_iter().map(|one| one.record).collect())?;
    for opening in &openings {
        opening
            .verify()
            .map_err(|error| does_not_open(opening, error.into()))?;
    }
    let time = record(vault, ceremony.participants(), &openings)?;
    Ok(Drill {
        time,
        participants: ceremony.participants().to_vec(),
        credentials: openings.iter().map(shown).collect(),
    })
}

fn nothing_to_drill() -> Failure {
    Failure::new(
        Class::Refused,
        "nothing-sealed",
        "the vault has no credential that could be drilled",
        "nothing was opened",
    )
    .hint("breakglass credential add --help")
}

/// The quorum is right and the record is not: nobody will open it, and that must not wait for a night.
fn does_not_open(opening: &Opening, failure: Failure) -> Failure {
    let about = &opening.record().about;
    let mut failure = failure.class(Class::Integrity);
    failure.what = format!("{} DOES NOT OPEN: {}", about.credential, failure.what);
    failure.hint(format!("breakglass rotate {}", about.compartment))
}

fn shown(opening: &Opening) -> Drilled {
    let about = &opening.record().about;
    Drilled {
        credential: about.credential.clone(),
        compartment: about.compartment.clone(),
        generation: about.generation,
        access_key: about.access_key.clone(),
    }
}

/// States what opens, signed by the witness of each, and records that. Returns when.
fn record(
    vault: &mut OpenVault<'_>,
    participants: &[Participant],
    openings: &[Opening],
) -> Result<Timestamp, Failure> {
    let mut now = vault.world.clock.now();
    for chunk in openings.chunks(COMMIT_ENTRIES) {
        now = on_one_head(
            vault,
            |head, now| {
                let stated = |opening| state(head, now, participants, opening);
                chunk.iter().map(stated).collect()
            },
            |journal, head, now, events| {
                let first = journal.record_at(head, now, events)?;
                Ok(first.map(|_| now))
            },
        )?;
    }
    Ok(now)
}

fn state(
    head: &Head,
    now: Timestamp,
    participants: &[Participant],
    opening: &Opening,
) -> Result<Event, Failure> {
    let about = &opening.record().about;
    let statement = DrilledStatement {
        vault: about.vault,
        credential: about.credential.clone(),
        compartment: about.compartment.clone(),
        generation: about.generation,
        access_key: about.access_key.clone(),
        participants: participants.to_vec(),
        ledger_size: head.size,
        ledger_root: head.root,
        drilled: now,
    };
    let statement = crate::crypto::sign(Envelope::of(&statement)?, opening.witness());
    Ok(Event::Drilled { statement })
}
