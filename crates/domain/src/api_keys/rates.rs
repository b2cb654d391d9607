//! How often each key was verified lately, for those that have a limit (K14). Each node counts what it sees itself.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::RateLimit;
use crate::{clock::Timestamp, id::ApiKeyId};

/// More windows than this are not kept at once; those that have ended go first.
const MOST_KEYS: usize = 100_000;

/// Counts verifications.
#[derive(Default)]
pub struct KeyRates {
    windows: Mutex<HashMap<ApiKeyId, Window>>,
}

/// A window begins with the first verification after the one before has ended.
struct Window {
    ends_at: Timestamp,
    requests: u32,
}

impl KeyRates {
    /// Takes one verification of a key, unless its window is full: then when that ends.
    pub(super) fn take(&self, key: ApiKeyId, limit: RateLimit, now: Timestamp) -> Result<(), Timestamp> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MOST_KEYS && !windows.contains_key(&key) {
            windows.retain(|_, window| now < window.ends_at);
            if windows.len() >= MOST_KEYS {
                windows.clear();
            }
        }
        let fresh = || Window { ends_at: now + limit.window, requests: 0 };
        let window = windows.entry(key).or_insert_with(fresh);
        if now >= window.ends_at {
            *window = fresh();
        }
        if window.requests >= limit.requests {
            return Err(window.ends_at);
        }
        window.requests += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_micros(milliseconds * 1_000)
    }

    fn key(number: u8) -> ApiKeyId {
        ApiKeyId::from_bytes([number; 16])
    }

    /// K14: as many as the limit says in a window, which ends to the moment; each key for itself.
    #[test]
    fn a_window_takes_so_many_and_no_more() {
        let rates = KeyRates::default();
        let limit = RateLimit { requests: 2, window: Duration::from_secs(10) };
        assert!(rates.take(key(1), limit, at(0)).is_ok());
        assert!(rates.take(key(1), limit, at(9_000)).is_ok());
        assert_eq!(rates.take(key(1), limit, at(9_999)), Err(at(10_000)));
        assert!(rates.take(key(2), limit, at(9_999)).is_ok());
        assert!(rates.take(key(1), limit, at(10_000)).is_ok());
        assert!(rates.take(key(1), limit, at(19_999)).is_ok());
        assert!(rates.take(key(1), limit, at(19_999)).is_err());
    }
}
