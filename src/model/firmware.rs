//! Versions of firmware.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A version of a YubiKey's firmware: major, minor, patch. Written `5.7.4`, in no other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Firmware(pub u8, pub u8, pub u8);

impl Firmware {
    /// Whether RSA keys that were made on such a device can be factored (CVE-2017-15361: 4.2.6 to 4.3.4). A
    /// device that attests with such a key proves nothing.
    pub fn makes_weak_rsa_keys(self) -> bool {
        (Self(4, 2, 6)..=Self(4, 3, 4)).contains(&self)
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// The text is no firmware version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a firmware version (such as 5.7.0)")]
pub struct NotAFirmware;

impl FromStr for Firmware {
    type Err = NotAFirmware;

    fn from_str(text: &str) -> Result<Self, NotAFirmware> {
        let mut numbers = text.split('.').map(str::parse::<u8>);
        let mut next = || numbers.next()?.ok();
        let (Some(major), Some(minor), Some(patch)) = (next(), next(), next()) else {
            return Err(NotAFirmware);
        };
        let firmware = Self(major, minor, patch);
        // No plus sign, no leading zero, nothing after it.
        if firmware.to_string() == text {
            Ok(firmware)
        } else {
            Err(NotAFirmware)
        }
    }
}

impl TryFrom<String> for Firmware {
    type Error = NotAFirmware;

    fn try_from(text: String) -> Result<Self, NotAFirmware> {
        text.parse()
    }
}

impl From<Firmware> for String {
    fn from(firmware: Firmware) -> Self {
        firmware.to_string()
    }
}
