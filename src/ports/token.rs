//! Tokens: devices that hold private keys.

use crate::model::{TokenIdentity, TokenKeys};
use crate::ports::{PinMisfit, PinRules};
use crate::secret::{Pin, SharedSecret};

/// What the token says of its PIN before anybody types one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinStatus {
    /// The token does not count, or does not tell.
    Untold,
    /// So many tries are left.
    Left(u32),
    /// A wrong PIN has been entered; how many tries are left it does not say (`CKF_USER_PIN_COUNT_LOW`).
    CountLow,
    /// One try is left (`CKF_USER_PIN_FINAL_TRY`, or a counter of one).
    FinalTry,
    /// Blocked (`CKF_USER_PIN_LOCKED`, or a counter of zero).
    Locked,
}

/// One use of a private key.
#[derive(Debug, Clone, Copy)]
pub enum KeyRequest<'a> {
    /// ECDH of the seal key with this uncompressed point (65 bytes); the caller has checked that it is
    /// on the curve. Answered by [`KeyReply::Secret`]: the x-coordinate.
    Agree(&'a [u8; 65]),
    /// RSA-OAEP (SHA-256, MGF1 with SHA-256, empty label) decryption with the seal key. Answered by
    /// [`KeyReply::Secret`]: the 32-byte seed.
    Decapsulate(&'a [u8]),
    /// A signature by the sign key over these bytes, not over a digest of them. Answered by
    /// [`KeyReply::Signature`], in the form of the key's algorithm.
    Sign(&'a [u8]),
}

/// The answer to a [`KeyRequest`].
pub enum KeyReply {
    /// Of an agreement or a decapsulation.
    Secret(SharedSecret),
    /// Of a signature.
    Signature(Vec<u8>),
}

/// Why a token did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The driver could not be loaded.
    #[error("the module {path} cannot be used: {reason}")]
    Module {
        /// Its path.
        path: String,
        /// What the loader or the module said.
        reason: String,
    },
    /// No token matches.
    #[error("no token matches {wanted}; present: {}", if .present.is_empty() { "none".to_owned() } else { .present.join(", ") })]
    Absent {
        /// What was looked for.
        wanted: String,
        /// What is there.
        present: Vec<String>,
    },
    /// Several tokens match; using one of them would be a guess.
    #[error("{} tokens match {wanted}: {}", .present.len(), .present.join(", "))]
    Ambiguous {
        /// What was looked for.
        wanted: String,
        /// What matches.
        present: Vec<String>,
    },
    /// The text does not name a token.
    #[error("\"{locator}\" does not name a token: {reason}")]
    Locator {
        /// The text.
        locator: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The token holds no key of ours, or not both.
    #[error("{token} holds no {which}")]
    NoKey {
        /// The token.
        token: String,
        /// Which key is missing.
        which: &'static str,
    },
    /// The token holds keys of ours already; they are not overwritten.
    #[error("{token} holds a {which} already")]
    KeyExists {
        /// The token.
        token: String,
        /// Which key.
        which: &'static str,
    },
    /// A key on the token is not fit for the vault.
    #[error("the {which} on {token} is not fit: {reason}")]
    UnfitKey {
        /// The token.
        token: String,
        /// Which key.
        which: &'static str,
        /// Why.
        reason: String,
    },
    /// The keys cannot be read before the PIN was given: [`Token::keys_with_pin`].
    #[error("{token} shows its keys only after its PIN was given")]
    KeysNeedPin {
        /// The token.
        token: String,
    },
    /// The keys are not made through the driver, but with the maker's own tools.
    #[error("the keys of {token} are made with its maker's own tools")]
    MakersKeys {
        /// The token.
        token: String,
        /// The profile that says with which.
        profile: String,
    },
    /// What was typed cannot be the token's PIN, and was not sent.
    #[error("that is no PIN of {token}: {misfit}")]
    PinMisfit {
        /// The token.
        token: String,
        /// Why.
        misfit: PinMisfit,
    },
    /// The PIN was wrong; the state of the PIN after it.
    #[error("wrong PIN for {token}")]
    WrongPin {
        /// The token.
        token: String,
        /// What is left.
        left: PinStatus,
    },
    /// The PIN is blocked.
    #[error("the PIN of {token} is blocked")]
    PinLocked {
        /// The token.
        token: String,
    },
    /// No touch in time, after a good PIN.
    #[error("{token} was not touched in time")]
    NotTouched {
        /// The token.
        token: String,
    },
    /// It was there and is not any more.
    #[error("{token} was removed")]
    Gone {
        /// The token.
        token: String,
    },
    /// The token cannot do what is needed, or answered what it must not.
    #[error("{token}: {reason}")]
    Device {
        /// The token.
        token: String,
        /// What it said.
        reason: String,
    },
}

/// One token. Device code is mute: it never prompts, prints or waits for a person but at a touch.
pub trait Token {
    /// What it says of itself.
    fn identity(&self) -> &TokenIdentity;

    /// What it says of its PIN, read anew.
    ///
    /// # Errors
    /// [`TokenError`].
    fn pin_status(&mut self) -> Result<PinStatus, TokenError>;

    /// What is known of its PIN beforehand.
    fn pin_rules(&self) -> PinRules {
        PinRules::default()
    }

    /// What people have to know before they rely on this token: what its driver does not prove, or has not
    /// been tried with. One sentence each.
    fn cautions(&self) -> Vec<String> {
        Vec::new()
    }

    /// The public keys, read without a PIN.
    ///
    /// # Errors
    /// [`TokenError::NoKey`] where it was not prepared; [`TokenError::KeysNeedPin`] where the device tells
    /// them to nobody who is not logged in.
    fn keys(&mut self) -> Result<TokenKeys, TokenError>;

    /// The public keys, read after a login.
    ///
    /// # Errors
    /// [`TokenError`].
    fn keys_with_pin(&mut self, _pin: &Pin) -> Result<TokenKeys, TokenError> {
        self.keys()
    }

    /// Makes the seal key and the sign key on the token.
    ///
    /// # Errors
    /// [`TokenError::KeyExists`] where there are some; nothing is ever overwritten.
    fn generate(&mut self, pin: &Pin) -> Result<TokenKeys, TokenError>;

    /// Checks, logged in, that the private keys are sensitive, never extractable and made on the token.
    ///
    /// # Errors
    /// [`TokenError::UnfitKey`].
    fn check_keys(&mut self, pin: &Pin) -> Result<(), TokenError>;

    /// One login, the requests in their order, logout. The PIN is sent once for it (or, where the device
    /// demands it before each use of the key, only after it was accepted). The answers stand in the order
    /// of the requests.
    ///
    /// # Errors
    /// [`TokenError`]; no answer is given then.
    fn perform(
        &mut self,
        pin: &Pin,
        requests: &[KeyRequest<'_>],
    ) -> Result<Vec<KeyReply>, TokenError>;
}

/// Everything that a driver can reach.
pub trait TokenProvider {
    /// All tokens that are present, prepared or not.
    ///
    /// # Errors
    /// [`TokenError::Module`] and what else a driver says.
    fn list(&self) -> Result<Vec<TokenIdentity>, TokenError>;

    /// The one token that the locator names.
    ///
    /// # Errors
    /// [`TokenError::Absent`], [`TokenError::Ambiguous`], [`TokenError::Locator`].
    fn open(&self, locator: &str) -> Result<Box<dyn Token + '_>, TokenError>;
}
