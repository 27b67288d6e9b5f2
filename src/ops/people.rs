//! Working with people and their tokens: which token is there, whose PIN is asked for, and what a token
//! must show before it is believed to be the enrolled one.

use zeroize::Zeroizing;

use super::world::World;
use crate::crypto;
use crate::format::{Custodian, EnrolledToken};
use crate::model::{Class, Digest, Failure, Name, Role, TokenIdentity, TokenKeys};
use crate::ports::{
    KeyReply, KeyRequest, Notice, Operator, PinRequest, PinStatus, Token, TokenError,
};
use crate::secret::{Pin, SharedSecret};

/// How often a PIN may be typed wrongly before the command gives up; the token's own counter is
/// respected before each.
const ATTEMPTS: u32 = 3;

/// Who uses a token, and what for.
pub(super) struct Use<'a> {
    pub custodian: &'a Name,
    pub role: Role,
    pub purpose: &'a str,
}

/// What happens when a PIN was wrong and is asked for again, before that is told: an opening records it.
/// What ends the deed is recorded by the deed.
pub(super) type OnWrongPin<'a> = &'a mut dyn FnMut(&TokenError) -> Result<(), Failure>;

/// Asks for the PIN of a token and lets it work.
pub(super) fn with_pin<T>(
    token: &mut dyn Token,
    by: &Use<'_>,
    operator: &mut dyn Operator,
    on_wrong: OnWrongPin<'_>,
    mut work: impl FnMut(&mut dyn Token, &Pin) -> Result<T, TokenError>,
) -> Result<T, Failure> {
    let mut attempt = 1;
    loop {
        let pin = ask(token, by, operator)?;
        match work(token, &pin) {
            Err(wrong @ TokenError::WrongPin { .. }) if attempt < ATTEMPTS => {
                on_wrong(&wrong)?;
                operator.notice(Notice::Warning(format!("{wrong}: try again")));
                attempt += 1;
            }
            Err(wrong @ TokenError::WrongPin { .. }) => {
                return Err(Failure::from(wrong).hint("three wrong PINs: find the right one first"));
            }
            Err(other) => return Err(other.into()),
            Ok(done) => return Ok(done),
        }
    }
}

fn ask(token: &mut dyn Token, by: &Use<'_>, operator: &mut dyn Operator) -> Result<Pin, Failure> {
    let status = token.pin_status()?;
    let identity = token.identity().clone();
    if status == PinStatus::Locked {
        return Err(TokenError::PinLocked {
            token: identity.to_string(),
        }
        .into());
    }
    let rules = token.pin_rules();
    if !rules.checked {
        return unasked(&identity, by.custodian.as_str(), by.purpose, operator);
    }
    let request = PinRequest {
        custodian: Some(by.custodian),
        role: Some(by.role),
        token: &identity,
        status,
        rules,
        purpose: by.purpose,
    };
    Ok(operator.pin(&request)?)
}

/// A token that checks no PIN is used by whoever reaches it: that takes the person's own word at least.
pub(super) fn unasked(
    identity: &TokenIdentity,
    answer: &str,
    purpose: &str,
    operator: &mut dyn Operator,
) -> Result<Pin, Failure> {
    let question = format!("{identity} checks no PIN. To {purpose} with it, answer for it by name");
    operator.confirm(&question, answer)?;
    Ok(Pin::none())
}

/// Tells what people have to know of a token before they rely on it.
pub(super) fn warn(token: &dyn Token, operator: &mut dyn Operator) {
    for caution in token.cautions() {
        let text = format!("{}: {caution}", token.identity());
        operator.notice(Notice::Warning(text));
    }
}

/// The token's keys; with its PIN where it does not show them without.
pub(super) fn keys_of(
    token: &mut dyn Token,
    by: &Use<'_>,
    operator: &mut dyn Operator,
) -> Result<TokenKeys, Failure> {
    match token.keys() {
        Err(TokenError::KeysNeedPin { .. }) => {
            with_pin(token, by, operator, &mut |_| Ok(()), |token, pin| {
                token.keys_with_pin(pin)
            })
        }
        told => Ok(told?),
    }
}

