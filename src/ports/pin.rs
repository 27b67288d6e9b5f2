//! What is known of a token's PIN before it is typed.

use serde::Deserialize;

use crate::secret::{PIN_MAX, Pin};

/// What a PIN must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinShape {
    /// Anything.
    Plain,
    /// A user's name, a colon, a password.
    UserColonPassword,
    /// Four hexadecimal digits, the number of a key inside the device, and a password.
    KeyIdPassword,
}

/// What is known of a token's PIN.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinRules {
    /// What is typed, in words for the person who is asked; empty where nothing is known.
    pub form: String,
    /// What it must look like; another is not sent.
    pub shape: PinShape,
    /// The fewest bytes.
    pub min: usize,
    /// The most bytes.
    pub max: usize,
    /// After how many wrong ones in a row it is blocked; 0 where it never is; absent where nobody knows.
    pub locks_after: Option<u32>,
    /// Whether the token warns before that (PKCS#11: in `CK_TOKEN_INFO`).
    pub warns: bool,
    /// Whether the token checks a PIN at all. Where it does not, none is asked for and none is sent.
    pub checked: bool,
}

impl Default for PinRules {
    /// Nothing is known: what can be a PIN at all is taken.
    fn default() -> Self {
        Self {
            form: String::new(),
            shape: PinShape::Plain,
            min: 1,
            max: PIN_MAX,
            locks_after: None,
            warns: true,
            checked: true,
        }
    }
}

/// Why a PIN cannot be the one of this token. Nothing of it is in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinMisfit {
    /// Too few bytes.
    #[error("a PIN of this token has at least {0} characters")]
    Short(usize),
    /// Too many bytes.
    #[error("a PIN of this token has at most {0} characters")]
    Long(usize),
    /// No colon, or nothing on one side of it.
    #[error("it is a user's name, a colon and a password, in one")]
    NoColon,
    /// It does not begin with four hexadecimal digits.
    #[error("it begins with the four hexadecimal digits of the authentication key's number")]
    NoKeyId,
}

impl PinRules {
    /// Whether this can be the token's PIN: another is not sent, so that it costs no try.
    ///
    /// # Errors
    /// [`PinMisfit`].
    pub fn check(&self, pin: &Pin) -> Result<(), PinMisfit> {
        let pin = pin.expose();
        if pin.len() < self.min {
            return Err(PinMisfit::Short(self.min));
        }
        if pin.len() > self.max {
            return Err(PinMisfit::Long(self.max));
        }
        match self.shape {
            PinShape::Plain => Ok(()),
            PinShape::UserColonPassword => {
                let colon = pin.iter().position(|&byte| byte == b':');
                let split = colon.is_some_and(|at| at > 0 && at + 1 < pin.len());
                split.then_some(()).ok_or(PinMisfit::NoColon)
            }
            PinShape::KeyIdPassword => {
                let digits = pin.get(..4).unwrap_or_default();
                let good = digits.len() == 4 && digits.iter().all(u8::is_ascii_hexdigit);
                good.then_some(()).ok_or(PinMisfit::NoKeyId)
            }
        }
    }
}
