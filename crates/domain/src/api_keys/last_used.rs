//! When keys were last used: gathered here and written together now and then, off the path of a verification (K9).

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use super::ApiKeyStore;
use crate::{clock::Timestamp, id::ApiKeyId, store_error::StoreError};

/// More keys than this are not remembered between two writings; their last use is then not shown.
const MOST_KEYS: usize = 100_000;
/// So many are written at once.
const MOST_AT_ONCE: usize = 500;

/// Gathers last uses.
pub struct LastUsed {
    store: Arc<dyn ApiKeyStore>,
    pending: Mutex<HashMap<ApiKeyId, Timestamp>>,
}

impl LastUsed {
    /// Writes to this store.
    #[must_use]
    pub fn new(store: Arc<dyn ApiKeyStore>) -> Self {
        Self { store, pending: Mutex::default() }
    }

    /// This key was used.
    pub(super) fn note(&self, key: ApiKeyId, now: Timestamp) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() < MOST_KEYS || pending.contains_key(&key) {
            pending.insert(key, now);
        }
    }

    /// Writes what was noted since the last time. What could not be written is kept, unless it was used again meanwhile.
    ///
    /// # Errors
    /// The store failed.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let noted = mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        let noted: Vec<_> = noted.into_iter().collect();
        for (written, batch) in noted.chunks(MOST_AT_ONCE).enumerate() {
            if let Err(error) = self.store.touch(batch.to_vec()).await {
                let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                for (key, at) in noted.iter().skip(written * MOST_AT_ONCE) {
                    pending.entry(*key).or_insert(*at);
                }
                drop(pending);
                return Err(error);
            }
        }
        Ok(())
    }
}
