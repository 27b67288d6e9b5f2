//! From the errors of the floors below to what a person is told. Deeds that know more of the state of
//! the world say so with [`Failure::state`].

use crate::ceremony::NotTaken;
use crate::crypto::CryptoError;
use crate::format::dsse::Malformed;
use crate::ledger::JournalError;
use crate::manifest::{ChangeRefused, Misfit, Untrusted};
use crate::model::{Class, Failure};
use crate::ports::{CloudError, Declined, Forgetful, NoEntropy, StoreError, TokenError};

const UNCHANGED: &str = "nothing was changed";
const CALL: &str = "stop, leave the vault as it is, and call the security officer";

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::NotFound(_) => {
                Self::new(Class::Failed, "vault-file-missing", text, UNCHANGED)
                    .hint("is this the right folder? breakglass --vault DIR …")
            }
            StoreError::AlreadyExists(_) => Self::new(
                Class::Failed,
                "vault-file-exists",
                text,
                "it was not touched",
            ),
            StoreError::NotEmpty(_) => {
                Self::new(Class::Refused, "folder-not-empty", text, UNCHANGED)
                    .hint("give a folder that does not exist yet: --vault DIR")
            }
            StoreError::NotAFile(..) | StoreError::NotAFolder(..) | StoreError::TooLarge(..) => {
                Self::new(Class::Integrity, "vault-file-odd", text, UNCHANGED).hint(CALL)
            }
            StoreError::Exposed(ref place, _) => {
                Self::new(Class::Refused, "vault-exposed", text.clone(), UNCHANGED)
                    .hint(format!("chmod -R go-w {place}"))
            }
            StoreError::Unwritable(..) => Self::new(
                Class::Failed,
                "vault-unwritable",
                text,
                "nothing was written",
            )
            .hint("make room, or mount the vault read-write, and run the same command again"),
            StoreError::Locked(_) => Self::new(Class::Failed, "vault-busy", text, UNCHANGED)
                .hint("wait until the other run has ended, then run the same command again"),
            StoreError::Failed(..) => Self::new(Class::Failed, "vault-unreadable", text, UNCHANGED),
        }
    }
}

impl From<Forgetful> for Failure {
    fn from(error: Forgetful) -> Self {
        Self::new(
            Class::Failed,
            "station-unusable",
            error.to_string(),
            UNCHANGED,
        )
        .hint("breakglass keeps its pins in the station folder: see --station in breakglass --help")
    }
}

impl From<Untrusted> for Failure {
    fn from(error: Untrusted) -> Self {
        let code = match error {
            Untrusted::Substituted { .. } => "vault-substituted",
            Untrusted::RolledBack { .. } => "vault-rolled-back",
            Untrusted::Forked(_) => "vault-forked",
            Untrusted::None => "no-manifest",
            _ => "manifest-invalid",
        };
        Self::new(
            Class::Integrity,
            code,
            error.to_string(),
            "the vault was not touched",
        )
        .hint(CALL)
    }
}

impl From<ChangeRefused> for Failure {
    fn from(error: ChangeRefused) -> Self {
        Self::new(
            Class::Refused,
            "change-refused",
            error.to_string(),
            UNCHANGED,
        )
    }
}

impl From<Malformed> for Failure {
    fn from(error: Malformed) -> Self {
        Self::new(
            Class::Integrity,
            "document-malformed",
            error.to_string(),
            UNCHANGED,
        )
        .hint(CALL)
    }
}

impl From<CryptoError> for Failure {
    fn from(error: CryptoError) -> Self {
        Self::new(
            Class::Integrity,
            "sealing-broken",
            error.to_string(),
            "nothing was opened",
        )
        .hint(CALL)
    }
}

