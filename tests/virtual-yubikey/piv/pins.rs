//! PIN and PUK.

use super::{PIN, PUK, Piv};
use crate::apdu::{Answer, Apdu, Refused, demand, sw};
use crate::state::Reference;

/// PINs and PUKs fill eight bytes, padded with FF.
const LENGTH: usize = 8;
const LEAST: usize = 6;

impl Piv<'_> {
    pub(super) fn verify(&mut self, apdu: &Apdu) -> Answer {
        demand(apdu.p2 == PIN, sw::NO_REFERENCE)?;
        if apdu.p1 == 0xFF {
            demand(apdu.data.is_empty(), sw::WRONG_DATA)?;
            self.forget_pin();
            return Ok(Vec::new());
        }
        demand(apdu.p1 == 0, sw::WRONG_P1_P2)?;
        if apdu.data.is_empty() {
            demand(self.session.pin, tries(&self.state.pin))?;
            return Ok(Vec::new());
        }
        demand(apdu.data.len() == LENGTH, sw::WRONG_DATA)?;
        self.forget_pin();
        show(&mut self.state.pin, &apdu.data)?;
        self.session.pin = true;
        self.session.pin_fresh = true;
        Ok(Vec::new())
    }

    fn forget_pin(&mut self) {
        self.session.pin = false;
        self.session.pin_fresh = false;
    }

    pub(super) fn change_reference(&mut self, apdu: &Apdu) -> Answer {
        let (old, new) = halves(apdu)?;
        let reference = match apdu.p2 {
            PIN => &mut self.state.pin,
            PUK => &mut self.state.puk,
            _ => return Err(sw::NO_REFERENCE.into()),
        };
        if let Err(refused) = show(reference, old) {
            if apdu.p2 == PIN {
                self.forget_pin();
            }
            return Err(refused);
        }
        demand(acceptable(new), sw::CONDITIONS)?;
        reference.set(new);
        Ok(Vec::new())
    }

    pub(super) fn reset_retry(&mut self, apdu: &Apdu) -> Answer {
        demand(apdu.p2 == PIN, sw::NO_REFERENCE)?;
        let (puk, new) = halves(apdu)?;
        // First the PUK: ykman blocks it with a wrong one and an empty PIN.
        show(&mut self.state.puk, puk)?;
        demand(acceptable(new), sw::CONDITIONS)?;
        self.state.pin.set(new);
        Ok(Vec::new())
    }

    /// New numbers of tries, which bring the factory's PIN and PUK back.
    pub(super) fn set_tries(&mut self, apdu: &Apdu) -> Answer {
        demand(self.session.manager && self.session.pin, sw::SECURITY)?;
        // The tries left must fit into the low half of a byte (63Cx).
        let fits = |tries: u8| (1..=255).contains(&tries);
        demand(fits(apdu.p1) && fits(apdu.p2), sw::WRONG_P1_P2)?;
        self.state.pin.set_tries(apdu.p1);
        self.state.puk.set_tries(apdu.p2);
        Ok(Vec::new())
    }
}

/// Compares; the refusal says how many tries are left.
fn show(reference: &mut Reference, value: &[u8]) -> Result<(), Refused> {
    demand(reference.left > 0, sw::BLOCKED)?;
    let right = reference.check(value);
    demand(right, sw::TRIES_LEFT | u16::from(reference.left.min(15)))
}

/// The status that says how many tries are left.
fn tries(reference: &Reference) -> u16 {
    match reference.left {
        0 => sw::BLOCKED,
        left => sw::TRIES_LEFT | u16::from(left.min(15)),
    }
}

fn halves(apdu: &Apdu) -> Result<(&[u8], &[u8]), Refused> {
    demand(apdu.p1 == 0, sw::WRONG_P1_P2)?;
    demand(apdu.data.len() == 2 * LENGTH, sw::WRONG_DATA)?;
    Ok(apdu.data.split_at(LENGTH))
}

/// Six to eight bytes, and nothing but padding after them.
fn acceptable(value: &[u8]) -> bool {
    let length = value
        .iter()
        .position(|&byte| byte == 0xFF)
        .unwrap_or(LENGTH);
    length >= LEAST && value[length..].iter().all(|&byte| byte == 0xFF)
}
