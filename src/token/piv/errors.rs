//! What went wrong with a card, in the words of the ports.

use super::holders;
use super::link::Broken;
use crate::ports::{PinStatus, TokenError};

/// A card, as errors call it.
pub(super) struct Device(String);

impl Device {
    pub(super) fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    fn token(&self) -> String {
        self.0.clone()
    }

    /// It answered what it must not.
    pub(super) fn odd(&self, reason: &str) -> TokenError {
        TokenError::Device {
            token: self.token(),
            reason: reason.to_owned(),
        }
    }

    /// It answered what cannot be understood: cut off, too long, or not what was asked for.
    pub(super) fn garbled(&self, reason: &str) -> TokenError {
        TokenError::Garbled {
            token: self.token(),
            reason: reason.to_owned(),
        }
    }

    /// It answered with a status word that means nothing good here.
    pub(super) fn status(&self, what: &str, status: u16) -> TokenError {
        self.odd(&format!("{what}: it answered {status:04x}"))
    }

    pub(super) fn wrong_pin(&self, left: PinStatus) -> TokenError {
        let token = self.token();
        TokenError::WrongPin { token, left }
    }

    pub(super) fn locked(&self) -> TokenError {
        let token = self.token();
        TokenError::PinLocked { token }
    }

    pub(super) fn untouched(&self) -> TokenError {
        let token = self.token();
        TokenError::NotTouched { token }
    }

    pub(super) fn gone(&self) -> TokenError {
        let token = self.token();
        TokenError::Gone { token }
    }

    pub(super) fn no_key(&self, which: &'static str) -> TokenError {
        let token = self.token();
        TokenError::NoKey { token, which }
    }

    pub(super) fn unfit(&self, which: &'static str, reason: &str) -> TokenError {
        TokenError::UnfitKey {
            token: self.token(),
            which,
            reason: reason.to_owned(),
        }
    }

    pub(super) fn factory(&self, what: &'static str) -> TokenError {
        let token = self.token();
        TokenError::Factory { token, what }
    }

    pub(super) fn management_key(&self) -> TokenError {
        let token = self.token();
        TokenError::ManagementKey { token }
    }

    /// The line to it broke.
    pub(super) fn broken(&self, broken: Broken) -> TokenError {
        let token = self.token();
        match broken {
            Broken::Held => TokenError::Busy {
                token,
                by: holders::named(),
            },
            Broken::Silent(seconds) => TokenError::Silent { token, seconds },
            Broken::Left => TokenError::Left { token },
            Broken::Pcsc(error) => self.pcsc(error),
        }
    }

    fn pcsc(&self, error: pcsc::Error) -> TokenError {
        use pcsc::Error as E;
        let token = self.token();
        match error {
            // The last is the library's word for a service that ended while it was asked; it may run again already.
            E::NoService | E::ServiceStopped | E::InvalidHandle | E::CommError | E::Timeout => {
                service(error)
            }
            // The last is what is said of a command in the middle of which the contact was lost.
            E::RemovedCard
            | E::NoSmartcard
            | E::UnknownReader
            | E::ReaderUnavailable
            | E::UnpoweredCard
            | E::NotTransacted => TokenError::Gone { token },
            E::ResetCard => TokenError::Disturbed { token },
            E::InsufficientBuffer => self.garbled("an answer is longer than any of PIV"),
            other => self.odd(&other.to_string()),
        }
    }
}

/// The service is not there.
pub(super) fn service(error: pcsc::Error) -> TokenError {
    TokenError::Service {
        reason: error.to_string(),
    }
}
