//! The port that keeps messages until they are delivered. They are written by other ports, beside their cause.

use std::{borrow::Cow, time::Duration};

use async_trait::async_trait;

use super::{Backlog, Lease, LeasedMessage, MessageState, MessageSummary, Retried};
use crate::{
    clock::Timestamp,
    effects::Effects,
    id::MessageId,
    page::{Page, PageRequest},
    store_error::StoreError,
};

/// Takes messages for a while: nobody else gets them until `until`.
#[derive(Clone, Copy, Debug)]
pub struct LeaseMessages {
    /// Proves the lease afterwards.
    pub lease: Lease,
    /// The present.
    pub now: Timestamp,
    /// When the lease ends by itself.
    pub until: Timestamp,
    /// How many at the most.
    pub limit: usize,
}

/// The end of a message.
#[derive(Clone, Debug)]
pub struct FinishMessage {
    /// Which.
    pub id: MessageId,
    /// Proves that the caller holds it.
    pub lease: Lease,
    /// Delivered or dropped.
    pub state: MessageState,
    /// Why it was dropped.
    pub reason: Option<Cow<'static, str>>,
    /// The present.
    pub now: Timestamp,
}

/// Another try later.
#[derive(Clone, Debug)]
pub struct PostponeMessage {
    /// Which.
    pub id: MessageId,
    /// Proves that the caller holds it.
    pub lease: Lease,
    /// When.
    pub next_attempt_at: Timestamp,
    /// Why this try failed.
    pub reason: Cow<'static, str>,
}

/// Another try now.
#[derive(Clone, Copy, Debug)]
pub struct RetryMessage {
    /// Which.
    pub id: MessageId,
    /// The present.
    pub now: Timestamp,
}

/// Keeps messages, lends them to workers, forgets their content when they are done with (M1).
#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// Takes pending messages that are due (`next_attempt_at <= now`, not leased, or the lease over at `now`),
    /// those first that have been due for the longest, and counts an attempt on each. Expired ones are given out
    /// too: the worker drops them.
    async fn lease(&self, command: LeaseMessages) -> Result<Vec<LeasedMessage>, StoreError>;

    /// Ends a message and erases its content. False, and nothing written, when the lease is not held any more; one
    /// that has ended by itself is held until somebody else takes the message.
    async fn finish(&self, command: FinishMessage, effects: Effects) -> Result<bool, StoreError>;

    /// Gives a message back for a later try. False, and nothing written, when the lease is not held any more.
    async fn postpone(&self, command: PostponeMessage) -> Result<bool, StoreError>;

    /// Makes a pending message due at `now`, unless somebody holds it or held it last without a word: that one is another
    /// worker's to take when the lease ends. Everything but [`Retried::Due`] writes nothing.
    async fn retry(&self, command: RetryMessage, effects: Effects) -> Result<Retried, StoreError>;

    /// Messages of any state, newest first.
    async fn list(&self, page: PageRequest) -> Result<Page<MessageSummary>, StoreError>;

    /// One message.
    async fn find(&self, id: MessageId) -> Result<Option<MessageSummary>, StoreError>;

    /// What waits.
    async fn backlog(&self) -> Result<Backlog, StoreError>;

    /// Returns when a message may have come, and after `at_most` in any case.
    async fn wait(&self, at_most: Duration);
}
