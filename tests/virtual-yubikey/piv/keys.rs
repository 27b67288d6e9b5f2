//! Keys in their slots: making, bringing, moving, attesting.

use super::Piv;
use crate::apdu::{Answer, Apdu, Refused, demand, sw};
use crate::authority;
use crate::keys::{Key, algorithm};
use crate::state::{ATTESTATION, Slot};
use crate::tlv::{all, find, first, tlv};

const GENERATED: u8 = 1;
const IMPORTED: u8 = 2;

/// Whether there is such a slot.
fn exists(number: u8) -> bool {
    matches!(number, 0x9A | 0x9C..=0x9E | 0x82..=0x95 | ATTESTATION)
}

/// The PIN and touch policies that are asked for, or those of the slot.
fn policies(number: u8, elements: &[(u32, &[u8])]) -> Result<(u8, u8), Refused> {
    let asked = |tag| match find(elements, tag) {
        None | Some([0]) => Ok(None),
        Some(&[policy @ 1..=3]) => Ok(Some(policy)),
        Some(_) => Err(Refused::Status(sw::WRONG_DATA)),
    };
    let usual = match number {
        0x9C => 3,
        0x9E => 1,
        _ => 2,
    };
    Ok((asked(0xAA)?.unwrap_or(usual), asked(0xAB)?.unwrap_or(1)))
}

impl Piv<'_> {
    fn put_key(&mut self, number: u8, key: Key, policies: (u8, u8), origin: u8) {
        let (pin, touch) = policies;
        self.session.touched.remove(&number);
        self.state.slots.insert(
            number,
            Slot {
                key,
                pin,
                touch,
                origin,
            },
        );
    }

    /// The curves that came with 5.7 are not there before.
    fn has(&self, wanted: u8) -> Result<(), Refused> {
        let new = matches!(wanted, algorithm::ED25519 | algorithm::X25519);
        demand(!new || self.state.firmware >= [5, 7, 0], sw::WRONG_DATA)
    }

    pub(super) fn generate(&mut self, apdu: &Apdu) -> Answer {
        self.managed()?;
        demand(apdu.p1 == 0 && exists(apdu.p2), sw::WRONG_DATA)?;
        let Some((0xAC, template, [])) = first(&apdu.data) else {
            return Err(sw::WRONG_DATA.into());
        };
        let elements = all(template).ok_or(sw::WRONG_DATA)?;
        let Some(&[wanted]) = find(&elements, 0x80) else {
            return Err(sw::WRONG_DATA.into());
        };
        self.has(wanted)?;
        let policies = policies(apdu.p2, &elements)?;
        let key = Key::generate(wanted).ok_or(sw::WRONG_DATA)?;
        let public = tlv(0x7F49, &key.public());
        self.put_key(apdu.p2, key, policies, GENERATED);
        Ok(public)
    }

    /// 00 FE algorithm slot: 06 (NIST curves), 07 (Ed25519) or 08 (X25519) and the private key.
    pub(super) fn import(&mut self, apdu: &Apdu) -> Answer {
        self.managed()?;
        demand(exists(apdu.p2), sw::WRONG_DATA)?;
        let elements = all(&apdu.data).ok_or(sw::WRONG_DATA)?;
        self.has(apdu.p1)?;
        let tag = match apdu.p1 {
            algorithm::ED25519 => 0x07,
            algorithm::X25519 => 0x08,
            _ => 0x06,
        };
        let secret = find(&elements, tag).ok_or(sw::WRONG_DATA)?;
        let key = Key::import(apdu.p1, secret).ok_or(sw::WRONG_DATA)?;
        self.put_key(apdu.p2, key, policies(apdu.p2, &elements)?, IMPORTED);
        Ok(Vec::new())
    }

    /// 00 F6 to from; FF deletes.
    pub(super) fn move_key(&mut self, apdu: &Apdu) -> Answer {
        self.since([5, 7, 0])?;
        self.managed()?;
        let (to, from) = (apdu.p1, apdu.p2);
        let lawful = to == 0xFF || (exists(to) && to != ATTESTATION && from != ATTESTATION);
        demand(exists(from) && lawful && to != from, sw::WRONG_DATA)?;
        demand(self.state.slots.contains_key(&from), sw::NO_REFERENCE)?;
        demand(!self.state.slots.contains_key(&to), sw::WRONG_DATA)?;
        let slot = self.state.slots.remove(&from).ok_or(sw::NO_REFERENCE)?;
        if to != 0xFF {
            self.state.slots.insert(to, slot);
        }
        Ok(Vec::new())
    }

    pub(super) fn attest(&mut self, apdu: &Apdu) -> Answer {
        self.since([4, 3, 0])?;
        demand(
            apdu.p2 == 0 && exists(apdu.p1) && apdu.p1 != ATTESTATION,
            sw::WRONG_DATA,
        )?;
        let slot = self.state.slots.get(&apdu.p1).ok_or(sw::NO_REFERENCE)?;
        demand(slot.origin == GENERATED, sw::WRONG_DATA)?;
        // An owner who replaced the attestation key or its certificate may have broken it.
        authority::attest(self.state, apdu.p1, slot).map_err(|_| sw::CONDITIONS.into())
    }
}
