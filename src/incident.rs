//! The rules of incidents: their names, their leases, and what is still to be done before one is closed.

use std::time::Duration;

use crate::ledger::{IncidentState, VaultState};
use crate::model::{AccessKeyId, Name, Timestamp};

/// The name of a new incident: the minute at which it was declared and four random hexadecimal digits,
/// `20261124-0300-1a2b`.
pub fn name(now: Timestamp, random: [u8; 2]) -> Option<Name> {
    let text = now.to_string();
    let digits =
        |range: std::ops::Range<usize>| text.get(range).unwrap_or_default().replace([':', '-'], "");
    let suffix = data_encoding::HEXLOWER.encode(&random);
    format!("{}-{}-{suffix}", digits(0..10), digits(11..16))
        .parse()
        .ok()
}

/// How long a lease may be: what was asked for, no more than the policy allows.
pub fn lease(asked: Option<Duration>, longest: Duration) -> Result<Duration, TooLong> {
    const USUAL: Duration = Duration::from_secs(3600);
    match asked {
        None => Ok(USUAL.min(longest)),
        Some(asked) if asked.is_zero() => Err(TooLong { longest }),
        Some(asked) if asked > longest => Err(TooLong { longest }),
        Some(asked) => Ok(asked),
    }
}

/// A lease that the policy does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// The longest that it allows.
    pub longest: Duration,
}

/// The incidents whose lease has run out and which nobody has closed.
pub fn overdue(state: &VaultState, now: Timestamp) -> Vec<Name> {
    let incidents = state.incidents.iter();
    incidents
        .filter(|(_, known)| known.is_live() && known.expires <= now)
        .map(|(name, _)| name.clone())
        .collect()
}

/// What CloudTrail is to know the sessions of an incident by: their name and their source identity (STS API,
/// "AssumeRole": 2 to 64 of letters, digits and `_ + = , . @ -`).
pub fn session_name(incident: &Name) -> String {
    let mut name = format!("breakglass-{incident}");
    name.truncate(64);
    name
}

/// How long a session of a role is asked for, where so much of the lease is left: the shortest that STS makes is
/// a quarter of an hour, and an hour is the most that every role allows (`MaxSessionDuration`).
pub fn session_length(left: Duration) -> Duration {
    let seconds = left.as_secs().clamp(900, 3600);
    Duration::from_secs(seconds)
}

/// What is still to be done to one key that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outstanding<'a> {
    /// The credential.
    pub credential: &'a Name,
    /// The key.
    pub key: &'a AccessKeyId,
    /// Its user's older sessions are not denied yet.
    pub sessions: bool,
    /// AWS still accepts it, as far as is known.
    pub deactivation: bool,
    /// AWS has not been seen to refuse it.
    pub refusal: bool,
}

/// What is still to be done to the keys that were opened in an incident.
pub fn outstanding<'a>(state: &'a VaultState, incident: &'a IncidentState) -> Vec<Outstanding<'a>> {
    incident
        .opened
        .iter()
        .filter_map(|(credential, key)| {
            let known = state.credentials.get(credential)?.key(key)?;
            let left = Outstanding {
                credential,
                key,
                sessions: !incident.sessions_denied.contains_key(credential),
                deactivation: known.deactivated.is_none() && known.gone.is_none(),
                refusal: !known.refused,
            };
            (left.sessions || left.deactivation || left.refusal).then_some(left)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_is_named_by_its_minute() {
        let now: Timestamp = "2026-11-24T03:07:59Z".parse().unwrap();
        assert_eq!(
            name(now, [0x1a, 0x2b]).unwrap().as_str(),
            "20261124-0307-1a2b"
        );
    }

    #[test]
    fn a_session_is_named_by_its_incident_and_lasts_as_long_as_sts_and_every_role_allow() {
        let name = |text: &str| session_name(&text.parse().unwrap());
        assert_eq!(name("20261124-0307-1a2b"), "breakglass-20261124-0307-1a2b");
        assert_eq!(name(&"x".repeat(64)).len(), 64);
        for (left, asked) in [(0, 900), (900, 900), (901, 901), (3600, 3600), (3601, 3600)] {
            let length = session_length(Duration::from_secs(left));
            assert_eq!(length, Duration::from_secs(asked));
        }
    }

    #[test]
    fn a_lease_is_no_longer_than_the_policy_allows() {
        let hours = |h: u64| Duration::from_secs(h * 3600);
        assert_eq!(lease(None, hours(4)), Ok(hours(1)));
        assert_eq!(
            lease(None, Duration::from_secs(60)),
            Ok(Duration::from_secs(60))
        );
        assert_eq!(lease(Some(hours(4)), hours(4)), Ok(hours(4)));
        assert_eq!(
            lease(Some(hours(5)), hours(4)),
            Err(TooLong { longest: hours(4) })
        );
        assert!(lease(Some(Duration::ZERO), hours(4)).is_err());
    }
}
