//! The seats of licences: numbered slots, each of which a device holds until its token expires (L5).

use std::num::NonZeroU32;

use symbolon_domain::{
    device_tokens::{DeviceToken, SEATS},
    licenses::SeatKey,
    store_error::StoreError,
};

use crate::dynamodb::{
    DynamoStore, keys,
    slots::{self, Slots},
    transaction::Transaction,
};

/// One seat of a licence.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) key: SeatKey,
    pub(super) number: u32,
}

impl Seat {
    /// Gives it back as a part of this transaction, if it is still this device's.
    pub(super) async fn free(
        self,
        store: &DynamoStore,
        transaction: &mut Transaction,
        device: &[u8; 16],
    ) -> Result<(), StoreError> {
        slots::free(store, transaction, keys::slot(SEATS, self.key.hash(), self.number), device).await
    }
}

/// Every seat is taken.
pub(super) struct NoSeat;

/// Takes the seat of a token until it expires, as a part of this transaction: the one that its device has, or the first
/// free one. None where its licence has no seats.
pub(super) async fn take(
    store: &DynamoStore,
    transaction: &mut Transaction,
    token: &DeviceToken,
    seats: Option<NonZeroU32>,
) -> Result<Result<Option<Seat>, NoSeat>, StoreError> {
    let (Some(key), Some(seats)) = (token.seat, seats) else { return Ok(Ok(None)) };
    let slots = Slots { kind: SEATS, key: key.hash(), count: seats.get() };
    let times = (token.issued_at, token.expires_at);
    let taken = slots.keep_or_take(store, transaction, &token.seat_holder(), times).await?;
    Ok(taken.map(|number| Some(Seat { key, number })).map_err(|_| NoSeat))
}
