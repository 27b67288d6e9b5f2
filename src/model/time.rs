//! Points in time, to the second.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::Offset;
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
        let time = Offset::UTC.to_datetime(self.0);
        let Ok(year @ 0..=9999) = u16::try_from(time.year()) else {
            return write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%SZ"));
        };
        let mut text = *b"0000-00-00T00:00:00Z";
        put(&mut text[..4], year);
        let rest = [
            time.month(),
            time.day(),
            time.hour(),
            time.minute(),
            time.second(),
        ];
        for (at, number) in (5..).step_by(3).zip(rest) {
            put(&mut text[at..at + 2], number.unsigned_abs().into());
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Writes the last digits of a number.
fn put(digits: &mut [u8], mut number: u16) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Reads a number of nothing but digits.
fn number(digits: &[u8]) -> Option<i16> {
    digits.iter().try_fold(0_i16, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// Reads the one spelling; a ledger has a million of them, and the crate's own reading takes more.
fn parse(text: &[u8; 20]) -> Option<jiff::Timestamp> {
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| text[*at] != *mark) || text[19] != b'Z' {
        return None;
    }
    let year = number(&text[..4]).filter(|year| (1970..9999).contains(year))?;
    let two = |at: usize| i8::try_from(number(&text[at..at + 2])?).ok();
    let time = DateTime::new(year, two(5)?, two(8)?, two(11)?, two(14)?, two(17)?, 0).ok()?;
    Offset::UTC.to_timestamp(time).ok()
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let text = text.as_bytes().try_into().map_err(|_| NotATime)?;
        parse(text).map(Self).ok_or(NotATime)
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
            "2026-02-29T03:00:00Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T23:59:60Z",
            "2026-11-24t03:00:00z",
            "+026-11-24T03:00:00Z",
            "2026-11-+4T03:00:00Z",
            "now",
            "",
        ] {
            assert_eq!(other.parse::<Timestamp>(), Err(NotATime), "{other}");
        }
    }

    #[test]
    fn it_is_read_and_written_as_the_calendar_says() {
        // Steps that meet every month, day, hour, minute and second.
        let times = (0..253_370_764_800_i64).step_by(87_654_321);
        for time in times.map(Timestamp::from_unix) {
            let text = time.to_string();
            assert_eq!(text, time.0.to_string());
            assert_eq!(text.parse(), Ok(time));
        }
        for clamped in [i64::MIN, -62_167_219_201, i64::MAX] {
            let time = Timestamp::from_unix(clamped);
            let calendar = time.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            assert_eq!(time.to_string(), calendar);
        }
    }
}
