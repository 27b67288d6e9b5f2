//! Whether what is attested suffices.

use super::{Attested, Dates, Firmware, Part, PinPolicy, TouchPolicy};
use crate::model::Timestamp;

/// What a key must be to be enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirements {
    /// The oldest firmware that is taken.
    pub min_firmware: Firmware,
    /// The PIN policies that are taken.
    pub pin_policies: Vec<PinPolicy>,
    /// The touch policies that are taken.
    pub touch_policies: Vec<TouchPolicy>,
    /// Whether dates that do not fit the clock are a reason to refuse; see
    /// [the clock](super#the-clock).
    pub dates: bool,
}

impl Default for Requirements {
    /// Firmware 5.7.0, because the ECDSA and ECDH keys of older devices can be taken out of them by whoever
    /// has the device in hand (CVE-2024-45678); PIN and touch at every use; dates in force.
    fn default() -> Self {
        Self {
            min_firmware: Firmware(5, 7, 0),
            pin_policies: vec![PinPolicy::Always],
            touch_policies: vec![TouchPolicy::Always],
            dates: true,
        }
    }
}

/// What the attestation must be of: the very key that is to be enrolled, on the very device that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected<'a> {
    /// The serial number that the device told.
    pub serial: u32,
    /// The key that the device told, or that the manifest has: the uncompressed point.
    pub public_key: &'a [u8],
    /// The slot that was asked. An attestation whose subject tells no slot is taken for any.
    pub slot: u8,
}

/// The key is attested, and is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// It is the attestation of another slot.
    #[error("the attestation is of the key in slot {found:02x}, not of that in {expected:02x}")]
    Slot {
        /// The slot that was asked.
        expected: u8,
        /// The slot that is attested.
        found: u8,
    },
    /// It is the attestation of another key.
    #[error("the attestation of slot {slot:02x} is of another key than the one to enroll")]
    Key {
        /// The slot that was asked.
        slot: u8,
    },
    /// It is the attestation of another device.
    #[error("the attestation is of the YubiKey {found}, not of {expected}")]
    Serial {
        /// The device that was asked.
        expected: u32,
        /// The device that is attested.
        found: u32,
    },
    /// CVE-2017-15361.
    #[error(
        "the YubiKey {serial} has firmware {firmware}, and RSA keys made by 4.2.6 to 4.3.4 can be computed from \
         their public halves (CVE-2017-15361): its own attestation proves nothing"
    )]
    WeakRsa {
        /// The device.
        serial: u32,
        /// Its firmware.
        firmware: Firmware,
    },
    /// Too old.
    #[error(
        "the YubiKey {serial} has firmware {firmware}, older than {min}{reason}",
        reason = if *firmware < Firmware(5, 7, 0) {
            ": before 5.7.0 its keys can be taken out by whoever has it in hand (CVE-2024-45678)"
        } else {
            ""
        }
    )]
    Firmware {
        /// The device.
        serial: u32,
        /// Its firmware.
        firmware: Firmware,
        /// The oldest that is taken.
        min: Firmware,
    },
    /// It would open without a touch.
    #[error(
        "the key in slot {slot:02x} of the YubiKey {serial} has touch policy {found}; it must be {allowed}"
    )]
    Touch {
        /// The device.
        serial: u32,
        /// The slot that was asked.
        slot: u8,
        /// As it is.
        found: TouchPolicy,
        /// As it must be, in words.
        allowed: String,
    },
    /// It would open without the PIN.
    #[error(
        "the key in slot {slot:02x} of the YubiKey {serial} has PIN policy {found}; it must be {allowed}"
    )]
    Pin {
        /// The device.
        serial: u32,
        /// The slot that was asked.
        slot: u8,
        /// As it is.
        found: PinPolicy,
        /// As it must be, in words.
        allowed: String,
    },
    /// Not in force yet, by this clock.
    #[error("{part} is in force from {from}, and this machine's clock says {now}")]
    Early {
        /// Which certificate.
        part: Part,
        /// When it begins.
        from: Timestamp,
        /// What the clock says.
        now: Timestamp,
    },
    /// No longer in force, by this clock.
    #[error("{part} was in force until {until}, and this machine's clock says {now}")]
    Late {
        /// Which certificate.
        part: Part,
        /// Its last second.
        until: Timestamp,
        /// What the clock says.
        now: Timestamp,
    },
}

impl Attested {
    /// Checks that it is the attestation of the expected key, and that the key is as it must be. What is
    /// told is what no mend of the others would cure: first whether it is the right key, then the device,
    /// then the policies, the dates last.
    ///
    /// The firmware of the attestation and that of the device's own certificate count both: who has computed
    /// the key of an old device can write into an attestation what he likes.
    ///
    /// # Errors
    /// [`Unmet`].
    pub fn meets(&self, requirements: &Requirements, expected: &Expected<'_>) -> Result<(), Unmet> {
        self.is_of(expected)?;
        self.is_of_a_sound_device(requirements)?;
        self.has_policies(requirements, expected.slot)?;
        match self.dates {
            _ if !requirements.dates => Ok(()),
            Dates::NotAsked | Dates::InForce => Ok(()),
            Dates::Early { part, from, now } => Err(Unmet::Early { part, from, now }),
            Dates::Late { part, until, now } => Err(Unmet::Late { part, until, now }),
        }
    }

    fn is_of(&self, expected: &Expected<'_>) -> Result<(), Unmet> {
        if self.serial != expected.serial {
            return Err(Unmet::Serial {
                expected: expected.serial,
                found: self.serial,
            });
        }
        match self.slot {
            Some(found) if found != expected.slot => {
                let expected = expected.slot;
                return Err(Unmet::Slot { expected, found });
            }
            _ => {}
        }
        if self.public_key[..] != *expected.public_key {
            let slot = expected.slot;
            return Err(Unmet::Key { slot });
        }
        Ok(())
    }

    fn is_of_a_sound_device(&self, requirements: &Requirements) -> Result<(), Unmet> {
        let (serial, min) = (self.serial, requirements.min_firmware);
        let both = || std::iter::once(self.firmware).chain(self.device_firmware);
        if let Some(firmware) = both().find(|it| it.makes_weak_rsa_keys()) {
            return Err(Unmet::WeakRsa { serial, firmware });
        }
        if let Some(firmware) = both().find(|it| *it < min) {
            return Err(Unmet::Firmware {
                serial,
                firmware,
                min,
            });
        }
        Ok(())
    }

    fn has_policies(&self, requirements: &Requirements, slot: u8) -> Result<(), Unmet> {
        let serial = self.serial;
        if !requirements.touch_policies.contains(&self.touch_policy) {
            return Err(Unmet::Touch {
                serial,
                slot,
                found: self.touch_policy,
                allowed: in_words(&requirements.touch_policies),
            });
        }
        if !requirements.pin_policies.contains(&self.pin_policy) {
            return Err(Unmet::Pin {
                serial,
                slot,
                found: self.pin_policy,
                allowed: in_words(&requirements.pin_policies),
            });
        }
        Ok(())
    }
}

/// "always", "always or cached".
fn in_words<T: ToString>(allowed: &[T]) -> String {
    let words: Vec<String> = allowed.iter().map(T::to_string).collect();
    words.join(" or ")
}
