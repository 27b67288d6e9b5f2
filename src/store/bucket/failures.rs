//! What an object store says, in the words of the port.

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use crate::ports::StoreError;

/// Whether a call that ended so may have been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It was refused, and trying again is of no use.
    Refused,
    /// Nobody can tell.
    Unclear,
}

/// Why a call did not go well, as it is told of an object that was read, and whether it may have been done all the same.
pub(super) fn sort(what: &str, error: &Error) -> (StoreError, Effect) {
    let what = what.to_owned();
    let said = said(error);
    match error {
        _ if said.starts_with("NoSuchBucket") => {
            let why = "there is no such bucket".to_owned();
            (StoreError::Failed(what, why), Effect::Refused)
        }
        Error::NotFound { .. } => (StoreError::NotFound(what), Effect::Refused),
        Error::AlreadyExists { .. } => (StoreError::AlreadyExists(what), Effect::Refused),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            (StoreError::Failed(what, said), Effect::Refused)
        }
        _ if is_full(&said) => (StoreError::Unwritable(what, said), Effect::Refused),
        _ => (StoreError::Failed(what, said), Effect::Unclear),
    }
}

/// The same of an object that was to be written: what was refused was not.
pub(super) fn sort_writing(what: &str, error: &Error) -> (StoreError, Effect) {
    match sort(what, error) {
        (StoreError::Failed(what, why), Effect::Refused) => {
            (StoreError::Unwritable(what, why), Effect::Refused)
        }
        sorted => sorted,
    }
}

/// S3's and Ceph's words for a store that takes no more.
fn is_full(said: &str) -> bool {
    [
        "QuotaExceeded",
        "507",
        "InsufficientStorage",
        "XMinioStorageFull",
    ]
    .iter()
    .any(|word| said.contains(word))
}

/// The innermost reason, in one line: the outer ones repeat the address of each call.
fn said(error: &Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(deeper) = inner.source() {
        if let Some(http) = inner.downcast_ref::<HttpError>()
            && http.kind() == HttpErrorKind::Timeout
        {
            return "it gave no answer in time".to_owned();
        }
        inner = deeper;
    }
    let text = inner.to_string();
    let line: Vec<&str> = text.split_whitespace().collect();
    let line: String = line.join(" ").chars().take(300).collect();
    error_code(&line).unwrap_or(line)
}

/// Code and message of an S3 error document, where there is one.
fn error_code(text: &str) -> Option<String> {
    let part = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once("</").map(|(value, _)| value.to_owned())
    };
    let code = part("Code")?;
    Some(match part("Message") {
        Some(message) => format!("{code}: {message}"),
        None => code,
    })
}
