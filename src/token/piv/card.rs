//! The commands of a YubiKey's PIV applet that a ceremony takes, each one exchange: NIST SP 800-73-4 part 2,
//! section 3, and Yubico's extensions (GET SERIAL, GET METADATA, ATTEST).

use std::ffi::CStr;

use p256::ecdsa::Signature;
use zeroize::Zeroizing;

use super::apdu::{ANSWER_MAX, Answer, Command, value_of};
use super::errors::Device;
use super::link::{Link, Touching};
use super::slot::Slot;
use crate::model::{PinPolicy, TouchPolicy};
use crate::ports::{PinStatus, TokenError};
use crate::secret::{Pin, SharedSecret};

/// The PIV applet: the registered prefix selects it.
const APPLET: [u8; 5] = [0xa0, 0, 0, 3, 8];
/// The longest PIN of PIV, to which it is padded.
pub(super) const PIN_LENGTH: usize = 8;
const PIN_REFERENCE: u8 = 0x80;
const PUK_REFERENCE: u8 = 0x81;
const MANAGEMENT_REFERENCE: u8 = 0x9b;
const P256: u8 = 0x11;

const DONE: u16 = 0x9000;
const NOT_ALLOWED: u16 = 0x6982;
const BLOCKED: u16 = 0x6983;
const NOTHING_THERE: [u16; 2] = [0x6a88, 0x6a82];
const UNKNOWN_COMMAND: u16 = 0x6d00;

/// What the card says of a key (GET METADATA).
#[derive(Clone, Copy)]
pub(super) struct KeyInfo {
    pub pin: PinPolicy,
    pub touch: TouchPolicy,
    /// Made on the card, and not imported.
    pub made_here: bool,
    /// The uncompressed point, of a P-256 key.
    pub point: Option<[u8; 65]>,
}

/// What the card says of a secret.
#[derive(Debug, Clone, Copy)]
pub(super) struct SecretInfo {
    pub factory: bool,
    pub tries: u8,
}

/// The PIV applet of a card, selected, in our transaction.
pub(super) struct Card {
    link: Link,
    device: Device,
}

impl Card {
    /// Takes the card in a reader and selects its PIV applet; nothing where it has none.
    pub(super) fn select(reader: &CStr, name: &str) -> Result<Option<Self>, TokenError> {
        let device = Device::new(name);
        let link = Link::open(reader).map_err(|broken| device.broken(broken))?;
        let mut card = Self { link, device };
        let answer = card.ask(Command::with(0xa4, 4, 0, &APPLET))?;
        Ok((answer.status() == DONE).then_some(card))
    }

    /// What errors call it from now on.
    pub(super) fn call(&mut self, name: &str) {
        self.device = Device::new(name);
    }

    /// The serial number; nothing where it is no YubiKey.
    pub(super) fn serial(&mut self) -> Result<Option<u32>, TokenError> {
        let answer = self.ask(Command::bare(0xf8, 0, 0))?;
        if answer.status() != DONE {
            return Ok(None);
        }
        let bytes: Result<[u8; 4], _> = answer.data().try_into();
        bytes
            .map(|bytes| Some(u32::from_be_bytes(bytes)))
            .map_err(|_| self.device.garbled("its serial number is none"))
    }

    /// The firmware's version.
    pub(super) fn version(&mut self) -> Result<[u8; 3], TokenError> {
        let answer = self.ask(Command::bare(0xfd, 0, 0))?;
        self.done(&answer, "telling its version")?;
        let version = answer.data().try_into();
        version.map_err(|_| self.device.garbled("its version is none"))
    }

    /// What it says of the key in a slot; nothing where there is none.
    pub(super) fn key(&mut self, slot: Slot) -> Result<Option<KeyInfo>, TokenError> {
        let answer = self.ask(Command::bare(0xf7, 0, slot.reference()))?;
        match answer.status() {
            DONE => self.key_info(answer.data()).map(Some),
            status if NOTHING_THERE.contains(&status) => Ok(None),
            UNKNOWN_COMMAND => Err(self
                .device
                .odd("its firmware is older than 5.3 and does not tell of its keys")),
            status => Err(self.device.status("telling of its keys", status)),
        }
    }

