//! Writes that happen together or not at all, under conditions on what was read before.
//!
//! A command loads what decides, lets the domain judge it, and writes under the condition that nothing of it has
//! changed; where something has, it begins again ([`DynamoStore::settle`]). So every refusal is the domain's own
//! judgement of what is in the table, and no cancellation has to be guessed from.

use std::{
    future::Future,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::Duration,
};

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        CancellationReason, ConditionCheck, Delete, Put, TransactWriteItem, Update,
        builders::TransactWriteItemBuilder,
    },
};
use symbolon_domain::store_error::StoreError;

use super::{
    DynamoStore,
    calls::unavailable,
    expressions::{Expression, absent, names, values},
    items::{self, Item},
    keys::Key,
};

/// So often a command begins again before it gives up: with fifty at once on one item, five are usual.
const MOST_TURNS: u32 = 24;
/// So often a single update is tried that meets a transaction.
pub(super) const MOST_TRIES: u32 = 12;
/// The pause before a second turn; each later one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// One turn of a command: none when what it had read has changed, and it is to begin again.
pub(super) type Turn<T> = Result<Option<T>, StoreError>;

/// What became of a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// All of it is written.
    Done,
    /// Nothing is: the conditions of these actions, counted from 0, do not hold.
    Unmet(Vec<usize>),
}

impl Written {
    /// For a command that begins again where anything has changed.
    pub(super) fn then<T>(self, value: T) -> Option<T> {
        (self == Self::Done).then_some(value)
    }
}

/// Up to 100 actions, never two on one item.
#[derive(Default)]
pub(super) struct Transaction {
    actions: Vec<Action>,
    wakes_outbox: bool,
}

enum Action {
    Put(Item, Option<Expression>),
    Update(Key, Expression, Expression),
    Delete(Key, Option<Expression>),
    Check(Key, Expression),
}

impl Transaction {
    /// Writes an item, whatever is there.
    pub(super) fn put(&mut self, item: Item) {
        self.actions.push(Action::Put(item, None));
    }

    /// Writes an item where none is.
    pub(super) fn create(&mut self, item: Item) {
        self.actions.push(Action::Put(item, Some(absent())));
    }

    /// Writes an item if this holds.
    pub(super) fn put_if(&mut self, item: Item, condition: Expression) {
        self.actions.push(Action::Put(item, Some(condition)));
    }

    /// Changes an item if this holds.
    pub(super) fn update(&mut self, key: Key, update: Expression, condition: Expression) {
        self.actions.push(Action::Update(key, update, condition));
    }

    /// Removes an item, if one is there.
    pub(super) fn delete(&mut self, key: Key) {
        self.actions.push(Action::Delete(key, None));
    }

    /// Removes an item if this holds.
    pub(super) fn delete_if(&mut self, key: Key, condition: Expression) {
        self.actions.push(Action::Delete(key, Some(condition)));
    }

    /// Demands this of an item that is not written to.
    pub(super) fn check(&mut self, key: Key, condition: Expression) {
        self.actions.push(Action::Check(key, condition));
    }

    /// The workers of this node are to be woken when it is done.
    pub(super) fn wake_outbox(&mut self) {
        self.wakes_outbox = true;
    }
}

