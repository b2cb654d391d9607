//! The operating system's clock and random source. Nothing else in the project reads either of them.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use symbolon_domain::{
    clock::{Clock, Timestamp},
    entropy::Entropy,
};

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter behind the `Clock` port")]
    fn now(&self) -> Timestamp {
        // A clock that stands before 1970 counts as 1970.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }
}

/// The operating system's random source, through the generator of aws-lc.
#[derive(Clone, Debug)]
pub struct SystemEntropy(SystemRandom);

impl SystemEntropy {
    /// Takes hold of the random source.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the adapter behind the `Entropy` port")]
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }

    /// The source in the shape that aws-lc-rs asks for where it makes keys and signatures.
    pub(crate) const fn secure_random(&self) -> &dyn SecureRandom {
        &self.0
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        if self.0.fill(bytes).is_err() {
            // Going on would mean secrets that can be guessed.
            tracing::error!("the operating system gives no random bytes");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use symbolon_domain::entropy::random_bytes;

    use super::*;

    #[test]
    fn the_clock_stands_in_this_millennium() {
        assert!(SystemClock.now() > Timestamp::parse("2025-01-01T00:00:00Z").unwrap());
    }

    #[test]
    fn two_draws_differ() {
        let entropy = SystemEntropy::new();
        assert_ne!(random_bytes::<32>(&entropy), random_bytes::<32>(&entropy));
    }
}
