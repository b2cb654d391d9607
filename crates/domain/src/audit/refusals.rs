//! Refusals on read paths: summed per caller and reason in bounded memory, written in batches (G2).

use std::{
    collections::HashMap,
    mem,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Act, AuditEvent, AuditStore};
use crate::{
    actor::{Actor, Origin},
    clock::Clock,
    entropy::Entropy,
    store_error::StoreError,
};

/// So many different (act, reason, caller) are told apart between two writes; later ones are summed
/// without their caller.
const MOST_CALLERS: usize = 1_000;

type Key = (Act, &'static str, Option<IpAddr>);

/// Collects refusals until [`Refusals::flush`] writes them.
#[derive(Clone)]
pub struct Refusals {
    pending: Arc<Mutex<HashMap<Key, (AuditEvent, u32)>>>,
    store: Arc<dyn AuditStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Refusals {
    /// Writes to this store.
    #[must_use]
    pub fn new(store: Arc<dyn AuditStore>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { pending: Arc::default(), store, clock, entropy }
    }

    /// Counts one refusal. The row that is written later carries the first one's request id.
    pub fn note(&self, act: Act, reason: &'static str, origin: &Origin) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (act, reason, origin.ip);
        if pending.len() >= MOST_CALLERS && !pending.contains_key(&key) {
            key.2 = None;
        }
        if let Some((_, count)) = pending.get_mut(&key) {
            *count = count.saturating_add(1);
            return;
        }
        let mut event =
            AuditEvent::done(key.0.clone(), Actor::Anonymous, origin, self.clock.now(), &*self.entropy)
                .refused(reason);
        event.ip = key.2;
        pending.insert(key, (event, 1));
    }

    /// Writes what was noted since the last time. What could not be written is kept for the next time.
    ///
    /// # Errors
    /// The store failed.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let noted = mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        if noted.is_empty() {
            return Ok(());
        }
        let events = noted.values().map(|(event, count)| AuditEvent { count: *count, ..event.clone() });
        let written = self.store.append(events.collect()).await;
        if written.is_err() {
            self.keep(noted);
        }
        written
    }

    fn keep(&self, noted: HashMap<Key, (AuditEvent, u32)>) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, (event, count)) in noted {
            let sum = pending.entry(key).or_insert((event, 0));
            sum.1 = sum.1.saturating_add(count);
        }
    }
}
