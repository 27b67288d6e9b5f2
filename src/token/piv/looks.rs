//! Whose the cards in the readers are. Each is looked at once after it was inserted, and kept in our hands until it
//! is used or another command ends: so a card of somebody whose turn comes later costs no further exchange.

use std::cell::RefCell;

use super::card::{Card, KeyInfo};
use super::readers::Occupied;
use super::slot::{Locator, Slot};
use super::token::PivToken;
use crate::ports::{Present, Sought, TokenError};

/// A token that is sought, with what its locator says.
pub(super) struct Wanted<'a> {
    at: usize,
    locator: Locator,
    sought: Sought<'a>,
}

/// Those of the sought tokens that are YubiKeys.
pub(super) fn wanted<'a>(sought: &[Sought<'a>]) -> Vec<Wanted<'a>> {
    let all = sought.iter().enumerate();
    all.filter_map(|(at, one)| {
        Some(Wanted {
            at,
            locator: one.identity.locator.parse().ok()?,
            sought: *one,
        })
    })
    .collect()
}

/// What was seen of a card since it was inserted.
struct Look {
    place: Occupied,
    /// The keys in the slots that were looked at.
    keys: Vec<(Slot, Option<KeyInfo>)>,
    /// Its serial number, if it was asked.
    serial: Option<Option<u32>>,
    /// The card itself, until it is used. Where it has no PIV applet there is none to begin with.
    card: Option<Card>,
    is_piv: bool,
}

impl Look {
    fn at(place: &Occupied) -> Result<Self, TokenError> {
        let card = Card::select(&place.reader, &place.name())?;
        Ok(Self {
            place: place.clone(),
            keys: Vec::new(),
            serial: None,
            is_piv: card.is_some(),
            card,
        })
    }

    /// The card, taken anew where it was let go.
    fn card(&mut self) -> Result<Option<&mut Card>, TokenError> {
        if self.card.is_none() && self.is_piv {
            self.card = Card::select(&self.place.reader, &self.place.name())?;
        }
        Ok(self.card.as_mut())
    }

    fn key(&mut self, slot: Slot) -> Result<Option<&KeyInfo>, TokenError> {
        let known = self.keys.iter().position(|(other, _)| *other == slot);
        let at = match known {
            Some(at) => at,
            None => {
                let info = match self.card()? {
                    Some(card) => card.key(slot)?,
                    None => None,
                };
                self.keys.push((slot, info));
                self.keys.len() - 1
            }
        };
        Ok(self.keys[at].1.as_ref())
    }

    fn serial(&mut self) -> Result<Option<u32>, TokenError> {
        if let Some(known) = self.serial {
            return Ok(known);
        }
        let serial = match self.card()? {
            Some(card) => card.serial()?,
            None => None,
        };
        self.serial = Some(serial);
        Ok(serial)
    }

    /// The sought token that it is, by its seal key.
    fn recognise<'p>(&mut self, wanted: &[Wanted<'_>]) -> Result<Option<Present<'p>>, TokenError> {
        for one in wanted {
            let point = self.key(one.locator.seal)?.and_then(|info| info.point);
            if point.is_some_and(|point| point[..] == one.sought.keys.seal.public[..]) {
                return self.hand_over(one);
            }
        }
        Ok(None)
    }

    /// Hands the card over to whoever uses it. What was seen of its key is handed over only with a card that was in
    /// our hands ever since.
    fn hand_over<'p>(&mut self, one: &Wanted<'_>) -> Result<Option<Present<'p>>, TokenError> {
        let kept = self.card.is_some();
        self.card()?;
        let Some(mut card) = self.card.take() else {
            return Ok(None);
        };
        let identity = one.sought.identity.clone();
        card.call(&identity.to_string());
        let mut token = PivToken::held(self.place.clone(), one.locator, identity, card);
        let seen = self.keys.iter().find(|(slot, _)| *slot == one.locator.seal);
        if let Some((_, Some(info))) = seen.filter(|_| kept) {
            token.knows_seal(*info);
        }
        Ok(Some(Present {
            at: one.at,
            token: Box::new(token),
        }))
    }
}

/// What was seen of the cards in the readers.
#[derive(Default)]
pub(super) struct Looks(RefCell<Vec<Look>>);

impl Looks {
    /// Forgets the cards that are not in their readers any more.
    pub(super) fn forget_others(&self, places: &[Occupied]) {
        let mut looks = self.0.borrow_mut();
        looks.retain(|look| places.contains(&look.place));
    }

    /// The sought token that this card is, by its seal key.
    pub(super) fn recognise<'p>(
        &self,
        place: &Occupied,
        wanted: &[Wanted<'_>],
    ) -> Result<Option<Present<'p>>, TokenError> {
        let mut looks = self.0.borrow_mut();
        let at = match looks.iter().position(|look| look.place == *place) {
            Some(at) => at,
            None => {
                looks.push(Look::at(place)?);
                looks.len() - 1
            }
        };
        let found = looks[at].recognise(wanted);
        if found.is_err() {
            // What went wrong once is not held against it: it is looked at anew when it is sought again.
            looks.remove(at);
        }
        found
    }

    /// The cards that claim to be sought tokens by their serial numbers alone; whoever uses one compares its keys and
    /// sees what is wrong. The others are named.
    pub(super) fn claimed<'p>(
        &self,
        places: &[Occupied],
        wanted: &[Wanted<'_>],
        strangers: &mut Vec<String>,
    ) -> Result<Vec<Present<'p>>, TokenError> {
        let mut looks = self.0.borrow_mut();
        let mut found = Vec::new();
        for look in looks.iter_mut().filter(|look| places.contains(&look.place)) {
            let Some(serial) = look.serial()? else {
                let reader = look.place.reader.to_string_lossy();
                strangers.push(format!(
                    "a card that does not answer as a YubiKey, in {reader},"
                ));
                continue;
            };
            match wanted.iter().find(|one| one.locator.serial == serial) {
                Some(one) => found.extend(look.hand_over(one)?),
                None => strangers.push(format!("YubiKey (serial {serial})")),
            }
        }
        Ok(found)
    }
}