    fn key_info(&self, data: &[u8]) -> Result<KeyInfo, TokenError> {
        let odd = || self.device.garbled("what it tells of a key");
        let [algorithm] = *value_of(1, data).ok_or_else(odd)? else {
            return Err(odd());
        };
        let [pin, touch] = *value_of(2, data).ok_or_else(odd)? else {
            return Err(odd());
        };
        // Fingerprints are no part of a ceremony.
        let pin = PinPolicy::read(pin).filter(|pin| !pin.takes_fingerprint());
        let (pin, touch) = pin.zip(TouchPolicy::read(touch)).ok_or_else(odd)?;
        let point = value_of(4, data).and_then(|key| value_of(0x86, key));
        let point = point.and_then(|point| point.try_into().ok());
        if algorithm == P256 && point.is_none() {
            return Err(odd());
        }
        Ok(KeyInfo {
            pin,
            touch,
            made_here: value_of(3, data) == Some(&[1]),
            point: point.filter(|_| algorithm == P256),
        })
    }

    /// The PIN: whether it is the factory's, and how many tries are left.
    pub(super) fn pin(&mut self) -> Result<SecretInfo, TokenError> {
        self.secret(PIN_REFERENCE)
    }

    /// The PUK.
    pub(super) fn puk(&mut self) -> Result<SecretInfo, TokenError> {
        self.secret(PUK_REFERENCE)
    }

    /// Whether the management key is the factory's.
    pub(super) fn factory_management_key(&mut self) -> Result<bool, TokenError> {
        let answer = self.ask(Command::bare(0xf7, 0, MANAGEMENT_REFERENCE))?;
        self.done(&answer, "telling of its management key")?;
        Ok(value_of(5, answer.data()) == Some(&[1]))
    }

    fn secret(&mut self, reference: u8) -> Result<SecretInfo, TokenError> {
        let answer = self.ask(Command::bare(0xf7, 0, reference))?;
        self.done(&answer, "telling how many tries are left")?;
        match value_of(6, answer.data()) {
            Some(&[_, tries]) => Ok(SecretInfo {
                factory: value_of(5, answer.data()) == Some(&[1]),
                tries,
            }),
            _ => Err(self
                .device
                .garbled("it does not tell how many tries are left")),
        }
    }

    /// Gives the PIN (VERIFY). It is sent once, whatever comes back.
    pub(super) fn verify(&mut self, pin: &Pin) -> Result<(), TokenError> {
        let mut padded = Zeroizing::new([0xff; PIN_LENGTH]);
        let bytes = pin.expose();
        let room = padded.get_mut(..bytes.len());
        room.ok_or_else(|| self.device.odd("the PIN is longer than any of PIV"))?
            .copy_from_slice(bytes);
        let command = Command::with(0x20, 0, PIN_REFERENCE, padded.as_slice());
        let answer = self.ask(command)?;
        match answer.status() {
            DONE => Ok(()),
            BLOCKED | 0x63c0 => Err(self.device.locked()),
            status @ 0x63c1..=0x63cf => {
                let left = PinStatus::Left(u32::from(status & 0xf));
                Err(self.device.wrong_pin(left))
            }
            status => Err(self.device.status("taking the PIN", status)),
        }
    }

    /// ECDH with a point that the caller has checked (GENERAL AUTHENTICATE).
    pub(super) fn agree(
        &mut self,
        slot: Slot,
        point: &[u8; 65],
        touch: Option<Touching<'_>>,
    ) -> Result<SharedSecret, TokenError> {
        let answer = self.authenticate(slot, 0x85, point, touch)?;
        let shared = self.response(&answer)?;
        SharedSecret::try_filled(|secret| {
            if shared.len() != secret.len() {
                return Err(self.device.garbled("its agreement did not give 32 bytes"));
            }
            secret.copy_from_slice(shared);
            Ok(())
        })
    }

    /// ECDSA over a digest (GENERAL AUTHENTICATE): `r || s`, 64 bytes.
    pub(super) fn sign(
        &mut self,
        slot: Slot,
        digest: &[u8; 32],
        touch: Option<Touching<'_>>,
    ) -> Result<Vec<u8>, TokenError> {
        let answer = self.authenticate(slot, 0x81, digest, touch)?;
        let der = self.response(&answer)?;
        let signature =
            Signature::from_der(der).map_err(|_| self.device.garbled("its signature is none"))?;
        Ok(signature.to_bytes().to_vec())
    }

