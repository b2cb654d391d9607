//! How long something takes or lives, as people write it: `"15m"`, `"12h"`, `"30d"`, or a whole number of seconds.
//! One number and one unit; `1h30m` is `"90m"`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration as StandardDuration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// The units, longest first, with their length in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A span of time in the configuration, exact to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(StandardDuration);

impl Duration {
    /// A span of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(StandardDuration::from_secs(seconds))
    }

    /// A span of whole milliseconds.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(StandardDuration::from_millis(milliseconds))
    }

    /// The same span for the standard library.
    #[must_use]
    pub const fn to_std(self) -> StandardDuration {
        self.0
    }

    /// The span in seconds, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0.as_secs()
    }
}

impl From<Duration> for StandardDuration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

/// A text that is not one number with one unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a duration: write a whole number with one of the units ms, s, m, h, d, such as \"15m\""
)]
pub struct InvalidDuration(String);

impl FromStr for Duration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidDuration(text.to_owned());
        let digits_end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(digits_end);
        let number: u64 = digits.parse().map_err(|_| invalid())?;
        let unit = if unit.is_empty() { "s" } else { unit };
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        number.checked_mul(*length).map(Self::from_millis).ok_or_else(invalid)
    }
}

impl fmt::Display for Duration {
    /// The longest unit that loses nothing: `900` seconds are `15m`, `90` seconds are `90s`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        if milliseconds == 0 {
            return formatter.write_str("0s");
        }
        for (unit, length) in UNITS {
            let length = u128::from(length);
            if milliseconds.is_multiple_of(length) {
                return write!(formatter, "{}{unit}", milliseconds / length);
            }
        }
        Ok(())
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DurationVisitor)
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a duration such as \"15m\", or a whole number of seconds")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Duration, E> {
        Ok(Duration::from_secs(seconds))
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Duration, E> {
        u64::try_from(seconds)
            .map(Duration::from_secs)
            .map_err(|_| E::custom("a duration cannot be negative"))
    }
}

impl JsonSchema for Duration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    /// A field's `range` is in seconds: validators apply it to the number form, [`super::Catalogue`] to both.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "pattern": "^[0-9]+(ms|s|m|h|d)?$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_with_one_unit_or_seconds_is_a_duration() {
        for (text, milliseconds) in [
            ("250ms", 250),
            ("45s", 45_000),
            ("15m", 900_000),
            ("12h", 43_200_000),
            ("30d", 2_592_000_000),
            ("900", 900_000),
        ] {
            assert_eq!(text.parse(), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "m",
            "1h30m",
            "-5s",
            "+5s",
            "1.5h",
            "15 m",
            "15M",
            "1w",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert_eq!(text.parse::<Duration>(), Err(InvalidDuration(text.to_owned())));
        }
    }

    #[test]
    fn the_longest_exact_unit_is_shown_and_reads_back() {
        for (milliseconds, text) in [
            (0, "0s"),
            (250, "250ms"),
            (90_000, "90s"),
            (900_000, "15m"),
            (86_400_000, "1d"),
            (5_400_000, "90m"),
        ] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(duration.to_string(), text);
            assert_eq!(text.parse(), Ok(duration));
        }
    }
}
