//! The audit log in PostgreSQL.

use async_trait::async_trait;
use symbolon_domain::{
    actor::Actor,
    audit::{Act, AuditEvent, AuditStore, Outcome, Subject},
    id::{AccountId, AuditEventId, RequestId},
    page::{Page, PageRequest},
    store_error::StoreError,
};

use super::{
    PostgresStore,
    accounts::page_bounds,
    effects::write_events,
    failure::Failure,
    rows::{Columns, all, values},
};
use crate::sql;

#[async_trait]
impl AuditStore for PostgresStore {
    async fn append(&self, events: Vec<AuditEvent>) -> Result<(), StoreError> {
        self.runner.write(|db| Box::pin(write_events(db, &events))).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<AuditEvent>, StoreError> {
        let (before, most) = page_bounds(page);
        let rows =
            self.runner.read(|db| Box::pin(all(db, sql::audit::LIST, values![before, most], event))).await?;
        Ok(Page::from_rows(rows, page, |event| *event.id.as_bytes()))
    }
}

fn event(columns: &mut Columns<'_>) -> Result<AuditEvent, Failure> {
    Ok(AuditEvent {
        id: AuditEventId::from_bytes(columns.id("audit_events.id")?),
        at: columns.timestamp("audit_events.at")?,
        actor: actor(columns)?,
        act: Act::from_stored(columns.text("audit_events.act")?.to_owned()),
        outcome: columns.parsed("audit_events.outcome", Outcome::parse)?,
        reason: columns.optional_text("audit_events.reason")?.map(|reason| reason.to_owned().into()),
        subject: columns
            .optional_text("audit_events.subject")?
            .map(|subject| Subject::from_stored(subject.to_owned())),
        request_id: columns.optional_id("audit_events.request_id")?.map(RequestId::from_bytes),
        ip: columns.optional_ip("audit_events.ip")?,
        count: columns.number("audit_events.count")?,
    })
}

/// Two columns: the kind of actor, and the account where it is one.
fn actor(columns: &mut Columns<'_>) -> Result<Actor, Failure> {
    let kind = columns.text("audit_events.actor")?;
    match (kind, columns.optional_id("audit_events.account_id")?) {
        ("anonymous", None) => Ok(Actor::Anonymous),
        ("account", Some(id)) => Ok(Actor::Account(AccountId::from_bytes(id))),
        ("operator", None) => Ok(Actor::Operator),
        ("system", None) => Ok(Actor::System),
        _ => Err(Failure::Corrupt("audit_events.actor")),
    }
}
