//! Requests for device tokens, device tokens and their seats in SQLite.

use std::num::NonZeroU32;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use symbolon_domain::{
    api_keys::Scopes,
    clock::Timestamp,
    device_tokens::{
        ClaimOutcome, DeviceId, DeviceToken, DeviceTokenStore, ExchangeOutcome, FoundDeviceToken, Holder,
        NewDeviceToken, NewTokenRequest, ReserveClaimError, ReservedClaim, SEATS, TokenGone, TokenRequest,
    },
    effects::Effects,
    id::{AccountId, CeremonyId, DeviceTokenId, LicenseId, TokenRequestId},
    licenses::SeatKey,
    page::{Page, PageRequest},
    sealing::SealedBytes,
    secret::SecretHash,
    store_error::StoreError,
};

use super::{
    SqliteStore,
    accounts::{find_standing, page_bounds},
    effects,
    one_time_codes::{Slots, take_slot},
    rows::{Columns, Failure, all, change, first},
    sessions,
    writer::Write,
};
use crate::sql;

#[async_trait]
impl DeviceTokenStore for SqliteStore {
    async fn request(&self, command: NewTokenRequest) -> Result<Result<(), Timestamp>, StoreError> {
        self.write(move |db| request(db, &command)).await
    }

    async fn reserve_claim(
        &self,
        id: TokenRequestId,
        holder: &Holder,
        attempts: u32,
        now: Timestamp,
    ) -> Result<ReservedClaim, ReserveClaimError> {
        let holder = holder.clone();
        self.write(move |db| reserve_claim(db, id, &holder, (attempts, now))).await?
    }

    async fn claim(&self, command: NewDeviceToken) -> Result<ClaimOutcome, StoreError> {
        self.write(move |db| claim(db, &command)).await
    }

    async fn find(&self, id: DeviceTokenId) -> Result<Option<FoundDeviceToken>, StoreError> {
        self.read(|db| find(db, id))
    }

    async fn exchange(
        &self,
        id: DeviceTokenId,
        token: DeviceToken,
        seats: Option<NonZeroU32>,
        effects: Effects,
    ) -> Result<ExchangeOutcome, StoreError> {
        self.write(move |db| exchange(db, id, (&token, seats), &effects)).await
    }

    async fn revoke(&self, id: DeviceTokenId, holder: &Holder, effects: Effects) -> Result<bool, StoreError> {
        let holder = holder.clone();
        self.write(move |db| {
            let Some(found) = find(db, id)?.filter(|found| found.token.holder == holder) else {
                return Ok(false);
            };
            change(db, sql::device_tokens::DELETE, params![id.as_bytes(), holder.to_string()])?;
            free_seat(db, &found.token)?;
            effects::write(db, &effects)?;
            Ok(true)
        })
        .await
    }

    async fn forget_revoked(&self, holder: &Holder) -> Result<bool, StoreError> {
        let holder = holder.to_string();
        self.write(move |db| {
            let revoked = all(db, sql::device_tokens::REVOKED, [&holder], found)?;
            for FoundDeviceToken { token, .. } in &revoked {
                change(db, sql::device_tokens::DELETE, params![token.id.as_bytes(), holder])?;
                free_seat(db, token)?;
            }
            Ok(!revoked.is_empty())
        })
        .await
    }

    async fn list(
        &self,
        holder: &Holder,
        now: Timestamp,
        page: PageRequest,
    ) -> Result<Page<DeviceToken>, StoreError> {
        let (before, most) = page_bounds(page);
        let values = params![holder.to_string(), before, now.micros(), most];
        let rows = self.read(|db| all(db, sql::device_tokens::LIST, values, found))?;
        Ok(Page::from_rows(rows, page, |found| *found.token.id.as_bytes()).map(|found| found.token))
    }
}

