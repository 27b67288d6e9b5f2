//! The classes of faults, and which of our errors belong to which.

use breakglass::crypto::CryptoError;
use breakglass::format::dsse::Malformed;
use breakglass::ledger::{Impossible, JournalError, LedgerError};
use breakglass::manifest::{Misplaced, Untrusted};

/// As in docs/format.md, section 11.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Form,
    Key,
    Signature,
    Unsound,
    Chain,
    Quorum,
    Place,
    Sealing,
    Mismatch,
    Tree,
    Writer,
    History,
}

impl Class {
    pub fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Unsound => "unsound",
            Self::Chain => "chain",
            Self::Quorum => "quorum",
            Self::Place => "place",
            Self::Sealing => "sealing",
            Self::Mismatch => "mismatch",
            Self::Tree => "tree",
            Self::Writer => "writer",
            Self::History => "history",
        }
    }
}

impl From<Malformed> for Class {
    fn from(_: Malformed) -> Self {
        Self::Form
    }
}

impl From<Untrusted> for Class {
    fn from(error: Untrusted) -> Self {
        match error {
            Untrusted::Malformed(..) => Self::Form,
            Untrusted::Unsound(..) => Self::Unsound,
            Untrusted::Quorum { .. } => Self::Quorum,
            Untrusted::Possession(..) | Untrusted::Signature(..) => Self::Signature,
            Untrusted::None | Untrusted::Broken(..) => Self::Chain,
            // Only a station that remembers can see these.
            other => panic!("{other}"),
        }
    }
}

impl From<Misplaced> for Class {
    fn from(error: Misplaced) -> Self {
        match error {
            Misplaced::Malformed(_) => Self::Form,
            Misplaced::Elsewhere | Misplaced::Misfit(_) => Self::Place,
            Misplaced::Signature(_) => Self::Signature,
        }
    }
}

impl From<CryptoError> for Class {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::Point(_) | CryptoError::RsaKey(_) | CryptoError::Ed25519Key => Self::Key,
            CryptoError::Encapsulated(_)
            | CryptoError::CiphertextLength { .. }
            | CryptoError::ShareIndex
            | CryptoError::RepeatedShare(_)
            | CryptoError::Padding => Self::Form,
            CryptoError::NotAuthentic => Self::Sealing,
            CryptoError::SignatureForm(_) | CryptoError::BadSignature => Self::Signature,
            CryptoError::Threshold { .. } | CryptoError::Quorum => Self::Quorum,
            CryptoError::ShareDigest | CryptoError::Commitment => Self::Mismatch,
            other => panic!("{other}"),
        }
    }
}

impl From<LedgerError> for Class {
    fn from(error: LedgerError) -> Self {
        let LedgerError::Corrupt { reason, .. } = &error else {
            panic!("{error}");
        };
        let begins = |starts: &[&str]| starts.iter().any(|start| reason.starts_with(start));
        if begins(&[
            "it is the commit of another number",
            "its checkpoint is of another vault",
        ]) {
            Self::Place
        } else if begins(&["the signature of its checkpoint does not hold"]) {
            Self::Signature
        } else if begins(&["it follows", "its entries ("]) {
            Self::Tree
        } else {
            Self::Form
        }
    }
}

impl From<JournalError> for Class {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Corrupt(error) => error.into(),
            JournalError::Impossible { reason, .. } => match reason {
                Impossible::Malformed(_) => Self::Form,
                Impossible::Writer(_) => Self::Writer,
                Impossible::Witness(_, why) if why.contains("sign") => Self::Signature,
                _ => Self::History,
            },
            other => panic!("{other}"),
        }
    }
}
