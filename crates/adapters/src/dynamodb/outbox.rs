//! Messages in DynamoDB. The index `due` holds what is pending: by shard (`queue`), and in it by the moment when a
//! worker may take it (`next_attempt_at`). It may lag behind; the write that takes a message decides.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure, Select},
};
use futures::future::{join_all, try_join_all};
use symbolon_domain::{
    clock::Timestamp,
    effects::Effects,
    id::MessageId,
    outbox::{
        Backlog, FinishMessage, LeaseMessages, LeasedMessage, MessageKind, MessageState, MessageSummary,
        NewMessage, OutboxStore, PostponeMessage, Retried, RetryMessage,
    },
    page::{Page, PageRequest},
    sealing::SealedBytes,
    store_error::StoreError,
    sweeper::MESSAGE_HISTORY,
};
use tokio::time::timeout;

use super::{
    DynamoStore,
    calls::unavailable,
    effects,
    expressions::{Expression, names, unchanged, values},
    items::{self, Found, bytes, number, text, time},
    keys::{self, SHARDS},
    migrations::DUE_INDEX,
    transaction::{MOST_TRIES, Transaction, Written, pause},
};

/// So often a worker looks for other messages in the place of those that others took.
const MOST_LOOKS: usize = 32;

#[async_trait]
impl OutboxStore for DynamoStore {
    async fn lease(&self, command: LeaseMessages) -> Result<Vec<LeasedMessage>, StoreError> {
        let mut tried = HashSet::new();
        let mut leased = Vec::new();
        let mut failed = Ok(());
        for _ in 0..MOST_LOOKS {
            let mut due = self.due(command.now, command.limit + tried.len()).await?;
            due.retain(|id| !tried.contains(id));
            due.truncate(command.limit - leased.len());
            tried.extend(due.iter().copied());
            let mut lost = false;
            for taken in join_all(due.iter().map(|id| self.take(*id, &command))).await {
                match taken {
                    Ok(Some(taken)) => leased.push(taken),
                    Ok(None) => lost = true,
                    Err(error) => failed = Err(error),
                }
            }
            // Where others took some of them, there may be more in their place.
            if !lost || failed.is_err() || leased.len() == command.limit {
                break;
            }
        }
        // What is in hand is carried out even if the store failed for others.
        if leased.is_empty() {
            failed?;
        }
        leased.sort_unstable_by_key(|(id, _)| *id);
        Ok(leased.into_iter().filter_map(|(id, row)| leased_message(id, &row)).collect())
    }

    async fn finish(&self, command: FinishMessage, effects: Effects) -> Result<bool, StoreError> {
        Ok(self.transact(finish(&command, &effects)).await? == Written::Done)
    }

    async fn postpone(&self, command: PostponeMessage) -> Result<bool, StoreError> {
        Ok(self.transact(postpone(&command)).await? == Written::Done)
    }

    async fn retry(&self, command: RetryMessage, effects: Effects) -> Result<Retried, StoreError> {
        if self.transact(retry(&command, &effects)).await? == Written::Done {
            return Ok(Retried::Due);
        }
        let found = self.find(command.id).await?;
        Ok(found.map_or(Retried::Unknown, |found| found.not_retried()))
    }

    async fn list(&self, page: PageRequest) -> Result<Page<MessageSummary>, StoreError> {
        let rows = self.newest(keys::messages, page).await?;
        let messages = rows.iter().map(summary).collect::<Result<_, _>>()?;
        Ok(Page::from_rows(messages, page, |message: &MessageSummary| *message.id.as_bytes()))
    }

    async fn find(&self, id: MessageId) -> Result<Option<MessageSummary>, StoreError> {
        self.get(keys::message(id)).await?.as_ref().map(summary).transpose()
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let shards = try_join_all((0..SHARDS).map(|shard| self.backlog_of(shard))).await?;
        let pending = shards.iter().map(|shard| shard.pending).sum();
        let oldest = shards.iter().filter_map(|shard| shard.oldest).min();
        Ok(Backlog { pending, oldest })
    }

    /// Messages that another process wrote are not seen here before `at_most` is over.
    async fn wait(&self, at_most: Duration) {
        let _ = timeout(at_most, self.arrivals.notified()).await;
    }
}

