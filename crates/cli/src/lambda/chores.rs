//! What has to be done around every invocation, because nothing runs between two of them.
//!
//! | what `symbolon serve` has a worker for | here |
//! |---|---|
//! | looking for keys that others have made or retired | before an event, when the last look is [`KEYS_LOOKED_AT_EVERY`] ago |
//! | hearing of what other nodes have ended | before an event, as far as it has come; the age of what is remembered bounds the rest |
//! | refusals, last uses of API keys, traces | after the answer was given, before the next event is asked for |
//! | messages | before the answer: [`super::messages`] |
//! | rotating keys, retries, sweeping | by the function `worker` |
//!
//! What is written after an answer makes nobody wait: Lambda passes an answer on when it gets it, and stops the process no
//! sooner than when the next event is asked for.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use symbolon_domain::clock::Timestamp;
use tokio::time::timeout;

use crate::{chain, telemetry::Telemetry, wiring::Service};

/// So old may be what is known of the signing keys, as with a node that runs all the time.
const KEYS_LOOKED_AT_EVERY: Duration = Duration::from_secs(5);
/// So long an event waits for that look at the most; then it is answered by what is known.
const LONGEST_LOOK: Duration = Duration::from_secs(1);
/// So long the next event waits for what the last one left to be written. What takes longer goes on beside it.
const LONGEST_WRITE: Duration = Duration::from_secs(3);
/// And so long for its traces.
const LONGEST_FLUSH: Duration = Duration::from_millis(500);

/// Done around every invocation.
pub(super) struct Chores {
    service: Arc<Service>,
    telemetry: Option<Telemetry>,
    keys_looked_at: Mutex<Timestamp>,
}

impl Chores {
    /// Of a service that was put together just now.
    pub(super) fn new(service: Arc<Service>, telemetry: Option<Telemetry>) -> Self {
        let keys_looked_at = Mutex::new(service.clock.now());
        Self { service, telemetry, keys_looked_at }
    }

    /// Before an event is looked at.
    pub(super) async fn before(&self) {
        // As far as it has come: where nothing has, there is nothing to wait for.
        tokio::select! {
            biased;
            () = self.service.revocations.hear() => {}
            () = std::future::ready(()) => {}
        }
        if !self.is_look_due() {
            return;
        }
        match timeout(LONGEST_LOOK, self.service.signing_keys.load()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(error = chain(&error), "the signing keys cannot be looked at");
            }
            Err(_) => tracing::error!("the signing keys cannot be looked at in time"),
        }
    }

    fn is_look_due(&self) -> bool {
        let now = self.service.clock.now();
        let mut last = self.keys_looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = now.since(*last) >= KEYS_LOOKED_AT_EVERY || now < *last;
        if is_due {
            *last = now;
        }
        is_due
    }

    /// After an answer was given.
    pub(super) async fn after(&self) {
        let (refusals, keys) = (self.service.refusals.clone(), self.service.api_keys.clone());
        // Apart, so that what has begun to be written is not dropped half-way.
        let writing = tokio::spawn(async move {
            let (noted, used) = tokio::join!(refusals.flush(), keys.write_last_uses());
            if let Err(error) = noted {
                tracing::error!(error = chain(&error), "refusals cannot be written to the audit log");
            }
            if let Err(error) = used {
                tracing::error!(error = chain(&error), "the last uses of API keys cannot be written");
            }
        });
        if timeout(LONGEST_WRITE, writing).await.is_err() {
            tracing::warn!("refusals and last uses are still being written");
        }
        if let Some(telemetry) = &self.telemetry {
            telemetry.flush(LONGEST_FLUSH).await;
        }
    }
}
