//! The types of everything that must not be seen: filled in place, wiped on drop, with no `Debug`,
//! `Clone`, `Display` or `Serialize`.
//!
//! Each is a newtype over one heap allocation of fixed size, so that moving the value moves a pointer
//! and leaves no copy of the bytes behind on the stack.

use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox};
use zeroize::Zeroize;

/// The longest PIN that is taken, in bytes. PIV allows 8; PKCS#11 modules differ, 255 is the most that
/// the ones tried accept.
pub const PIN_MAX: usize = 255;

/// The longest secret access key that is sealed, in bytes: the padded plaintext less its length prefix.
pub const ACCESS_KEY_SECRET_MAX: usize = 126;

/// The longest session token that is taken, in bytes. AWS sets no limit and makes fewer than 4,096 as a rule (STS
/// API reference, `Credentials`).
pub const SESSION_TOKEN_MAX: usize = 16_384;

macro_rules! secret_bytes {
    ($(#[$doc:meta])* $name:ident, $len:expr) => {
        $(#[$doc])*
        pub struct $name(SecretBox<[u8; $len]>);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// Makes the value by filling a zeroed buffer in place.
            pub fn filled(fill: impl FnOnce(&mut [u8; $len])) -> Self {
                Self(SecretBox::init_with_mut(fill))
            }

            /// As [`Self::filled`], for a source that can fail; what it had written is wiped.
            pub fn try_filled<E>(
                fill: impl FnOnce(&mut [u8; $len]) -> Result<(), E>,
            ) -> Result<Self, E> {
                let mut value = Self(SecretBox::init_with_mut(|_: &mut [u8; $len]| {}));
                fill(value.0.expose_secret_mut())?;
                Ok(value)
            }

            /// The bytes, for the one computation that needs them.
            pub fn expose(&self) -> &[u8; $len] {
                self.0.expose_secret()
            }
        }
    };
}

secret_bytes!(
    /// The secret of one role for one generation: 32 random bytes, or what a quorum's shares combine to.
    RoleSecret,
    32
);
secret_bytes!(
    /// What a token contributes to the opening of a share: the x-coordinate of an ECDH (32 bytes, big
    /// endian) or the 32-byte seed that an RSA-OAEP decryption yields.
    SharedSecret,
    32
);
secret_bytes!(
    /// A role's secret narrowed to one credential: `s_R,i` (32 bytes). It is all that a grant gives away.
    CredentialSecret,
    32
);
secret_bytes!(
    /// The single-use AES-256-GCM key of one credential (32 bytes).
    CredentialKey,
    32
);
secret_bytes!(
    /// The seed of an Ed25519 signing key (32 bytes; RFC 8032, section 5.1.5).
    SigningSeed,
    32
);
secret_bytes!(
    /// A custodian's share of a role secret: 32 bytes, the evaluation of the sharing polynomials at the
    /// share's index, or the role secret itself where the threshold is one.
    Share,
    32
);

/// A secret of at most N bytes, filled in place.
#[derive(Zeroize)]
struct Filled<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Filled<N> {
    /// A copy of `bytes`, of which there are no more than N.
    fn boxed(bytes: &[u8]) -> SecretBox<Self> {
        let mut boxed = Box::new(Self {
            bytes: [0; N],
            len: bytes.len(),
        });
        boxed.bytes[..bytes.len()].copy_from_slice(bytes);
        SecretBox::new(boxed)
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A PIN as it was typed: at most [`PIN_MAX`] bytes of UTF-8.
pub struct Pin(SecretBox<Filled<PIN_MAX>>);

/// Why a PIN was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinRefused {
    /// Nothing was typed.
    #[error("the PIN is empty")]
    Empty,
    /// More than [`PIN_MAX`] bytes.
    #[error("the PIN is longer than {PIN_MAX} bytes")]
    TooLong,
    /// A control character: the terminal sent something that no one types as a PIN.
    #[error("the PIN holds a control character")]
    Control,
    /// 44 modhex characters: a YubiKey was touched and typed a one-time password.
    #[error("that is a one-time password, typed by a YubiKey that was touched too early")]
    TouchedOtp,
}

impl Pin {
    /// Takes over the bytes of `typed`, which the caller wipes.
    ///
    /// # Errors
    /// [`PinRefused`]; nothing of what was typed is in it.
    pub fn new(typed: &str) -> Result<Self, PinRefused> {
        if typed.is_empty() {
            return Err(PinRefused::Empty);
        }
        if typed.len() > PIN_MAX {
            return Err(PinRefused::TooLong);
        }
        if typed.chars().any(char::is_control) {
            return Err(PinRefused::Control);
        }
        if is_touched_otp(typed) {
            return Err(PinRefused::TouchedOtp);
        }
        Ok(Self(Filled::boxed(typed.as_bytes())))
    }

    /// No PIN, for a token that checks none. It is never sent.
    pub fn none() -> Self {
        Self(Filled::boxed(&[]))
    }

    /// The bytes, to be handed to the token.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret().bytes()
    }
}

/// A Yubico OTP is 32 to 48 characters of modhex (`cbdefghijklnrtuv`); no sensible PIN looks so.
fn is_touched_otp(typed: &str) -> bool {
    (32..=48).contains(&typed.len()) && typed.bytes().all(|b| b"cbdefghijklnrtuv".contains(&b))
}

/// An AWS secret access key: 16 to [`ACCESS_KEY_SECRET_MAX`] bytes of printable ASCII (AWS makes 40).
pub struct AccessKeySecret(SecretBox<Filled<ACCESS_KEY_SECRET_MAX>>);

/// The bytes are no secret access key: empty, too short, too long, or not printable ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a secret access key (16 to {ACCESS_KEY_SECRET_MAX} printable characters)")]
pub struct NotAnAccessKeySecret;

impl AccessKeySecret {
    /// Copies `bytes`, which the caller wipes.
    ///
    /// # Errors
    /// [`NotAnAccessKeySecret`] where a reply was cut off or garbled.
    pub fn new(bytes: &[u8]) -> Result<Self, NotAnAccessKeySecret> {
        let sound = (16..=ACCESS_KEY_SECRET_MAX).contains(&bytes.len())
            && bytes.iter().all(u8::is_ascii_graphic);
        if !sound {
            return Err(NotAnAccessKeySecret);
        }
        Ok(Self(Filled::boxed(bytes)))
    }

    /// The secret access key, for the request or the child that needs it.
    pub fn expose(&self) -> &str {
        // Only printable ASCII gets in.
        std::str::from_utf8(self.0.expose_secret().bytes()).unwrap_or_default()
    }
}

/// The token of an STS session: 1 to [`SESSION_TOKEN_MAX`] bytes of printable ASCII without quotes and
/// backslashes (AWS makes base64).
pub struct SessionToken(SecretBox<Filled<SESSION_TOKEN_MAX>>);

/// The bytes are no session token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a session token (1 to {SESSION_TOKEN_MAX} printable characters)")]
pub struct NotASessionToken;

impl SessionToken {
    /// Copies `bytes`, which the caller wipes.
    ///
    /// # Errors
    /// [`NotASessionToken`] where a reply was cut off or garbled.
    pub fn new(bytes: &[u8]) -> Result<Self, NotASessionToken> {
        let plain = |b: &u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'\'');
        if !(1..=SESSION_TOKEN_MAX).contains(&bytes.len()) || !bytes.iter().all(plain) {
            return Err(NotASessionToken);
        }
        Ok(Self(Filled::boxed(bytes)))
    }

    /// The token, for the request or the child that needs it.
    pub fn expose(&self) -> &str {
        // Only printable ASCII gets in.
        std::str::from_utf8(self.0.expose_secret().bytes()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_refused_for_what_no_one_means() {
        assert_eq!(Pin::new("").err(), Some(PinRefused::Empty));
        assert_eq!(Pin::new(&"1".repeat(256)).err(), Some(PinRefused::TooLong));
        assert_eq!(Pin::new("12\u{1b}[A").err(), Some(PinRefused::Control));
        let otp = "cccccccfhcbelrhifnjrrddcgrburluurftrgfdrdifj";
        assert_eq!(Pin::new(otp).err(), Some(PinRefused::TouchedOtp));
        assert_eq!(
            Pin::new("123456").ok().map(|p| p.expose().to_vec()),
            Some(b"123456".to_vec())
        );
    }

    #[test]
    fn a_cut_off_secret_access_key_is_refused() {
        assert!(AccessKeySecret::new(b"").is_err());
        assert!(AccessKeySecret::new(b"short").is_err());
        assert!(AccessKeySecret::new(&[b'x'; 127]).is_err());
        assert!(AccessKeySecret::new(b"0123456789abcdef\n").is_err());
        assert!(AccessKeySecret::new(&[b'x'; 126]).is_ok());
    }

    #[test]
    fn a_session_token_is_taken_whole_or_not_at_all() {
        let longest = [b'x'; SESSION_TOKEN_MAX];
        assert_eq!(
            SessionToken::new(b"IQoJb3JpZ2lu/+==").map(|token| token.expose().to_owned()),
            Ok("IQoJb3JpZ2lu/+==".to_owned())
        );
        assert_eq!(
            SessionToken::new(&longest).map(|token| token.expose().len()),
            Ok(SESSION_TOKEN_MAX)
        );
        for bad in [
            &b""[..],
            b"two words",
            b"a\nb",
            b"a\"b",
            b"a\\b",
            b"a'b",
            &[longest.as_slice(), b"x"].concat(),
        ] {
            assert!(SessionToken::new(bad).is_err());
        }
    }
}