impl From<NoEntropy> for Failure {
    fn from(error: NoEntropy) -> Self {
        Self::new(Class::Failed, "no-entropy", error.to_string(), UNCHANGED)
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let text = error.to_string();
        match error {
            JournalError::Store(store) => {
                let mut failure = Self::from(store);
                failure.what = format!("the ledger cannot be written or read: {}", failure.what);
                failure.state("what cannot be recorded does not happen: nothing was done")
            }
            JournalError::CutOff { .. } => {
                Self::new(Class::Integrity, "ledger-cut-off", text, UNCHANGED).hint(CALL)
            }
            JournalError::Forked { .. } => {
                Self::new(Class::Integrity, "ledger-forked", text, UNCHANGED).hint(CALL)
            }
            JournalError::Corrupt(_) | JournalError::Impossible { .. } => {
                Self::new(Class::Integrity, "ledger-broken", text, UNCHANGED)
                    .hint("breakglass ledger verify")
                    .hint(CALL)
            }
            JournalError::Unclear(_) => Self::new(
                Class::HalfDone,
                "ledger-unclear",
                text,
                "nothing was released",
            )
            .hint("breakglass ledger verify, then run the same command again"),
            JournalError::Outdated(_) => Self::new(
                Class::HalfDone,
                "manifest-overtaken",
                text,
                "what was done is in the ledger; nothing more was done",
            )
            .hint("run the same command again: it goes on under the new manifest"),
            JournalError::Refused(_) => {
                Self::new(Class::Refused, "not-recordable", text, UNCHANGED)
            }
            JournalError::Internal(_) => Self::new(Class::Bug, "bug", text, UNCHANGED),
        }
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        let text = error.to_string();
        let token = |code| Self::new(Class::Token, code, text.clone(), UNCHANGED);
        match error {
            TokenError::Module { .. } => token("module-unusable")
                .hint("check the path, and that its package is installed (hsm-config/README.md)"),
            TokenError::Absent { .. } => token("token-absent").hint("breakglass token list"),
            TokenError::Ambiguous { .. } => token("token-ambiguous")
                .hint("name it by its serial: pkcs11:serial=… (breakglass token list)"),
            TokenError::Locator { .. } => Self::new(Class::Usage, "token-uri", text, UNCHANGED)
                .hint("such as pkcs11:token=ic-alice (RFC 7512)"),
            TokenError::NoKey { .. } => {
                token("token-not-prepared").hint("breakglass token generate URI")
            }
            TokenError::KeyExists { .. } => Self::new(
                Class::Refused,
                "key-exists",
                text,
                "the keys on it were not touched",
            ),
            TokenError::UnfitKey { .. } => Self::new(Class::Refused, "key-unfit", text, UNCHANGED),
            TokenError::WrongPin { .. } => token("wrong-pin"),
            TokenError::PinLocked { .. } => {
                Self::new(Class::PinBlocked, "pin-locked", text, UNCHANGED)
                    .hint("use a spare token, or have the PIN reset with the token's own tools")
            }
            TokenError::NotTouched { .. } => {
                token("not-touched").hint("no try was spent: run it again")
            }
            TokenError::Gone { .. } => token("token-removed").hint("put it back and run it again"),
            TokenError::Device { .. } => token("token-failed"),
        }
    }
}

impl From<Declined> for Failure {
    fn from(error: Declined) -> Self {
        let text = error.to_string();
        match error {
            Declined::NoTerminal => Self::new(Class::PersonNeeded, "no-terminal", text, UNCHANGED)
                .hint("run it at a terminal: PINs are typed there and nowhere else"),
            Declined::Said => Self::new(Class::PersonNeeded, "declined", text, UNCHANGED),
            Declined::Blocked => Self::new(Class::PinBlocked, "pin-locked", text, UNCHANGED)
                .hint("use a spare token, or have the PIN reset with the token's own tools"),
            Declined::LastTry => Self::new(Class::PinBlocked, "last-try-withheld", text, UNCHANGED)
                .hint("use a spare token if there is one"),
        }
    }
}

impl From<NotTaken> for Failure {
    fn from(error: NotTaken) -> Self {
        let text = error.to_string();
        match error {
            NotTaken::NotSealedTo => {
                Self::new(Class::Refused, "not-sealed-to", text, "nothing was opened")
            }
            NotTaken::Twice(_) => Self::new(
                Class::Refused,
                "counted-already",
                text,
                "nothing was opened",
            ),
            NotTaken::WrongShare(..) | NotTaken::Answers(..) => {
                Self::new(Class::Integrity, "wrong-share", text, "nothing was opened").hint(CALL)
            }
        }
    }
}

impl From<Misfit> for Failure {
    fn from(error: Misfit) -> Self {
        let text = error.to_string();
        Self::new(
            Class::Integrity,
            "header-misfit",
            text,
            "nothing was opened",
        )
        .hint(CALL)
    }
}

impl From<CloudError> for Failure {
    fn from(error: CloudError) -> Self {
        let text = error.to_string();
        let code = match error {
            CloudError::Credentials(_) => "aws-credentials",
            CloudError::Denied { .. } => "aws-denied",
            CloudError::Throttled { .. } => "aws-throttled",
            CloudError::NotFound(_) => "aws-not-found",
            CloudError::LimitExceeded(_) => "aws-limit",
            CloudError::Unreachable { .. } => "aws-unreachable",
            CloudError::Unclear { .. } => "aws-unclear",
            CloudError::Refused { .. } => "aws-refused",
        };
        let failure = Self::new(Class::Cloud, code, text, UNCHANGED);
        match error {
            CloudError::Credentials(_) => {
                failure.hint("set AWS_PROFILE, or [aws] profile in the station's config.toml")
            }
            CloudError::Denied { action, .. } => failure.hint(format!(
                "allow {action} to the rotator, then run the same command again"
            )),
            _ => failure.hint("run the same command again: it goes on where this one stopped"),
        }
    }
}
