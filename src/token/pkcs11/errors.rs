//! From what a module answers to what a person is told.

use cryptoki::error::{Error, RvError};

use crate::ports::TokenError;

/// What happened while `doing` something with `token`.
pub(super) fn told(token: &str, doing: &str, error: &Error) -> TokenError {
    let token = token.to_owned();
    match error {
        Error::Pkcs11(code, _) if means_gone(*code) => TokenError::Gone { token },
        Error::Pkcs11(RvError::PinLocked, _) => TokenError::PinLocked { token },
        // What modules with a button or a screen answer when nobody presses it.
        Error::Pkcs11(RvError::FunctionRejected, _) => TokenError::NotTouched { token },
        _ => device(&token, format!("{doing}: {}", words(error))),
    }
}

/// What it means that a token, of which something was read before, does not tell of itself any more.
/// That question needs no login and no key: a module that fails at it has lost the token, whatever it calls
/// that (SoftHSM and some smart card drivers call it a general error).
pub(super) fn silent(token: &str, error: &Error) -> TokenError {
    match error {
        Error::Pkcs11(
            RvError::GeneralError | RvError::FunctionFailed | RvError::DeviceError,
            _,
        ) => TokenError::Gone {
            token: token.to_owned(),
        },
        _ => told(token, "reading the token", error),
    }
}

/// An error in the token's name.
pub(super) fn device(token: &str, reason: impl Into<String>) -> TokenError {
    TokenError::Device {
        token: token.to_owned(),
        reason: reason.into(),
    }
}

fn means_gone(code: RvError) -> bool {
    matches!(
        code,
        RvError::TokenNotPresent
            | RvError::TokenNotRecognized
            | RvError::DeviceRemoved
            | RvError::SlotIdInvalid
            | RvError::SessionHandleInvalid
            | RvError::SessionClosed
    )
}

/// The error in short: the code's name in the standard, not the standard's paragraph on it.
pub(super) fn words(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("C_{function:?} answered {}", name_of(*code)),
        Error::LibraryLoading(e) => e.to_string(),
        Error::MissingSymbol(name) => format!("it has no {name}: it is no PKCS#11 module"),
        Error::NullFunctionPointer => "it lacks a function of PKCS#11".to_owned(),
        other => format!("it answered what cannot be read ({other})"),
    }
}

/// `PinIncorrect` is called `CKR_PIN_INCORRECT` in the standard and in every module's handbook.
fn name_of(code: RvError) -> String {
    if let RvError::VendorDefined(number) | RvError::UnknownErrorCode(number) = code {
        return format!("the vendor's code {number:#x}");
    }
    let mut name = String::from("CKR");
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;

    use super::*;

    #[test]
    fn a_code_is_told_by_its_name_in_the_standard() {
        let error = |code| Error::Pkcs11(code, Function::Login);
        assert_eq!(
            words(&error(RvError::UserPinNotInitialized)),
            "C_Login answered CKR_USER_PIN_NOT_INITIALIZED"
        );
        assert_eq!(
            words(&error(RvError::VendorDefined(0x8000_0001))),
            "C_Login answered the vendor's code 0x80000001"
        );
    }

    #[test]
    fn a_token_that_was_pulled_is_gone() {
        for code in [
            RvError::TokenNotPresent,
            RvError::DeviceRemoved,
            RvError::SessionHandleInvalid,
        ] {
            let error = Error::Pkcs11(code, Function::DeriveKey);
            assert!(matches!(told("t", "x", &error), TokenError::Gone { .. }));
        }
        let error = Error::Pkcs11(RvError::GeneralError, Function::DeriveKey);
        assert!(matches!(told("t", "x", &error), TokenError::Device { .. }));
    }
}
