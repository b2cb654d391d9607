//! Session tokens whose signature was found good: the same token is shown again with every request of its session, and its
//! signature costs more than all the rest of a check (G-4).
//!
//! What is kept is that the signature is ours and what the claims are, by the token's SHA-256, never the token. Everything
//! that may change, the key's life and the token's, is judged at each look by whoever asks. Bounded in entries: what was not
//! looked at for longest goes.

use std::{
    array,
    collections::HashMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use aws_lc_rs::digest::{SHA256, digest};

/// Each with a lock of its own, so that one is seldom waited for.
const SHARDS: usize = 16;
/// Entries of a generation, of which each shard has two: 8,192 in all, some five megabytes when it is full.
const IN_GENERATION: usize = 256;

/// The SHA-256 of a token.
pub(super) type Hash = [u8; 32];

/// A token that is signed by us.
#[derive(Debug)]
pub(super) struct Good {
    /// By which key.
    pub(super) kid: String,
    /// Its claims in JSON.
    pub(super) claims: Vec<u8>,
}

/// The tokens that were seen.
pub(super) struct Seen {
    shards: [Mutex<Shard>; SHARDS],
    hits: AtomicU32,
}

/// What is looked at moves into the young generation; when that is full it becomes the old one, and the old one is dropped.
#[derive(Default)]
struct Shard {
    young: HashMap<Hash, Arc<Good>>,
    old: HashMap<Hash, Arc<Good>>,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self { shards: array::from_fn(|_| Mutex::default()), hits: AtomicU32::new(0) }
    }

    /// By what a token is kept.
    pub(super) fn hash(token: &str) -> Hash {
        let mut hash = Hash::default();
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        hash
    }

    /// What is known of the token.
    pub(super) fn find(&self, hash: &Hash) -> Option<Arc<Good>> {
        let found = self.shard(hash)?.find(hash)?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(found)
    }

    /// The signature was good.
    pub(super) fn keep(&self, hash: Hash, good: Good) {
        if let Some(mut shard) = self.shard(&hash) {
            shard.keep(hash, Arc::new(good));
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            *lock(shard) = Shard::default();
        }
    }

    /// How often a token was known.
    pub(super) fn hits(&self) -> u32 {
        self.hits.load(Ordering::Relaxed)
    }

    /// A hash is as good as a random number.
    fn shard(&self, hash: &Hash) -> Option<MutexGuard<'_, Shard>> {
        self.shards.get(usize::from(hash[0]) % SHARDS).map(lock)
    }
}

impl Shard {
    fn find(&mut self, hash: &Hash) -> Option<Arc<Good>> {
        if let Some(found) = self.young.get(hash) {
            return Some(Arc::clone(found));
        }
        let found = self.old.remove(hash)?;
        self.keep(*hash, Arc::clone(&found));
        Some(found)
    }

    fn keep(&mut self, hash: Hash, good: Arc<Good>) {
        if self.young.len() >= IN_GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(hash, good);
    }
}

/// Nothing panics while a shard is held, so it is whole whatever the lock says.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(claims: &str) -> Good {
        Good { kid: "1".to_owned(), claims: claims.into() }
    }

    fn knows(seen: &Seen, token: &str) -> bool {
        seen.find(&Seen::hash(token)).is_some()
    }

    #[test]
    fn what_was_kept_is_found_and_counted() {
        let seen = Seen::new();
        seen.keep(Seen::hash("a"), good("{}"));
        assert_eq!(seen.find(&Seen::hash("a")).unwrap().claims, b"{}");
        assert!(!knows(&seen, "b"));
        assert_eq!(seen.hits(), 1);
        seen.clear();
        assert!(!knows(&seen, "a"));
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_looked_at() {
        let seen = Seen::new();
        seen.keep(Seen::hash("often"), good("{}"));
        let most = 2 * SHARDS * IN_GENERATION;
        for number in 0..3 * most {
            seen.keep(Seen::hash(&number.to_string()), good("{}"));
            assert!(knows(&seen, "often"), "{number}");
        }
        let held: usize = seen.shards.iter().map(lock).map(|shard| shard.young.len() + shard.old.len()).sum();
        assert!(held <= most, "{held}");
        assert!(!knows(&seen, "0"));
    }
}
