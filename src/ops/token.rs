//! Looking at tokens and preparing them. It takes no vault.

use super::people;
use super::world::People;
use crate::model::{Class, Failure, TokenIdentity, TokenKeys};
use crate::ports::{Notice, PinRequest, PinRules, PinStatus, Token, TokenError, TokenProvider};

/// What a token shows without a PIN.
pub struct InspectedToken {
    /// What it says of itself.
    pub identity: TokenIdentity,
    /// What it says of its PIN.
    pub pin: PinStatus,
    /// Its keys for us, if it was prepared.
    pub keys: Option<TokenKeys>,
    /// Whether it shows its keys only with its PIN, so that nobody knows whether there are any.
    pub hidden: bool,
    /// What is known of its PIN beforehand.
    pub rules: PinRules,
    /// What people have to know before they rely on it.
    pub cautions: Vec<String>,
}

/// Looks at one token.
///
/// # Errors
/// [`Failure`].
pub fn inspect(tokens: &dyn TokenProvider, locator: &str) -> Result<InspectedToken, Failure> {
    let mut token = tokens.open(locator)?;
    let (keys, hidden) = match token.keys() {
        Ok(keys) => (Some(keys), false),
        Err(TokenError::NoKey { .. }) => (None, false),
        Err(TokenError::KeysNeedPin { .. }) => (None, true),
        Err(other) => return Err(other.into()),
    };
    seen(token.as_mut(), keys, hidden)
}

fn seen(
    token: &mut dyn Token,
    keys: Option<TokenKeys>,
    hidden: bool,
) -> Result<InspectedToken, Failure> {
    Ok(InspectedToken {
        identity: token.identity().clone(),
        pin: token.pin_status()?,
        keys,
        hidden,
        rules: token.pin_rules(),
        cautions: token.cautions(),
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
    const PURPOSE: &str = "make a seal key and a sign key on it";
    let rules = token.pin_rules();
    let pin = if rules.checked {
        operator.pin(&PinRequest {
            custodian: None,
            role: None,
            token: &identity,
            status,
            rules,
            purpose: PURPOSE,
        })?
    } else {
        people::unasked(&identity, &identity.label, PURPOSE, operator)?
    };
    let keys = token.generate(&pin)?;
    operator.notice(Notice::Step("checking the new keys".into()));
    token.check_keys(&pin)?;
    seen(token.as_mut(), Some(keys), false)
}
