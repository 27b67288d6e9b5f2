//! From the errors of the floors below to what a person is told. Deeds that know more of the state of
//! the world say so with [`Failure::state`].

use crate::attestation::{NotARoot, Unattested, Unmet};
use crate::ceremony::NotTaken;
use crate::crypto::CryptoError;
use crate::format::dsse::Malformed;
use crate::ledger::{JournalError, LedgerError};
use crate::manifest::{Misfit, Unproved, Untrusted};
use crate::model::{Class, Failure};
use crate::ports::{CloudError, Declined, Forgetful, NoEntropy, StoreError, TokenError};

const UNCHANGED: &str = "nothing was changed";
const CALL: &str = "stop, leave the vault as it is, and call the security officer";
const LEFT_ALONE: &str = "it was left as it is, and nothing was done";
const SPARE: &str =
    "use a spare token if there is one; the token's own tools can have its PIN reset, later";

/// A path as it can be typed to a shell.
fn typed(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%".contains(c);
    if path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

/// Something that nobody of ours put into the vault. It may be harmless, and it must not stay.
fn stray(what: String) -> Failure {
    Failure::new(Class::Failed, "vault-stray-file", what, LEFT_ALONE)
        .hint("move it out of the vault, and run the same command again")
        .hint("ask who put it there: nobody but breakglass writes into a vault")
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::NotFound(_) => {
                Self::new(Class::Failed, "vault-file-missing", text, UNCHANGED)
                    .hint("is this the right vault? breakglass --vault PLACE …")
            }
            StoreError::AlreadyExists(_) => Self::new(
                Class::Failed,
                "vault-file-exists",
                text,
                "what was there is as it was; nothing was written over it",
            )
            .hint("run the same command again"),
            StoreError::NotEmpty(_) => {
                Self::new(Class::Refused, "folder-not-empty", text, UNCHANGED)
                    .hint("give a place that is empty or does not exist yet: --vault PLACE")
                    .hint(
                        "if this is what an init that was interrupted left: remove it, and run init again",
                    )
            }
            StoreError::NotAFile(..) | StoreError::NotAFolder(..) | StoreError::TooLarge(..) => {
                Self::new(Class::Integrity, "vault-file-odd", text, LEFT_ALONE).hint(CALL)
            }
            StoreError::Parted(ref place, _) => Self::new(
                Class::Refused,
                "ledger-parted",
                text,
                "nothing was done: both are as they were, and each by itself is whole",
            )
            .hint("to record the next opening: an empty folder, --ledger DIR")
            .hint(format!(
                "to bring what stands there home, at the main vault: breakglass ledger join {}",
                typed(place)
            )),
            StoreError::Exposed(ref place, _) => Self::new(
                Class::Refused,
                "vault-exposed",
                text,
                "nothing was done: whoever can write there may have changed it",
            )
            .hint(format!("chmod -R go-w {}", typed(place)))
            .hint("then see that nobody changed anything: breakglass ledger verify"),
            StoreError::Unwritable(..) => Self::new(
                Class::Failed,
                "vault-unwritable",
                text,
                "it was not written, and what was there is as it was",
            )
            .hint("make room, or see that this user may write there, and run the same command again"),
            StoreError::Locked(_) => Self::new(Class::Failed, "vault-busy", text, UNCHANGED)
                .hint("wait until the other run has ended, then run the same command again"),
            StoreError::Unreliable(..) => Self::new(
                Class::Refused,
                "store-unreliable",
                text,
                "nothing was written to the ledger: two writers could have overwritten each other's entries",
            )
            .hint("use a store with conditional writes that hold: docs/operations.md names some")
            .hint("has the bucket versioning, on a store that ignores conditions then? use one without"),
            StoreError::Stray(..) => stray(text),
            StoreError::Failed(..) => Self::new(Class::Failed, "vault-unreadable", text, UNCHANGED)
                .hint("see that the disk, share or bucket is there and that you may read it; then run the same command again"),
        }
    }
}

