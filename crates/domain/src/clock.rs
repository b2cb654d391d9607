//! Points in time and the port that tells them. No arithmetic on calendars, no time zones.

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
///
/// Serialised as an RFC 3339 string in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The last point that can be written as RFC 3339: 9999-12-31T23:59:59Z.
    pub const MAX: Self = Self(253_402_300_799_000_000);

    /// From microseconds since the epoch, held between the epoch and [`Self::MAX`].
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(0, Self::MAX.0))
    }

    /// From whole seconds since the epoch (a JWT `NumericDate`).
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Self::from_micros(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down (a JWT `NumericDate`).
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0 / 1_000_000
    }

    /// How long after `earlier` this is; zero when it is not after (a clock that went back).
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// Reads an RFC 3339 date and time with any offset.
    ///
    /// # Errors
    /// The text is not RFC 3339, or lies outside 1970–9999.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        let parsed = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InvalidTimestamp)?;
        let micros = i64::try_from(parsed.unix_timestamp_nanos() / 1_000).map_err(|_| InvalidTimestamp)?;
        if (0..=Self::MAX.0).contains(&micros) { Ok(Self(micros)) } else { Err(InvalidTimestamp) }
    }
}

/// The text is not a date and time of RFC 3339 between 1970 and 9999.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an RFC 3339 date and time between 1970 and 9999")]
pub struct InvalidTimestamp;

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.0.saturating_add(micros))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.0.saturating_sub(micros))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok())
            .ok_or(fmt::Error)?;
        formatter.write_str(&text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Clocks of nodes may differ by so much before what one of them has made is refused by another (C55).
pub const CLOCK_DIFFERENCE: Duration = Duration::from_secs(60);

/// Tells the time. Read once per use case and passed on as a value.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_survives_its_text() {
        let moment = Timestamp::from_micros(1_763_900_000_123_456);
        assert_eq!(Timestamp::parse(&moment.to_string()), Ok(moment));
        assert_eq!(moment.to_string(), "2025-11-23T12:13:20.123456Z");
    }

    #[test]
    fn an_offset_is_turned_into_utc() {
        let parsed = Timestamp::parse("2026-01-01T01:00:00+01:00").map(|t| t.to_string());
        assert_eq!(parsed.as_deref(), Ok("2026-01-01T00:00:00Z"));
    }

    #[test]
    fn a_clock_that_went_back_counts_as_no_time() {
        let late = Timestamp::from_seconds(100);
        assert_eq!(Timestamp::from_seconds(90).since(late), Duration::ZERO);
    }

    #[test]
    fn a_sum_stops_at_the_last_writable_moment() {
        assert_eq!(Timestamp::MAX + Duration::MAX, Timestamp::MAX);
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59Z");
    }
}
