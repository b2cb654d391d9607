//! Messages in PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;
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

use super::{
    PostgresStore,
    accounts::page_bounds,
    commands::Db,
    effects,
    failure::Failure,
    rows::{Columns, all, change, first, values},
};
use crate::sql;

/// What [`sql::outbox::LEASE`] does, past the messages that another worker is taking at this moment.
const LEASE: &str = "
    WITH due AS MATERIALIZED (
        SELECT id FROM outbox
        WHERE state = 'pending' AND next_attempt_at <= $3
        ORDER BY next_attempt_at, id
        LIMIT $4
        FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox o SET lease = $1, next_attempt_at = $2, attempts = o.attempts + 1
    FROM due
    WHERE o.id = due.id
    RETURNING o.id, o.kind, o.content, o.created_at, o.expires_at, o.attempts";

/// Readiness asks for it: a server that takes no writes, such as one that was demoted, is not ready.
const BACKLOG: &str = "
    SELECT current_setting('transaction_read_only') = 'off', COUNT(*), MIN(created_at)
    FROM outbox WHERE state = 'pending'";

#[async_trait]
impl OutboxStore for PostgresStore {
    async fn lease(&self, command: LeaseMessages) -> Result<Vec<LeasedMessage>, StoreError> {
        let limit = i64::try_from(command.limit).unwrap_or(i64::MAX);
        let LeaseMessages { lease, now, until, .. } = command;
        let taken = self
            .runner
            .write(|db| Box::pin(all(db, LEASE, values![lease, until, now, limit], leased_message)))
            .await?;
        let mut leased: Vec<LeasedMessage> = taken.into_iter().flatten().collect();
        leased.sort_unstable_by_key(|leased| leased.message.id);
        Ok(leased)
    }

    async fn finish(&self, command: FinishMessage, effects: Effects) -> Result<bool, StoreError> {
        self.runner.transaction(|db| Box::pin(finish(db, &command, &effects))).await
    }

    async fn postpone(&self, command: PostponeMessage) -> Result<bool, StoreError> {
        let PostponeMessage { id, lease, next_attempt_at, reason } = command;
        let reason = &*reason;
        self.runner
            .write(|db| {
                Box::pin(change(db, sql::outbox::POSTPONE, values![next_attempt_at, reason, id, lease]))
            })
            .await
    }

    async fn retry(&self, command: RetryMessage, effects: Effects) -> Result<Retried, StoreError> {
        self.runner.transaction(|db| Box::pin(retry(db, command, &effects))).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<MessageSummary>, StoreError> {
        let (before, most) = page_bounds(page);
        let rows = self
            .runner
            .read(|db| Box::pin(all(db, sql::outbox::LIST, values![before, most], summary)))
            .await?;
        Ok(Page::from_rows(rows, page, |message| *message.id.as_bytes()))
    }

    async fn find(&self, id: MessageId) -> Result<Option<MessageSummary>, StoreError> {
        self.runner.read(|db| Box::pin(first(db, sql::outbox::FIND, values![id], summary))).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let backlog = self.runner.read(|db| Box::pin(first(db, BACKLOG, values![], backlog))).await?;
        Ok(backlog.unwrap_or_default())
    }

    /// Where the engine carries no notifications, messages that another process wrote are not seen here before
    /// `at_most` is over.
    async fn wait(&self, at_most: Duration) {
        self.runner.notifier.wait_for_message(at_most).await;
    }
}

async fn finish(db: &mut Db<'_>, command: &FinishMessage, effects: &Effects) -> Result<bool, Failure> {
    let FinishMessage { id, lease, state, reason, now } = command;
    let values = values![state.as_str(), reason.as_deref(), *now, *id, *lease];
    let is_held = change(db, sql::outbox::FINISH, values).await?;
    if is_held {
        effects::write(db, effects).await?;
    }
    Ok(is_held)
}

async fn retry(db: &mut Db<'_>, command: RetryMessage, effects: &Effects) -> Result<Retried, Failure> {
    let RetryMessage { id, now } = command;
    if change(db, sql::outbox::RETRY, values![now, id]).await? {
        effects::write(db, effects).await?;
        return Ok(Retried::Due);
    }
    let found = first(db, sql::outbox::FIND, values![id], summary).await?;
    Ok(found.map_or(Retried::Unknown, |found| found.not_retried()))
}

fn backlog(columns: &mut Columns<'_>) -> Result<Backlog, Failure> {
    if !columns.boolean("takes_writes")? {
        return Err(Failure::ReadOnly);
    }
    let pending = columns.number("outbox.id")?;
    Ok(Backlog { pending, oldest: columns.optional_timestamp("outbox.created_at")? })
}

/// None for a message that this version cannot read: it must not hold up the others, and a newer version that runs
/// beside this one may be able to.
fn leased_message(columns: &mut Columns<'_>) -> Result<Option<LeasedMessage>, Failure> {
    let id = MessageId::from_bytes(columns.id("outbox.id")?);
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
        id: MessageId::from_bytes(columns.id("outbox.id")?),
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
