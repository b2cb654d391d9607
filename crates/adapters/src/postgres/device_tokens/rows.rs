//! The rows of requests and device tokens in PostgreSQL: how they are written and read.

use symbolon_domain::{
    api_keys::Scopes,
    device_tokens::{DeviceId, DeviceToken, FoundDeviceToken, ReservedClaim, TokenRequest},
    id::{DeviceTokenId, LicenseId, TokenRequestId},
    licenses::SeatKey,
    sealing::SealedBytes,
};

use crate::{
    postgres::{
        commands::Db,
        failure::Failure,
        rows::{Columns, Values, first, values},
    },
    sql,
};

/// A token under the present epoch of its account.
pub(super) fn put_values(token: &DeviceToken, epoch: Option<u64>) -> Values {
    values![
        token.id,
        token.holder.to_string(),
        token.holder.account(),
        epoch,
        token.address.as_ref().map(|address| address.as_typed().to_owned()),
        token.device_id.as_str().to_owned(),
        token.license,
        token.entitlements.to_text(),
        token.seat.map(|seat| seat.hash().as_bytes().to_vec()),
        token.secret.as_bytes(),
        token.issued_at,
        token.expires_at,
    ]
}

pub(super) async fn find_request(
    db: &mut Db<'_>,
    id: TokenRequestId,
    holder: &str,
) -> Result<Option<TokenRequest>, Failure> {
    first(db, sql::device_tokens::FIND_REQUEST, values![id, holder.to_owned()], |columns| {
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
    .await
}

pub(super) async fn find(db: &mut Db<'_>, id: DeviceTokenId) -> Result<Option<FoundDeviceToken>, Failure> {
    first(db, sql::device_tokens::FIND, values![id], found).await
}

pub(super) fn found(columns: &mut Columns<'_>) -> Result<FoundDeviceToken, Failure> {
    let token = DeviceToken {
        id: DeviceTokenId::from_bytes(columns.id("device_tokens.id")?),
        holder: columns.parsed("device_tokens.holder", |text| text.parse().ok())?,
        address: columns.optional_parsed("device_tokens.address", |text| text.parse().ok())?,
        device_id: device_id(columns, "device_tokens.device_id")?,
        license: columns.optional_id("device_tokens.license_id")?.map(LicenseId::from_bytes),
        entitlements: columns.parsed("device_tokens.entitlements", Scopes::from_text)?,
        seat: columns.optional_hash("device_tokens.seat")?.map(SeatKey::from_stored),
        secret: SealedBytes::new(columns.blob("device_tokens.secret")?.to_vec()),
        issued_at: columns.timestamp("device_tokens.issued_at")?,
        expires_at: columns.timestamp("device_tokens.expires_at")?,
    };
    Ok(FoundDeviceToken { token, is_revoked: columns.boolean("accounts.epoch")? })
}

fn device_id(columns: &mut Columns<'_>, column: &'static str) -> Result<DeviceId, Failure> {
    columns.parsed(column, |text| text.parse().ok())
}
