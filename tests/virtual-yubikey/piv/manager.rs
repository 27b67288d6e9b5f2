//! The management key: who shows it may prepare the card.

use aes::cipher::{Array, Block, BlockCipherEncrypt, KeyInit};

use super::{MANAGER, Piv};
use crate::apdu::{Answer, Apdu, Refused, demand, sw};
use crate::keys::random;
use crate::session::Challenge;
use crate::state::{Bytes, Manager};
use crate::tlv::{all, find, first, tlv};

const TRIPLE_DES: u8 = 0x03;
const AES_128: u8 = 0x08;
const AES_192: u8 = 0x0A;
const AES_256: u8 = 0x0C;

fn encrypted<C: KeyInit + BlockCipherEncrypt>(key: &[u8], block: &[u8]) -> Vec<u8> {
    let cipher = C::new_from_slice(key).expect("the length belongs to the algorithm");
    let mut block: Block<C> = Array::try_from(block).expect("one block");
    cipher.encrypt_block(&mut block);
    block.to_vec()
}

fn block_length(algorithm: u8) -> usize {
    if algorithm == TRIPLE_DES { 8 } else { 16 }
}

impl Manager {
    fn encrypt(&self, block: &[u8]) -> Vec<u8> {
        let key = &self.key.0;
        match self.algorithm {
            TRIPLE_DES => encrypted::<des::TdesEde3>(key, block),
            AES_128 => encrypted::<aes::Aes128>(key, block),
            AES_192 => encrypted::<aes::Aes192>(key, block),
            _ => encrypted::<aes::Aes256>(key, block),
        }
    }

    fn challenge(&self) -> Vec<u8> {
        random::<16>()[..block_length(self.algorithm)].to_vec()
    }
}

impl Piv<'_> {
    /// Single (7C 81 empty, then 7C 82) or mutual (7C 80 empty, then 7C 80 81) authentication.
    pub(super) fn authenticate_manager(&mut self, apdu: &Apdu) -> Answer {
        // 00 is another name of 3DES.
        let algorithm = if apdu.p1 == 0 { TRIPLE_DES } else { apdu.p1 };
        demand(algorithm == self.state.manager.algorithm, sw::WRONG_DATA)?;
        let Some((0x7C, template, [])) = first(&apdu.data) else {
            return Err(sw::WRONG_DATA.into());
        };
        let elements = all(template).ok_or(sw::WRONG_DATA)?;
        let challenge = self.session.challenge.take();
        let [witness, asked, response] = [0x80, 0x81, 0x82].map(|tag| find(&elements, tag));
        match (witness, asked, response, challenge) {
            (Some([]), None, None, _) => {
                let plain = self.state.manager.challenge();
                let witness = self.state.manager.encrypt(&plain);
                self.session.challenge = Some(Challenge::Witness(plain));
                Ok(tlv(0x7C, &tlv(0x80, &witness)))
            }
            (None, Some([]), None, _) => {
                let plain = self.state.manager.challenge();
                self.session.challenge = Some(Challenge::Single(plain.clone()));
                Ok(tlv(0x7C, &tlv(0x81, &plain)))
            }
            (Some(shown), Some(asked), _, Some(Challenge::Witness(plain))) => {
                demand(asked.len() == plain.len(), sw::WRONG_DATA)?;
                self.manager_shown(shown == plain)?;
                let answer = self.state.manager.encrypt(asked);
                Ok(tlv(0x7C, &tlv(0x82, &answer)))
            }
            (None, None, Some(shown), Some(Challenge::Single(plain))) => {
                let right = self.state.manager.encrypt(&plain);
                self.manager_shown(shown == right)?;
                Ok(Vec::new())
            }
            _ => Err(sw::WRONG_DATA.into()),
        }
    }

    fn manager_shown(&mut self, right: bool) -> Result<(), Refused> {
        self.session.manager = false;
        demand(right, sw::SECURITY)?;
        self.touch(1 + u8::from(self.state.manager.touch), MANAGER)?;
        self.session.manager = true;
        Ok(())
    }

    /// 00 FF FF FF (no touch) or FE (touch): algorithm, 9B, length, key.
    pub(super) fn set_manager(&mut self, apdu: &Apdu) -> Answer {
        self.managed()?;
        demand(
            apdu.p1 == 0xFF && matches!(apdu.p2, 0xFE | 0xFF),
            sw::WRONG_P1_P2,
        )?;
        let [algorithm, MANAGER, length, ref key @ ..] = *apdu.data else {
            return Err(sw::WRONG_DATA.into());
        };
        let wanted = match algorithm {
            TRIPLE_DES => 24,
            _ if self.state.firmware < [5, 4, 2] => return Err(sw::WRONG_DATA.into()),
            AES_128 => 16,
            AES_192 => 24,
            AES_256 => 32,
            _ => return Err(sw::WRONG_DATA.into()),
        };
        demand(
            usize::from(length) == wanted && key.len() == wanted,
            sw::WRONG_DATA,
        )?;
        self.state.manager = Manager {
            algorithm,
            key: Bytes(key.to_vec()),
            touch: apdu.p2 == 0xFE,
        };
        Ok(Vec::new())
    }
}
