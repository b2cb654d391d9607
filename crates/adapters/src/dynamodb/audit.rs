//! The audit log in DynamoDB.

use async_trait::async_trait;
use symbolon_domain::{
    actor::Actor,
    audit::{Act, AuditEvent, AuditFilter, AuditStore, Outcome, Subject},
    id::{AccountId, AuditEventId, RequestId},
    page::{Page, PageRequest},
    store_error::StoreError,
};

use super::{
    DynamoStore, effects,
    items::Found,
    keys,
    transaction::{Transaction, Written},
};

/// So many events are looked through for one page, where more is asked for than a time. Each shard is read that far.
const MOST_SCANNED: usize = 200;

#[async_trait]
impl AuditStore for DynamoStore {
    async fn append(&self, mut events: Vec<AuditEvent>) -> Result<(), StoreError> {
        while !events.is_empty() {
            let there = append(self, &events).await?;
            if there.is_empty() {
                break;
            }
            let mut number = 0;
            events.retain(|_| {
                number += 1;
                !there.contains(&(number - 1))
            });
        }
        Ok(())
    }

    async fn list(&self, filter: &AuditFilter, page: PageRequest) -> Result<Page<AuditEvent>, StoreError> {
        let range = filter.range(page, MOST_SCANNED);
        let between = (range.from, range.before);
        let rows = self.newest_between(keys::events, between, range.most.saturating_add(1)).await?;
        let events = rows.iter().map(event).collect::<Result<_, _>>()?;
        Ok(filter.page_of(events, &range, page))
    }
}

/// Which of these are there already; none of them when all have been written.
async fn append(store: &DynamoStore, events: &[AuditEvent]) -> Result<Vec<usize>, StoreError> {
    let mut transaction = Transaction::default();
    for event in events {
        transaction.create(effects::event(event));
    }
    match store.transact(transaction).await? {
        Written::Done => Ok(Vec::new()),
        Written::Unmet(there) => Ok(there),
    }
}

fn event(row: &Found) -> Result<AuditEvent, StoreError> {
    let actor = match row.text("audit_events.actor")? {
        "anonymous" => Actor::Anonymous,
        "account" => Actor::Account(AccountId::from_bytes(row.id("audit_events.account_id")?)),
        "operator" => Actor::Operator,
        "system" => Actor::System,
        _ => return Err(StoreError::corrupt("audit_events.actor")),
    };
    Ok(AuditEvent {
        id: AuditEventId::from_bytes(row.id("audit_events.sk")?),
        at: row.time("audit_events.at")?,
        actor,
        act: Act::from_stored(row.text("audit_events.act")?.to_owned()),
        outcome: row.parsed("audit_events.outcome", Outcome::parse)?,
        reason: row.optional_text("audit_events.reason")?.map(|reason| reason.to_owned().into()),
        subject: row.optional_text("audit_events.subject")?.map(|text| Subject::from_stored(text.to_owned())),
        request_id: row.optional_id("audit_events.request_id")?.map(RequestId::from_bytes),
        ip: row.optional_ip("audit_events.ip")?,
        count: row.number("audit_events.count")?,
    })
}