    fn authenticate(
        &mut self,
        slot: Slot,
        tag: u8,
        input: &[u8],
        touch: Option<Touching<'_>>,
    ) -> Result<Answer, TokenError> {
        let length = u8::try_from(input.len()).unwrap_or(u8::MAX);
        let mut data = vec![0x7c, length + 4, 0x82, 0, tag, length];
        data.extend_from_slice(input);
        let command = Command::with(0x87, P256, slot.reference(), &data);
        let touched = touch.is_some();
        let answer = match touch {
            None => self.ask(command)?,
            Some(touch) => {
                let sent = self.link.transmit_touched(command.into_bytes(), touch);
                let first = self.answer(sent)?;
                self.rest(first)?
            }
        };
        match answer.status() {
            DONE => Ok(answer),
            // The PIN was good a moment ago, in this transaction.
            NOT_ALLOWED if touched => Err(self.device.untouched()),
            NOT_ALLOWED => Err(self
                .device
                .odd("it refuses the use of its key, although the PIN was good")),
            status if NOTHING_THERE.contains(&status) => {
                Err(self.device.odd("the key is gone from its slot"))
            }
            status => Err(self.device.status("using its key", status)),
        }
    }

    fn response<'a>(&self, answer: &'a Answer) -> Result<&'a [u8], TokenError> {
        value_of(0x7c, answer.data())
            .and_then(|template| value_of(0x82, template))
            .ok_or_else(|| self.device.garbled("no result of its key in it"))
    }

    /// The certificate by which the device attests the key in a slot (ATTEST). DER.
    pub(super) fn attest(&mut self, slot: Slot) -> Result<Vec<u8>, TokenError> {
        let answer = self.ask(Command::bare(0xf9, slot.reference(), 0))?;
        match answer.status() {
            DONE => Ok(answer.data().to_vec()),
            _ => Err(self.device.unfit(
                "key",
                "the device does not attest it, so it was not made on it",
            )),
        }
    }

    /// A data object, without its outer tag (GET DATA); nothing where it is empty.
    pub(super) fn object(&mut self, id: [u8; 3]) -> Result<Option<Vec<u8>>, TokenError> {
        let data = [0x5c, 3, id[0], id[1], id[2]];
        let answer = self.ask(Command::wanting_much(0xcb, 0x3f, 0xff, &data))?;
        match answer.status() {
            DONE => {
                let value = value_of(0x53, answer.data());
                let value = value.ok_or_else(|| self.device.garbled("an object on it"))?;
                Ok((!value.is_empty()).then(|| value.to_vec()))
            }
            status if NOTHING_THERE.contains(&status) => Ok(None),
            status => Err(self.device.status("reading an object", status)),
        }
    }

    fn ask(&mut self, command: Command) -> Result<Answer, TokenError> {
        let sent = self.link.transmit(command.into_bytes());
        let first = self.answer(sent)?;
        self.rest(first)
    }

    fn answer(
        &self,
        sent: Result<Zeroizing<Vec<u8>>, super::link::Broken>,
    ) -> Result<Answer, TokenError> {
        let bytes = sent.map_err(|broken| self.device.broken(broken))?;
        if bytes.is_empty() {
            // What a reader gives whose card was pulled in the middle.
            return Err(self.device.gone());
        }
        Answer::new(bytes).ok_or_else(|| self.device.garbled("it has no status word"))
    }

    /// What is left of a long answer (GET RESPONSE; ISO 7816-4, section 11.8).
    fn rest(&mut self, mut answer: Answer) -> Result<Answer, TokenError> {
        let mut whole = Zeroizing::new(Vec::new());
        while answer.status() >> 8 == 0x61 {
            whole.extend_from_slice(answer.data());
            if answer.data().is_empty() || whole.len() > ANSWER_MAX {
                return Err(self.device.garbled("it does not end"));
            }
            let more = Command::bare(0xc0, 0, 0);
            let sent = self.link.transmit(more.into_bytes());
            answer = self.answer(sent)?;
        }
        if whole.is_empty() {
            return Ok(answer);
        }
        whole.extend_from_slice(answer.data());
        whole.extend_from_slice(&answer.status().to_be_bytes());
        Answer::new(whole).ok_or_else(|| self.device.garbled("it has no status word"))
    }

    fn done(&self, answer: &Answer, what: &str) -> Result<(), TokenError> {
        match answer.status() {
            DONE => Ok(()),
            status => Err(self.device.status(what, status)),
        }
    }
}