impl DynamoStore {
    /// Runs a command about this item turn by turn until one settles it. Of the commands of this node on one item a few
    /// run at once: a crowd would only make each other begin again.
    pub(super) async fn settle<T, F>(
        &self,
        about: &Key,
        mut turn: impl FnMut() -> F + Send,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Turn<T>> + Send,
        T: Send,
    {
        let _place = self.gates.enter(about).await?;
        for number in 0..MOST_TURNS {
            if let Some(settled) = turn().await? {
                return Ok(settled);
            }
            pause(number).await;
        }
        Err(StoreError::Busy)
    }

    /// Writes a transaction. Every try carries the same token: when the answer to one was lost, the engine knows the next
    /// one by it for ten minutes, and tells what became of the first. So it is tried again until the engine has judged it,
    /// and a condition that does not hold is never the trace of this very transaction.
    pub(super) async fn transact(&self, transaction: Transaction) -> Result<Written, StoreError> {
        // The engine refuses a transaction without actions.
        if transaction.actions.is_empty() {
            return Ok(Written::Done);
        }
        let actions = transaction
            .actions
            .into_iter()
            .map(|action| self.action(action))
            .collect::<Result<Vec<_>, _>>()?;
        let token = format!("{:016x}{:016x}", random(), random());
        for number in 0..MOST_TURNS {
            let call = self.client.transact_write_items().client_request_token(&token);
            let permit = self.gates.call().await?;
            let answer = call.set_transact_items(Some(actions.clone())).send().await;
            drop(permit);
            match answer {
                Ok(_) => {
                    if transaction.wakes_outbox {
                        self.arrivals.notify_one();
                    }
                    return Ok(Written::Done);
                }
                Err(error) => match cancelled(&error).map(outcome) {
                    Some(Cancelled::Unmet(unmet)) => return Ok(Written::Unmet(unmet)),
                    Some(Cancelled::ForNow) => pause(number).await,
                    Some(Cancelled::Failed) | None => return Err(unavailable(error)),
                },
            }
        }
        Err(StoreError::Busy)
    }

    fn action(&self, action: Action) -> Result<TransactWriteItem, StoreError> {
        let item = TransactWriteItem::builder();
        let table = &self.table;
        let item: TransactWriteItemBuilder = match action {
            Action::Put(written, condition) => {
                let put = Put::builder().table_name(table).set_item(Some(written.into_attributes()));
                let put = put
                    .set_condition_expression(condition.as_ref().map(Expression::text))
                    .set_expression_attribute_names(names(&condition))
                    .set_expression_attribute_values(values(&condition));
                item.put(put.build().map_err(unavailable)?)
            }
            Action::Update(key, update, condition) => {
                let expressions = [&update, &condition];
                let update = Update::builder()
                    .table_name(table)
                    .set_key(Some(items::key(key)))
                    .update_expression(update.text())
                    .condition_expression(condition.text())
                    .set_expression_attribute_names(names(expressions))
                    .set_expression_attribute_values(values(expressions));
                item.update(update.build().map_err(unavailable)?)
            }
            Action::Delete(key, condition) => {
                let delete = Delete::builder().table_name(table).set_key(Some(items::key(key)));
                let delete = delete
                    .set_condition_expression(condition.as_ref().map(Expression::text))
                    .set_expression_attribute_names(names(&condition))
                    .set_expression_attribute_values(values(&condition));
                item.delete(delete.build().map_err(unavailable)?)
            }
            Action::Check(key, condition) => {
                let check = ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(items::key(key)))
                    .condition_expression(condition.text())
                    .set_expression_attribute_names(names([&condition]))
                    .set_expression_attribute_values(values([&condition]));
                item.condition_check(check.build().map_err(unavailable)?)
            }
        };
        Ok(item.build())
    }
}

/// Why a transaction was cancelled, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
enum Cancelled {
    /// The conditions of these actions do not hold.
    Unmet(Vec<usize>),
    /// Another transaction was writing to one of the items, or the table has no capacity for it at this moment.
    ForNow,
    /// For what trying again does not mend: an item too large, a value that cannot be.
    Failed,
}

fn cancelled<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<&[CancellationReason]> {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            Some(cancelled.cancellation_reasons())
        }
        _ => None,
    }
}

/// One reason for each action, in their order. A condition that does not hold says more than what passes.
fn outcome(reasons: &[CancellationReason]) -> Cancelled {
    let unmet: Vec<usize> = reasons
        .iter()
        .enumerate()
        .filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"))
        .map(|(index, _)| index)
        .collect();
    let passes = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    if !unmet.is_empty() {
        Cancelled::Unmet(unmet)
    } else if reasons.iter().filter_map(CancellationReason::code).any(|code| passes.contains(&code)) {
        Cancelled::ForNow
    } else {
        Cancelled::Failed
    }
}

/// Waits for a random part of a time that doubles with each turn, so that those who met do not meet again.
pub(super) async fn pause(turn: u32) {
    let most = FIRST_PAUSE.saturating_mul(1 << turn.min(16)).min(LONGEST_PAUSE);
    let part = Duration::from_micros(random() % u64::try_from(most.as_micros()).unwrap_or(u64::MAX).max(1));
    tokio::time::sleep(part).await;
}

/// Random enough to keep apart those who wait, and tokens of transactions: it decides nothing about secrets.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
        codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
    }

    #[test]
    fn every_reason_of_a_cancellation_has_its_meaning() {
        let unmet = Cancelled::Unmet(vec![1, 3]);
        for (codes, meaning) in [
            (&["None", "ConditionalCheckFailed", "TransactionConflict", "ConditionalCheckFailed"][..], unmet),
            (&["None", "ThrottlingError", "TransactionConflict"], Cancelled::ForNow),
            (&["ThrottlingError", "None"], Cancelled::ForNow),
            (&["None", "TransactionConflict"], Cancelled::ForNow),
            (&["None", "ProvisionedThroughputExceeded"], Cancelled::ForNow),
            (&["ItemCollectionSizeLimitExceeded"], Cancelled::Failed),
            (&["ValidationError", "None"], Cancelled::Failed),
            (&["DuplicateItem"], Cancelled::Failed),
            (&[], Cancelled::Failed),
        ] {
            assert_eq!(outcome(&reasons(codes)), meaning, "{codes:?}");
        }
    }
}
