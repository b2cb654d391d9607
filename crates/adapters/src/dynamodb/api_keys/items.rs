//! Families of API keys and their keys, as items.

use std::time::Duration;

use symbolon_domain::{
    accounts::Standing,
    actor::Role,
    api_keys::{ApiKey, NewApiKey, NewApiKeyToken, RateLimit, RefreshHash, RefreshLife, RefreshPart, Scopes},
    clock::Timestamp,
    id::{AccountId, ApiKeyId, ApiKeyTokenId},
    store_error::StoreError,
    sweeper::SESSION_HISTORY,
};

use crate::dynamodb::{
    accounts,
    expressions::{Expression, unchanged},
    items::{Found, Item, bytes, number, text, time},
    keys, rotation,
    transaction::Transaction,
};

/// An owner as far as their keys are concerned.
#[derive(Clone, Copy)]
pub(super) struct Owner {
    pub(super) standing: Standing,
    pub(super) key_epoch: u64,
}

impl Owner {
    pub(super) fn read(account: &Found) -> Result<Self, StoreError> {
        Ok(Self { standing: accounts::standing(account)?, key_epoch: accounts::key_epoch(account)? })
    }

    /// The epochs that keys which are issued now belong to.
    pub(super) fn epochs(&self) -> (u64, u64) {
        (self.standing.epoch, self.key_epoch)
    }

    /// Nothing has changed since that keys hang on.
    pub(super) fn is_unchanged(&self) -> Expression {
        accounts::is_unchanged(&self.standing).and(accounts::is_key_epoch(self.key_epoch))
    }
}

/// A family, and what a write to it demands.
pub(super) struct Kept {
    pub(super) key: ApiKey,
    /// The number of its slot.
    pub(super) slot: u32,
    version: u64,
}

impl Kept {
    /// Changes the family if nobody has since.
    pub(super) fn update(&self, transaction: &mut Transaction, update: Expression) {
        let counted = update.value("version", number(self.version.saturating_add(1)));
        let is_unchanged = unchanged("version", Some(number(self.version)));
        transaction.update(keys::api_key(self.key.id), counted, is_unchanged);
    }

    /// Ends the family.
    pub(super) fn revoke(&self, transaction: &mut Transaction, now: Timestamp) {
        let update = Expression::new("SET #revoked_at = :now, #version = :version").value("now", time(now));
        self.update(transaction, update);
    }
}

/// Writes a family with its first key, under these epochs of its owner and with this slot.
pub(super) fn insert(transaction: &mut Transaction, key: &NewApiKey, epochs: (u64, u64), slot: u32) {
    let until = key.expires_at + SESSION_HISTORY;
    transaction.create(family(key, epochs).with("slot", number(slot)).until(until));
    transaction.put(Item::new(keys::api_key_of_account(key.owner, key.id)).until(until));
    let token = new_token(&key.token, (key.owner, key.id), key.expires_at);
    transaction.create(rotation::first(token));
}

fn family(key: &NewApiKey, (epoch, key_epoch): (u64, u64)) -> Item {
    let scopes = key.scopes.to_text();
    Item::new(keys::api_key(key.id))
        .with("id", text(key.id.to_string()))
        .with("account_id", text(key.owner.to_string()))
        .with("role", text(key.role.as_str()))
        .with("epoch", number(epoch))
        .with("key_epoch", number(key_epoch))
        .with("version", number(0))
        .with("issuer", text(key.issuer.as_str()))
        .with("audience", text(key.audience.as_str()))
        .with("subject", text(key.subject.as_str()))
        .with("resource_version", text(key.version.as_str()))
        .with_some("scopes", (!scopes.is_empty()).then(|| text(scopes)))
        .with_some("address", key.address.map(|address| text(address.to_string())))
        .with_some("name", key.name.as_ref().map(|name| text(name.as_str())))
        .with_some("rate_requests", key.rate_limit.map(|limit| number(limit.requests)))
        .with_some("rate_window", key.rate_limit.map(|limit| number(limit.window.as_micros())))
        .with("lifetime", number(key.lifetime.as_micros()))
        .with_some("refresh_lifetime", key.refresh.map(|refresh| number(refresh.lifetime.as_micros())))
        .with("created_at", time(key.created_at))
        .with("expires_at", time(key.expires_at))
        .with("prefix", text(&*key.prefix))
        .with("key_expires_at", time(key.token.expires_at))
        .with("ends_at", time(key.token.ends_at()))
}

