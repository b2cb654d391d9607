//! Failures of the first factor, as one pure rule (S14, C7).
//!
//! A store loads the count inside the write that saves the new one, so that parallel guesses see each other.

use std::time::Duration;

use crate::clock::Timestamp;

/// So many failures in a row close the sign-in by password for good, until an unlock or a recovery (C7).
const MOST_FAILURES: u32 = 100;
/// The longest pause between two failures.
const LONGEST_PAUSE: f64 = 40.0;

/// When the sign-in closes, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct ThrottleLimits {
    /// After each so many failures in a row.
    pub lock_after: u32,
    /// For so long.
    pub lock_for: Duration,
}

/// The failures of one address in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttle {
    /// How many, attempts under way included.
    pub failures: u32,
    /// When the next attempt is let through.
    pub next_at: Option<Timestamp>,
}

impl Throttle {
    /// Pays for an attempt before it is judged; the throttle as it is afterwards.
    ///
    /// # Errors
    /// It is too early: not before this moment.
    pub fn reserve(self, limits: ThrottleLimits, now: Timestamp) -> Result<Self, Timestamp> {
        if let Some(next_at) = self.next_at
            && now < next_at
        {
            return Err(next_at);
        }
        let failures = self.failures.saturating_add(1);
        let next_at = if failures >= MOST_FAILURES {
            Timestamp::MAX
        } else if closes(failures, limits) {
            now + limits.lock_for
        } else {
            let exponent = i32::try_from(failures - 1).unwrap_or(i32::MAX);
            now + Duration::from_secs_f64(1.5_f64.powi(exponent).min(LONGEST_PAUSE))
        };
        Ok(Self { failures, next_at: Some(next_at) })
    }

    /// Did the last failure close the sign-in?
    #[must_use]
    pub fn is_closed(self, limits: ThrottleLimits) -> bool {
        self.failures >= MOST_FAILURES || closes(self.failures, limits)
    }
}

const fn closes(failures: u32, limits: ThrottleLimits) -> bool {
    failures > 0 && failures.is_multiple_of(limits.lock_after)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ThrottleLimits = ThrottleLimits { lock_after: 10, lock_for: Duration::from_secs(3_600) };

    /// S14: 1, 1.5, 2.25 … up to 40 seconds, then an hour.
    #[test]
    fn the_pauses_grow_and_the_tenth_failure_closes() {
        let mut now = Timestamp::from_seconds(1_000);
        let mut throttle = Throttle::default();
        let mut pauses = Vec::new();
        for _ in 0..11 {
            throttle = throttle.reserve(LIMITS, now).unwrap();
            let next = throttle.next_at.unwrap();
            pauses.push(next.since(now).as_millis());
            assert_eq!(throttle.reserve(LIMITS, next - Duration::from_micros(1)), Err(next));
            now = next;
        }
        assert_eq!(
            pauses,
            [1_000, 1_500, 2_250, 3_375, 5_062, 7_593, 11_390, 17_085, 25_628, 3_600_000, 40_000]
        );
    }

    /// C7: no more than a hundred in a row, ever.
    #[test]
    fn the_hundredth_failure_closes_for_good() {
        let mut throttle = Throttle::default();
        for _ in 0..100 {
            throttle =
                throttle.reserve(LIMITS, throttle.next_at.unwrap_or(Timestamp::from_seconds(0))).unwrap();
        }
        assert_eq!(throttle.next_at, Some(Timestamp::MAX));
        assert!(throttle.is_closed(LIMITS));
    }
}
