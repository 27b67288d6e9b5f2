//! Tokens: devices that hold private keys.

use std::os::fd::AsFd;
use std::time::Duration;

use crate::model::{Attestation, TokenIdentity, TokenKeys};
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

/// While a token waits to be touched, and right before it begins to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TouchWait {
    /// How long it has waited.
    pub waited: Duration,
    /// After how long it gives up.
    pub limit: Duration,
    /// Which touch of this session it is, from 1.
    pub number: usize,
    /// How many there will be.
    pub of: usize,
}

/// What the person who is to touch a token says meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// It goes on waiting.
    Wait,
    /// They left: nothing is to come of it.
    Leave,
}

/// Is asked, about once a second, while a token waits to be touched; first when it begins to.
pub type OnTouch<'a> = &'a mut dyn FnMut(TouchWait) -> Patience;

/// Which keys of a token are about to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// The seal key.
    Seal,
    /// The sign key.
    Sign,
}

/// A token as it was enrolled, that somebody waits for.
#[derive(Debug, Clone, Copy)]
pub struct Sought<'a> {
    /// What finds it.
    pub identity: &'a TokenIdentity,
    /// What proves it.
    pub keys: &'a TokenKeys,
}

/// A sought token that is there.
pub struct Present<'p> {
    /// Its place among those that were sought.
    pub at: usize,
    /// The token.
    pub token: Box<dyn Token + 'p>,
}

/// What was found at the readers.
pub struct Finding<'p> {
    /// The sought tokens that are there.
    pub present: Vec<Present<'p>>,
    /// Tokens that are there and were not sought, as people know them.
    pub strangers: Vec<String>,
}

/// Which of its secrets are still those that every such token leaves the factory with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FactoryState {
    /// The PIN.
    pub pin: bool,
    /// The PUK, which unblocks the PIN.
    pub puk: bool,
    /// The management key, which makes and overwrites keys.
    pub management: bool,
}

impl FactoryState {
    /// The names of those that are the factory's.
    pub fn names(self) -> Vec<&'static str> {
        let all = [
            (self.pin, "PIN"),
            (self.puk, "PUK"),
            (self.management, "management key"),
        ];
        let still = all.into_iter().filter(|(is, _)| *is);
        still.map(|(_, name)| name).collect()
    }
}

