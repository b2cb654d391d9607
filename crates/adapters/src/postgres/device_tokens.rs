//! Requests for device tokens, device tokens and their seats in PostgreSQL. Rows are read in [`rows`].
//!
//! Whoever asks, claims, exchanges or revokes holds the device first, so that no two of them take a seat for it; then they lock
//! the request, the account, the session, and the seat.

use std::num::NonZeroU32;

use async_trait::async_trait;
use sqlx::types::Uuid;
use symbolon_domain::{
    clock::Timestamp,
    device_tokens::{
        ClaimOutcome, DeviceId, DeviceToken, DeviceTokenStore, ExchangeOutcome, FoundDeviceToken, Holder,
        NewDeviceToken, NewTokenRequest, ReserveClaimError, ReservedClaim, SEATS, TokenGone,
    },
    effects::Effects,
    id::{CeremonyId, DeviceTokenId, TokenRequestId},
    page::{Page, PageRequest},
    store_error::StoreError,
};

use self::rows::{find, find_request, found, put_values};
use super::{
    PostgresStore,
    accounts::{lock_standing, page_bounds},
    commands::Db,
    effects,
    failure::Failure,
    one_time_codes::{Slots, take_slot},
    rows::{all, change, first, is_there, values},
    sessions,
};
use crate::sql;

mod rows;

/// A request stays as it is until the end of the transaction: guesses at it are counted one after the other.
const LOCK_REQUEST: &str = "SELECT 1 FROM token_requests WHERE id = $1 AND holder = $2 FOR NO KEY UPDATE";

/// The device of this number is this transaction's until its end.
const LOCK_DEVICE: &str = "SELECT pg_advisory_xact_lock($1)";

#[async_trait]
impl DeviceTokenStore for PostgresStore {
    async fn request(&self, command: NewTokenRequest) -> Result<Result<(), Timestamp>, StoreError> {
        self.runner.transaction(|db| Box::pin(request(db, &command))).await
    }

    async fn reserve_claim(
        &self,
        id: TokenRequestId,
        holder: &Holder,
        attempts: u32,
        now: Timestamp,
    ) -> Result<ReservedClaim, ReserveClaimError> {
        let holder = holder.to_string();
        self.runner.transaction(|db| Box::pin(reserve_claim(db, id, &holder, (attempts, now)))).await?
    }

    async fn claim(&self, command: NewDeviceToken) -> Result<ClaimOutcome, StoreError> {
        self.runner.transaction(|db| Box::pin(claim(db, &command))).await
    }

    async fn find(&self, id: DeviceTokenId) -> Result<Option<FoundDeviceToken>, StoreError> {
        self.runner.read(|db| Box::pin(find(db, id))).await
    }

    async fn exchange(
        &self,
        id: DeviceTokenId,
        token: DeviceToken,
        seats: Option<NonZeroU32>,
        effects: Effects,
    ) -> Result<ExchangeOutcome, StoreError> {
        self.runner.transaction(|db| Box::pin(exchange(db, id, (&token, seats), &effects))).await
    }

    async fn revoke(&self, id: DeviceTokenId, holder: &Holder, effects: Effects) -> Result<bool, StoreError> {
        self.runner.transaction(|db| Box::pin(revoke(db, id, holder, &effects))).await
    }

    async fn forget_revoked(&self, holder: &Holder) -> Result<bool, StoreError> {
        self.runner.transaction(|db| Box::pin(forget_revoked(db, holder))).await
    }

    async fn list(
        &self,
        holder: &Holder,
        now: Timestamp,
        page: PageRequest,
    ) -> Result<Page<DeviceToken>, StoreError> {
        let (before, most) = page_bounds(page);
        let holder = holder.to_string();
        let rows = self
            .runner
            .read(|db| {
                let values = values![holder.clone(), before, now, most];
                Box::pin(all(db, sql::device_tokens::LIST, values, found))
            })
            .await?;
        Ok(Page::from_rows(rows, page, |found| *found.token.id.as_bytes()).map(|found| found.token))
    }
}

