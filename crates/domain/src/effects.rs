//! What rides in the same atomic write as the fact that causes it: messages and audit events.

use crate::{audit::AuditEvent, outbox::NewMessage};

/// Messages to send and events to record, written with the fact or not at all (M1, G2).
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// To the outbox.
    pub messages: Vec<NewMessage>,
    /// To the audit log.
    pub events: Vec<AuditEvent>,
}

impl Effects {
    /// One event and no message.
    #[must_use]
    pub fn event(event: AuditEvent) -> Self {
        Self { messages: Vec::new(), events: vec![event] }
    }

    /// One event and one message.
    #[must_use]
    pub fn event_and_message(event: AuditEvent, message: NewMessage) -> Self {
        Self { messages: vec![message], events: vec![event] }
    }
}