impl DynamoStore {
    /// Messages that are due, those first that have been for the longest; at most so many.
    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<MessageId>, StoreError> {
        let mut due: Vec<(Timestamp, MessageId)> = Vec::new();
        let shards = try_join_all((0..SHARDS).map(|shard| self.due_of(shard, now, most))).await?;
        for row in shards.into_iter().flatten() {
            due.push((row.time("outbox.next_attempt_at")?, MessageId::from_bytes(row.id("outbox.sk")?)));
        }
        due.sort_unstable();
        due.truncate(most);
        Ok(due.into_iter().map(|(_, id)| id).collect())
    }

    async fn due_of(&self, shard: u8, now: Timestamp, most: usize) -> Result<Vec<Found>, StoreError> {
        let condition = Expression::new("#queue = :queue AND #next_attempt_at <= :now")
            .value("queue", number(shard))
            .value("now", time(now));
        let call = self.client.query().table_name(&self.table).index_name(DUE_INDEX);
        let call = call
            .key_condition_expression(condition.text())
            .set_expression_attribute_names(names([&condition]))
            .set_expression_attribute_values(values([&condition]))
            .limit(i32::try_from(most).unwrap_or(i32::MAX));
        let _permit = self.gates.call().await?;
        let answer = call.send().await.map_err(unavailable)?;
        Ok(answer.items.unwrap_or_default().into_iter().map(Found).collect())
    }

    /// Takes a message, if it is still due. None when somebody else has.
    async fn take(
        &self,
        id: MessageId,
        command: &LeaseMessages,
    ) -> Result<Option<(MessageId, Found)>, StoreError> {
        for number in 0..MOST_TRIES {
            let permit = self.gates.call().await?;
            let answer = self.taking(id, command).send().await;
            drop(permit);
            let error = match answer {
                Ok(answer) => return Ok(answer.attributes.map(|attributes| (id, Found(attributes)))),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => {
                    // After a lost answer the SDK has tried again, and found its own success.
                    let found = match error.into_service_error() {
                        UpdateItemError::ConditionalCheckFailedException(refused) => refused.item.map(Found),
                        _ => None,
                    };
                    return Ok(found.filter(|found| is_leased(found, command)).map(|found| (id, found)));
                }
                // It says nothing of an earlier try whose answer was lost: the message may be in these hands.
                Some(refused) if refused.is_transaction_conflict_exception() => pause(number).await,
                _ => return Err(unavailable(error)),
            }
        }
        Err(StoreError::Busy)
    }

    fn taking(&self, id: MessageId, command: &LeaseMessages) -> UpdateItemFluentBuilder {
        let update =
            Expression::new("SET #lease = :lease, #next_attempt_at = :until, #attempts = #attempts + :one")
                .value("lease", bytes(&command.lease))
                .value("until", time(command.until))
                .value("one", number(1));
        let is_due = Expression::new("#next_attempt_at <= :now").value("now", time(command.now));
        let expressions = [&update, &is_due];
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(items::key(keys::message(id))))
            .update_expression(update.text())
            .condition_expression(is_due.text())
            .set_expression_attribute_names(names(expressions))
            .set_expression_attribute_values(values(expressions))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    async fn backlog_of(&self, shard: u8) -> Result<Backlog, StoreError> {
        let mut backlog = Backlog::default();
        for row in self.pending_of(shard).await? {
            let created_at = row.time("outbox.created_at")?;
            backlog.pending += 1;
            backlog.oldest = Some(backlog.oldest.map_or(created_at, |oldest| oldest.min(created_at)));
        }
        Ok(backlog)
    }

    /// The ids of all that waits.
    pub(super) async fn pending(&self) -> Result<Vec<MessageId>, StoreError> {
        let shards = try_join_all((0..SHARDS).map(|shard| self.pending_of(shard))).await?;
        let id = |row: Found| row.id("outbox.sk").map(MessageId::from_bytes);
        shards.into_iter().flatten().map(id).collect()
    }

