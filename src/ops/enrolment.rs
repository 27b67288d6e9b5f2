//! A token before it is enrolled: what it shows of its keys is verified before anybody is asked for a PIN.

use super::world::{People, World};
use crate::attestation::Dates;
use crate::format::{EnrolledToken, Policy};
use crate::manifest::{self, Evidence, Unproved};
use crate::model::{Failure, Timestamp};
use crate::ports::{Notice, Token, TokenError};

/// A token that attests its keys, as it would be enrolled; nothing of one that attests none. Its presence is what
/// was shown, whatever it says of itself.
///
/// # Errors
/// [`Failure`] where what it shows does not suffice under this policy.
pub(super) fn attested(
    token: &mut dyn Token,
    policy: &Policy,
    now: Timestamp,
) -> Result<Option<(EnrolledToken, Evidence)>, Failure> {
    let keys = match token.keys() {
        Err(TokenError::KeysNeedPin { .. }) => return Ok(None),
        keys => keys?,
    };
    let attestation = token.attestation().map_err(brought_in)?;
    if attestation.is_none() {
        return Ok(None);
    }
    let mut enrolled = EnrolledToken {
        identity: token.identity().clone(),
        keys,
        attestation,
    };
    let roots = manifest::roots(policy)?;
    let evidence = manifest::prove(&enrolled, policy, &roots, Some(now))?;
    let evidence = evidence.ok_or(Unproved::Missing)?;
    enrolled.keys.presence = evidence.presence();
    Ok(Some((enrolled, evidence)))
}

/// A key that the device does not attest was brought in from outside.
fn brought_in(error: TokenError) -> Failure {
    let unfit = matches!(error, TokenError::UnfitKey { .. });
    let failure = Failure::from(error);
    if unfit {
        failure
            .hint("make its keys anew, on it: breakglass token generate piv:SERIAL --replace-keys")
    } else {
        failure
    }
}

/// The same while a vault is founded or changed. The people are told of dates that do not fit the clock.
///
/// # Errors
/// [`Failure`]
pub(super) fn enrollable(
    world: &World<'_>,
    token: &mut dyn Token,
    policy: &Policy,
    people: Option<People<'_>>,
) -> Result<Option<EnrolledToken>, Failure> {
    let Some((enrolled, evidence)) = attested(token, policy, world.clock.now())? else {
        return Ok(None);
    };
    if let (Some(people), Some(text)) = (people, dates(&evidence.seal.dates)) {
        let text = format!("{}: {text}", enrolled.identity);
        people.notice(Notice::Warning(text));
    }
    Ok(Some(enrolled))
}

/// What is said of dates that do not fit the clock. They are no reason to refuse: the device copies them.
pub(super) fn dates(dates: &Dates) -> Option<String> {
    let (part, when, now) = match dates {
        Dates::NotAsked | Dates::InForce => return None,
        Dates::Early { part, from, now } => (part, format!("is in force from {from}"), now),
        Dates::Late { part, until, now } => (part, format!("was in force until {until}"), now),
    };
    Some(format!(
        "{part} {when}, and this machine's clock says {now}; compare the clock with a watch"
    ))
}

/// What is asked of a token where there is no vault.
pub struct Usual<'a> {
    /// The policy of a new vault.
    pub policy: &'a Policy,
    /// What dates are compared with.
    pub now: Timestamp,
}

/// What is known of a token's keys without a vault.
pub struct Shown {
    /// What was verified, if anything was.
    pub evidence: Option<Evidence>,
    /// Why it would not be enrolled, if so.
    pub unfit: Option<Failure>,
}

/// Looks at what a token shows of its keys; nothing where it shows nothing.
///
/// # Errors
/// [`Failure`] where it does not answer as it should.
pub(super) fn shown(token: &mut dyn Token, usual: &Usual<'_>) -> Result<Option<Shown>, Failure> {
    let Usual { policy, now } = usual;
    let roots = manifest::roots(policy)?;
    let now = Some(*now);
    let attestation = match token.attestation() {
        Ok(None) | Err(TokenError::NoKey { .. }) => return Ok(None),
        // A key that was brought in is attested by nobody.
        Err(unfit @ TokenError::UnfitKey { .. }) => {
            return Ok(Some(Shown {
                evidence: None,
                unfit: Some(unfit.into()),
            }));
        }
        other => other?,
    };
    let enrolled = EnrolledToken {
        identity: token.identity().clone(),
        keys: token.keys()?,
        attestation,
    };
    let Some(attestation) = &enrolled.attestation else {
        return Ok(None);
    };
    let unfit = manifest::prove(&enrolled, policy, &roots, now).err();
    Ok(Some(Shown {
        evidence: manifest::read_both(attestation, &roots, now).ok(),
        unfit: unfit.map(Failure::from),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attestation::Part;

    #[test]
    fn dates_that_do_not_fit_are_told_and_no_others() {
        let at = Timestamp::from_unix;
        let (part, now) = (Part::Device, at(1_795_489_200));
        assert_eq!(dates(&Dates::NotAsked), None);
        assert_eq!(dates(&Dates::InForce), None);
        let from = at(1_795_489_201);
        let early = dates(&Dates::Early { part, from, now }).expect("told");
        assert_eq!(
            early,
            "the device's certificate (slot F9) is in force from 2026-11-24T03:00:01Z, and this machine's \
             clock says 2026-11-24T03:00:00Z; compare the clock with a watch"
        );
        let until = at(1_795_489_199);
        let late = dates(&Dates::Late { part, until, now }).expect("told");
        assert!(
            late.contains("was in force until 2026-11-24T02:59:59Z"),
            "{late}"
        );
    }
}
