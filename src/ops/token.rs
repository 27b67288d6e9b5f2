//! Looking at tokens and preparing them. It takes no vault.

use super::enrolment::{self, Shown, Usual};
use super::people;
use super::world::People;
use crate::model::{Class, Failure, TokenIdentity, TokenKeys};
use crate::ports::{
    FactoryState, KeyUse, NewAccess, Notice, PinRequest, PinRules, PinStatus, Token, TokenError,
    TokenProvider,
};
use crate::secret::Pin;

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
    /// What it shows of its keys, if it is one that attests them.
    pub shown: Option<Shown>,
}

/// Looks at one token.
///
/// # Errors
/// [`Failure`].
pub fn inspect(
    tokens: &dyn TokenProvider,
    locator: &str,
    usual: &Usual<'_>,
) -> Result<InspectedToken, Failure> {
    let mut token = tokens.open(locator)?;
    let (keys, hidden) = match token.keys() {
        Ok(keys) => (Some(keys), false),
        Err(TokenError::NoKey { .. }) => (None, false),
        Err(TokenError::KeysNeedPin { .. }) => (None, true),
        Err(other) => return Err(other.into()),
    };
    seen(token.as_mut(), keys, hidden, usual)
}

fn seen(
    token: &mut dyn Token,
    keys: Option<TokenKeys>,
    hidden: bool,
    usual: &Usual<'_>,
) -> Result<InspectedToken, Failure> {
    Ok(InspectedToken {
        identity: token.identity().clone(),
        pin: token.pin_status()?,
        keys,
        hidden,
        rules: token.pin_rules(),
        cautions: token.cautions(),
        shown: enrolment::shown(token, usual)?,
    })
}

/// Makes the seal key and the sign key on a token, and checks them. What its owner has to have changed first,
/// the factory's PIN, PUK and management key, is changed first.
///
/// # Errors
/// [`Failure`]; keys that are there are overwritten only where `replace` says so and somebody types the
/// token's serial number.
pub fn generate(
    tokens: &dyn TokenProvider,
    locator: &str,
    replace: bool,
    usual: &Usual<'_>,
    operator: People<'_>,
) -> Result<InspectedToken, Failure> {
    let mut token = tokens.open(locator)?;
    let there = has_keys(token.as_mut())?;
    if there {
        consent_to_replace(token.as_mut(), replace, operator)?;
    }
    let pin = access(token.as_mut(), operator)?;
    operator.notice(Notice::Step(
        "making the keys; this takes some seconds".into(),
    ));
    let keys = if there {
        token.regenerate(&pin)?
    } else {
        token.generate(&pin)?
    };
    operator.notice(Notice::Step("checking the new keys".into()));
    token.check_keys(&pin)?;
    let seen = seen(token.as_mut(), Some(keys), false, usual)?;
    if let Some(unfit) = seen.shown.as_ref().and_then(|shown| shown.unfit.as_ref()) {
        operator.notice(Notice::Warning(format!(
            "the keys are made, and a vault would not take them: {}",
            unfit.what
        )));
    }
    Ok(seen)
}

/// Whether there is a key of ours, or one in the place of ours.
fn has_keys(token: &mut dyn Token) -> Result<bool, Failure> {
    for used in [KeyUse::Seal, KeyUse::Sign] {
        match token.has_key(used) {
            Ok(false) => {}
            Ok(true) => return Ok(true),
            // Then making them tells whether there are any.
            Err(TokenError::KeysNeedPin { .. }) => return Ok(false),
            Err(other) => return Err(other.into()),
        }
    }
    Ok(false)
}

fn consent_to_replace(
    token: &mut dyn Token,
    replace: bool,
    operator: People<'_>,
) -> Result<(), Failure> {
    let identity = token.identity().clone();
    let which = token.keys().map(|keys| keys.id().short());
    let which = which.map_or_else(|_| "of somebody's".to_owned(), |id| format!("({id})"));
    if !replace {
        let what = format!("{identity} holds keys already {which}");
        return Err(Failure::new(
            Class::Refused,
            "key-exists",
            what,
            "the keys on it were not touched",
        )
        .hint("use it as it is, or another token")
        .hint("if nothing is sealed to them any more: --replace-keys"));
    }
    let question = format!(
        "{identity} holds keys already {which}. They are overwritten, and what is sealed to them can never be \
         opened with this token again"
    );
    Ok(operator.confirm(&question, &identity.serial)?)
}

const PURPOSE: &str = "make a seal key and a sign key on it";

/// The PIN, after the factory's secrets were replaced.
fn access(token: &mut dyn Token, operator: People<'_>) -> Result<Pin, Failure> {
    let factory = token.factory()?;
    let (identity, rules) = (token.identity().clone(), token.pin_rules());
    if factory != FactoryState::default() {
        operator.notice(Notice::Step(format!(
            "{identity} still has the factory's {}: they are replaced now",
            factory.names().join(" and ")
        )));
    }
    let pin = if factory.pin {
        operator.new_pin("PIN", &identity, &rules)?
    } else {
        present_pin(token, operator)?
    };
    let puk = factory
        .puk
        .then(|| operator.new_pin("PUK, which unblocks the PIN", &identity, &rules))
        .transpose()?;
    token.prepare(&NewAccess {
        pin: &pin,
        puk: puk.as_ref(),
    })?;
    Ok(pin)
}

fn present_pin(token: &mut dyn Token, operator: People<'_>) -> Result<Pin, Failure> {
    let identity = token.identity().clone();
    let status = token.pin_status()?;
    if status == PinStatus::Locked {
        return Err(TokenError::PinLocked {
            token: identity.to_string(),
        }
        .into());
    }
    let rules = token.pin_rules();
    if !rules.checked {
        return people::unasked(&identity, &identity.label, PURPOSE, operator);
    }
    Ok(operator.pin(&PinRequest {
        custodian: None,
        role: None,
        token: &identity,
        status,
        rules,
        purpose: PURPOSE,
    })?)
}