impl From<Forgetful> for Failure {
    fn from(error: Forgetful) -> Self {
        let text = error.to_string();
        match error {
            Forgetful::Exposed { place, .. } => Self::new(
                Class::Refused,
                "station-exposed",
                text,
                "nothing was done: whoever can write there may have put another vault in place of yours",
            )
            .hint(format!("chmod -R go-w {}", typed(&place)))
            .hint("then compare the fingerprint with the card in the safe: breakglass status"),
            Forgetful::Damaged { place, .. } if place.ends_with(".key") => Self::new(
                Class::Failed,
                "station-key-damaged",
                text,
                "nothing was changed; what is sealed can be opened without this key",
            )
            .hint(format!("mv {0} {0}.damaged", typed(&place)))
            .hint("the next command draws a fresh key; to seal with it again: breakglass rotator add"),
            Forgetful::Damaged { place, .. } => Self::new(
                Class::Integrity,
                "anchor-damaged",
                text,
                "nothing was done: without it nobody can tell whether the vault is the one seen before",
            )
            .hint(format!("mv {0} {0}.damaged", typed(&place)))
            .hint("breakglass trust FINGERPRINT, with the fingerprint from the card in the safe")
            .hint("tell the security officer that this machine had forgotten what it saw"),
            Forgetful::Unusable(_) => Self::new(Class::Failed, "station-unusable", text, UNCHANGED)
                .hint("this machine keeps its pins there: mend the folder, or give another with --station DIR"),
        }
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
        let failure = Self::new(
            Class::Integrity,
            code,
            error.to_string(),
            "the vault was not touched, no key was made and nothing was opened",
        );
        match error {
            Untrusted::None => failure
                .hint("is this the right vault? breakglass --vault PLACE …")
                .hint(CALL),
            Untrusted::RolledBack { .. } => failure
                .hint("was an older copy put in its place? look for the newer one")
                .hint(CALL),
            Untrusted::Substituted { .. } => failure
                .hint("is this the right vault? breakglass --vault PLACE …")
                .hint("compare both fingerprints with the card in the safe")
                .hint(CALL),
            Untrusted::Malformed(_, malformed) => {
                of_a_newer_version(failure, &malformed).hint(CALL)
            }
            _ => failure.hint(CALL),
        }
    }
}

/// A document of a type that is not known may simply be younger than this program.
fn of_a_newer_version(failure: Failure, malformed: &Malformed) -> Failure {
    match malformed {
        Malformed::Type { .. } => failure.hint(format!(
            "a newer breakglass may have written it; this is {}",
            env!("CARGO_PKG_VERSION")
        )),
        _ => failure,
    }
}

impl From<Malformed> for Failure {
    fn from(error: Malformed) -> Self {
        let text = error.to_string();
        let failure = Self::new(
            Class::Integrity,
            "document-malformed",
            text,
            "nothing was opened or changed",
        );
        of_a_newer_version(failure, &error).hint(CALL)
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
            .hint("the system gives no random numbers: restart the machine, or use another")
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let text = error.to_string();
        match error {
            JournalError::Store(store) => {
                let read_only = matches!(store, StoreError::Unwritable(..));
                let mut failure = Self::from(store);
                if read_only {
                    let other = "or, where the vault is in a folder, let its ledger go on in another: --ledger DIR";
                    failure = failure.hint(other);
                }
                failure.what = format!("the ledger cannot be used: {}", failure.what);
                failure.state("nothing more was done: what cannot be recorded does not happen")
            }
            JournalError::CutOff { .. } => {
                Self::new(Class::Integrity, "ledger-cut-off", text, LEFT_ALONE)
                    .hint("was an older copy put in its place? look for the newer one")
                    .hint(CALL)
            }
            JournalError::Forked { .. } => {
                Self::new(Class::Integrity, "ledger-forked", text, LEFT_ALONE).hint(CALL)
            }
            JournalError::Corrupt(LedgerError::Stray(_)) => stray(text),
            JournalError::Corrupt(_) | JournalError::Impossible { .. } => {
                Self::new(Class::Integrity, "ledger-broken", text, LEFT_ALONE).hint(CALL)
            }
            JournalError::Unclear(_) => Self::new(
                Class::HalfDone,
                "ledger-unclear",
                text,
                "nothing was released; whether the last entry was written is not known",
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
                    .hint("breakglass status")
            }
            JournalError::Archive | JournalError::Internal(_) => Self::new(
                Class::Bug,
                "bug",
                text,
                "what was done before is in the ledger: breakglass ledger log",
            )
            .hint("this is a fault of breakglass: please report it, with this text"),
        }
    }
}

