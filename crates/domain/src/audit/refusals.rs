//! Refusals on read paths: summed per caller and reason in bounded memory, written in batches (G2).

use std::{
    collections::HashMap,
    mem,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Act, AuditEvent, AuditStore, MOST_EVENTS, Subject};
use crate::{
    actor::{Actor, Origin},
    clock::Clock,
    entropy::Entropy,
    store_error::StoreError,
};

/// So many different (act, reason, caller) are told apart between two writes; later ones are summed
/// without their caller.
const MOST_CALLERS: usize = 1_000;

type Key = (Refusal, Option<IpAddr>);

/// What was refused, to whom, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// What was tried.
    pub act: Act,
    /// Why not: a short slug.
    pub reason: &'static str,
    /// Who tried.
    pub actor: Actor,
    /// On what.
    pub subject: Option<Subject>,
}

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

    /// Counts one refusal of somebody who has proved nothing.
    pub fn note(&self, act: Act, reason: &'static str, origin: &Origin) {
        self.note_refusal(Refusal { act, reason, actor: Actor::Anonymous, subject: None }, origin);
    }

    /// Counts one refusal. The row that is written later carries the first one's request id.
    pub fn note_refusal(&self, refusal: Refusal, origin: &Origin) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (refusal, origin.ip);
        if pending.len() >= MOST_CALLERS && !pending.contains_key(&key) {
            (key.0.actor, key.0.subject, key.1) = (Actor::Anonymous, None, None);
        }
        if let Some((_, count)) = pending.get_mut(&key) {
            *count = count.saturating_add(1);
            return;
        }
        let Refusal { act, reason, actor, subject } = key.0.clone();
        let mut event =
            AuditEvent::done(act, actor, origin, self.clock.now(), &*self.entropy).refused(reason);
        (event.subject, event.ip) = (subject, key.1);
        pending.insert(key, (event, 1));
    }

    /// Writes what was noted since the last time, batch by batch. What could not be written is kept for the next time.
    ///
    /// # Errors
    /// The store failed.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let noted = mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        let mut left: Vec<(Key, (AuditEvent, u32))> = noted.into_iter().collect();
        while !left.is_empty() {
            let written = left.len().saturating_sub(MOST_EVENTS);
            let batch = left
                .iter()
                .skip(written)
                .map(|(_, (event, count))| AuditEvent { count: *count, ..event.clone() });
            if let Err(error) = self.store.append(batch.collect()).await {
                self.keep(left);
                return Err(error);
            }
            left.truncate(written);
        }
        Ok(())
    }

    fn keep(&self, noted: Vec<(Key, (AuditEvent, u32))>) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, (event, count)) in noted {
            let sum = pending.entry(key).or_insert((event, 0));
            sum.1 = sum.1.saturating_add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        net::Ipv4Addr,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use async_trait::async_trait;

    use super::*;
    use crate::{
        audit::AuditFilter,
        clock::Timestamp,
        id::RequestId,
        page::{Page, PageRequest},
    };

    /// Fails so many times after so many batches, and keeps the rest.
    struct Failing {
        batches_before: usize,
        failures: Mutex<usize>,
        batches: Mutex<Vec<Vec<AuditEvent>>>,
    }

    #[async_trait]
    impl AuditStore for Failing {
        async fn append(&self, events: Vec<AuditEvent>) -> Result<(), StoreError> {
            let mut batches = self.batches.lock().unwrap();
            let mut failures = self.failures.lock().unwrap();
            if batches.len() >= self.batches_before && *failures > 0 {
                *failures -= 1;
                return Err(StoreError::Busy);
            }
            batches.push(events);
            Ok(())
        }

        async fn list(&self, _: &AuditFilter, page: PageRequest) -> Result<Page<AuditEvent>, StoreError> {
            Ok(Page::from_rows(Vec::new(), page, |event| *event.id.as_bytes()))
        }
    }

    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(1)
        }
    }

    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            use std::sync::atomic::{AtomicU64, Ordering};
            static NEXT: AtomicU64 = AtomicU64::new(0);
            let next = NEXT.fetch_add(1, Ordering::SeqCst).to_le_bytes();
            bytes.iter_mut().zip(next).for_each(|(to, from)| *to = from);
        }
    }

    /// Runs what has nothing to wait for.
    fn at_once<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it waits"),
        }
    }

    /// G2: in batches that every store takes; one that fails costs nothing and doubles nothing.
    #[test]
    fn a_batch_that_fails_is_written_the_next_time() {
        let failing =
            Arc::new(Failing { batches_before: 1, failures: Mutex::new(1), batches: Mutex::default() });
        let refusals = Refusals::new(failing.clone(), Arc::new(Fixed), Arc::new(Fixed));
        let request_id = RequestId::new(Timestamp::from_seconds(1), &Fixed);
        for caller in 0..250_u32 {
            let ip = Some(Ipv4Addr::from_bits(caller).into());
            refusals.note(Act::SESSION_VERIFIED, "expired", &Origin { request_id, ip, user_agent: None });
        }
        assert!(matches!(at_once(refusals.flush()), Err(StoreError::Busy)));
        at_once(refusals.flush()).unwrap();
        let batches = failing.batches.lock().unwrap();
        assert!(batches.iter().all(|batch| batch.len() <= MOST_EVENTS));
        let callers: Vec<_> = batches.iter().flatten().map(|event| event.ip).collect();
        assert_eq!(callers.len(), 250);
        assert_eq!(callers.into_iter().collect::<HashSet<_>>().len(), 250);
    }
}
