//! The rows of API keys in PostgreSQL: how they are written and read.

use std::time::Duration;

use symbolon_domain::{
    accounts::Name,
    actor::Role,
    api_keys::{
        ApiKey, ApiKeyText, ApiKeyToken, FoundApiKey, NewApiKey, NewApiKeyToken, RateLimit, RefreshHash,
        RefreshLife, RefreshPart, Scopes,
    },
    id::{AccountId, ApiKeyId, ApiKeyTokenId},
    rotation::TokenUse,
};

use crate::{
    postgres::{
        accounts::standing,
        commands::Db,
        failure::Failure,
        rows::{Columns, change, values},
    },
    sql,
};

/// Writes a family and its first key, under these epochs of its owner.
pub(super) async fn insert(
    db: &mut Db<'_>,
    key: &NewApiKey,
    (epoch, key_epoch): (u64, u64),
    slot: u32,
) -> Result<(), Failure> {
    let values = values![
        key.id,
        key.owner,
        key.role.as_str(),
        epoch,
        key_epoch,
        key.issuer.as_str(),
        key.audience.as_str(),
        key.subject.as_str(),
        key.version.as_str(),
        key.scopes.to_text(),
        key.address.map(String::from),
        key.name.as_ref().map(Name::as_str),
        key.rate_limit.map(|rate| rate.requests),
        key.rate_limit.map(|rate| rate.window.as_secs()),
        key.lifetime.as_secs(),
        key.refresh.map(|refresh| refresh.lifetime.as_secs()),
        key.created_at,
        key.expires_at,
        key.prefix.as_str(),
        key.token.expires_at,
        key.token.ends_at(),
        slot,
    ];
    change(db, sql::api_keys::INSERT, values).await?;
    insert_token(db, key.id, &key.token, None).await
}

pub(super) async fn insert_token(
    db: &mut Db<'_>,
    key: ApiKeyId,
    token: &NewApiKeyToken,
    parent: Option<ApiKeyTokenId>,
) -> Result<(), Failure> {
    let refresh = token.refresh.as_ref();
    let values = values![
        token.id,
        key,
        &token.hash,
        token.not_before,
        token.expires_at,
        refresh.map(|refresh| refresh.hash.as_str()),
        refresh.map(|refresh| refresh.not_before),
        refresh.map(|refresh| refresh.expires_at),
        parent,
    ];
    change(db, sql::api_keys::INSERT_TOKEN, values).await?;
    Ok(())
}

pub(super) fn token(columns: &mut Columns<'_>) -> Result<FoundApiKey, Failure> {
    let id = ApiKeyTokenId::from_bytes(columns.id("api_key_tokens.id")?);
    let hash = columns.hash("api_key_tokens.hash")?;
    let not_before = columns.timestamp("api_key_tokens.not_before")?;
    let expires_at = columns.timestamp("api_key_tokens.expires_at")?;
    let refresh = refresh_part(columns)?;
    let retired_at = columns.optional_timestamp("api_key_tokens.retired_at")?;
    let uses: u8 = columns.number("api_key_tokens.uses")?;
    let successor_is_live = columns.boolean("api_key_tokens.retired_at")?;
    let used = match (retired_at, uses) {
        (None, 0) => TokenUse::Live,
        (Some(at), 0) => TokenUse::RetiredBySibling { at },
        (Some(at), 1) => TokenUse::Rotated { at, successor_is_live },
        (Some(at), 2) => TokenUse::RotatedTwice { at },
        _ => return Err(Failure::Corrupt("api_key_tokens.uses")),
    };
    let token = ApiKeyToken { token: NewApiKeyToken { id, hash, not_before, expires_at, refresh }, used };
    Ok(FoundApiKey { token, key: key(columns)? })
}

fn refresh_part(columns: &mut Columns<'_>) -> Result<Option<RefreshPart>, Failure> {
    let hash = columns.optional_text("api_key_tokens.refresh_hash")?;
    let not_before = columns.optional_timestamp("api_key_tokens.refresh_not_before")?;
    let expires_at = columns.optional_timestamp("api_key_tokens.refresh_expires_at")?;
    match (hash, not_before, expires_at) {
        (None, None, None) => Ok(None),
        (Some(hash), Some(not_before), Some(expires_at)) => {
            Ok(Some(RefreshPart { hash: RefreshHash::from_stored(hash.to_owned()), not_before, expires_at }))
        }
        _ => Err(Failure::Corrupt("api_key_tokens.refresh_hash")),
    }
}

pub(super) fn key(columns: &mut Columns<'_>) -> Result<ApiKey, Failure> {
    Ok(ApiKey {
        id: ApiKeyId::from_bytes(columns.id("api_keys.id")?),
        owner: AccountId::from_bytes(columns.id("api_keys.account_id")?),
        role: columns.parsed("api_keys.role", Role::parse)?,
        issuer: text(columns, "api_keys.issuer")?,
        audience: text(columns, "api_keys.audience")?,
        subject: text(columns, "api_keys.subject")?,
        version: text(columns, "api_keys.version")?,
        scopes: columns.parsed("api_keys.scopes", Scopes::from_text)?,
        address: columns.optional_parsed("api_keys.address", |address| address.parse().ok())?,
        name: columns.optional_parsed("api_keys.name", |name| name.parse().ok())?,
        rate_limit: rate_limit(columns)?,
        lifetime: duration(columns, "api_keys.lifetime")?.ok_or(Failure::Corrupt("api_keys.lifetime"))?,
        refresh: duration(columns, "api_keys.refresh_lifetime")?.map(|lifetime| RefreshLife { lifetime }),
        created_at: columns.timestamp("api_keys.created_at")?,
        expires_at: columns.timestamp("api_keys.expires_at")?,
        prefix: columns.text("api_keys.prefix")?.to_owned(),
        key_expires_at: columns.timestamp("api_keys.key_expires_at")?,
        ends_at: columns.timestamp("api_keys.ends_at")?,
        last_used_at: columns.optional_timestamp("api_keys.last_used_at")?,
        revoked_at: columns.optional_timestamp("api_keys.revoked_at")?,
        epochs: (columns.number("api_keys.epoch")?, columns.number("api_keys.key_epoch")?),
        standing: standing(columns)?,
        key_epoch: columns.number("accounts.key_epoch")?,
    })
}

fn text(columns: &mut Columns<'_>, column: &'static str) -> Result<ApiKeyText, Failure> {
    columns.parsed(column, |text| text.parse().ok())
}

fn rate_limit(columns: &mut Columns<'_>) -> Result<Option<RateLimit>, Failure> {
    let requests = columns.optional_number("api_keys.rate_requests")?;
    let window = duration(columns, "api_keys.rate_window")?;
    match (requests, window) {
        (None, None) => Ok(None),
        (Some(requests), Some(window)) => Ok(Some(RateLimit { requests, window })),
        _ => Err(Failure::Corrupt("api_keys.rate_window")),
    }
}

/// NULL, or whole seconds.
fn duration(columns: &mut Columns<'_>, column: &'static str) -> Result<Option<Duration>, Failure> {
    Ok(columns.optional_number(column)?.map(Duration::from_secs))
}
