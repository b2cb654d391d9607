//! Numbered slots in DynamoDB: a limit over things that expire. Each slot is an item that a conditional put takes, if it
//! is free or has expired at that moment.

use aws_sdk_dynamodb::types::AttributeValue;
use symbolon_domain::{clock::Timestamp, secret::SecretHash, store_error::StoreError};
use uuid::Uuid;

use super::{
    DynamoStore,
    calls::Range,
    expressions::{Expression, absent, unchanged},
    items::{Found, Item, text, time},
    keys,
    transaction::Transaction,
};

/// Slots that are to be taken from.
pub(super) struct Slots<'a> {
    pub(super) kind: &'a str,
    pub(super) key: SecretHash,
    pub(super) count: u32,
}

impl Slots<'_> {
    /// Takes the first free slot for the holder of this id until `until`, as a part of this transaction; where there is none, says
    /// when the first one is free again.
    pub(super) async fn take(
        &self,
        store: &DynamoStore,
        transaction: &mut Transaction,
        holder: &[u8; 16],
        (now, until): (Timestamp, Timestamp),
    ) -> Result<Result<u32, Timestamp>, StoreError> {
        let kept = self.kept(store).await?;
        self.take_free(&kept, transaction, holder, (now, until))
    }

    /// Takes the slot that this holder has, also one whose time is over, until another moment; where they have none, the
    /// first free one, as [`Self::take`] does.
    pub(super) async fn keep_or_take(
        &self,
        store: &DynamoStore,
        transaction: &mut Transaction,
        holder: &[u8; 16],
        (now, until): (Timestamp, Timestamp),
    ) -> Result<Result<u32, Timestamp>, StoreError> {
        let kept = self.kept(store).await?;
        for slot in &kept {
            if is_holder(slot, holder)? {
                let number = slot.number_of("slots.sk")?;
                let slot = taken(keys::slot(self.kind, self.key, number), holder, until);
                transaction.put_if(slot, is_held(holder));
                return Ok(Ok(number));
            }
        }
        self.take_free(&kept, transaction, holder, (now, until))
    }

    /// Takes the first one that is free, where these have been taken.
    fn take_free(
        &self,
        kept: &[Found],
        transaction: &mut Transaction,
        holder: &[u8; 16],
        (now, until): (Timestamp, Timestamp),
    ) -> Result<Result<u32, Timestamp>, StoreError> {
        let number = match self.first_free(kept, now)? {
            Ok(number) => number,
            // Where there are no slots at all the end of the window is as good an answer as any.
            Err(end) => return Ok(Err(end.unwrap_or(until))),
        };
        let slot = taken(keys::slot(self.kind, self.key, number), holder, until);
        transaction.put_if(slot, is_free(now));
        Ok(Ok(number))
    }

    /// How many of them are taken at `now`.
    pub(super) async fn count_taken(&self, store: &DynamoStore, now: Timestamp) -> Result<u64, StoreError> {
        let mut taken = 0;
        for slot in self.kept(store).await? {
            taken += u64::from(slot.time("slots.taken_until")? > now);
        }
        Ok(taken)
    }

    /// Those that have been taken, in the order of their numbers, as far as the engine has not deleted them.
    async fn kept(&self, store: &DynamoStore) -> Result<Vec<Found>, StoreError> {
        let Some(last) = self.count.checked_sub(1) else { return Ok(Vec::new()) };
        let [first, last] = [0, last].map(|number| keys::slot(self.kind, self.key, number));
        store.range(Range { pk: first.pk, from: first.sk, to: last.sk }).await
    }

    /// The first slot that is free at `now`, or when the first one will be.
    fn first_free(
        &self,
        kept: &[Found],
        now: Timestamp,
    ) -> Result<Result<u32, Option<Timestamp>>, StoreError> {
        let mut number = 0;
        let mut end: Option<Timestamp> = None;
        for slot in kept {
            let taken_until = slot.time("slots.taken_until")?;
            // One that was never taken is not there.
            if taken_until <= now || slot.number_of("slots.sk")? != number {
                return Ok(Ok(number));
            }
            end = Some(end.map_or(taken_until, |end| end.min(taken_until)));
            number += 1;
        }
        Ok(if number < self.count { Ok(number) } else { Err(end) })
    }
}

/// Nobody holds the slot at `now`.
fn is_free(now: Timestamp) -> Expression {
    Expression::new(format!("{} OR #taken_until <= :now", absent().text())).value("now", time(now))
}

/// A slot that this one holds until then.
pub(super) fn taken(slot: keys::Key, holder: &[u8; 16], until: Timestamp) -> Item {
    Item::new(slot).with("taken_until", time(until)).with("holder", written(holder)).until(until)
}

/// Gives a slot back as a part of this transaction, if it is still this one's.
pub(super) async fn free(
    store: &DynamoStore,
    transaction: &mut Transaction,
    slot: keys::Key,
    holder: &[u8; 16],
) -> Result<(), StoreError> {
    if let Some(kept) = store.get(slot.clone()).await?
        && is_holder(&kept, holder)?
    {
        transaction.delete_if(slot, is_held(holder));
    }
    Ok(())
}

/// Holds a slot until another moment as a part of this transaction: one that is still this one's, or that nobody holds at
/// `now`. One that somebody else has taken stays theirs.
pub(super) async fn hold(
    store: &DynamoStore,
    transaction: &mut Transaction,
    slot: keys::Key,
    holder: &[u8; 16],
    (now, until): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let condition = match store.get(slot.clone()).await? {
        Some(kept) if is_holder(&kept, holder)? => is_held(holder),
        Some(kept) if kept.time("slots.taken_until")? > now => return Ok(()),
        _ => is_free(now),
    };
    transaction.put_if(taken(slot, holder, until), condition);
    Ok(())
}

fn is_holder(slot: &Found, holder: &[u8; 16]) -> Result<bool, StoreError> {
    Ok(slot.id("slots.holder")? == *holder)
}

fn is_held(holder: &[u8; 16]) -> Expression {
    unchanged("holder", Some(written(holder)))
}

fn written(holder: &[u8; 16]) -> AttributeValue {
    text(Uuid::from_bytes(*holder).to_string())
}
