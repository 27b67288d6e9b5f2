//! YubiKeys, by their PIV applet over PC/SC.
//!
//! What a ceremony takes is spoken to the card itself, in one transaction that lasts from the first look to the
//! reset, and each exchange of it is counted: SELECT, the anchor, the seal key, the tries, the PIN, the
//! agreement. Preparing a card is left to the `yubikey` crate.

mod apdu;
mod card;
mod errors;
mod holders;
mod link;
mod looks;
mod prepare;
mod readers;
mod slot;
mod token;
mod watch;

use std::os::fd::AsFd;

use crate::model::TokenIdentity;
use crate::ports::{Finding, Sought, Token, TokenError, TokenProvider};

pub use holders::{Holder, holders};
pub use readers::{CardInReader, Reader, readers};

use card::Card;
use looks::Looks;
use readers::Occupied;
use slot::Locator;
use token::PivToken;

/// All YubiKeys in the readers of this machine.
#[derive(Default)]
pub struct PivProvider {
    /// What was seen while looking for somebody's token.
    looks: Looks,
}

/// What was seen while looking for something.
#[derive(Default)]
struct Seen {
    strangers: Vec<String>,
    failure: Option<TokenError>,
}

impl Seen {
    /// A card that cannot be looked at does not hide the others.
    fn fails(&mut self, error: TokenError) {
        self.failure.get_or_insert(error);
    }
}

impl TokenProvider for PivProvider {
    fn list(&self) -> Result<Vec<TokenIdentity>, TokenError> {
        let (mut found, mut seen) = (Vec::new(), Seen::default());
        for place in readers::occupied()? {
            match introduce(&place) {
                Ok(Some((_, identity))) => found.push(identity),
                Ok(None) => {}
                Err(error) => seen.fails(error),
            }
        }
        match seen.failure {
            Some(failure) if found.is_empty() => Err(failure),
            _ => Ok(found),
        }
    }

    fn open(&self, locator: &str) -> Result<Box<dyn Token + '_>, TokenError> {
        let wanted: Locator = locator.parse().map_err(|reason| TokenError::Locator {
            locator: locator.to_owned(),
            reason,
        })?;
        let (mut found, mut seen) = (Vec::new(), Seen::default());
        for place in readers::occupied()? {
            match introduce(&place) {
                Ok(Some((card, identity))) if identity.serial == wanted.serial.to_string() => {
                    let identity = TokenIdentity {
                        locator: wanted.to_string(),
                        ..identity
                    };
                    found.push(PivToken::held(place.clone(), wanted, identity, card));
                }
                Ok(Some((_, identity))) => seen.strangers.push(identity.to_string()),
                Ok(None) => {}
                Err(error) => seen.fails(error),
            }
        }
        let wanted = wanted.to_string();
        if found.len() > 1 {
            let present = found.iter().map(PivToken::place).collect();
            return Err(TokenError::Ambiguous { wanted, present });
        }
        match (found.pop(), seen.failure) {
            (Some(token), _) => Ok(Box::new(token)),
            (None, Some(failure)) => Err(failure),
            (None, None) => Err(TokenError::Absent {
                wanted,
                present: seen.strangers,
            }),
        }
    }

    /// Two exchanges for a card that was not looked at since it was inserted, SELECT and the key that tells whose it
    /// is; none for the others.
    fn seek(&self, sought: &[Sought<'_>]) -> Result<Finding<'_>, TokenError> {
        let wanted = looks::wanted(sought);
        let places = readers::occupied()?;
        self.looks.forget_others(&places);
        let (mut present, mut seen) = (Vec::new(), Seen::default());
        for place in &places {
            match self.looks.recognise(place, &wanted) {
                Ok(found) => present.extend(found),
                Err(error) => seen.fails(error),
            }
        }
        match seen.failure {
            // The card that failed may be the one; whose the others claim to be is of no use then.
            Some(failure) if present.is_empty() => return Err(failure),
            None if present.is_empty() => {
                present = self.looks.claimed(&places, &wanted, &mut seen.strangers)?;
            }
            _ => {}
        }
        Ok(Finding {
            present,
            strangers: seen.strangers,
        })
    }

    fn let_go(&self) {
        self.looks.forget_others(&[]);
    }

    fn watch(&self, _sought: &[Sought<'_>]) -> Result<Option<Box<dyn AsFd + '_>>, TokenError> {
        let watch = watch::Watch::begin().map_err(errors::service)?;
        Ok(Some(Box::new(watch)))
    }
}

/// A YubiKey as it introduces itself; nothing where the card is none.
fn introduce(place: &Occupied) -> Result<Option<(Card, TokenIdentity)>, TokenError> {
    let Some(mut card) = Card::select(&place.reader, &place.name())? else {
        return Ok(None);
    };
    let Some(serial) = card.serial()? else {
        return Ok(None);
    };
    let [major, minor, patch] = card.version()?;
    let identity = TokenIdentity {
        kind: crate::model::TokenKind::Piv,
        locator: format!("piv:{serial}"),
        label: "YubiKey".to_owned(),
        serial: serial.to_string(),
        manufacturer: "Yubico".to_owned(),
        model: format!("YubiKey, firmware {major}.{minor}.{patch}"),
    };
    card.call(&identity.to_string());
    Ok(Some((card, identity)))
}