/// What to type to get a token back from whoever holds it.
fn busy(text: &str, by: &[String]) -> Failure {
    let failure = Failure::new(Class::Token, "token-busy", text, UNCHANGED);
    let scdaemon = by.is_empty() || by.iter().any(|name| name.starts_with("scdaemon"));
    let failure = if scdaemon {
        failure.hint("if it is GnuPG's: gpgconf --kill scdaemon")
    } else {
        failure
    };
    failure.hint("end the program that uses it, or take the token out and put it back, and run the same command again")
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        let text = error.to_string();
        let token = |code| Self::new(Class::Token, code, text.clone(), UNCHANGED);
        match error {
            TokenError::Module { .. } => token("module-unusable")
                .hint("check the path, and that its package is installed (hsm-config/README.md)"),
            TokenError::Absent { .. } => token("token-absent")
                .hint("insert it and run the same command again")
                .hint("breakglass token list"),
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
            )
            .hint("use it as it is, or another token"),
            TokenError::UnfitKey { .. } => Self::new(Class::Refused, "key-unfit", text, UNCHANGED)
                .hint("use another token; hsm-config/README.md says what its keys must be"),
            TokenError::KeysNeedPin { .. } => token("keys-need-pin")
                .hint("its keys are read where its PIN is asked for: when it is enrolled"),
            TokenError::MakersKeys { ref profile, .. } => token("makers-keys").hint(format!(
                "breakglass token profiles {profile} shows the commands that make them"
            )),
            TokenError::PinMisfit { .. } => token("pin-misfit")
                .state("it was not sent, and no try was spent; nothing was changed"),
            TokenError::WrongPin { .. } => token("wrong-pin")
                .state("the token counted a wrong try; nothing else was changed")
                .hint("breakglass token inspect URI tells what the token says of the tries left"),
            TokenError::PinLocked { .. } => {
                Self::new(Class::PinBlocked, "pin-locked", text, UNCHANGED).hint(SPARE)
            }
            TokenError::NotTouched { .. } => {
                token("not-touched").hint("no try was spent: run the same command again")
            }
            TokenError::Gone { .. } => {
                token("token-removed").hint("put it back and run the same command again")
            }
            TokenError::Service { .. } => token("no-card-service")
                .hint("is pcscd installed and running? systemctl start pcscd.socket, or pcscd as root")
                .hint("breakglass doctor"),
            TokenError::Busy { ref by, .. } => busy(&text, by),
            TokenError::Disturbed { .. } => token("token-disturbed")
                .state("no try was spent that was not told; nothing was changed")
                .hint("end the other program that uses the token, and run the same command again")
                .hint("breakglass doctor tells which programs talk to tokens"),
            TokenError::Left { .. } => Self::new(Class::PersonNeeded, "declined", text, UNCHANGED)
                .hint("a touch now does nothing more; run the same command again when everybody is ready"),
            TokenError::Silent { .. } => token("token-silent")
                .hint("take it out, put it back and run the same command again")
                .hint("if that does not help: restart pcscd, and try another USB port"),
            TokenError::Factory { .. } => token("factory-secrets")
                .hint("breakglass token generate changes them, and makes the keys"),
            TokenError::ManagementKey { .. } => token("management-key")
                .state("nothing on it was changed")
                .hint("give it one that is kept on it: ykman piv access change-management-key --generate --protect")
                .hint("or empty it, if nothing on it is needed: ykman piv reset"),
            TokenError::Garbled { .. } => token("token-garbled")
                .hint("take it out, put it back and run the same command again")
                .hint("if it does so again: try another USB port, then a spare token"),
            TokenError::Device { .. } => token("token-failed")
                .hint("take it out, put it back and run the same command again")
                .hint("breakglass token list"),
        }
    }
}

const NOT_ENROLLED: &str = "nothing was enrolled, and the token is as it was";
const OTHER_TOKEN: &str = "use another YubiKey, and tell the security officer of this one";