async fn request(db: &mut Db<'_>, command: &NewTokenRequest) -> Result<Result<(), Timestamp>, Failure> {
    let (now, limit) = (command.created_at, &command.limit);
    lock_device(db, &command.holder, &command.device_id).await?;
    let slots = Slots { kind: limit.owner.kind, key: limit.owner.key, count: limit.slots };
    let holder = CeremonyId::from_bytes(*command.id.as_bytes());
    if let Err(until) = take_slot(db, &slots, holder, now, now + limit.window).await? {
        return Ok(Err(until));
    }
    let values = values![now, command.holder.to_string(), command.device_id.as_str().to_owned()];
    change(db, sql::device_tokens::SUPERSEDE, values).await?;
    let values = values![
        command.id,
        command.holder.to_string(),
        command.device_id.as_str().to_owned(),
        &command.code,
        now,
        command.expires_at,
        command.token_expires_at,
    ];
    change(db, sql::device_tokens::INSERT_REQUEST, values).await?;
    effects::write(db, &command.effects).await?;
    Ok(Ok(()))
}

async fn reserve_claim(
    db: &mut Db<'_>,
    id: TokenRequestId,
    holder: &str,
    (attempts, now): (u32, Timestamp),
) -> Result<Result<ReservedClaim, ReserveClaimError>, Failure> {
    let unknown = Ok(Err(ReserveClaimError::Unknown));
    if !is_there(db, LOCK_REQUEST, values![id, holder.to_owned()]).await? {
        return unknown;
    }
    let Some(request) = find_request(db, id, holder).await? else { return unknown };
    if let Some(gone) = request.gone(Some(attempts), now) {
        return Ok(Err(gone.into()));
    }
    if !change(db, sql::device_tokens::COUNT_ATTEMPT, values![id, attempts]).await? {
        return Err(Failure::Contended);
    }
    Ok(Ok(request.reserved))
}

async fn claim(db: &mut Db<'_>, command: &NewDeviceToken) -> Result<ClaimOutcome, Failure> {
    let &NewDeviceToken { request: id, session, ref token, seats, ref effects } = command;
    let (now, holder) = (token.issued_at, token.holder.to_string());
    lock_device(db, &token.holder, &token.device_id).await?;
    let gone = Ok(ClaimOutcome::Gone(TokenGone::Expired));
    // Before anything is written: a refusal keeps what it wrote.
    if !is_there(db, LOCK_REQUEST, values![id, holder.clone()]).await? {
        return gone;
    }
    let Some(request) = find_request(db, id, &holder).await? else { return gone };
    if let Some(gone) = request.gone(None, now) {
        return Ok(ClaimOutcome::Gone(gone));
    }
    let Some(epoch) = epoch(db, &token.holder).await? else { return Ok(ClaimOutcome::Denied) };
    if let Some(account) = token.holder.account()
        && !sessions::stands(db, session, account).await?
    {
        return Ok(ClaimOutcome::Denied);
    }
    let values = values![holder, token.device_id.as_str().to_owned()];
    let former = first(db, sql::device_tokens::OF_DEVICE, values, found).await?;
    if !put(db, former.map(|found| found.token).as_ref(), (token, epoch), seats).await? {
        return Ok(ClaimOutcome::NoSeat);
    }
    change(db, sql::device_tokens::CONSUME, values![now, id]).await?;
    effects::write(db, effects).await?;
    Ok(ClaimOutcome::Claimed)
}

async fn exchange(
    db: &mut Db<'_>,
    id: DeviceTokenId,
    (token, seats): (&DeviceToken, Option<NonZeroU32>),
    effects: &Effects,
) -> Result<ExchangeOutcome, Failure> {
    lock_device(db, &token.holder, &token.device_id).await?;
    let Some(epoch) = epoch(db, &token.holder).await? else { return Ok(ExchangeOutcome::Gone) };
    // The account is locked by now: it stays as it is judged here.
    let Some(former) = find(db, id).await?.filter(|found| found.may_become(token)) else {
        return Ok(ExchangeOutcome::Gone);
    };
    if !put(db, Some(&former.token), (token, epoch), seats).await? {
        return Ok(ExchangeOutcome::NoSeat);
    }
    effects::write(db, effects).await?;
    Ok(ExchangeOutcome::Exchanged)
}

