//! Where a token's keys are, and the locator that says so.

use std::fmt;
use std::str::FromStr;

/// A key slot of the PIV applet (NIST SP 800-73-4 part 1, table 4b).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(u8);

impl Slot {
    /// 9D, key management: the seal key, unless the locator says otherwise.
    pub(super) const KEY_MANAGEMENT: Self = Self(0x9d);
    /// 9C, digital signature: the sign key.
    pub(super) const SIGNATURE: Self = Self(0x9c);

    /// Its number, as key reference.
    pub(super) fn reference(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.0)
    }
}

/// Names a YubiKey: `piv:SERIAL`, or `piv:SERIAL?seal=82` where the seal key is in a slot for retired keys (82
/// to 95).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Locator {
    pub serial: u32,
    pub seal: Slot,
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "piv:{}", self.serial)?;
        if self.seal != Slot::KEY_MANAGEMENT {
            write!(f, "?seal={}", self.seal)?;
        }
        Ok(())
    }
}

impl FromStr for Locator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix("piv:")
            .ok_or("it does not begin with piv:")?;
        let (serial, seal) = match rest.split_once('?') {
            None => (rest, Slot::KEY_MANAGEMENT),
            Some((serial, query)) => (serial, seal_slot(query)?),
        };
        let digits = !serial.is_empty() && serial.bytes().all(|b| b.is_ascii_digit());
        match serial.parse() {
            Ok(serial) if digits => Ok(Self { serial, seal }),
            _ => Err(format!("\"{serial}\" is no serial number of a YubiKey")),
        }
    }
}

fn seal_slot(query: &str) -> Result<Slot, String> {
    let slot = query
        .strip_prefix("seal=")
        .ok_or_else(|| format!("\"{query}\" is not seal=SLOT"))?;
    match u8::from_str_radix(slot, 16) {
        Ok(0x9d) if slot.len() == 2 => Ok(Slot::KEY_MANAGEMENT),
        Ok(number @ 0x82..=0x95) if slot.len() == 2 => Ok(Slot(number)),
        _ => Err(format!(
            "\"{slot}\" is no slot for a seal key: 9d, or 82 to 95"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locators_come_out_as_they_went_in() {
        for text in ["piv:12345678", "piv:7?seal=82", "piv:4294967295?seal=95"] {
            let locator: Locator = text.parse().expect(text);
            assert_eq!(locator.to_string(), text);
        }
        let plain: Locator = "piv:7?seal=9d".parse().expect("a locator");
        assert_eq!(plain.to_string(), "piv:7");
    }

    #[test]
    fn what_names_no_yubikey_is_refused() {
        for text in [
            "",
            "piv",
            "piv:",
            "piv:x",
            "piv:-1",
            "piv:+1",
            "piv: 1",
            "piv:4294967296",
            "piv:1?",
            "piv:1?seal=",
            "piv:1?seal=9c",
            "piv:1?seal=96",
            "piv:1?seal=081",
            "piv:1?sign=82",
            "pkcs11:token=x",
            "piv:1?seal=82?seal=83",
        ] {
            assert!(text.parse::<Locator>().is_err(), "{text}");
        }
    }
}