fn request(db: &Write<'_>, command: &NewTokenRequest) -> Result<Result<(), Timestamp>, Failure> {
    let (now, limit) = (command.created_at, &command.limit);
    let slots = Slots { kind: limit.owner.kind, key: limit.owner.key, count: limit.slots };
    let holder = CeremonyId::from_bytes(*command.id.as_bytes());
    if let Err(until) = take_slot(db, &slots, holder, now, now + limit.window)? {
        return Ok(Err(until));
    }
    let values = params![now.micros(), command.holder.to_string(), command.device_id.as_str()];
    change(db, sql::device_tokens::SUPERSEDE, values)?;
    let values = params![
        command.id.as_bytes(),
        command.holder.to_string(),
        command.device_id.as_str(),
        command.code.as_bytes(),
        now.micros(),
        command.expires_at.micros(),
        command.token_expires_at.micros(),
    ];
    change(db, sql::device_tokens::INSERT_REQUEST, values)?;
    effects::write(db, &command.effects)?;
    Ok(Ok(()))
}

fn reserve_claim(
    db: &Write<'_>,
    id: TokenRequestId,
    holder: &Holder,
    (attempts, now): (u32, Timestamp),
) -> Result<Result<ReservedClaim, ReserveClaimError>, Failure> {
    let Some(request) = find_request(db, id, holder)? else { return Ok(Err(ReserveClaimError::Unknown)) };
    if let Some(gone) = request.gone(Some(attempts), now) {
        return Ok(Err(gone.into()));
    }
    if !change(db, sql::device_tokens::COUNT_ATTEMPT, params![id.as_bytes(), attempts])? {
        return Err(Failure::Contended);
    }
    Ok(Ok(request.reserved))
}

fn claim(db: &Write<'_>, command: &NewDeviceToken) -> Result<ClaimOutcome, Failure> {
    let &NewDeviceToken { request: id, session, ref token, seats, ref effects } = command;
    let now = token.issued_at;
    // Before anything is written: a refusal keeps what it wrote.
    let Some(request) = find_request(db, id, &token.holder)? else {
        return Ok(ClaimOutcome::Gone(TokenGone::Expired));
    };
    if let Some(gone) = request.gone(None, now) {
        return Ok(ClaimOutcome::Gone(gone));
    }
    let Some(epoch) = epoch(db, &token.holder)? else { return Ok(ClaimOutcome::Denied) };
    if let Some(account) = token.holder.account()
        && !sessions::stands(db, session, account)?
    {
        return Ok(ClaimOutcome::Denied);
    }
    let values = params![token.holder.to_string(), token.device_id.as_str()];
    let former = first(db, sql::device_tokens::OF_DEVICE, values, found)?;
    if !put(db, former.map(|found| found.token).as_ref(), (token, epoch), seats)? {
        return Ok(ClaimOutcome::NoSeat);
    }
    change(db, sql::device_tokens::CONSUME, params![now.micros(), id.as_bytes()])?;
    effects::write(db, effects)?;
    Ok(ClaimOutcome::Claimed)
}

fn exchange(
    db: &Write<'_>,
    id: DeviceTokenId,
    (token, seats): (&DeviceToken, Option<NonZeroU32>),
    effects: &Effects,
) -> Result<ExchangeOutcome, Failure> {
    let Some(former) = find(db, id)?.filter(|found| found.may_become(token)) else {
        return Ok(ExchangeOutcome::Gone);
    };
    let Some(epoch) = epoch(db, &token.holder)? else { return Ok(ExchangeOutcome::Gone) };
    if !put(db, Some(&former.token), (token, epoch), seats)? {
        return Ok(ExchangeOutcome::NoSeat);
    }
    effects::write(db, effects)?;
    Ok(ExchangeOutcome::Exchanged)
}

/// The holder's present epoch, where they are an account; none where that may not be used.
fn epoch(db: &Write<'_>, holder: &Holder) -> Result<Option<Option<u64>>, Failure> {
    let Some(account) = holder.account() else { return Ok(Some(None)) };
    let standing = find_standing(db, account)?.filter(|standing| standing.state.may_sign_in());
    Ok(standing.map(|standing| Some(standing.epoch)))
}

