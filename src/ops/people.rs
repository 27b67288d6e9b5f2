//! Working with people and their tokens: which token is there, whose PIN is asked for, and what a token
//! must show before it is believed to be the enrolled one.

use zeroize::Zeroizing;

use super::world::World;
use crate::crypto;
use crate::format::dsse::Envelope;
use crate::format::{Custodian, EnrolledToken};
use crate::model::{Class, Digest, Failure, Name, Role, TokenIdentity, TokenKeys};
use crate::ports::{
    KeyReply, KeyRequest, KeyUse, Notice, OnTouch, Operator, PinRequest, PinStatus, Present,
    Sought, Token, TokenError, TouchRequest, Turn,
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

/// How often a touch may be missed before the command gives up. It costs no try of the PIN.
const TOUCHES: u32 = 5;

/// Asks for the PIN of a token and has it answer requests, touches and all. A missed touch spends no try, and
/// another go is offered; the PIN is asked for again then, because none is ever kept to be sent twice.
pub(super) fn perform(
    token: &mut dyn Token,
    by: &Use<'_>,
    operator: &mut dyn Operator,
    on_wrong: OnWrongPin<'_>,
    requests: &[KeyRequest<'_>],
) -> Result<Vec<KeyReply>, Failure> {
    with_touch(token, by, operator, on_wrong, |token, pin, on_touch| {
        token.perform_watched(pin, requests, on_touch)
    })
}

/// The same for whatever takes the PIN and may take a touch.
pub(super) fn with_touch<T>(
    token: &mut dyn Token,
    by: &Use<'_>,
    operator: &mut dyn Operator,
    on_wrong: OnWrongPin<'_>,
    mut work: impl FnMut(&mut dyn Token, &Pin, OnTouch<'_>) -> Result<T, TokenError>,
) -> Result<T, Failure> {
    let (mut wrong, mut missed) = (0, 0);
    loop {
        let pin = ask(token, by, operator)?;
        let identity = token.identity().clone();
        let request = TouchRequest {
            custodian: by.custodian,
            token: &identity,
            purpose: by.purpose,
        };
        let done = work(token, &pin, &mut |wait| operator.touch(&request, wait));
        operator.touch_over();
        match done {
            Ok(done) => return Ok(done),
            Err(error @ TokenError::WrongPin { .. }) => {
                wrong += 1;
                again_after_wrong(error, wrong, operator, on_wrong)?;
            }
            Err(error @ TokenError::NotTouched { .. }) => {
                missed += 1;
                if missed == TOUCHES {
                    return Err(error.into());
                }
                let question =
                    format!("{error}. The PIN was right, and no try was spent. Once more");
                operator
                    .confirm(&question, "")
                    .map_err(|_| Failure::from(error))?;
            }
            Err(other) => return Err(other.into()),
        }
    }
}

fn again_after_wrong(
    wrong: TokenError,
    count: u32,
    operator: &mut dyn Operator,
    on_wrong: OnWrongPin<'_>,
) -> Result<(), Failure> {
    if count >= ATTEMPTS {
        return Err(Failure::from(wrong).hint("three wrong PINs: find the right one first"));
    }
    on_wrong(&wrong)?;
    operator.notice(Notice::Warning(format!("{wrong}: try again")));
    Ok(())
}

/// Asks for the PIN of a token and lets it work, where no touch is needed.
pub(super) fn with_pin<T>(
    token: &mut dyn Token,
    by: &Use<'_>,
    operator: &mut dyn Operator,
    on_wrong: OnWrongPin<'_>,
    mut work: impl FnMut(&mut dyn Token, &Pin) -> Result<T, TokenError>,
) -> Result<T, Failure> {
    with_touch(token, by, operator, on_wrong, |token, pin, _| {
        work(token, pin)
    })
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

/// A token that was found, with whose it is.
pub(super) struct Found<'w> {
    pub id: Digest,
    pub token: Box<dyn Token + 'w>,
}

/// Waits for one of several enrolled tokens. The key that is about to be used is compared with the enrolled
/// one before the token's PIN is asked for.
pub(super) fn await_one<'w>(
    world: &World<'w>,
    candidates: &[(&Custodian, &EnrolledToken)],
    turn: &Turn<'_>,
    used: KeyUse,
    operator: &mut dyn Operator,
) -> Result<Found<'w>, Failure> {
    if candidates.is_empty() {
        return Err(nobody_left());
    }
    operator.turn(turn);
    let sought: Vec<Sought<'_>> = candidates
        .iter()
        .map(|(_, enrolled)| Sought {
            identity: &enrolled.identity,
            keys: &enrolled.keys,
        })
        .collect();
    loop {
        // Watching begins before looking, so that nothing comes unseen in between.
        let watch = world.tokens.watch(&sought)?;
        let finding = world.tokens.seek(&sought)?;
        if !finding.present.is_empty() {
            return one_of(finding.present, candidates, used, operator);
        }
        let changes = watch.as_ref().map(|watch| watch.as_fd());
        operator
            .await_token(turn, &finding.strangers, changes)
            .map_err(|e| Failure::from(e).hint(format!("it takes one of: {}", listed(turn))))?;
    }
}

/// Whose turn it is, with which tokens.
pub(super) fn turn<'a>(
    role: Role,
    missing: usize,
    purpose: &'a str,
    candidates: &[(&'a Custodian, &'a EnrolledToken)],
) -> Turn<'a> {
    let tokens = candidates.iter();
    Turn {
        role,
        missing,
        purpose,
        candidates: tokens
            .map(|(custodian, enrolled)| (&custodian.name, &enrolled.identity))
            .collect(),
    }
}

