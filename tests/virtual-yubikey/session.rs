//! What a card forgets when it loses power.

use std::collections::BTreeMap;
use std::time::Instant;

/// The selected application.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Applet {
    #[default]
    None,
    Piv,
    Management,
    Otp,
}

/// A step of the management key's authentication that waits for the next one.
pub enum Challenge {
    /// The host has to answer with these bytes, encrypted.
    Single(Vec<u8>),
    /// The host has to answer with these bytes, which it got encrypted.
    Witness(Vec<u8>),
}

/// The commands of a chain so far.
pub struct Chain {
    pub header: [u8; 3],
    pub data: Vec<u8>,
}

/// The volatile state.
#[derive(Default)]
pub struct Session {
    pub applet: Applet,
    /// The PIN was verified.
    pub pin: bool,
    /// And no private key was used since.
    pub pin_fresh: bool,
    /// The management key was shown.
    pub manager: bool,
    pub challenge: Option<Challenge>,
    pub chain: Option<Chain>,
    /// What of an answer has not been fetched.
    pub pending: Vec<u8>,
    /// When a key with the cached policy was last touched for, by slot.
    pub touched: BTreeMap<u8, Instant>,
}

impl Session {
    /// Another application takes over: the one before forgets who authenticated.
    pub fn select(&mut self, applet: Applet) {
        if self.applet != applet {
            *self = Self {
                applet,
                ..Self::default()
            };
        }
    }
}