/// Writes a token in the place of the one that its device had, and takes its seat. False, and nothing written, when there is
/// none.
fn put(
    db: &Write<'_>,
    former: Option<&DeviceToken>,
    (token, epoch): (&DeviceToken, Option<u64>),
    seats: Option<NonZeroU32>,
) -> Result<bool, Failure> {
    if !take_seat(db, token, seats)? {
        return Ok(false);
    }
    if let Some(former) = former.filter(|former| former.seat != token.seat) {
        free_seat(db, former)?;
    }
    let account = token.holder.account();
    let values = params![
        token.id.as_bytes(),
        token.holder.to_string(),
        account.as_ref().map(AccountId::as_bytes),
        epoch.map(|epoch| i64::try_from(epoch).unwrap_or(i64::MAX)),
        token.address.as_ref().map(|address| address.as_typed()),
        token.device_id.as_str(),
        token.license.as_ref().map(LicenseId::as_bytes),
        token.entitlements.to_text(),
        token.seat.map(|seat| *seat.hash().as_bytes()),
        token.secret.as_bytes(),
        token.issued_at.micros(),
        token.expires_at.micros(),
    ];
    change(db, sql::device_tokens::PUT, values)
}

/// The seat that the device has already, else the first free one.
fn take_seat(db: &Write<'_>, token: &DeviceToken, seats: Option<NonZeroU32>) -> Result<bool, Failure> {
    let (Some(seat), Some(seats)) = (token.seat, seats) else { return Ok(true) };
    let (key, holder, until) = (seat.hash(), token.seat_holder(), token.expires_at);
    let values = params![until.micros(), SEATS, key.as_bytes(), holder, seats.get()];
    if change(db, sql::device_tokens::KEEP_SEAT, values)? {
        return Ok(true);
    }
    let slots = Slots { kind: SEATS, key, count: seats.get() };
    Ok(take_slot(db, &slots, CeremonyId::from_bytes(holder), token.issued_at, until)?.is_ok())
}

fn free_seat(db: &Write<'_>, token: &DeviceToken) -> Result<(), Failure> {
    if let Some(seat) = token.seat {
        let key = seat.hash();
        change(db, sql::device_tokens::FREE_SEAT, params![SEATS, key.as_bytes(), token.seat_holder()])?;
    }
    Ok(())
}

fn find_request(
    db: &Write<'_>,
    id: TokenRequestId,
    holder: &Holder,
) -> Result<Option<TokenRequest>, Failure> {
    let values = params![id.as_bytes(), holder.to_string()];
    first(db, sql::device_tokens::FIND_REQUEST, values, |columns| {
        let device_id = device_id(columns, "token_requests.device_id")?;
        let code = columns.hash("token_requests.code")?;
        Ok(TokenRequest {
            attempts: columns.number("token_requests.attempts")?,
            expires_at: columns.timestamp("token_requests.expires_at")?,
            reserved: ReservedClaim {
                device_id,
                code,
                token_expires_at: columns.timestamp("token_requests.token_expires_at")?,
            },
            is_consumed: columns.optional_timestamp("token_requests.consumed_at")?.is_some(),
            is_superseded: columns.optional_timestamp("token_requests.superseded_at")?.is_some(),
        })
    })
}

fn find(db: &Connection, id: DeviceTokenId) -> Result<Option<FoundDeviceToken>, Failure> {
    first(db, sql::device_tokens::FIND, [id.as_bytes()], found)
}

fn found(columns: &mut Columns<'_>) -> Result<FoundDeviceToken, Failure> {
    let token = DeviceToken {
        id: DeviceTokenId::from_bytes(columns.bytes("device_tokens.id")?),
        holder: columns.parsed("device_tokens.holder", |text| text.parse().ok())?,
        address: columns.optional_parsed("device_tokens.address", |text| text.parse().ok())?,
        device_id: device_id(columns, "device_tokens.device_id")?,
        license: columns.optional_bytes("device_tokens.license_id")?.map(LicenseId::from_bytes),
        entitlements: columns.parsed("device_tokens.entitlements", Scopes::from_text)?,
        seat: columns
            .optional_bytes("device_tokens.seat")?
            .map(|seat| SeatKey::from_stored(SecretHash::from_bytes(seat))),
        secret: SealedBytes::new(columns.blob("device_tokens.secret")?.to_vec()),
        issued_at: columns.timestamp("device_tokens.issued_at")?,
        expires_at: columns.timestamp("device_tokens.expires_at")?,
    };
    Ok(FoundDeviceToken { token, is_revoked: columns.boolean("accounts.epoch")? })
}

fn device_id(columns: &mut Columns<'_>, column: &'static str) -> Result<DeviceId, Failure> {
    columns.parsed(column, |text| text.parse().ok())
}
