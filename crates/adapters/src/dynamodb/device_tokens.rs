//! Requests for device tokens, device tokens and their seats in DynamoDB.
//!
//! Every device has an item that names its newest request and its present token. Whoever writes either demands that the
//! item is as it was read: so a device has one token at a time, and a request that a newer one has overtaken is known by
//! it.

use std::num::NonZeroU32;

use async_trait::async_trait;
use symbolon_domain::{
    clock::Timestamp,
    device_tokens::{
        ClaimOutcome, DeviceToken, DeviceTokenStore, ExchangeOutcome, FoundDeviceToken, Holder,
        NewDeviceToken, NewTokenRequest, ReserveClaimError, ReservedClaim, SEATS, TokenGone,
    },
    effects::Effects,
    id::{DeviceTokenId, TokenRequestId},
    one_time_codes::SlotLimit,
    page::{Page, PageRequest},
    store_error::StoreError,
};

use self::{
    device::Device,
    grounds::{Grounds, Owner},
    items::Kept,
    seats::Seat,
};
use super::{
    DynamoStore,
    calls::before,
    effects,
    expressions::{Expression, present, unchanged},
    items::{Found, number, time},
    keys::{self, Key},
    licenses, sessions,
    slots::Slots,
    transaction::{Transaction, Turn},
};

mod device;
mod grounds;
mod items;
mod seats;

#[async_trait]
impl DeviceTokenStore for DynamoStore {
    async fn request(&self, command: NewTokenRequest) -> Result<Result<(), Timestamp>, StoreError> {
        let owner = command.limit.owner;
        self.settle(&keys::slot(owner.kind, owner.key, 0), || request(self, &command)).await
    }

    async fn reserve_claim(
        &self,
        id: TokenRequestId,
        holder: &Holder,
        attempts: u32,
        now: Timestamp,
    ) -> Result<ReservedClaim, ReserveClaimError> {
        self.settle(&keys::token_request(id), || reserve_claim(self, id, holder, (attempts, now))).await?
    }

    async fn claim(&self, command: NewDeviceToken) -> Result<ClaimOutcome, StoreError> {
        self.settle(&gate(&command.token), || claim(self, &command)).await
    }

    async fn find(&self, id: DeviceTokenId) -> Result<Option<FoundDeviceToken>, StoreError> {
        let Some(kept) = Kept::find(self, id).await? else { return Ok(None) };
        let grounds = Grounds::of(self, std::slice::from_ref(&kept)).await?;
        Ok(Some(grounds.judge(kept)))
    }

    async fn exchange(
        &self,
        id: DeviceTokenId,
        token: DeviceToken,
        seats: Option<NonZeroU32>,
        effects: Effects,
    ) -> Result<ExchangeOutcome, StoreError> {
        self.settle(&gate(&token), || exchange(self, id, (&token, seats), &effects)).await
    }

    async fn revoke(&self, id: DeviceTokenId, holder: &Holder, effects: Effects) -> Result<bool, StoreError> {
        self.settle(&keys::device_token(id), || revoke(self, id, holder, &effects)).await
    }

    async fn forget_revoked(&self, holder: &Holder) -> Result<bool, StoreError> {
        let mut page = PageRequest::new(PageRequest::MAX_LIMIT, None);
        let mut any = false;
        loop {
            let found = self.found_of(holder, page).await?;
            for FoundDeviceToken { token, .. } in found.items.iter().filter(|found| found.is_revoked) {
                any |= self.revoke(token.id, holder, Effects::default()).await?;
            }
            let Some(next) = found.next else { return Ok(any) };
            page = PageRequest::new(PageRequest::MAX_LIMIT, Some(next));
        }
    }

    async fn list(
        &self,
        holder: &Holder,
        now: Timestamp,
        page: PageRequest,
    ) -> Result<Page<DeviceToken>, StoreError> {
        let Page { items, next } = self.found_of(holder, page).await?;
        let counting = items.into_iter().filter(|found| !found.is_revoked && found.token.expires_at > now);
        Ok(Page { items: counting.map(|found| found.token).collect(), next })
    }
}

