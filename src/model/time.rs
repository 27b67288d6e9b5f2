//! Points in time, to the second.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, UTC, whole seconds; written as RFC 3339 with `Z` and without a fraction
/// (`2026-11-24T03:00:00Z`), and in no other way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

/// The text is not a time as this tool writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time (such as 2026-11-24T03:00:00Z)")]
pub struct NotATime;

impl Timestamp {
    /// From seconds since 1970-01-01T00:00:00Z; out-of-range values are clamped to the calendar.
    pub fn from_unix(seconds: i64) -> Self {
        Self(
            jiff::Timestamp::from_second(seconds).unwrap_or(if seconds < 0 {
                jiff::Timestamp::MIN
            } else {
                jiff::Timestamp::MAX
            }),
        )
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn unix(self) -> i64 {
        self.0.as_second()
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self::from_unix(
            self.unix()
                .saturating_add(i64::try_from(span.as_secs()).unwrap_or(i64::MAX)),
        )
    }

    /// How long until `later`; zero if that has passed.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_secs(u64::try_from(later.unix().saturating_sub(self.unix())).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| NotATime)?;
        let time = Self::from_unix(parsed.as_second());
        // One spelling only: what does not print as it was read is refused.
        if time.to_string() == text && ("1970".."9999").contains(&&text[..4]) {
            Ok(time)
        } else {
            Err(NotATime)
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::name::parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_one_spelling() {
        let text = "2026-11-24T03:00:00Z";
        assert_eq!(
            text.parse::<Timestamp>().map(|t| t.to_string()),
            Ok(text.to_owned())
        );
        for other in [
            "2026-11-24T03:00:00.0Z",
            "2026-11-24T03:00:00+00:00",
            "2026-11-24 03:00:00Z",
            "1969-12-31T23:59:59Z",
            "9999-01-01T00:00:00Z",
            "-001970-01-01T00:00:00Z",
            "now",
            "",
        ] {
            assert_eq!(other.parse::<Timestamp>(), Err(NotATime), "{other}");
        }
    }
}
