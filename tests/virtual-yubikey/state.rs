//! What a card keeps without power, and the file that it lies in.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::keys::Key;

/// The slot of the attestation key.
pub const ATTESTATION: u8 = 0xF9;
/// The data object with the attestation key's certificate.
pub const ATTESTATION_CERTIFICATE: u32 = 0x5F_FF01;

const FACTORY_PIN: &[u8; 8] = b"123456\xFF\xFF";
const FACTORY_PUK: &[u8; 8] = b"12345678";
const FACTORY_TRIES: u8 = 3;

/// Bytes that are hexadecimal in the file.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&HEXLOWER.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = HEXLOWER.decode(text.as_bytes());
        bytes.map(Self).map_err(serde::de::Error::custom)
    }
}

/// PIN or PUK.
#[derive(Serialize, Deserialize)]
pub struct Reference {
    /// Eight bytes, padded with FF.
    value: Bytes,
    factory: Bytes,
    pub total: u8,
    pub left: u8,
}

impl Reference {
    fn factory(value: &[u8; 8], total: u8) -> Self {
        Self {
            value: Bytes(value.to_vec()),
            factory: Bytes(value.to_vec()),
            total,
            left: total,
        }
    }

    /// Compares; a wrong value costs a try, the right one gives all of them back.
    pub fn check(&mut self, value: &[u8]) -> bool {
        let right = self.left > 0 && self.value.0 == value;
        self.left = if right {
            self.total
        } else {
            self.left.saturating_sub(1)
        };
        right
    }

    /// Gives a new value and all tries.
    pub fn set(&mut self, value: &[u8]) {
        self.value.0 = value.to_vec();
        self.left = self.total;
    }

    /// The value of the factory, with so many tries.
    pub fn set_tries(&mut self, total: u8) {
        self.value = self.factory.clone();
        self.give_tries(total);
    }

    /// Another number of tries, all of them left, and the same value.
    pub fn give_tries(&mut self, total: u8) {
        self.total = total;
        self.left = total;
    }

    pub fn is_default(&self) -> bool {
        self.value == self.factory
    }
}

/// The management key.
#[derive(Serialize, Deserialize)]
pub struct Manager {
    /// 03 3DES, 08 AES-128, 0A AES-192, 0C AES-256.
    pub algorithm: u8,
    pub key: Bytes,
    /// Whether its use wants a touch.
    pub touch: bool,
}

impl Manager {
    fn factory(firmware: [u8; 3]) -> Self {
        Self {
            algorithm: if firmware < [5, 7, 0] { 0x03 } else { 0x0A },
            key: Bytes([1, 2, 3, 4, 5, 6, 7, 8].repeat(3)),
            touch: false,
        }
    }

    pub fn is_default(&self) -> bool {
        self.key.0 == [1, 2, 3, 4, 5, 6, 7, 8].repeat(3)
    }
}

/// A key in a slot.
#[derive(Serialize, Deserialize)]
pub struct Slot {
    pub key: Key,
    /// 01 never, 02 once, 03 always.
    pub pin: u8,
    /// 01 never, 02 always, 03 cached.
    pub touch: u8,
    /// 01 generated on the card, 02 imported.
    pub origin: u8,
}

/// All of it.
#[derive(Serialize, Deserialize)]
pub struct State {
    pub serial: u32,
    /// The serial that it says it has, where it lies.
    pub says_serial: Option<u32>,
    pub firmware: [u8; 3],
    /// 01 is the USB-A keychain form.
    pub form_factor: u8,
    pub pin: Reference,
    pub puk: Reference,
    pub manager: Manager,
    pub slots: BTreeMap<u8, Slot>,
    pub objects: BTreeMap<u32, Bytes>,
}

impl State {
    /// A card as it leaves the factory, but for its attestation key.
    pub fn factory(serial: u32, firmware: [u8; 3]) -> Self {
        Self {
            serial,
            says_serial: None,
            firmware,
            form_factor: 0x01,
            pin: Reference::factory(FACTORY_PIN, FACTORY_TRIES),
            puk: Reference::factory(FACTORY_PUK, FACTORY_TRIES),
            manager: Manager::factory(firmware),
            slots: BTreeMap::new(),
            objects: BTreeMap::new(),
        }
    }

    /// The PIV applet as it leaves the factory; the attestation key and its certificate stay.
    pub fn reset(&mut self) {
        let fresh = Self::factory(self.serial, self.firmware);
        self.pin = fresh.pin;
        self.puk = fresh.puk;
        self.manager = fresh.manager;
        self.slots.retain(|&slot, _| slot == ATTESTATION);
        self.objects
            .retain(|&tag, _| tag == ATTESTATION_CERTIFICATE);
    }

    /// The serial number that the card shows.
    pub fn shown_serial(&self) -> u32 {
        self.says_serial.unwrap_or(self.serial)
    }
}

/// The file of a card.
pub struct File {
    path: PathBuf,
    written: String,
}

impl File {
    /// The file at this path, and what it holds.
    pub fn open(path: PathBuf) -> io::Result<(Self, Option<State>)> {
        let written = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let state = if written.is_empty() {
            None
        } else {
            Some(serde_json::from_str(&written)?)
        };
        Ok((Self { path, written }, state))
    }

    /// Writes the state where it has changed; the file is the old one or the new one at any time.
    pub fn write(&mut self, state: &State) -> io::Result<()> {
        let text = serde_json::to_string(state)?;
        if text != self.written {
            let new = self.path.with_extension("new");
            fs::write(&new, &text)?;
            fs::rename(&new, &self.path)?;
            self.written = text;
        }
        Ok(())
    }
}
