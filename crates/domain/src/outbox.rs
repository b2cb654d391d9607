//! What must be told: messages that are written with their cause and delivered afterwards (M1, M2, M3, M6).
//!
//! A use case composes a message here and hands it to its own store, which writes it beside the fact. Workers
//! lease what is due, render it, give it to the carrier, and report back. No worker is special, and a message
//! is delivered at least once.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    accounts::Account,
    clock::{Clock, Timestamp},
    entropy::Entropy,
    id::MessageId,
    identifiers::EmailAddress,
    page::{Page, PageRequest},
    sealing::{SealError, SealedFor, Sealer},
    store_error::StoreError,
};

mod carrier;
mod deliver;
mod model;
mod retry;
mod store;

pub use self::{
    carrier::{CarrierError, Email, EmailCarrier, RenderError, RenderedText, Templates},
    deliver::Delivered,
    model::{
        Backlog, Lease, LeasedMessage, MessageContent, MessageKind, MessageState, MessageSummary, NewMessage,
    },
    retry::Retried,
    store::{FinishMessage, LeaseMessages, OutboxStore, PostponeMessage, RetryMessage},
};

/// How the outbox works.
#[derive(Clone, Debug)]
pub struct OutboxSettings {
    /// How long a worker holds a message before others may take it.
    pub lease: Duration,
    /// How many messages a worker takes at once.
    pub batch: usize,
}

/// The ports that the outbox stands on.
#[derive(Clone)]
pub struct OutboxPorts {
    /// Keeps the messages.
    pub store: Arc<dyn OutboxStore>,
    /// Seals their content.
    pub sealer: Arc<dyn Sealer>,
    /// Fills their templates.
    pub templates: Arc<dyn Templates>,
    /// Takes e-mail away.
    pub email: Arc<dyn EmailCarrier>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws ids and jitter.
    pub entropy: Arc<dyn Entropy>,
}

/// Composes, lists and delivers messages.
#[derive(Clone)]
pub struct Outbox {
    ports: OutboxPorts,
    settings: OutboxSettings,
    composed: Arc<AtomicU64>,
}

impl Outbox {
    /// Over these ports.
    #[must_use]
    pub fn new(ports: OutboxPorts, settings: OutboxSettings) -> Self {
        Self { ports, settings, composed: Arc::default() }
    }

    /// A message to this address, its content sealed; to be written by the caller's store.
    ///
    /// # Errors
    /// The content could not be sealed.
    pub fn compose(
        &self,
        kind: MessageKind,
        to: &EmailAddress,
        variables: &[(&str, &str)],
        life: MessageLife,
    ) -> Result<NewMessage, StoreError> {
        self.composed.fetch_add(1, Ordering::Relaxed);
        let id = MessageId::new(life.created_at, &*self.ports.entropy);
        let variables: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let content = MessageContent { to: to.as_typed().to_owned(), variables };
        let sealed = self.seal(id, &content).map_err(StoreError::unavailable)?;
        let MessageLife { created_at, expires_at } = life;
        Ok(NewMessage { id, kind, content: sealed, created_at, expires_at })
    }

    /// How many messages this process has composed, whether they were written or not: where it must not be told whether there
    /// is an account, one is composed for nobody too. A host that stops between requests learns by it that there may be
    /// something to deliver (M7).
    #[must_use]
    pub fn composed(&self) -> u64 {
        self.composed.load(Ordering::Relaxed)
    }

    /// Messages of any state, newest first, without their content.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self, page: PageRequest) -> Result<Page<MessageSummary>, StoreError> {
        self.ports.store.list(page).await
    }

    /// One message, without its content.
    ///
    /// # Errors
    /// The store failed.
    pub async fn find(&self, id: MessageId) -> Result<Option<MessageSummary>, StoreError> {
        self.ports.store.find(id).await
    }

    /// What waits.
    ///
    /// # Errors
    /// The store failed.
    pub async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.ports.store.backlog().await
    }

    /// Returns when a message may have come, and after `at_most` in any case.
    pub async fn wait(&self, at_most: Duration) {
        self.ports.store.wait(at_most).await;
    }

    fn seal(
        &self,
        id: MessageId,
        content: &MessageContent,
    ) -> Result<crate::sealing::SealedBytes, SealError> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(content).map_err(|_| SealError::Damaged)?);
        self.ports.sealer.seal(SealedFor { kind: "message", id: id.as_bytes() }, &plain)
    }
}

impl Outbox {
    /// Tells an account at each of its verified addresses, without any code (S12).
    ///
    /// # Errors
    /// A message could not be sealed.
    pub(crate) fn notices(
        &self,
        (kind, variables): (MessageKind, &[(&str, &str)]),
        account: &Account,
        now: Timestamp,
    ) -> Result<Vec<NewMessage>, StoreError> {
        let life = MessageLife::notice(now);
        account
            .identifiers
            .iter()
            .map(|identifier| self.compose(kind, &identifier.address, variables, life))
            .collect()
    }
}

/// From when to when a message is worth sending.
#[derive(Clone, Copy, Debug)]
pub struct MessageLife {
    /// When it was caused.
    pub created_at: Timestamp,
    /// When it is dropped: its code's end, or [`MessageLife::NOTICE`] after its cause (M2).
    pub expires_at: Timestamp,
}

impl MessageLife {
    /// How long a message without a code is worth sending.
    pub const NOTICE: Duration = Duration::from_secs(86_400);

    /// The life of a message without a code.
    #[must_use]
    pub fn notice(now: Timestamp) -> Self {
        Self { created_at: now, expires_at: now + Self::NOTICE }
    }
}
