//! Another attempt at once: for operators who have mended what kept a message waiting.

use super::{MessageState, Outbox, RetryMessage};
use crate::{
    actor::{Actor, Origin},
    audit::{Act, AuditEvent},
    effects::Effects,
    id::MessageId,
    store_error::StoreError,
};

/// What became of the wish to send a message now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retried {
    /// It is due now.
    Due,
    /// A worker has it in its hands.
    Leased,
    /// It was delivered or dropped, and its content is gone (M1).
    Ended(MessageState),
    /// There is no such message.
    Unknown,
}

impl Outbox {
    /// Makes a message that waits for its next attempt due now. Its life stays what it is.
    ///
    /// # Errors
    /// The store failed.
    pub async fn retry(&self, id: MessageId, actor: Actor, origin: &Origin) -> Result<Retried, StoreError> {
        let now = self.ports.clock.now();
        let event = AuditEvent::done(Act::MESSAGE_RETRIED, actor, origin, now, &*self.ports.entropy).on(id);
        self.ports.store.retry(RetryMessage { id, now }, Effects::event(event)).await
    }
}
