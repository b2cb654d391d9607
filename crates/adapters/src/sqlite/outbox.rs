//! Messages in SQLite.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::params;
use symbolon_domain::{
    effects::Effects,
    id::MessageId,
    outbox::{
        Backlog, FinishMessage, LeaseMessages, LeasedMessage, MessageKind, MessageState, MessageSummary,
        NewMessage, OutboxStore, PostponeMessage, Retried, RetryMessage,
    },
    page::{Page, PageRequest},
    sealing::SealedBytes,
    store_error::StoreError,
};
use tokio::time::timeout;

use super::{
    SqliteStore,
    accounts::page_bounds,
    effects,
    rows::{Columns, Failure, all, change, first},
};
use crate::sql;

#[async_trait]
impl OutboxStore for SqliteStore {
    async fn lease(&self, command: LeaseMessages) -> Result<Vec<LeasedMessage>, StoreError> {
        let limit = i64::try_from(command.limit).unwrap_or(i64::MAX);
        let LeaseMessages { lease, now, until, .. } = command;
        let taken = self
            .write(move |db| {
                let values = params![lease, until.micros(), now.micros(), limit];
                all(db, sql::outbox::LEASE, values, leased_message)
            })
            .await?;
        let mut leased: Vec<LeasedMessage> = taken.into_iter().flatten().collect();
        leased.sort_unstable_by_key(|leased| leased.message.id);
        Ok(leased)
    }

    async fn finish(&self, command: FinishMessage, effects: Effects) -> Result<bool, StoreError> {
        self.write(move |db| {
            let values = params![
                command.state.as_str(),
                command.reason,
                command.now.micros(),
                command.id.as_bytes(),
                command.lease,
            ];
            let is_held = change(db, sql::outbox::FINISH, values)?;
            if is_held {
                effects::write(db, &effects)?;
            }
            Ok(is_held)
        })
        .await
    }

    async fn postpone(&self, command: PostponeMessage) -> Result<bool, StoreError> {
        self.write(move |db| {
            let values = params![
                command.next_attempt_at.micros(),
                command.reason,
                command.id.as_bytes(),
                command.lease,
            ];
            change(db, sql::outbox::POSTPONE, values)
        })
        .await
    }

    async fn retry(&self, command: RetryMessage, effects: Effects) -> Result<Retried, StoreError> {
        self.write(move |db| {
            let id = command.id.as_bytes();
            if change(db, sql::outbox::RETRY, params![command.now.micros(), id])? {
                effects::write(db, &effects)?;
                return Ok(Retried::Due);
            }
            let found = first(db, sql::outbox::FIND, [id], summary)?;
            Ok(found.map_or(Retried::Unknown, |found| found.not_retried()))
        })
        .await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<MessageSummary>, StoreError> {
        let (before, most) = page_bounds(page);
        let rows = self.read(|db| all(db, sql::outbox::LIST, params![before, most], summary))?;
        Ok(Page::from_rows(rows, page, |message| *message.id.as_bytes()))
    }

    async fn find(&self, id: MessageId) -> Result<Option<MessageSummary>, StoreError> {
        self.read(|db| first(db, sql::outbox::FIND, [id.as_bytes()], summary))
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let backlog = self.read(|db| {
            first(db, sql::outbox::BACKLOG, (), |columns| {
                let pending = columns.number("outbox.id")?;
                Ok(Backlog { pending, oldest: columns.optional_timestamp("outbox.created_at")? })
            })
        })?;
        Ok(backlog.unwrap_or_default())
    }

    /// Messages that another process wrote are not seen here before `at_most` is over.
    async fn wait(&self, at_most: Duration) {
        let _ = timeout(at_most, self.arrivals.notified()).await;
    }
}

/// None for a message that this version cannot read: it must not hold up the others, and a newer version that runs
/// beside this one may be able to.
fn leased_message(columns: &mut Columns<'_>) -> Result<Option<LeasedMessage>, Failure> {
    let id = MessageId::from_bytes(columns.bytes("outbox.id")?);
    match leased_message_after_id(id, columns) {
        Err(Failure::Corrupt(column)) => {
            tracing::error!(message = %id, column, "a message cannot be read");
            Ok(None)
        }
        read => read.map(Some),
    }
}

fn leased_message_after_id(id: MessageId, columns: &mut Columns<'_>) -> Result<LeasedMessage, Failure> {
    let message = NewMessage {
        id,
        kind: columns.parsed("outbox.kind", MessageKind::parse)?,
        content: SealedBytes::new(columns.blob("outbox.content")?.to_vec()),
        created_at: columns.timestamp("outbox.created_at")?,
        expires_at: columns.timestamp("outbox.expires_at")?,
    };
    Ok(LeasedMessage { message, attempts: columns.number("outbox.attempts")? })
}

fn summary(columns: &mut Columns<'_>) -> Result<MessageSummary, Failure> {
    Ok(MessageSummary {
        id: MessageId::from_bytes(columns.bytes("outbox.id")?),
        kind: columns.parsed("outbox.kind", MessageKind::parse)?,
        state: columns.parsed("outbox.state", MessageState::parse)?,
        attempts: columns.number("outbox.attempts")?,
        created_at: columns.timestamp("outbox.created_at")?,
        expires_at: columns.timestamp("outbox.expires_at")?,
        next_attempt_at: columns.optional_timestamp("outbox.next_attempt_at")?,
        ended_at: columns.optional_timestamp("outbox.ended_at")?,
        reason: columns.optional_text("outbox.reason")?.map(str::to_owned),
    })
}
