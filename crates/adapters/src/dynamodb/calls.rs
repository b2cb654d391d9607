//! Reading: one item, several at once, a part of a partition, a list that is spread over shards. Every read is
//! consistent; what the outbox's index shows late is judged again by the write.

use std::{collections::HashMap, error::Error};

use aws_sdk_dynamodb::{
    operation::query::builders::QueryFluentBuilder,
    types::{AttributeValue, KeysAndAttributes},
};
use futures::future::try_join_all;
use symbolon_domain::{page::PageRequest, store_error::StoreError};
use uuid::Uuid;

use super::{
    DynamoStore,
    items::{self, Attributes, Found, text},
    keys::{Key, SHARDS},
};

/// Keys in one `BatchGetItem`.
const MOST_KEYS: usize = 100;
/// So often the engine is asked for what it left out of a batch.
const MOST_ROUNDS: usize = 8;
/// Sorts after every id.
const NEWEST: Uuid = Uuid::max();

/// An outage, with what the SDK says of it. It names no value.
pub(super) fn unavailable(error: impl Error + Send + Sync + 'static) -> StoreError {
    StoreError::unavailable(error)
}

/// A part of one partition.
pub(super) struct Range {
    pub(super) pk: String,
    /// Both ends are in it.
    pub(super) from: String,
    pub(super) to: String,
}

impl DynamoStore {
    pub(super) async fn get(&self, key: Key) -> Result<Option<Found>, StoreError> {
        let _permit = self.gates.call().await?;
        let call = self.client.get_item().table_name(&self.table).set_key(Some(items::key(key)));
        let answer = call.consistent_read(true).send().await.map_err(unavailable)?;
        Ok(answer.item.map(Found))
    }

    /// The items at these keys, each at the place of its key. No key may come twice.
    pub(super) async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Found>>, StoreError> {
        let batches = try_join_all(keys.chunks(MOST_KEYS).map(|chunk| self.get_batch(chunk))).await?;
        let mut found: HashMap<(String, String), Attributes> = HashMap::new();
        for item in batches.into_iter().flatten() {
            let part = |name| item.get(name).and_then(|value: &AttributeValue| value.as_s().ok()).cloned();
            if let (Some(pk), Some(sk)) = (part("pk"), part("sk")) {
                found.insert((pk, sk), item);
            }
        }
        Ok(keys.iter().map(|key| found.remove(&(key.pk.clone(), key.sk.clone())).map(Found)).collect())
    }