/// A used token is remembered as long as its family may live, so that it is known when it is shown again.
pub(super) fn new_token(
    token: &NewApiKeyToken,
    (owner, family): (AccountId, ApiKeyId),
    family_end: Timestamp,
) -> Item {
    let refresh = token.refresh.as_ref();
    Item::new(keys::api_key_token(token.id))
        .with("account_id", text(owner.to_string()))
        .with("api_key_id", text(family.to_string()))
        .with("hash", bytes(token.hash.as_bytes()))
        .with("not_before", time(token.not_before))
        .with("expires_at", time(token.expires_at))
        .with_some("refresh_hash", refresh.map(|refresh| text(refresh.hash.as_str())))
        .with_some("refresh_not_before", refresh.map(|refresh| time(refresh.not_before)))
        .with_some("refresh_expires_at", refresh.map(|refresh| time(refresh.expires_at)))
        .until(family_end.max(token.ends_at()))
}

/// Whose family this is.
pub(super) fn owner_of(family: &Found) -> Result<AccountId, StoreError> {
    family.id("api_keys.account_id").map(AccountId::from_bytes)
}

/// A family with its owner.
pub(super) fn kept(id: ApiKeyId, found: &Found, owner: &Owner) -> Result<Kept, StoreError> {
    let parsed = |name| found.parsed(name, |value| value.parse().ok());
    let key = ApiKey {
        id,
        owner: owner_of(found)?,
        role: found.parsed("api_keys.role", Role::parse)?,
        issuer: parsed("api_keys.issuer")?,
        audience: parsed("api_keys.audience")?,
        subject: parsed("api_keys.subject")?,
        version: parsed("api_keys.resource_version")?,
        scopes: found.optional_parsed("api_keys.scopes", Scopes::from_text)?.unwrap_or_default(),
        address: found.optional_parsed("api_keys.address", |address| address.parse().ok())?,
        name: found.optional_parsed("api_keys.name", |name| name.parse().ok())?,
        rate_limit: rate_limit(found)?,
        lifetime: duration(found, "api_keys.lifetime")?
            .ok_or_else(|| StoreError::corrupt("api_keys.lifetime"))?,
        refresh: duration(found, "api_keys.refresh_lifetime")?.map(|lifetime| RefreshLife { lifetime }),
        created_at: found.time("api_keys.created_at")?,
        expires_at: found.time("api_keys.expires_at")?,
        prefix: found.text("api_keys.prefix")?.to_owned(),
        key_expires_at: found.time("api_keys.key_expires_at")?,
        ends_at: found.time("api_keys.ends_at")?,
        last_used_at: found.optional_time("api_keys.last_used_at")?,
        revoked_at: found.optional_time("api_keys.revoked_at")?,
        epochs: (found.number("api_keys.epoch")?, found.number("api_keys.key_epoch")?),
        standing: owner.standing,
        key_epoch: owner.key_epoch,
    };
    Ok(Kept { key, slot: found.number("api_keys.slot")?, version: found.number("api_keys.version")? })
}

fn rate_limit(found: &Found) -> Result<Option<RateLimit>, StoreError> {
    let requests = found.optional_number("api_keys.rate_requests")?;
    let window = duration(found, "api_keys.rate_window")?;
    match (requests, window) {
        (Some(requests), Some(window)) => Ok(Some(RateLimit { requests, window })),
        (None, None) => Ok(None),
        _ => Err(StoreError::corrupt("api_keys.rate_window")),
    }
}

fn duration(found: &Found, name: &'static str) -> Result<Option<Duration>, StoreError> {
    Ok(found.optional_number(name)?.map(Duration::from_micros))
}

/// A key of a family, as it was written.
pub(super) fn token(id: ApiKeyTokenId, found: &Found) -> Result<NewApiKeyToken, StoreError> {
    let refresh = match found.optional_text("api_key_tokens.refresh_hash")? {
        Some(hash) => Some(RefreshPart {
            hash: RefreshHash::from_stored(hash.to_owned()),
            not_before: found.time("api_key_tokens.refresh_not_before")?,
            expires_at: found.time("api_key_tokens.refresh_expires_at")?,
        }),
        None => None,
    };
    Ok(NewApiKeyToken {
        id,
        hash: found.hash("api_key_tokens.hash")?,
        not_before: found.time("api_key_tokens.not_before")?,
        expires_at: found.time("api_key_tokens.expires_at")?,
        refresh,
    })
}
