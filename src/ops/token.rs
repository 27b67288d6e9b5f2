//! Looking at tokens and preparing them. It takes no vault.

use super::world::People;
use crate::model::{Class, Failure, TokenIdentity, TokenKeys};
use crate::ports::{Notice, PinRequest, PinStatus, TokenError, TokenProvider};

/// What a token shows without a PIN.
pub struct InspectedToken {
    /// What it says of itself.
    pub identity: TokenIdentity,
    /// What it says of its PIN.
    pub pin: PinStatus,
    /// Its keys for us, if it was prepared.
    pub keys: Option<TokenKeys>,
}

/// Looks at one token.
///
/// # Errors
/// [`Failure`].
pub fn inspect(tokens: &dyn TokenProvider, locator: &str) -> Result<InspectedToken, Failure> {
    let mut token = tokens.open(locator)?;
    let keys = match token.keys() {
        Ok(keys) => Some(keys),
        Err(TokenError::NoKey { .. }) => None,
        Err(other) => return Err(other.into()),
    };
    Ok(InspectedToken {
        identity: token.identity().clone(),
        pin: token.pin_status()?,
        keys,
    })
}

/// Makes the seal key and the sign key on a token, and checks them.
///
/// # Errors
/// [`Failure`]; keys that are there are never overwritten.
pub fn generate(
    tokens: &dyn TokenProvider,
    locator: &str,
    operator: People<'_>,
) -> Result<InspectedToken, Failure> {
    let mut token = tokens.open(locator)?;
    if let Ok(keys) = token.keys() {
        return Err(Failure::new(
            Class::Refused,
            "key-exists",
            format!(
                "{} holds keys for a vault already ({})",
                token.identity(),
                keys.id().short()
            ),
            "the keys on it were not touched",
        )
        .hint("use it as it is, or another token"));
    }
    let identity = token.identity().clone();
    let status = token.pin_status()?;
    if status == PinStatus::Locked {
        return Err(TokenError::PinLocked {
            token: identity.to_string(),
        }
        .into());
    }
    let request = PinRequest {
        custodian: None,
        role: None,
        token: &identity,
        status,
        purpose: "make a seal key and a sign key on it",
    };
    let pin = operator.pin(&request)?;
    let keys = token.generate(&pin)?;
    operator.notice(Notice::Step("checking the new keys".into()));
    token.check_keys(&pin)?;
    Ok(InspectedToken {
        identity,
        pin: token.pin_status()?,
        keys: Some(keys),
    })
}
