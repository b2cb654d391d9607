//! How long keys and refresh tokens live, held to their ceilings (K3).

use std::time::Duration;

use super::{ApiKeySettings, FAMILY_LIFETIME, LONG_LIFETIME};

/// The life of a key or of a refresh token, in whole seconds from its issue. There is none that breaks K3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    lifetime: Duration,
    not_before: Duration,
}

/// Such a life is not given.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidLife {
    /// Nothing, or longer than the ceiling.
    #[error("a whole number from 1 to {} is expected", longest.as_secs())]
    Lifetime {
        /// The ceiling.
        longest: Duration,
    },
    /// The pause at its beginning leaves nothing of it.
    #[error("it must be shorter than the life, which is {} seconds", lifetime.as_secs())]
    NotBefore {
        /// The whole life.
        lifetime: Duration,
    },
}

impl Life {
    fn new(expires_in: u64, not_before: u64, longest: Duration) -> Result<Self, InvalidLife> {
        let (lifetime, not_before) = (Duration::from_secs(expires_in), Duration::from_secs(not_before));
        if lifetime.is_zero() || lifetime > longest {
            return Err(InvalidLife::Lifetime { longest });
        }
        if not_before >= lifetime {
            return Err(InvalidLife::NotBefore { lifetime });
        }
        Ok(Self { lifetime, not_before })
    }

    /// A life as it was given before, which counts at once.
    pub(super) const fn again(lifetime: Duration) -> Self {
        Self { lifetime, not_before: Duration::ZERO }
    }

    /// So long in all.
    #[must_use]
    pub const fn lifetime(self) -> Duration {
        self.lifetime
    }

    /// So long it does not count yet.
    #[must_use]
    pub const fn not_before(self) -> Duration {
        self.not_before
    }

    /// Is it over a day ([`LONG_LIFETIME`])?
    #[must_use]
    pub fn is_long(self) -> bool {
        self.lifetime > LONG_LIFETIME
    }
}

impl ApiKeySettings {
    /// So long a key may live at the most. One that is refreshed lives no longer than its family.
    #[must_use]
    pub fn longest_key_life(&self, is_refreshable: bool) -> Duration {
        if is_refreshable { self.max_lifetime.min(FAMILY_LIFETIME) } else { self.max_lifetime }
    }

    /// The life of a key, in seconds; the usual one where nothing is asked for.
    ///
    /// # Errors
    /// It breaks the ceiling, or nothing of it would count.
    pub fn key_life(
        &self,
        expires_in: Option<u64>,
        not_before: u64,
        is_refreshable: bool,
    ) -> Result<Life, InvalidLife> {
        let longest = self.longest_key_life(is_refreshable);
        let usual = self.lifetime.min(longest).as_secs();
        Life::new(expires_in.unwrap_or(usual), not_before, longest)
    }

    /// The life of a refresh token, in seconds; the usual one where nothing is asked for.
    ///
    /// # Errors
    /// It breaks the ceiling of [`FAMILY_LIFETIME`], or nothing of it would count.
    pub fn refresh_life(&self, expires_in: Option<u64>, not_before: u64) -> Result<Life, InvalidLife> {
        let usual = self.refresh_lifetime.as_secs();
        Life::new(expires_in.unwrap_or(usual), not_before, FAMILY_LIFETIME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api_keys::RefreshHashing;

    const DAY: u64 = 86_400;

    fn settings(max_lifetime: u64) -> ApiKeySettings {
        ApiKeySettings {
            lifetime: Duration::from_secs(900),
            max_lifetime: Duration::from_secs(max_lifetime),
            refresh_lifetime: Duration::from_secs(DAY),
            grace: Duration::ZERO,
            refresh_hash: RefreshHashing::Sha256,
            token_lifetime: Duration::from_secs(900),
            public_url: String::new(),
            long_lived_roles: Vec::new(),
        }
    }

    /// K3: zero and what is over the ceiling are refused; the ceiling itself, and one second, are lives.
    #[test]
    fn a_life_keeps_to_its_ceiling() {
        let (settings, longest) = (settings(DAY), Duration::from_secs(DAY));
        assert_eq!(settings.key_life(None, 0, true).unwrap().lifetime(), Duration::from_secs(900));
        assert_eq!(settings.key_life(Some(DAY), 0, true).unwrap().lifetime(), longest);
        assert!(settings.key_life(Some(1), 0, true).is_ok());
        for wrong in [0, DAY + 1, u64::MAX] {
            assert_eq!(settings.key_life(Some(wrong), 0, false), Err(InvalidLife::Lifetime { longest }));
        }
        assert!(settings.refresh_life(Some(30 * DAY), 0).is_ok());
        let longest = FAMILY_LIFETIME;
        assert_eq!(settings.refresh_life(Some(30 * DAY + 1), 0), Err(InvalidLife::Lifetime { longest }));
    }

    /// K3: a raised ceiling is for keys that are not refreshed; no family outlives 30 days.
    #[test]
    fn what_is_refreshed_lives_no_longer_than_its_family() {
        let settings = settings(365 * DAY);
        assert!(settings.key_life(Some(365 * DAY), 0, false).is_ok());
        assert!(settings.key_life(Some(31 * DAY), 0, true).is_err());
        assert_eq!(settings.longest_key_life(true), FAMILY_LIFETIME);
        assert_eq!(settings.longest_key_life(false), Duration::from_secs(365 * DAY));
    }

    /// K1: something of a life must count.
    #[test]
    fn the_pause_is_shorter_than_the_life() {
        let settings = settings(DAY);
        assert!(settings.key_life(Some(60), 59, true).is_ok());
        let lifetime = Duration::from_secs(60);
        assert_eq!(settings.key_life(Some(60), 60, true), Err(InvalidLife::NotBefore { lifetime }));
        assert!(settings.refresh_life(Some(60), u64::MAX).is_err());
    }
}
