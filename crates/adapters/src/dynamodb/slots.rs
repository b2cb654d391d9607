//! Numbered slots in DynamoDB: a limit over things that expire. Each slot is an item that a conditional put takes, if it
//! is free or has expired at that moment.

use symbolon_domain::{clock::Timestamp, id::CeremonyId, secret::SecretHash, store_error::StoreError};

use super::{
    DynamoStore,
    calls::Range,
    expressions::{Expression, absent, unchanged},
    items::{Item, text, time},
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
    /// Takes the first free slot for a ceremony until `until`, as a part of this transaction; where there is none, says
    /// when the first one is free again.
    pub(super) async fn take(
        &self,
        store: &DynamoStore,
        transaction: &mut Transaction,
        holder: CeremonyId,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<Result<u32, Timestamp>, StoreError> {
        let number = match self.first_free(store, now).await? {
            Ok(number) => number,
            // Where there are no slots at all the end of the window is as good an answer as any.
            Err(end) => return Ok(Err(end.unwrap_or(until))),
        };
        let slot = taken(keys::slot(self.kind, self.key, number), holder, until);
        let is_free = Expression::new(format!("{} OR #taken_until <= :now", absent().text()));
        transaction.put_if(slot, is_free.value("now", time(now)));
        Ok(Ok(number))
    }

    /// The first slot that is free at `now`, or when the first one will be.
    async fn first_free(
        &self,
        store: &DynamoStore,
        now: Timestamp,
    ) -> Result<Result<u32, Option<Timestamp>>, StoreError> {
        let Some(last) = self.count.checked_sub(1) else { return Ok(Err(None)) };
        let [first, last] = [0, last].map(|number| keys::slot(self.kind, self.key, number));
        let kept = store.range(Range { pk: first.pk, from: first.sk, to: last.sk }).await?;
        let mut number = 0;
        let mut end: Option<Timestamp> = None;
        for slot in kept {
            let taken_until = slot.time("slots.taken_until")?;
            // They come in the order of their numbers; one that was never taken is not there.
            if taken_until <= now || slot.number_of("slots.sk")? != number {
                return Ok(Ok(number));
            }
            end = Some(end.map_or(taken_until, |end| end.min(taken_until)));
            number += 1;
        }
        Ok(if number < self.count { Ok(number) } else { Err(end) })
    }
}

/// A slot that this ceremony holds until then.
pub(super) fn taken(slot: keys::Key, holder: CeremonyId, until: Timestamp) -> Item {
    Item::new(slot).with("taken_until", time(until)).with("holder", text(holder.to_string())).until(until)
}

/// Gives a slot back as a part of this transaction, if it is still this ceremony's.
pub(super) async fn free(
    store: &DynamoStore,
    transaction: &mut Transaction,
    slot: keys::Key,
    holder: CeremonyId,
) -> Result<(), StoreError> {
    let Some(kept) = store.get(slot.clone()).await? else { return Ok(()) };
    if kept.id("slots.holder")? == *holder.as_bytes() {
        let is_held = unchanged("holder", Some(text(holder.to_string())));
        transaction.delete_if(slot, is_held);
    }
    Ok(())
}
