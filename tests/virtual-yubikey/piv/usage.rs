//! GENERAL AUTHENTICATE with a key in a slot: agreement and signatures.

use super::Piv;
use crate::apdu::{Answer, Apdu, demand, sw};
use crate::state::ATTESTATION;
use crate::tlv::{all, find, first, tlv};

const PIN_NEVER: u8 = 1;
const PIN_ONCE: u8 = 2;

enum Wanted<'a> {
    Agreement(&'a [u8]),
    Signature(&'a [u8]),
}

/// What the template asks for: 82 empty, and 85 a point or 81 a digest.
fn wanted(data: &[u8]) -> Option<Wanted<'_>> {
    let (0x7C, template, []) = first(data)? else {
        return None;
    };
    let elements = all(template)?;
    find(&elements, 0x82).filter(|response| response.is_empty())?;
    match (find(&elements, 0x81), find(&elements, 0x85)) {
        (Some(digest), None) => Some(Wanted::Signature(digest)),
        (None, Some(point)) => Some(Wanted::Agreement(point)),
        _ => None,
    }
}

impl Piv<'_> {
    /// The checks come in this order: key, PIN, input, touch. A use of the key spends a PIN that is wanted
    /// always, whether the touch comes or not.
    pub(super) fn use_key(&mut self, apdu: &Apdu) -> Answer {
        // The attestation key signs attestations only.
        demand(apdu.p2 != ATTESTATION, sw::WRONG_DATA)?;
        let slot = self.state.slots.get(&apdu.p2).ok_or(sw::WRONG_DATA)?;
        let (key, touch) = (slot.key.clone(), slot.touch);
        demand(key.algorithm() == apdu.p1, sw::WRONG_DATA)?;
        let pin = match slot.pin {
            PIN_NEVER => true,
            PIN_ONCE => self.session.pin,
            _ => self.session.pin_fresh,
        };
        demand(pin, sw::SECURITY)?;
        let answer = match wanted(&apdu.data).ok_or(sw::WRONG_DATA)? {
            Wanted::Agreement(point) => key.agree(point),
            Wanted::Signature(digest) => key.can_sign(digest).then(|| key.sign(digest)).flatten(),
        };
        let answer = answer.ok_or(sw::WRONG_DATA)?;
        self.session.pin_fresh = false;
        self.touch(touch, apdu.p2)?;
        Ok(tlv(0x7C, &tlv(0x82, &answer)))
    }
}