fn listed(turn: &Turn<'_>) -> String {
    let all = turn.candidates.iter();
    let names: Vec<String> = all
        .map(|(name, token)| format!("{name} with {token}"))
        .collect();
    names.join("; ")
}

fn one_of<'w>(
    mut present: Vec<Present<'w>>,
    candidates: &[(&Custodian, &EnrolledToken)],
    used: KeyUse,
    operator: &mut dyn Operator,
) -> Result<Found<'w>, Failure> {
    let chosen = if present.len() == 1 {
        0
    } else {
        let names: Vec<String> = present
            .iter()
            .map(|one| {
                let (custodian, enrolled) = candidates[one.at];
                format!("{} with {}", custodian.name, enrolled.identity)
            })
            .collect();
        operator.choose("several tokens are there; whose is it to be?", &names)?
    };
    let Present { at, mut token } = present.swap_remove(chosen.min(present.len() - 1));
    let (custodian, enrolled) = candidates[at];
    if token.holds(&enrolled.keys, used)? {
        let id = enrolled.id();
        return Ok(Found { id, token });
    }
    Err(Failure::new(
        Class::Integrity,
        "token-not-enrolled",
        format!(
            "{} says that it is the token of {}, and its keys are others",
            token.identity(),
            custodian.name
        ),
        "its PIN was not asked for; nothing was opened",
    )
    .hint("put it aside for the security officer and use a spare"))
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

/// What a token is to sign, and the anchor that it is to sign and carry from then on, if it can.
pub(super) struct Signing<'a> {
    pub message: &'a [u8],
    pub anchor: &'a Envelope,
}

impl Signing<'_> {
    /// Has the token sign both in one session, and puts the anchor on it. Returns the secrets that `first` gave
    /// and the signature of the message.
    fn sign(
        &self,
        token: &mut dyn Token,
        keys: &TokenKeys,
        pin: &Pin,
        first: Option<KeyRequest<'_>>,
        on_touch: OnTouch<'_>,
    ) -> Result<(Vec<SharedSecret>, Vec<u8>), TokenError> {
        let anchor = self.anchor.signed_bytes();
        let mut requests: Vec<KeyRequest<'_>> = first.into_iter().collect();
        requests.push(KeyRequest::Sign(self.message));
        let carries = token.carries_anchors();
        if carries {
            requests.push(KeyRequest::Sign(&anchor));
        }
        let (secrets, signatures) = sort(token.perform_watched(pin, &requests, on_touch)?);
        let mut signatures = signatures.into_iter();
        let signature = signatures.next().unwrap_or_default();
        if let Some(sig) = signatures.next().filter(|_| carries) {
            super::anchor::write(token, pin, self.anchor.clone(), keys.id(), sig)?;
        }
        Ok((secrets, signature))
    }
}

/// A signature of an enrolled token, which carries the anchor from then on.
pub(super) fn sign(
    token: &mut dyn Token,
    keys: &TokenKeys,
    by: &Use<'_>,
    signing: &Signing<'_>,
    operator: &mut dyn Operator,
) -> Result<Vec<u8>, Failure> {
    with_touch(token, by, operator, &mut |_| Ok(()), |token, pin, touch| {
        let (_, signature) = signing.sign(token, keys, pin, None, touch)?;
        Ok(signature)
    })
}

/// Enrolment: the keys must be fit, and the seal key must open what is sealed to it, now. Then the token
/// signs.
pub(super) fn prove_and_sign(
    token: &mut dyn Token,
    keys: &TokenKeys,
    by: &Use<'_>,
    signing: &Signing<'_>,
    world: &World<'_>,
    operator: &mut dyn Operator,
) -> Result<Vec<u8>, Failure> {
    const INFO: &[u8] = b"breakglass/v1/enrolment";
    warn(token, operator);
    super::anchor::forget_another(token, keys, signing.anchor, operator)?;
    let message = signing.message;
    let mut sample = Zeroizing::new([0_u8; 32]);
    world.entropy.fill(sample.as_mut_slice())?;
    let sealed = crypto::seal_to(&keys.seal, INFO, message, &sample, world.entropy)?;
    let operation = crypto::key_request(&keys.seal, &sealed.encapsulated)?;
    let (secrets, signature) =
        with_touch(token, by, operator, &mut |_| Ok(()), |token, pin, touch| {
            token.check_keys(pin)?;
            signing.sign(token, keys, pin, Some(request(&operation)), touch)
        })?;
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