/// What takes the place of the factory's secrets. The management key is drawn and kept on the token, readable
/// with the PIN.
pub struct NewAccess<'a> {
    /// The PIN from now on: a new one where [`FactoryState::pin`], else the one that it has.
    pub pin: &'a Pin,
    /// The new PUK, where [`FactoryState::puk`].
    pub puk: Option<&'a Pin>,
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
    #[error("wrong PIN for {token}{}", tries_left(*.left))]
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
    /// The service that the readers are reached through does not run, or stopped.
    #[error("the smart card service cannot be reached: {reason}")]
    Service {
        /// What it said.
        reason: String,
    },
    /// Another program holds it.
    #[error("{token} is in use by another program{}", if .by.is_empty() { String::new() } else { format!(": {}", .by.join(", ")) })]
    Busy {
        /// The token, or its reader.
        token: String,
        /// Programs that talk to readers now, as far as they can be seen.
        by: Vec<String>,
    },
    /// Another program reset it in the middle.
    #[error("{token} was reset by another program")]
    Disturbed {
        /// The token.
        token: String,
    },
    /// The person who was to touch it left.
    #[error("left while {token} waited to be touched")]
    Left {
        /// The token.
        token: String,
    },
    /// It gave no answer in time.
    #[error("{token} gave no answer within {seconds} seconds")]
    Silent {
        /// The token.
        token: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The PIN that it left the factory with is no PIN.
    #[error("{token} still has the {what} that it left the factory with")]
    Factory {
        /// The token.
        token: String,
        /// Which secret.
        what: &'static str,
    },
    /// Its management key is neither the factory's nor kept on it, so nothing can be changed on it.
    #[error("the management key of {token} is not known to it alone: it was set by hand")]
    ManagementKey {
        /// The token.
        token: String,
    },
    /// Its answer cannot be understood: cut off, too long, or not what was asked for.
    #[error("{token} gave an answer that makes no sense: {reason}")]
    Garbled {
        /// Which.
        token: String,
        /// What is wrong with it.
        reason: String,
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

fn tries_left(left: PinStatus) -> String {
    match left {
        PinStatus::Left(0) | PinStatus::Locked => "; it is blocked now".to_owned(),
        PinStatus::Left(1) | PinStatus::FinalTry => "; one try is left".to_owned(),
        PinStatus::Left(count) => format!("; {count} tries are left"),
        PinStatus::Untold | PinStatus::CountLow => String::new(),
    }
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

    /// Whether there is a key in the place of this one.
    ///
    /// # Errors
    /// [`TokenError::KeysNeedPin`] and what else a device says.
    fn has_key(&mut self, _key: KeyUse) -> Result<bool, TokenError> {
        match self.keys() {
            Ok(_) => Ok(true),
            Err(TokenError::NoKey { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

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
    /// of the requests. Where the device waits for a touch, `on_touch` is asked.
    ///
    /// # Errors
    /// [`TokenError`]; no answer is given then.
    fn perform_watched(
        &mut self,
        pin: &Pin,
        requests: &[KeyRequest<'_>],
        on_touch: OnTouch<'_>,
    ) -> Result<Vec<KeyReply>, TokenError>;

    /// As [`Self::perform_watched`], with nobody to tell of a touch.
    ///
    /// # Errors
    /// [`TokenError`].
    fn perform(
        &mut self,
        pin: &Pin,
        requests: &[KeyRequest<'_>],
    ) -> Result<Vec<KeyReply>, TokenError> {
        self.perform_watched(pin, requests, &mut |_| Patience::Wait)
    }

    /// Whether a key that is about to be used is the enrolled one, and demands of people what it demanded
    /// when it was enrolled. Where the device shows its keys to nobody who is not logged in, this says yes:
    /// an answer of another key opens nothing and signs nothing.
    ///
    /// # Errors
    /// [`TokenError::UnfitKey`] where it demands less; what else a device says.
    fn holds(&mut self, enrolled: &TokenKeys, used: KeyUse) -> Result<bool, TokenError> {
        let keys = match self.keys() {
            Err(TokenError::KeysNeedPin { .. }) => return Ok(true),
            told => told?,
        };
        Ok(match used {
            KeyUse::Seal => keys.seal == enrolled.seal,
            KeyUse::Sign => keys.sign == enrolled.sign,
        })
    }

    /// The certificates by which the device proves how its keys were made; none where it has no such.
    ///
    /// # Errors
    /// [`TokenError`].
    fn attestation(&mut self) -> Result<Option<Attestation>, TokenError> {
        Ok(None)
    }

    /// Which secrets are still the factory's.
    ///
    /// # Errors
    /// [`TokenError`].
    fn factory(&mut self) -> Result<FactoryState, TokenError> {
        Ok(FactoryState::default())
    }

    /// Puts a custodian's own secrets in the place of the factory's. Nothing is done where none is the
    /// factory's.
    ///
    /// # Errors
    /// [`TokenError`].
    fn prepare(&mut self, _access: &NewAccess<'_>) -> Result<(), TokenError> {
        Ok(())
    }

    /// Makes both keys anew in the place of those that are there, which then open nothing any more.
    ///
    /// # Errors
    /// [`TokenError::KeyExists`] where this is not done through the driver.
    fn regenerate(&mut self, _pin: &Pin) -> Result<TokenKeys, TokenError> {
        Err(TokenError::KeyExists {
            token: self.identity().to_string(),
            which: "pair of keys",
        })
    }

    /// Whether it can carry an anchor.
    fn carries_anchors(&self) -> bool {
        false
    }

    /// The anchor that the token carries, at most 3,000 bytes; none where it carries none, or cannot.
    ///
    /// # Errors
    /// [`TokenError`].
    fn anchor(&mut self) -> Result<Option<Vec<u8>>, TokenError> {
        Ok(None)
    }

    /// Puts an anchor on the token in the place of the one before; says no where the token cannot carry one.
    ///
    /// # Errors
    /// [`TokenError`].
    fn write_anchor(&mut self, _pin: &Pin, _anchor: &[u8]) -> Result<bool, TokenError> {
        Ok(false)
    }
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

    /// Those of the sought tokens that are there. A token is recognised by what it is, never by where it is.
    ///
    /// # Errors
    /// [`TokenError`], where a token that is there cannot be used.
    fn seek(&self, sought: &[Sought<'_>]) -> Result<Finding<'_>, TokenError> {
        let mut present = Vec::new();
        for (at, one) in sought.iter().enumerate() {
            match self.open(&one.identity.locator) {
                Ok(token) => present.push(Present { at, token }),
                Err(TokenError::Absent { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(Finding {
            present,
            strangers: Vec::new(),
        })
    }

    /// Lets go of every token that was looked at while somebody's was sought: nobody is waited for any more.
    fn let_go(&self) {}

    /// Something that becomes readable when a token comes or goes from now on; none where the driver does not
    /// tell.
    ///
    /// # Errors
    /// [`TokenError`].
    fn watch(&self, _sought: &[Sought<'_>]) -> Result<Option<Box<dyn AsFd + '_>>, TokenError> {
        Ok(None)
    }
}