impl DynamoStore {
    /// The device tokens of a holder, whether they count or not.
    async fn found_of(
        &self,
        holder: &Holder,
        page: PageRequest,
    ) -> Result<Page<FoundDeviceToken>, StoreError> {
        let range = before(keys::device_tokens_of(holder), "", page);
        let rows = self.last(range, page.limit().saturating_add(1)).await?;
        let ids = rows.iter().map(listed_id).collect::<Result<Vec<_>, _>>()?;
        // The page goes on after its last row, whatever has become of the row's token.
        let Page { items: ids, next } = Page::from_rows(ids, page, |id| *id.as_bytes());
        let wanted: Vec<Key> = ids.into_iter().map(keys::device_token).collect();
        let found = self.get_many(&wanted).await?;
        let kept = found.iter().flatten().map(Kept::read).collect::<Result<Vec<_>, _>>()?;
        let grounds = Grounds::of(self, &kept).await?;
        Ok(Page { items: kept.into_iter().map(|kept| grounds.judge(kept)).collect(), next })
    }
}

/// The id of a token as its lists name it.
pub(super) fn listed_id(row: &Found) -> Result<DeviceTokenId, StoreError> {
    row.id("device_tokens.sk").map(DeviceTokenId::from_bytes)
}

/// Devices that want a seat of one licence wait for each other: a crowd would only take the same seat from each other.
fn gate(token: &DeviceToken) -> Key {
    match token.seat {
        Some(seat) => keys::slot(SEATS, seat.hash(), 0),
        None => keys::device(&token.holder, &token.device_id),
    }
}

async fn request(store: &DynamoStore, command: &NewTokenRequest) -> Turn<Result<(), Timestamp>> {
    let SlotLimit { owner, slots, window } = command.limit;
    let mut transaction = Transaction::default();
    let slots = Slots { kind: owner.kind, key: owner.key, count: slots };
    let times = (command.created_at, command.created_at + window);
    if let Err(until) = slots.take(store, &mut transaction, command.id.as_bytes(), times).await? {
        return Ok(Some(Err(until)));
    }
    transaction.create(items::new_request(command));
    let device = Device::find(store, &command.holder, &command.device_id).await?;
    device.set_request(&mut transaction, command.id, items::end_of_request(command));
    effects::write(&mut transaction, &command.effects);
    Ok(store.transact(transaction).await?.then(Ok(())))
}

async fn reserve_claim(
    store: &DynamoStore,
    id: TokenRequestId,
    holder: &Holder,
    (attempts, now): (u32, Timestamp),
) -> Turn<Result<ReservedClaim, ReserveClaimError>> {
    let Some((request, device)) = items::find_request(store, id, holder).await? else {
        return Ok(Some(Err(ReserveClaimError::Unknown)));
    };
    if let Some(gone) = request.gone(Some(attempts), now) {
        return Ok(Some(Err(gone.into())));
    }
    let count = Expression::new("SET #attempts = #attempts + :one").value("one", number(1));
    let has_guesses = Expression::new("#attempts < :most").value("most", number(attempts));
    let mut transaction = Transaction::default();
    transaction.update(keys::token_request(id), count, has_guesses.and(unchanged("consumed_at", None)));
    device.check_request(&mut transaction);
    Ok(store.transact(transaction).await?.then(Ok(request.reserved)))
}