    /// What the index has of the messages of a shard that wait.
    async fn pending_of(&self, shard: u8) -> Result<Vec<Found>, StoreError> {
        let condition = Expression::new("#queue = :queue").value("queue", number(shard));
        let (mut pending, mut start) = (Vec::new(), None);
        loop {
            let call = self.client.query().table_name(&self.table).index_name(DUE_INDEX);
            let call = call
                .key_condition_expression(condition.text())
                .set_expression_attribute_names(names([&condition]))
                .set_expression_attribute_values(values([&condition]))
                .select(Select::AllProjectedAttributes)
                .set_exclusive_start_key(start);
            let _permit = self.gates.call().await?;
            let answer = call.send().await.map_err(unavailable)?;
            pending.extend(answer.items.unwrap_or_default().into_iter().map(Found));
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(pending);
            }
        }
    }
}

/// Is it held under this very lease, from this very command on?
fn is_leased(found: &Found, command: &LeaseMessages) -> bool {
    found.bytes("outbox.lease").is_ok_and(|lease: [u8; 16]| lease == command.lease)
        && found.time("outbox.next_attempt_at").is_ok_and(|until| until == command.until)
}

fn finish(command: &FinishMessage, effects: &Effects) -> Transaction {
    let set = "SET #state = :state, #ended_at = :now, #ttl = :ttl";
    let remove = "REMOVE #content, #next_attempt_at, #lease, #queue";
    let update = match &command.reason {
        Some(reason) => {
            Expression::new(format!("{set}, #reason = :reason {remove}")).value("reason", text(&**reason))
        }
        None => Expression::new(format!("{set} {remove}, #reason")),
    };
    let update = update
        .value("state", text(command.state.as_str()))
        .value("now", time(command.now))
        .value("ttl", number((command.now + MESSAGE_HISTORY).seconds()));
    let mut transaction = Transaction::default();
    transaction.update(keys::message(command.id), update, is_held(&command.lease));
    effects::write(&mut transaction, effects);
    transaction
}

fn postpone(command: &PostponeMessage) -> Transaction {
    let update = Expression::new("SET #next_attempt_at = :next, #reason = :reason REMOVE #lease")
        .value("next", time(command.next_attempt_at))
        .value("reason", text(&*command.reason));
    let mut transaction = Transaction::default();
    transaction.update(keys::message(command.id), update, is_held(&command.lease));
    transaction
}

/// Only what is pending has a place in the index, and only what somebody holds has a lease.
fn retry(command: &RetryMessage, effects: &Effects) -> Transaction {
    let update = Expression::new("SET #next_attempt_at = :now").value("now", time(command.now));
    let is_waiting = Expression::new("attribute_exists(#queue) AND attribute_not_exists(#lease)");
    let mut transaction = Transaction::default();
    transaction.update(keys::message(command.id), update, is_waiting);
    effects::write(&mut transaction, effects);
    transaction
}

/// A report counts only while the lease is held.
fn is_held(lease: &[u8; 16]) -> Expression {
    unchanged("lease", Some(bytes(lease)))
}

/// None for a message that this version cannot read: it must not hold up the others, and a newer version that runs
/// beside this one may be able to.
fn leased_message(id: MessageId, row: &Found) -> Option<LeasedMessage> {
    match readable_message(id, row) {
        Ok(message) => Some(message),
        Err(error) => {
            tracing::error!(message = %id, %error, "a message cannot be read");
            None
        }
    }
}

fn readable_message(id: MessageId, row: &Found) -> Result<LeasedMessage, StoreError> {
    let message = NewMessage {
        id,
        kind: row.parsed("outbox.kind", MessageKind::parse)?,
        content: SealedBytes::new(row.blob("outbox.content")?.to_vec()),
        created_at: row.time("outbox.created_at")?,
        expires_at: row.time("outbox.expires_at")?,
    };
    Ok(LeasedMessage { message, attempts: row.number("outbox.attempts")? })
}

fn summary(row: &Found) -> Result<MessageSummary, StoreError> {
    Ok(MessageSummary {
        id: MessageId::from_bytes(row.id("outbox.sk")?),
        kind: row.parsed("outbox.kind", MessageKind::parse)?,
        state: row.parsed("outbox.state", MessageState::parse)?,
        attempts: row.number("outbox.attempts")?,
        created_at: row.time("outbox.created_at")?,
        expires_at: row.time("outbox.expires_at")?,
        next_attempt_at: row.optional_time("outbox.next_attempt_at")?,
        ended_at: row.optional_time("outbox.ended_at")?,
        reason: row.optional_text("outbox.reason")?.map(str::to_owned),
    })
}
