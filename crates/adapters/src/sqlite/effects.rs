//! Messages and audit events, in the savepoint of the command that causes them.

use rusqlite::params;
use symbolon_domain::{
    actor::Actor,
    audit::AuditEvent,
    effects::Effects,
    id::{AccountId, RequestId},
    outbox::NewMessage,
};

use super::{
    rows::{Failure, change},
    writer::Write,
};
use crate::sql;

pub(super) fn write(write: &Write<'_>, effects: &Effects) -> Result<(), Failure> {
    effects.messages.iter().try_for_each(|message| write_message(write, message))?;
    effects.events.iter().try_for_each(|event| write_event(write, event))
}

fn write_message(write: &Write<'_>, message: &NewMessage) -> Result<(), Failure> {
    let values = params![
        message.id.as_bytes(),
        message.kind.as_str(),
        message.content.as_bytes(),
        message.created_at.micros(),
        message.expires_at.micros(),
    ];
    change(write, sql::outbox::INSERT, values)?;
    if message.kind.wakes_workers() {
        write.wake_outbox();
    }
    Ok(())
}

pub(super) fn write_event(write: &Write<'_>, event: &AuditEvent) -> Result<(), Failure> {
    let (actor, account) = actor(&event.actor);
    let values = params![
        event.id.as_bytes(),
        event.at.micros(),
        actor,
        account.map(AccountId::as_bytes),
        event.act.as_str(),
        event.outcome.as_str(),
        event.reason.as_deref(),
        event.subject.as_ref().map(symbolon_domain::audit::Subject::as_str),
        event.request_id.as_ref().map(RequestId::as_bytes),
        event.ip.map(|ip| ip.to_string()),
        event.count,
    ];
    change(write, sql::audit::INSERT, values)?;
    Ok(())
}

fn actor(actor: &Actor) -> (&'static str, Option<&AccountId>) {
    match actor {
        Actor::Anonymous => ("anonymous", None),
        Actor::Account(id) => ("account", Some(id)),
        Actor::Operator => ("operator", None),
        Actor::System => ("system", None),
    }
}
