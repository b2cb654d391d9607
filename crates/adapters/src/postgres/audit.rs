//! The audit log in PostgreSQL.

use async_trait::async_trait;
use sqlx::types::Uuid;
use symbolon_domain::{
    actor::Actor,
    audit::{Act, AuditEvent, AuditFilter, AuditStore, Outcome, Subject},
    id::{AccountId, AuditEventId, RequestId},
    page::{Page, PageRequest},
    store_error::StoreError,
};

use super::{
    PostgresStore,
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

    async fn list(&self, filter: &AuditFilter, page: PageRequest) -> Result<Page<AuditEvent>, StoreError> {
        let range = filter.range(page, sql::audit::MOST_SCANNED);
        let [from, before] = [range.from, range.before.unwrap_or(sql::NEWEST)].map(Uuid::from_bytes);
        let most = i64::try_from(range.most).unwrap_or(i64::MAX).saturating_add(1);
        let rows = self
            .runner
            .read(|db| Box::pin(all(db, sql::audit::LIST, values![from, before, most], event)))
            .await?;
        Ok(filter.page_of(rows, &range, page))
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