    async fn get_batch(&self, keys: &[Key]) -> Result<Vec<Attributes>, StoreError> {
        let mut wanted: Vec<Attributes> = keys.iter().cloned().map(items::key).collect();
        let mut found = Vec::with_capacity(wanted.len());
        for _ in 0..MOST_ROUNDS {
            let keys = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true).build();
            let _permit = self.gates.call().await?;
            let call = self.client.batch_get_item();
            let answer = call.request_items(&self.table, keys.map_err(unavailable)?).send();
            let mut answer = answer.await.map_err(unavailable)?;
            let here = answer.responses.as_mut().and_then(|responses| responses.remove(&self.table));
            found.extend(here.unwrap_or_default());
            // What a partition had no capacity for comes back as a key that was not served.
            let left = answer.unprocessed_keys.as_mut().and_then(|left| left.remove(&self.table));
            match left {
                Some(left) if !left.keys.is_empty() => wanted = left.keys,
                _ => return Ok(found),
            }
        }
        Err(StoreError::Busy)
    }

    /// The items of a range in the order of their sort keys, however many there are.
    pub(super) async fn range(&self, range: Range) -> Result<Vec<Found>, StoreError> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let _permit = self.gates.call().await?;
            let call = self.query(&range).set_exclusive_start_key(start);
            let answer = call.send().await.map_err(unavailable)?;
            found.extend(answer.items.unwrap_or_default().into_iter().map(Found));
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }

    /// The last `most` items of a range, backwards.
    pub(super) async fn last(&self, range: Range, most: usize) -> Result<Vec<Found>, StoreError> {
        self.up_to(most, self.query(&range).scan_index_forward(false)).await
    }

    /// The first `most` items of a range.
    async fn first(&self, range: Range, most: usize) -> Result<Vec<Found>, StoreError> {
        self.up_to(most, self.query(&range)).await
    }

    async fn up_to(&self, most: usize, query: QueryFluentBuilder) -> Result<Vec<Found>, StoreError> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let _permit = self.gates.call().await?;
            let limit = i32::try_from(most - found.len()).unwrap_or(i32::MAX);
            let call = query.clone().limit(limit).set_exclusive_start_key(start);
            let answer = call.send().await.map_err(unavailable)?;
            found.extend(answer.items.unwrap_or_default().into_iter().map(Found));
            start = answer.last_evaluated_key;
            if start.is_none() || found.len() >= most {
                return Ok(found);
            }
        }
    }

    /// A page's rows, and one more where there are more, of a list that is spread over the shards: newest first.
    pub(super) async fn newest(
        &self,
        partition: fn(u8) -> String,
        page: PageRequest,
    ) -> Result<Vec<Found>, StoreError> {
        let between = (Uuid::nil().into_bytes(), page.after.map(|cursor| *cursor.id()));
        self.newest_between(partition, between, page.limit().saturating_add(1)).await
    }

    /// The newest rows of such a list from one id on and before another, at most so many.
    pub(super) async fn newest_between(
        &self,
        partition: fn(u8) -> String,
        (from, before): ([u8; 16], Option<[u8; 16]>),
        most: usize,
    ) -> Result<Vec<Found>, StoreError> {
        let (from, to) = (Uuid::from_bytes(from), last_before(before));
        // The engine refuses a range that ends before it begins.
        if to < from {
            return Ok(Vec::new());
        }
        let range = |shard| Range { pk: partition(shard), from: from.to_string(), to: to.to_string() };
        let shards = (0..SHARDS).map(|shard| self.last(range(shard), most));
        let mut rows = with_ids(try_join_all(shards).await?)?;
        rows.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
        rows.truncate(most);
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// The oldest rows of such a list after one id, at most so many, in the order of their ids.
    pub(super) async fn oldest_after(
        &self,
        partition: fn(u8) -> String,
        after: Option<[u8; 16]>,
        most: usize,
    ) -> Result<Vec<Found>, StoreError> {
        let from = first_after(after).to_string();
        let range = |shard| Range { pk: partition(shard), from: from.clone(), to: NEWEST.to_string() };
        let shards = (0..SHARDS).map(|shard| self.first(range(shard), most));
        let mut rows = with_ids(try_join_all(shards).await?)?;
        rows.sort_unstable_by_key(|(id, _)| *id);
        rows.truncate(most);
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    fn query(&self, range: &Range) -> QueryFluentBuilder {
        let values = [(":pk", &range.pk), (":from", &range.from), (":to", &range.to)];
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), text(value))).collect();
        self.client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .set_expression_attribute_values(Some(values))
            .consistent_read(true)
    }
}

/// The rows of all shards, each with its id.
fn with_ids(shards: Vec<Vec<Found>>) -> Result<Vec<([u8; 16], Found)>, StoreError> {
    shards.into_iter().flatten().map(|row| Ok((row.id("list.sk")?, row))).collect()
}

/// What a page begins before, where sort keys are this prefix and an id.
pub(super) fn before(pk: String, prefix: &str, page: PageRequest) -> Range {
    let end = last_before(page.after.map(|cursor| *cursor.id()));
    Range { pk, from: format!("{prefix}{}", Uuid::nil()), to: format!("{prefix}{end}") }
}

/// The last id before this one; the last of all where none is given.
fn last_before(id: Option<[u8; 16]>) -> Uuid {
    match id {
        None => NEWEST,
        // Ids of version 7 are never all zeros.
        Some(id) => Uuid::from_u128(u128::from_be_bytes(id).saturating_sub(1)),
    }
}

/// The first id after this one; the first of all where none is given.
fn first_after(id: Option<[u8; 16]>) -> Uuid {
    match id {
        None => Uuid::nil(),
        // Ids of version 7 are never all ones.
        Some(id) => Uuid::from_u128(u128::from_be_bytes(id).saturating_add(1)),
    }
}
