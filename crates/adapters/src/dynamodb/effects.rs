//! Messages and audit events, in the transaction of the command that causes them.

use symbolon_domain::{
    actor::Actor,
    audit::{AuditEvent, Subject},
    effects::Effects,
    outbox::NewMessage,
};

use super::{
    items::{Item, bytes, number, text, time},
    keys,
    transaction::Transaction,
};

pub(super) fn write(transaction: &mut Transaction, effects: &Effects) {
    for message in &effects.messages {
        transaction.put(self::message(message));
        if message.kind.wakes_workers() {
            transaction.wake_outbox();
        }
    }
    for event in &effects.events {
        write_event(transaction, event);
    }
}

pub(super) fn write_event(transaction: &mut Transaction, event: &AuditEvent) {
    transaction.put(self::event(event));
}

fn message(message: &NewMessage) -> Item {
    let NewMessage { id, kind, content, created_at, expires_at } = message;
    Item::new(keys::message(*id))
        .with("kind", text(kind.as_str()))
        .with("state", text("pending"))
        .with("content", bytes(content.as_bytes()))
        .with("attempts", number(0))
        .with("created_at", time(*created_at))
        .with("expires_at", time(*expires_at))
        // The two that put it into the queue.
        .with("queue", number(keys::shard(id.as_bytes())))
        .with("next_attempt_at", time(*created_at))
}

pub(super) fn event(event: &AuditEvent) -> Item {
    let (actor, account) = match &event.actor {
        Actor::Anonymous => ("anonymous", None),
        Actor::Account(id) => ("account", Some(id)),
        Actor::Operator => ("operator", None),
        Actor::System => ("system", None),
    };
    Item::new(keys::event(event.id))
        .with("at", time(event.at))
        .with("actor", text(actor))
        .with_some("account_id", account.map(|id| text(id.to_string())))
        .with("act", text(event.act.as_str()))
        .with("outcome", text(event.outcome.as_str()))
        .with_some("reason", event.reason.as_deref().map(text))
        .with_some("subject", event.subject.as_ref().map(Subject::as_str).map(text))
        .with_some("request_id", event.request_id.map(|id| text(id.to_string())))
        .with_some("ip", event.ip.map(|ip| text(ip.to_string())))
        .with("count", number(event.count))
}