async fn claim(store: &DynamoStore, command: &NewDeviceToken) -> Turn<ClaimOutcome> {
    let &NewDeviceToken { request: id, session, ref token, seats, ref effects } = command;
    let now = token.issued_at;
    // The engine has deleted one whose guess was just paid for only when its time is over.
    let Some((request, device)) = items::find_request(store, id, &token.holder).await? else {
        return Ok(Some(ClaimOutcome::Gone(TokenGone::Expired)));
    };
    if let Some(gone) = request.gone(None, now) {
        return Ok(Some(ClaimOutcome::Gone(gone)));
    }
    let Some(owner) = Owner::find(store, &token.holder).await? else {
        return Ok(Some(ClaimOutcome::Denied));
    };
    let former = match device.token {
        Some(former) => Kept::find(store, former).await?,
        None => None,
    };
    let mut transaction = Transaction::default();
    if let (Some(session), Owner::Account(account, standing)) = (session, &owner)
        && !sessions::must_stand(store, &mut transaction, (*account, standing), session).await?
    {
        return Ok(Some(ClaimOutcome::Denied));
    }
    let next = Next { token, seats, owner, device };
    if !next.put(store, &mut transaction, former.and_then(|former| former.seat)).await? {
        return Ok(Some(ClaimOutcome::NoSeat));
    }
    let consume = Expression::new("SET #consumed_at = :now").value("now", time(now));
    let is_open = present().and(unchanged("consumed_at", None));
    transaction.update(keys::token_request(id), consume, is_open);
    effects::write(&mut transaction, effects);
    Ok(store.transact(transaction).await?.then(ClaimOutcome::Claimed))
}

async fn exchange(
    store: &DynamoStore,
    id: DeviceTokenId,
    (token, seats): (&DeviceToken, Option<NonZeroU32>),
    effects: &Effects,
) -> Turn<ExchangeOutcome> {
    let gone = Ok(Some(ExchangeOutcome::Gone));
    let Some(former) = Kept::find(store, id).await? else { return gone };
    let grounds = Grounds::of(store, std::slice::from_ref(&former)).await?;
    let (seat, license) = (former.seat, former.token.license);
    if !grounds.judge(former).may_become(token) {
        return gone;
    }
    let Some(owner) = grounds.owner(&token.holder) else { return gone };
    let device = Device::find(store, &token.holder, &token.device_id).await?;
    if device.token != Some(id) {
        return gone;
    }
    let mut transaction = Transaction::default();
    let next = Next { token, seats, owner, device };
    if !next.put(store, &mut transaction, seat).await? {
        return Ok(Some(ExchangeOutcome::NoSeat));
    }
    if let Some(license) = license {
        transaction.check(keys::license(license), licenses::still_stands());
    }
    effects::write(&mut transaction, effects);
    Ok(store.transact(transaction).await?.then(ExchangeOutcome::Exchanged))
}

/// A token on its way into the place of the one that its device has.
struct Next<'a> {
    token: &'a DeviceToken,
    seats: Option<NonZeroU32>,
    owner: Owner,
    device: Device,
}

impl Next<'_> {
    /// Writes it as a part of this transaction: it with its seat, and nothing any more of the one before it, which had
    /// this other one. False where there is no seat left: then the transaction is to be dropped.
    async fn put(
        &self,
        store: &DynamoStore,
        transaction: &mut Transaction,
        former: Option<Seat>,
    ) -> Result<bool, StoreError> {
        let Ok(seat) = seats::take(store, transaction, self.token, self.seats).await? else {
            return Ok(false);
        };
        if let Some(former) = former
            && seat != Some(former)
        {
            former.free(store, transaction, &self.token.seat_holder()).await?;
        }
        self.owner.check(transaction);
        if let Some(former) = self.device.token {
            items::delete(transaction, former, &self.token.holder);
        }
        items::insert(transaction, self.token, self.owner.epoch(), seat);
        self.device.set_token(transaction, self.token);
        Ok(true)
    }
}

async fn revoke(store: &DynamoStore, id: DeviceTokenId, holder: &Holder, effects: &Effects) -> Turn<bool> {
    let found = Kept::find(store, id).await?.filter(|kept| kept.token.holder == *holder);
    let Some(Kept { token, seat, .. }) = found else { return Ok(Some(false)) };
    let device = Device::find(store, holder, &token.device_id).await?;
    let mut transaction = Transaction::default();
    items::delete_present(&mut transaction, id, holder);
    if device.token == Some(id) {
        device.remove_token(&mut transaction);
    }
    if let Some(seat) = seat {
        seat.free(store, &mut transaction, &token.seat_holder()).await?;
    }
    effects::write(&mut transaction, effects);
    Ok(store.transact(transaction).await?.then(true))
}