impl From<Unattested> for Failure {
    fn from(error: Unattested) -> Self {
        let refused = |code| Self::new(Class::Refused, code, error.to_string(), NOT_ENROLLED);
        match error {
            Unattested::KeyKind(_) => refused("attested-key-kind")
                .hint("make its keys anew, on P-256: breakglass token generate piv:SERIAL"),
            Unattested::UnknownRoot { .. }
            | Unattested::Circle
            | Unattested::TooLong
            | Unattested::NotForPiv { .. } => refused("attestation-root-unknown")
                .hint("use a YubiKey whose slot F9 is as Yubico made it: it cannot be brought back")
                .hint("if the company writes slot F9 itself, at the founding: --attestation-root FILE")
                .hint("and later, with a quorum of every role: breakglass policy set --add-root FILE")
                .hint("if the YubiKey is younger than this breakglass: use a newer one"),
            Unattested::OtherDevice { .. } | Unattested::Signature { .. } => refused(
                "attestation-forged",
            )
            .hint("leave this one YubiKey alone in the machine, and run the same command again")
            .hint(OTHER_TOKEN),
            _ => refused("attestation-unsound")
                .hint("take it out, put it back and run the same command again")
                .hint(OTHER_TOKEN),
        }
    }
}

impl From<NotARoot> for Failure {
    fn from(error: NotARoot) -> Self {
        Self::new(
            Class::Usage,
            "attestation-root-unusable",
            error.to_string(),
            UNCHANGED,
        )
        .hint("give a PEM file with the root itself: openssl x509 -in FILE -noout -text")
    }
}

impl From<Unmet> for Failure {
    fn from(error: Unmet) -> Self {
        let refused = |code| Self::new(Class::Refused, code, error.to_string(), NOT_ENROLLED);
        let anew =
            "what a key asks for is fixed when it is made; make it anew: breakglass token generate";
        match error {
            Unmet::Slot { .. } | Unmet::Key { .. } => refused("attested-key-differs")
                .hint("make its keys anew: breakglass token generate piv:SERIAL")
                .hint(OTHER_TOKEN),
            Unmet::Serial { .. } => refused("attested-serial-differs")
                .hint("leave one YubiKey alone in the machine, and run the same command again")
                .hint(OTHER_TOKEN),
            Unmet::WeakRsa { .. } => refused("firmware-too-old")
                .hint("use a newer YubiKey: firmware cannot be updated"),
            Unmet::Firmware { min, .. } => refused("firmware-too-old").hint(format!(
                "use a YubiKey with firmware {min} or newer: firmware cannot be updated"
            )),
            Unmet::Touch { .. } => refused("touch-policy").hint(format!("{anew} piv:SERIAL")),
            Unmet::Pin { .. } => refused("pin-policy")
                .hint(format!("{anew} piv:SERIAL"))
                .hint("once a session is taken only where the policy says so: --allow-pin-once"),
            Unmet::Early { .. } | Unmet::Late { .. } => refused("attestation-dates")
                .hint("compare the clock with a watch: date -u; set it, and run the same command again")
                .hint("if the clock is right: use another YubiKey, or a root that is in force"),
        }
    }
}

impl From<Unproved> for Failure {
    fn from(error: Unproved) -> Self {
        match error {
            Unproved::Unattested(error) => error.into(),
            Unproved::Unmet(error) => error.into(),
            other => Self::new(
                Class::Refused,
                "attestation-missing",
                other.to_string(),
                NOT_ENROLLED,
            )
            .hint("make its keys anew: breakglass token generate piv:SERIAL")
            .hint(OTHER_TOKEN),
        }
    }
}

impl From<Declined> for Failure {
    fn from(error: Declined) -> Self {
        let text = error.to_string();
        match error {
            Declined::NoTerminal => Self::new(Class::PersonNeeded, "no-terminal", text, UNCHANGED)
                .hint("run it at a terminal: PINs are typed there and nowhere else"),
            Declined::Said => Self::new(Class::PersonNeeded, "declined", text, UNCHANGED)
                .hint("run the same command again when everybody is ready"),
            Declined::Blocked => {
                Self::new(Class::PinBlocked, "pin-locked", text, UNCHANGED).hint(SPARE)
            }
            Declined::LastTry => Self::new(
                Class::PinBlocked,
                "last-try-withheld",
                text,
                "nothing was changed; the last try is still there",
            )
            .hint(SPARE),
        }
    }
}