/// Waits for one of several enrolled tokens and opens it. Its public keys are compared with the enrolled
/// ones before its PIN is asked for.
pub(super) fn await_one<'w>(
    world: &World<'w>,
    candidates: &[(&Custodian, &EnrolledToken)],
    operator: &mut dyn Operator,
) -> Result<(Digest, Box<dyn Token + 'w>), Failure> {
    loop {
        let mut present = Vec::new();
        for (custodian, enrolled) in candidates {
            match world.tokens.open(&enrolled.identity.locator) {
                Ok(token) => present.push((*custodian, *enrolled, token)),
                Err(TokenError::Absent { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        if !present.is_empty() {
            return one_of(present, operator);
        }
        let names: Vec<String> = candidates
            .iter()
            .map(|(c, t)| format!("{} with {}", c.name, t.identity))
            .collect();
        if names.is_empty() {
            return Err(nobody_left());
        }
        let question = format!(
            "none of these tokens is there: {}. Insert one",
            names.join("; ")
        );
        operator
            .confirm(&question, "")
            .map_err(|e| Failure::from(e).hint(format!("it takes one of: {}", names.join("; "))))?;
    }
}

fn one_of<'w>(
    mut present: Vec<(&Custodian, &EnrolledToken, Box<dyn Token + 'w>)>,
    operator: &mut dyn Operator,
) -> Result<(Digest, Box<dyn Token + 'w>), Failure> {
    let chosen = if present.len() == 1 {
        0
    } else {
        let names: Vec<String> = present
            .iter()
            .map(|(c, t, _)| format!("{} with {}", c.name, t.identity))
            .collect();
        operator.choose("several tokens are there; whose is it to be?", &names)?
    };
    let (custodian, enrolled, mut token) = present.swap_remove(chosen.min(present.len() - 1));
    let keys = match token.keys() {
        // It tells them with the PIN only. Its serial was what it says, and an answer of other keys opens
        // nothing and signs nothing: each is checked against the enrolled ones.
        Err(TokenError::KeysNeedPin { .. }) => return Ok((enrolled.id(), token)),
        told => told?,
    };
    if keys.seal != enrolled.keys.seal || keys.sign != enrolled.keys.sign {
        return Err(Failure::new(
            Class::Integrity,
            "token-not-enrolled",
            format!(
                "{} says that it is the token of {}, and its keys are others",
                token.identity(),
                custodian.name
            ),
            "its PIN was not asked for; nothing was opened",
        )
        .hint("put it aside for the security officer and use a spare"));
    }
    Ok((enrolled.id(), token))
}

fn nobody_left() -> Failure {
    Failure::new(
        Class::Refused,
        "nobody-left",
        "no enrolled token is left that could contribute",
        "nothing was opened",
    )
    .hint("breakglass custodian list")
}

/// Enrolment: the keys must be fit, and the seal key must open what is sealed to it, now. Then the token
/// signs.
pub(super) fn prove_and_sign(
    token: &mut dyn Token,
    keys: &TokenKeys,
    by: &Use<'_>,
    message: &[u8],
    world: &World<'_>,
    operator: &mut dyn Operator,
) -> Result<Vec<u8>, Failure> {
    const INFO: &[u8] = b"breakglass/v1/enrolment";
    warn(token, operator);
    let mut sample = Zeroizing::new([0_u8; 32]);
    world.entropy.fill(sample.as_mut_slice())?;
    let sealed = crypto::seal_to(&keys.seal, INFO, message, &sample, world.entropy)?;
    let operation = crypto::key_request(&keys.seal, &sealed.encapsulated)?;
    let replies = with_pin(token, by, operator, &mut |_| Ok(()), |token, pin| {
        token.check_keys(pin)?;
        token.perform(pin, &[request(&operation), KeyRequest::Sign(message)])
    })?;
    let (secrets, signatures) = sort(replies);
    let opened = secrets.first().map(|secret| {
        crypto::open_share(
            &keys.seal,
            secret,
            &sealed.encapsulated,
            INFO,
            message,
            &sealed.ciphertext,
        )
    });
    let name = token.identity().to_string();
    match opened {
        Some(Ok(share)) if share.expose() == &*sample => {}
        _ => {
            return Err(unfit(
                &name,
                "seal key",
                "it does not open what is sealed to it",
            ));
        }
    }
    let signature = signatures.into_iter().next().unwrap_or_default();
    crypto::verify(&keys.sign, message, &signature)
        .map_err(|_| unfit(&name, "sign key", "its signature does not verify"))?;
    Ok(signature)
}

fn unfit(token: &str, which: &'static str, reason: &str) -> Failure {
    TokenError::UnfitKey {
        token: token.to_owned(),
        which,
        reason: reason.to_owned(),
    }
    .into()
}

/// The request for an operation of the sealing.
pub(super) fn request(operation: &crypto::Operation) -> KeyRequest<'_> {
    match operation {
        crypto::Operation::Agree(point) => KeyRequest::Agree(point),
        crypto::Operation::Decapsulate(ciphertext) => KeyRequest::Decapsulate(ciphertext),
    }
}

/// The secrets and the signatures among the answers, each in their order.
pub(super) fn sort(replies: Vec<KeyReply>) -> (Vec<SharedSecret>, Vec<Vec<u8>>) {
    let mut secrets = Vec::new();
    let mut signatures = Vec::new();
    for reply in replies {
        match reply {
            KeyReply::Secret(secret) => secrets.push(secret),
            KeyReply::Signature(signature) => signatures.push(signature),
        }
    }
    (secrets, signatures)
}
