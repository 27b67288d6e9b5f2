//! The PIV application (NIST SP 800-73-4 part 2, with Yubico's extensions).

mod keys;
mod manager;
mod objects;
mod pins;
mod usage;

use std::time::{Duration, Instant};

use crate::apdu::{Answer, Apdu, Refused, demand, sw};
use crate::panel::Panel;
use crate::session::Session;
use crate::state::State;
use crate::tlv::tlv;

/// The answer to its selection: application 1.0, allocated by NIST.
pub const SELECTED: [u8; 19] = [
    0x61, 0x11, 0x4F, 0x06, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00, 0x79, 0x07, 0x4F, 0x05, 0xA0, 0x00,
    0x00, 0x03, 0x08,
];

/// The reference of the PIN.
const PIN: u8 = 0x80;
/// The reference of the PUK.
const PUK: u8 = 0x81;
/// The reference of the management key.
const MANAGER: u8 = 0x9B;

const TOUCH_ALWAYS: u8 = 2;
const TOUCH_CACHED: u8 = 3;
const TOUCH_CACHE: Duration = Duration::from_secs(15);

/// The application at work on one command.
pub struct Piv<'a> {
    state: &'a mut State,
    session: &'a mut Session,
    panel: &'a Panel,
}

impl<'a> Piv<'a> {
    pub fn new(state: &'a mut State, session: &'a mut Session, panel: &'a Panel) -> Self {
        Self {
            state,
            session,
            panel,
        }
    }

    pub fn command(&mut self, apdu: &Apdu) -> Answer {
        match apdu.ins {
            0x20 => self.verify(apdu),
            0x24 => self.change_reference(apdu),
            0x2C => self.reset_retry(apdu),
            0x47 => self.generate(apdu),
            0x87 if apdu.p2 == MANAGER => self.authenticate_manager(apdu),
            0x87 => self.use_key(apdu),
            0xCB => self.get_data(apdu),
            0xDB => self.put_data(apdu),
            0xF6 => self.move_key(apdu),
            0xF7 => self.metadata(apdu),
            0xF8 => self.serial(),
            0xF9 => self.attest(apdu),
            0xFA => self.set_tries(apdu),
            0xFB => self.reset(),
            0xFD => Ok(self.state.firmware.to_vec()),
            0xFE => self.import(apdu),
            0xFF => self.set_manager(apdu),
            _ => Err(sw::UNKNOWN_INS.into()),
        }
    }

    /// An instruction that came with this firmware.
    fn since(&self, firmware: [u8; 3]) -> Result<(), Refused> {
        demand(self.state.firmware >= firmware, sw::UNKNOWN_INS)
    }

    /// Only after the management key.
    fn managed(&self) -> Result<(), Refused> {
        demand(self.session.manager, sw::SECURITY)
    }

    /// Waits for a touch where the policy wants one.
    fn touch(&mut self, policy: u8, reference: u8) -> Result<(), Refused> {
        let last = self.session.touched.get(&reference);
        let cached =
            policy == TOUCH_CACHED && last.is_some_and(|last| last.elapsed() < TOUCH_CACHE);
        if policy < TOUCH_ALWAYS || cached {
            return Ok(());
        }
        self.panel.wait_for_touch()?;
        self.session.touched.insert(reference, Instant::now());
        Ok(())
    }

    fn serial(&self) -> Answer {
        self.since([5, 0, 0])?;
        Ok(self.state.shown_serial().to_be_bytes().to_vec())
    }

    fn metadata(&self, apdu: &Apdu) -> Answer {
        self.since([5, 3, 0])?;
        demand(apdu.p1 == 0, sw::WRONG_P1_P2)?;
        let default = |default: bool| tlv(0x05, &[u8::from(default)]);
        let parts = match apdu.p2 {
            PIN | PUK => {
                let reference = if apdu.p2 == PIN {
                    &self.state.pin
                } else {
                    &self.state.puk
                };
                vec![
                    tlv(0x01, &[0xFF]),
                    default(reference.is_default()),
                    tlv(0x06, &[reference.total, reference.left]),
                ]
            }
            MANAGER => {
                let manager = &self.state.manager;
                vec![
                    tlv(0x01, &[manager.algorithm]),
                    tlv(0x02, &[0, 1 + u8::from(manager.touch)]),
                    default(manager.is_default()),
                ]
            }
            number => {
                let slot = self.state.slots.get(&number).ok_or(sw::NO_REFERENCE)?;
                vec![
                    tlv(0x01, &[slot.key.algorithm()]),
                    tlv(0x02, &[slot.pin, slot.touch]),
                    tlv(0x03, &[slot.origin]),
                    tlv(0x04, &slot.key.public()),
                ]
            }
        };
        Ok(parts.concat())
    }

    /// Back to the factory, once both PIN and PUK are blocked.
    fn reset(&mut self) -> Answer {
        demand(
            self.state.pin.left == 0 && self.state.puk.left == 0,
            sw::CONDITIONS,
        )?;
        self.state.reset();
        self.session.pin = false;
        self.session.pin_fresh = false;
        self.session.manager = false;
        Ok(Vec::new())
    }
}
