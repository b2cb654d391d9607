//! Messages and audit events, in the transaction of the command that causes them.

use sqlx::types::Uuid;
use symbolon_domain::{
    actor::Actor,
    audit::{AuditEvent, Subject},
    effects::Effects,
    id::{AccountId, RequestId},
    outbox::NewMessage,
};

use super::{
    commands::Db,
    failure::Failure,
    rows::{change, values},
};
use crate::sql;

/// Many events in one statement. An event that is there already is left as it is.
const INSERT_EVENTS: &str = "
    INSERT INTO audit_events (id, at, actor, account_id, act, outcome, reason, subject, request_id, ip, count)
    SELECT * FROM UNNEST($1::UUID[], $2::BIGINT[], $3::TEXT[], $4::UUID[], $5::TEXT[], $6::TEXT[], $7::TEXT[],
                         $8::TEXT[], $9::UUID[], $10::TEXT[], $11::BIGINT[])
    ON CONFLICT (id) DO NOTHING";

pub(super) async fn write(db: &mut Db<'_>, effects: &Effects) -> Result<(), Failure> {
    for message in &effects.messages {
        write_message(db, message).await?;
    }
    write_events(db, &effects.events).await
}

async fn write_message(db: &mut Db<'_>, message: &NewMessage) -> Result<(), Failure> {
    let values = values![
        message.id,
        message.kind.as_str(),
        message.content.as_bytes(),
        message.created_at,
        message.expires_at,
    ];
    change(db, sql::outbox::INSERT, values).await?;
    if message.kind.wakes_workers() {
        db.wake_outbox();
    }
    Ok(())
}

/// All or none of them: however many there are, it is one statement.
pub(super) async fn write_events(db: &mut Db<'_>, events: &[AuditEvent]) -> Result<(), Failure> {
    match events {
        [] => Ok(()),
        [event] => write_event(db, event).await,
        events => {
            let mut events: Vec<&AuditEvent> = events.iter().collect();
            // Who writes some of the same at the same time does it in the same order.
            events.sort_unstable_by_key(|event| event.id);
            write_many(db, &events).await
        }
    }
}

pub(super) async fn write_event(db: &mut Db<'_>, event: &AuditEvent) -> Result<(), Failure> {
    let (actor, account) = actor(&event.actor);
    let values = values![
        event.id,
        event.at,
        actor,
        account,
        event.act.as_str(),
        event.outcome.as_str(),
        event.reason.as_deref(),
        event.subject.as_ref().map(Subject::as_str),
        event.request_id,
        event.ip,
        event.count,
    ];
    change(db, sql::audit::INSERT, values).await?;
    Ok(())
}

async fn write_many(db: &mut Db<'_>, events: &[&AuditEvent]) -> Result<(), Failure> {
    fn column<'e, T>(events: &[&'e AuditEvent], value: impl Fn(&'e AuditEvent) -> T) -> Vec<T> {
        events.iter().map(|event| value(event)).collect()
    }
    let uuid = |id: &[u8; 16]| Uuid::from_bytes(*id);
    let values = values![
        column(events, |event| uuid(event.id.as_bytes())),
        column(events, |event| event.at.micros()),
        column(events, |event| actor(&event.actor).0),
        column(events, |event| actor(&event.actor).1.as_ref().map(AccountId::as_bytes).map(uuid)),
        column(events, |event| event.act.as_str()),
        column(events, |event| event.outcome.as_str()),
        column(events, |event| event.reason.as_deref()),
        column(events, |event| event.subject.as_ref().map(Subject::as_str)),
        column(events, |event| event.request_id.as_ref().map(RequestId::as_bytes).map(uuid)),
        column(events, |event| event.ip.map(|ip| ip.to_string())),
        column(events, |event| i64::from(event.count)),
    ];
    change(db, INSERT_EVENTS, values).await?;
    Ok(())
}

/// The kind of actor, and the account where it is one.
pub(super) fn actor(actor: &Actor) -> (&'static str, Option<AccountId>) {
    match actor {
        Actor::Anonymous => ("anonymous", None),
        Actor::Account(id) => ("account", Some(*id)),
        Actor::Operator => ("operator", None),
        Actor::System => ("system", None),
    }
}
