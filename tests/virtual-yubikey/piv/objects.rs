//! Data objects.

use super::Piv;
use crate::apdu::{Answer, Apdu, Refused, demand, sw};
use crate::state::Bytes;
use crate::tlv::{all, find, tlv};

/// The longest value of an object.
const LONGEST: usize = 3052;
const DISCOVERY: u32 = 0x7E;
/// The PIV application, and that its own PIN is what is asked for.
const DISCOVERED: [u8; 20] = [
    0x7E, 0x12, 0x4F, 0x0B, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00, 0x5F,
    0x2F, 0x02, 0x40, 0x00,
];
/// Fingerprints, face, printed information, iris images: only after the PIN.
const BEHIND_PIN: [u32; 4] = [0x5F_C103, 0x5F_C108, 0x5F_C109, 0x5F_C121];

fn name(elements: &[(u32, &[u8])]) -> Result<u32, Refused> {
    let bytes = find(elements, 0x5C).ok_or(sw::WRONG_DATA)?;
    demand((1..=3).contains(&bytes.len()), sw::WRONG_DATA)?;
    Ok(bytes
        .iter()
        .fold(0, |tag, &byte| tag << 8 | u32::from(byte)))
}

impl Piv<'_> {
    pub(super) fn get_data(&self, apdu: &Apdu) -> Answer {
        demand([apdu.p1, apdu.p2] == [0x3F, 0xFF], sw::WRONG_P1_P2)?;
        let elements = all(&apdu.data).ok_or(sw::WRONG_DATA)?;
        let tag = name(&elements)?;
        if tag == DISCOVERY {
            return Ok(DISCOVERED.to_vec());
        }
        demand(!BEHIND_PIN.contains(&tag) || self.session.pin, sw::SECURITY)?;
        let object = self.state.objects.get(&tag).ok_or(sw::NOT_FOUND)?;
        Ok(tlv(0x53, &object.0))
    }

    pub(super) fn put_data(&mut self, apdu: &Apdu) -> Answer {
        demand([apdu.p1, apdu.p2] == [0x3F, 0xFF], sw::WRONG_P1_P2)?;
        self.managed()?;
        let elements = all(&apdu.data).ok_or(sw::WRONG_DATA)?;
        let tag = name(&elements)?;
        // Yubico's .NET SDK, user's manual, PIV data objects: any number of this range, defined or not.
        let exists = matches!(tag, 0x5F_0000..=0x5F_FFFF);
        demand(exists, sw::NOT_FOUND)?;
        let value = find(&elements, 0x53).ok_or(sw::WRONG_DATA)?;
        demand(value.len() <= LONGEST, sw::NO_SPACE)?;
        if value.is_empty() {
            self.state.objects.remove(&tag);
        } else {
            self.state.objects.insert(tag, Bytes(value.to_vec()));
        }
        Ok(Vec::new())
    }
}
