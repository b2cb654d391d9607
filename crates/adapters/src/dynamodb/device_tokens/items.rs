//! Requests for device tokens and device tokens, as items.

use std::time::Duration;

use symbolon_domain::{
    api_keys::Scopes,
    clock::Timestamp,
    device_tokens::{DeviceToken, Holder, NewTokenRequest, ReservedClaim, TokenRequest},
    id::{DeviceTokenId, LicenseId, TokenRequestId},
    licenses::SeatKey,
    sealing::SealedBytes,
    store_error::StoreError,
};

use super::{device::Device, seats::Seat};
use crate::dynamodb::{
    DynamoStore,
    expressions::present,
    items::{Found, Item, bytes, number, text, time},
    keys,
    transaction::Transaction,
};

/// So long past its end a request is known as one that has expired.
const REQUEST_HISTORY: Duration = Duration::from_secs(86_400);

/// Until when something is kept of a request.
pub(super) fn end_of_request(command: &NewTokenRequest) -> Timestamp {
    command.expires_at + REQUEST_HISTORY
}

pub(super) fn new_request(command: &NewTokenRequest) -> Item {
    Item::new(keys::token_request(command.id))
        .with("holder", text(command.holder.to_string()))
        .with("device_id", text(command.device_id.as_str()))
        .with("code", bytes(command.code.as_bytes()))
        .with("attempts", number(0))
        .with("created_at", time(command.created_at))
        .with("expires_at", time(command.expires_at))
        .with("token_expires_at", time(command.token_expires_at))
        .until(end_of_request(command))
}

/// A request of this holder, and its device.
pub(super) async fn find_request(
    store: &DynamoStore,
    id: TokenRequestId,
    holder: &Holder,
) -> Result<Option<(TokenRequest, Device)>, StoreError> {
    let Some(found) = store.get(keys::token_request(id)).await? else { return Ok(None) };
    let whose: Holder = found.parsed("token_requests.holder", |holder| holder.parse().ok())?;
    if whose != *holder {
        return Ok(None);
    }
    let reserved = ReservedClaim {
        device_id: found.parsed("token_requests.device_id", |id| id.parse().ok())?,
        code: found.hash("token_requests.code")?,
        token_expires_at: found.time("token_requests.token_expires_at")?,
    };
    let device = Device::find(store, holder, &reserved.device_id).await?;
    let request = TokenRequest {
        attempts: found.number("token_requests.attempts")?,
        expires_at: found.time("token_requests.expires_at")?,
        reserved,
        is_consumed: found.optional_time("token_requests.consumed_at")?.is_some(),
        is_superseded: device.has_other_than(id),
    };
    Ok(Some((request, device)))
}

/// A device token with what it was written under.
pub(super) struct Kept {
    pub(super) token: DeviceToken,
    /// The epoch of its holder's account.
    pub(super) epoch: Option<u64>,
    pub(super) seat: Option<Seat>,
}

impl Kept {
    pub(super) async fn find(store: &DynamoStore, id: DeviceTokenId) -> Result<Option<Self>, StoreError> {
        store.get(keys::device_token(id)).await?.as_ref().map(Self::read).transpose()
    }

    pub(super) fn read(found: &Found) -> Result<Self, StoreError> {
        let key = found.optional_hash("device_tokens.seat")?.map(SeatKey::from_stored);
        let number: Option<u32> = found.optional_number("device_tokens.seat_number")?;
        let entitlements = found.optional_parsed("device_tokens.entitlements", Scopes::from_text)?;
        let token = DeviceToken {
            id: DeviceTokenId::from_bytes(found.id("device_tokens.id")?),
            holder: found.parsed("device_tokens.holder", |holder| holder.parse().ok())?,
            address: found.optional_parsed("device_tokens.address", |address| address.parse().ok())?,
            device_id: found.parsed("device_tokens.device_id", |id| id.parse().ok())?,
            license: found.optional_id("device_tokens.license_id")?.map(LicenseId::from_bytes),
            entitlements: entitlements.unwrap_or_default(),
            seat: key,
            secret: SealedBytes::new(found.blob("device_tokens.secret")?.to_vec()),
            issued_at: found.time("device_tokens.issued_at")?,
            expires_at: found.time("device_tokens.expires_at")?,
        };
        let seat = key.zip(number).map(|(key, number)| Seat { key, number });
        Ok(Self { token, epoch: found.optional_number("device_tokens.epoch")?, seat })
    }
}

/// Writes a token under this epoch of its holder's account and with this seat, and into its lists.
pub(super) fn insert(
    transaction: &mut Transaction,
    token: &DeviceToken,
    epoch: Option<u64>,
    seat: Option<Seat>,
) {
    let scopes = token.entitlements.to_text();
    let item = Item::new(keys::device_token(token.id))
        .with("id", text(token.id.to_string()))
        .with("holder", text(token.holder.to_string()))
        .with_some("address", token.address.as_ref().map(|address| text(address.as_typed())))
        .with("device_id", text(token.device_id.as_str()))
        .with_some("license_id", token.license.map(|license| text(license.to_string())))
        .with_some("entitlements", (!scopes.is_empty()).then(|| text(scopes)))
        .with_some("seat", token.seat.map(|seat| bytes(seat.hash().as_bytes())))
        .with_some("seat_number", seat.map(|seat| number(seat.number)))
        .with_some("epoch", epoch.map(number))
        .with("secret", bytes(token.secret.as_bytes()))
        .with("issued_at", time(token.issued_at))
        .with("expires_at", time(token.expires_at))
        .until(token.expires_at);
    transaction.create(item);
    for list in [keys::listed_device_token(token.id), keys::device_token_of(&token.holder, token.id)] {
        transaction.put(Item::new(list).until(token.expires_at));
    }
}

/// Removes a token and what lists it, as far as the engine has not.
pub(super) fn delete(transaction: &mut Transaction, id: DeviceTokenId, holder: &Holder) {
    transaction.delete(keys::device_token(id));
    delete_from_lists(transaction, id, holder);
}

/// Removes a token and what lists it, if it is still there.
pub(super) fn delete_present(transaction: &mut Transaction, id: DeviceTokenId, holder: &Holder) {
    transaction.delete_if(keys::device_token(id), present());
    delete_from_lists(transaction, id, holder);
}

fn delete_from_lists(transaction: &mut Transaction, id: DeviceTokenId, holder: &Holder) {
    transaction.delete(keys::listed_device_token(id));
    transaction.delete(keys::device_token_of(holder, id));
}