impl From<NotTaken> for Failure {
    fn from(error: NotTaken) -> Self {
        let text = error.to_string();
        match error {
            NotTaken::NotSealedTo => {
                Self::new(Class::Refused, "not-sealed-to", text, "nothing was opened")
                    .hint("breakglass custodian list")
            }
            NotTaken::Twice(_) => Self::new(
                Class::Refused,
                "counted-already",
                text,
                "nothing was opened",
            )
            .hint("it takes another person's token"),
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

/// What a single call to AWS says of the world: deeds that made several say more.
const NOT_BY_THIS_CALL: &str =
    "AWS changed nothing in this call; what was done before it is in the ledger";

/// Whether a call, such as `iam:ListAccessKeys`, changes nothing even if it was done.
fn only_asks(action: &str) -> bool {
    action.contains(":Get") || action.contains(":List")
}

const AGAIN: &str = "run the same command again: it goes on where this one stopped";

/// Whether AWS refused a signature for its time (IAM User Guide, "Troubleshoot Signature Version 4": 15 minutes
/// off at most).
fn is_of_another_time(words: &str) -> bool {
    let of_a_signature = ["Signature expired", "Signature not yet current"];
    words.starts_with("RequestExpired") || of_a_signature.iter().any(|what| words.contains(what))
}

impl From<CloudError> for Failure {
    fn from(error: CloudError) -> Self {
        let text = error.to_string();
        let cloud = |code| Self::new(Class::Cloud, code, text.clone(), NOT_BY_THIS_CALL);
        match error {
            CloudError::Credentials(ref words) if is_of_another_time(words) => {
                cloud("aws-credentials").hint(
                    "the clock is wrong: compare it with a watch, date -u; set it, and run the same command again",
                )
            }
            CloudError::Credentials(_) => cloud("aws-credentials")
                .hint("set AWS_PROFILE, or [aws] profile in the station's config.toml")
                .hint("aws sts get-caller-identity"),
            CloudError::Denied { action, .. } => cloud("aws-denied").hint(format!(
                "allow {action} to the rotator, then run the same command again"
            )),
            CloudError::Throttled { .. } => {
                cloud("aws-throttled").hint("wait a minute, then run the same command again")
            }
            CloudError::NotFound(_) => cloud("aws-not-found")
                .hint("is it the right account? aws sts get-caller-identity")
                .hint("was the user deleted for good? breakglass credential retire NAME --reason TEXT")
                .hint(AGAIN),
            CloudError::LimitExceeded(_) => cloud("aws-limit").hint(AGAIN),
            CloudError::Unreachable { .. } => cloud("aws-unreachable")
                .hint("see to the network, then run the same command again")
                .hint("opening needs no AWS: breakglass unseal works meanwhile"),
            CloudError::Insecure(_) => cloud("aws-endpoint-insecure")
                .state("nothing was sent")
                .hint("set AWS_ENDPOINT_URL to an https address, or unset it to reach AWS itself"),
            CloudError::Unclear { ref action, .. } if only_asks(action) => cloud("aws-unclear")
                .hint("see to the network and to AWS, then run the same command again"),
            CloudError::Unclear { .. } => cloud("aws-unclear")
                .state(
                    "AWS may have done it or not; the next run finds out before it does anything",
                )
                .hint(AGAIN),
            CloudError::NoRole { ref account, .. } => {
                Self::new(Class::Refused, "other-account", text, NOT_BY_THIS_CALL)
                    .hint(format!(
                        "in the station's config.toml: [aws] role = \"breakglass-rotator\", the same in every \
                         account; or [[aws.account]] id = \"{account}\", role = \"…\""
                    ))
                    .hint("or set AWS_PROFILE to a profile of that account")
            }
            CloudError::Role { .. } => cloud("role-not-assumed")
                .hint("see to the role's trust policy and its external id, or the account's [[aws.account]] in config.toml")
                .hint(AGAIN),
            CloudError::Refused { .. } => cloud("aws-refused").hint(AGAIN),
        }
    }
}
