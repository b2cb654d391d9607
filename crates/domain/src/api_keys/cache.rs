//! What a stateful verification found in the store a moment ago, so that the next one of the same key need not ask again (K5,
//! G-2).
//!
//! Only keys that count are remembered, one for each family, for [`KeyCacheSettings::max_staleness`] at the most; no secret is
//! kept, but the beginning of a hash. What this node ends it forgets before it answers.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use quick_cache::{UnitWeighter, sync::Cache};

use super::{ApiKey, ApiKeyClaims, RateLimit};
use crate::{clock::Timestamp, id::ApiKeyId, secret::SecretHash};

/// The limits of the cache.
#[derive(Clone, Copy, Debug)]
pub struct KeyCacheSettings {
    /// So old may an answer be; zero means that the store is always asked.
    pub max_staleness: Duration,
    /// So many keys are remembered.
    pub keys: u64,
}

/// Remembers keys that counted.
pub struct KeyCache {
    settings: KeyCacheSettings,
    entries: Cache<ApiKeyId, Entry>,
    /// Counts what was forgotten: an answer from before that is not remembered after it.
    forgotten: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// What is remembered of a key, in 40 bytes.
#[derive(Clone, Copy)]
struct Entry {
    /// The beginning of the SHA-256 of what tells this key from others of its family and from forged ones.
    mark: [u8; 16],
    read_at: Timestamp,
    /// Requests and seconds; 0 for none.
    rate_limit: (u32, u32),
}

/// Held while the store is asked.
pub(super) struct Asking {
    forgotten: u64,
    read_at: Timestamp,
}

impl KeyCache {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new(settings: KeyCacheSettings) -> Self {
        // Grows as it is needed: an idle node has nothing to remember.
        let entries = Cache::with_weighter(usize::from(u16::MAX >> 4), settings.keys, UnitWeighter);
        Self {
            settings,
            entries,
            forgotten: AtomicU64::default(),
            hits: AtomicU64::default(),
            misses: AtomicU64::default(),
        }
    }

    /// Whether this key counted lately: then its family's limit. Else what is to be given to [`Self::remember`].
    pub(super) fn find(&self, claims: &ApiKeyClaims, now: Timestamp) -> Result<Option<RateLimit>, Asking> {
        let asking = Asking { forgotten: self.forgotten.load(Ordering::SeqCst), read_at: now };
        let found = self.entries.get(&claims.fam).filter(|entry| {
            // A clock that was set back makes nothing fresh.
            let is_fresh = entry.read_at <= now && now.since(entry.read_at) < self.settings.max_staleness;
            is_fresh && entry.mark == mark(claims)
        });
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found.map(|entry| entry.limit()).ok_or(asking)
    }

    /// Remembers a key that was found to count, unless something was forgotten since the store was asked.
    pub(super) fn remember(&self, claims: &ApiKeyClaims, family: &ApiKey, asking: &Asking) {
        if self.settings.max_staleness.is_zero() {
            return;
        }
        let seconds = |window: Duration| u32::try_from(window.as_secs()).unwrap_or(u32::MAX);
        let rate_limit = family.rate_limit.map_or((0, 0), |limit| (limit.requests, seconds(limit.window)));
        self.entries.insert(claims.fam, Entry { mark: mark(claims), read_at: asking.read_at, rate_limit });
        // Whoever forgets counts first and removes then: one of the two sees the other.
        if self.forgotten.load(Ordering::SeqCst) != asking.forgotten {
            self.entries.remove(&claims.fam);
        }
    }

    /// Forgets one key.
    pub fn forget(&self, key: ApiKeyId) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.entries.remove(&key);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        if !self.entries.is_empty() {
            self.entries.clear();
        }
    }

    /// So many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Is nothing remembered?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How often the store was spared, and how often it was asked, since the start.
    #[must_use]
    pub fn used(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }
}

impl Entry {
    fn limit(self) -> Option<RateLimit> {
        let (requests, seconds) = self.rate_limit;
        (seconds > 0).then(|| RateLimit { requests, window: Duration::from_secs(seconds.into()) })
    }
}

/// What a key shows that the store was asked about.
fn mark(claims: &ApiKeyClaims) -> [u8; 16] {
    let mut shown = [0; 64];
    let secret = claims.tkn.hash();
    let parts: [&[u8]; 3] = [secret.as_bytes(), claims.jti.as_bytes(), claims.uid.as_bytes()];
    for (place, byte) in shown.iter_mut().zip(parts.into_iter().flatten()) {
        *place = *byte;
    }
    let hash = SecretHash::sha256(&shown);
    let mut mark = [0; 16];
    mark.iter_mut().zip(hash.as_bytes()).for_each(|(place, byte)| *place = *byte);
    mark
}
