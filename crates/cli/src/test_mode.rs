//! Test mode: a clock that can be set, and a carrier that remembers what it sent (G7). For loopback only.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use async_trait::async_trait;
use symbolon_api::test_mode::{SentMail, SettableClock};
use symbolon_domain::{
    clock::{Clock, Timestamp},
    outbox::{CarrierError, Email, EmailCarrier},
};

/// So many messages are remembered; older ones are forgotten.
const MOST_MESSAGES: usize = 1_000;

/// The system's clock until it is set; from then on it stands still until it is set again.
pub struct TestClock {
    system: Arc<dyn Clock>,
    set: Mutex<Option<Timestamp>>,
}

impl TestClock {
    /// A clock that runs with this one until it is set.
    #[must_use]
    pub fn new(system: Arc<dyn Clock>) -> Self {
        Self { system, set: Mutex::new(None) }
    }
}

impl SettableClock for TestClock {
    fn set(&self, now: Timestamp) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let set = *self.set.lock().unwrap_or_else(PoisonError::into_inner);
        set.unwrap_or_else(|| self.system.now())
    }
}

/// Hands messages on, and remembers those that were accepted.
#[derive(Default)]
pub struct RecordingCarrier {
    carrier: OnceLock<Arc<dyn EmailCarrier>>,
    sent: Mutex<VecDeque<Email>>,
}

impl RecordingCarrier {
    /// In front of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands messages on to this carrier; only the first one that is named counts.
    pub fn stand_before(&self, carrier: Arc<dyn EmailCarrier>) {
        drop(self.carrier.set(carrier));
    }
}

impl SentMail for RecordingCarrier {
    fn emails(&self) -> Vec<Email> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[async_trait]
impl EmailCarrier for RecordingCarrier {
    async fn send(&self, email: &Email) -> Result<(), CarrierError> {
        if let Some(carrier) = self.carrier.get() {
            carrier.send(email).await?;
        }
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() == MOST_MESSAGES {
            sent.pop_front();
        }
        sent.push_back(email.clone());
        Ok(())
    }
}
