//! When a YubiKey asks for the PIN and for a touch.

use std::fmt;

/// When a key asks for the PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PinPolicy {
    /// 1: never.
    Never,
    /// 2: once a session.
    Once,
    /// 3: before every use.
    Always,
    /// 4: a fingerprint or the PIN, once a session.
    MatchOnce,
    /// 5: a fingerprint or the PIN, before every use.
    MatchAlways,
}

impl PinPolicy {
    /// From a device's own byte; nothing where it is none of these.
    pub fn read(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Never,
            2 => Self::Once,
            3 => Self::Always,
            4 => Self::MatchOnce,
            5 => Self::MatchAlways,
            _ => return None,
        })
    }

    /// Whether a fingerprint will do.
    pub fn takes_fingerprint(self) -> bool {
        matches!(self, Self::MatchOnce | Self::MatchAlways)
    }
}

impl fmt::Display for PinPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Never => "never",
            Self::Once => "once",
            Self::Always => "always",
            Self::MatchOnce => "match-once",
            Self::MatchAlways => "match-always",
        })
    }
}

/// When a key asks for a touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TouchPolicy {
    /// 1: never.
    Never,
    /// 2: at every use.
    Always,
    /// 3: unless there was one within 15 seconds.
    Cached,
}

impl TouchPolicy {
    /// From a device's own byte; nothing where it is none of these.
    pub fn read(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Never,
            2 => Self::Always,
            3 => Self::Cached,
            _ => return None,
        })
    }
}

impl fmt::Display for TouchPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Never => "never",
            Self::Always => "always",
            Self::Cached => "cached",
        })
    }
}
