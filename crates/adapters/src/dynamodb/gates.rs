//! How many at once: calls of this node to the engine, and commands of this node on one item.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use symbolon_domain::store_error::StoreError;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{calls::unavailable, keys::Key};

/// So many calls are under way at once; others wait, so that a burst does not use up its own time-outs. At five
/// milliseconds a call it is 25,000 a second.
const MOST_CALLS: usize = 128;
/// So many commands on one item run at once.
const MOST_COMMANDS: usize = 8;
/// Items share gates: with so many, few of those that are busy at one moment do.
const GATES: usize = 256;
/// Whoever has waited so long gives up.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// The gates of one node.
pub(super) struct Gates {
    calls: Semaphore,
    items: Vec<Semaphore>,
    hasher: RandomState,
}

impl Gates {
    pub(super) fn new() -> Self {
        Self {
            calls: Semaphore::new(MOST_CALLS),
            items: (0..GATES).map(|_| Semaphore::new(MOST_COMMANDS)).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Leave to make one call.
    pub(super) async fn call(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        pass(&self.calls).await
    }

    /// Leave to run one command on this item.
    pub(super) async fn enter(&self, item: &Key) -> Result<SemaphorePermit<'_>, StoreError> {
        let number = self.hasher.hash_one((&item.pk, &item.sk)) % u64::try_from(GATES).unwrap_or(1);
        let gate = usize::try_from(number).ok().and_then(|number| self.items.get(number));
        pass(gate.unwrap_or(&self.calls)).await
    }
}

async fn pass(gate: &Semaphore) -> Result<SemaphorePermit<'_>, StoreError> {
    match timeout(LONGEST_WAIT, gate.acquire()).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(closed)) => Err(unavailable(closed)),
        Err(_) => Err(StoreError::Busy),
    }
}