async fn revoke(
    db: &mut Db<'_>,
    id: DeviceTokenId,
    holder: &Holder,
    effects: &Effects,
) -> Result<bool, Failure> {
    let Some(found) = find(db, id).await?.filter(|found| found.token.holder == *holder) else {
        return Ok(false);
    };
    lock_device(db, holder, &found.token.device_id).await?;
    if !change(db, sql::device_tokens::DELETE, values![id, holder.to_string()]).await? {
        return Ok(false);
    }
    free_seat(db, &found.token).await?;
    effects::write(db, effects).await?;
    Ok(true)
}

/// They count no more, so that nobody claims or exchanges over them but by removing them.
async fn forget_revoked(db: &mut Db<'_>, holder: &Holder) -> Result<bool, Failure> {
    let holder = holder.to_string();
    let revoked = all(db, sql::device_tokens::REVOKED, values![holder.clone()], found).await?;
    for FoundDeviceToken { token, .. } in &revoked {
        if change(db, sql::device_tokens::DELETE, values![token.id, holder.clone()]).await? {
            free_seat(db, token).await?;
        }
    }
    Ok(!revoked.is_empty())
}

async fn lock_device(db: &mut Db<'_>, holder: &Holder, id: &DeviceId) -> Result<(), Failure> {
    // Two that share a number wait for each other for nothing.
    let number = holder.device(id).first_chunk().map_or(0, |first| i64::from_be_bytes(*first));
    is_there(db, LOCK_DEVICE, values![number]).await.map(|_| ())
}

/// The holder's present epoch, where they are an account; none where that may not be used.
async fn epoch(db: &mut Db<'_>, holder: &Holder) -> Result<Option<Option<u64>>, Failure> {
    let Some(account) = holder.account() else { return Ok(Some(None)) };
    let standing = lock_standing(db, account).await?.filter(|standing| standing.state.may_sign_in());
    Ok(standing.map(|standing| Some(standing.epoch)))
}

/// Writes a token in the place of the one that its device had, and takes its seat. False, and nothing written, when there is
/// none.
async fn put(
    db: &mut Db<'_>,
    former: Option<&DeviceToken>,
    (token, epoch): (&DeviceToken, Option<u64>),
    seats: Option<NonZeroU32>,
) -> Result<bool, Failure> {
    if !take_seat(db, token, seats).await? {
        return Ok(false);
    }
    if let Some(former) = former.filter(|former| former.seat != token.seat) {
        free_seat(db, former).await?;
    }
    change(db, sql::device_tokens::PUT, put_values(token, epoch)).await
}

/// The seat that the device has already, else the first free one.
async fn take_seat(db: &mut Db<'_>, token: &DeviceToken, seats: Option<NonZeroU32>) -> Result<bool, Failure> {
    let (Some(seat), Some(seats)) = (token.seat, seats) else { return Ok(true) };
    let (key, holder, until) = (seat.hash(), token.seat_holder(), token.expires_at);
    let values = values![until, SEATS, &key, Uuid::from_bytes(holder), seats.get()];
    if change(db, sql::device_tokens::KEEP_SEAT, values).await? {
        return Ok(true);
    }
    let slots = Slots { kind: SEATS, key, count: seats.get() };
    Ok(take_slot(db, &slots, CeremonyId::from_bytes(holder), token.issued_at, until).await?.is_ok())
}

async fn free_seat(db: &mut Db<'_>, token: &DeviceToken) -> Result<(), Failure> {
    if let Some(seat) = token.seat {
        let holder = Uuid::from_bytes(token.seat_holder());
        change(db, sql::device_tokens::FREE_SEAT, values![SEATS, &seat.hash(), holder]).await?;
    }
    Ok(())
}
