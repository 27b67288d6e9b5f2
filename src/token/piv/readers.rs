//! The readers of this machine, and what is in them.

use std::ffi::CString;
use std::time::Duration;

use pcsc::{Context, ReaderState, Scope, State};

use super::errors::service;
use crate::ports::TokenError;

/// A reader with a card in it. Two are equal as long as the card was not taken out in between.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Occupied {
    pub reader: CString,
    /// How often something was put in or taken out, as the service counts it.
    count: u32,
}

impl Occupied {
    /// What a card is called of which nothing is known yet.
    pub(super) fn name(&self) -> String {
        format!("the token in {}", self.reader.to_string_lossy())
    }
}

/// What is in a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardInReader {
    /// Nothing.
    None,
    /// A card that nobody else uses.
    Free,
    /// A card that another program shares.
    Shared,
    /// A card that another program keeps for itself.
    Held,
    /// A card that does not answer.
    Mute,
}

/// A reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// Its name, as the service has it.
    pub name: String,
    /// What is in it.
    pub card: CardInReader,
}

/// All readers.
///
/// # Errors
/// [`TokenError::Service`].
pub fn readers() -> Result<Vec<Reader>, TokenError> {
    let all = states()?.into_iter();
    Ok(all
        .map(|state| Reader {
            name: state.name().to_string_lossy().into_owned(),
            card: card(state.event_state()),
        })
        .collect())
}

fn card(state: State) -> CardInReader {
    if !state.contains(State::PRESENT) {
        CardInReader::None
    } else if state.contains(State::MUTE) {
        CardInReader::Mute
    } else if state.contains(State::EXCLUSIVE) {
        CardInReader::Held
    } else if state.contains(State::INUSE) {
        CardInReader::Shared
    } else {
        CardInReader::Free
    }
}

/// The readers with a card in them.
pub(super) fn occupied() -> Result<Vec<Occupied>, TokenError> {
    let states = states()?.into_iter();
    let present = states.filter(|state| state.event_state().contains(State::PRESENT));
    Ok(present
        .map(|state| Occupied {
            reader: state.name().to_owned(),
            count: state.event_count(),
        })
        .collect())
}

/// The names of the readers there are.
pub(super) fn names(context: &Context) -> Result<Vec<CString>, pcsc::Error> {
    match context.list_readers_owned() {
        Err(pcsc::Error::NoReadersAvailable) => Ok(Vec::new()),
        listed => listed,
    }
}

/// Readers of which nothing is known yet.
pub(super) fn unaware(names: Vec<CString>) -> Vec<ReaderState> {
    let unaware = |name| ReaderState::new(name, State::UNAWARE);
    names.into_iter().map(unaware).collect()
}

fn states() -> Result<Vec<ReaderState>, TokenError> {
    let context = Context::establish(Scope::User).map_err(service)?;
    let names = names(&context).map_err(service)?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut states = unaware(names);
    match context.get_status_change(Duration::ZERO, &mut states) {
        // A reader that was unplugged since it was listed has nothing in it.
        Ok(()) | Err(pcsc::Error::Timeout | pcsc::Error::UnknownReader) => Ok(states),
        Err(other) => Err(service(other)),
    }
}
