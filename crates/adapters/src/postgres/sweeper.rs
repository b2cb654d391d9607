//! What has expired, in PostgreSQL.

use async_trait::async_trait;
use sqlx::types::Uuid;
use symbolon_domain::{
    store_error::StoreError,
    sweeper::{Horizon, Sweep, SweepStore, Swept},
};

use super::{
    PostgresStore,
    commands::Db,
    failure::Failure,
    rows::{change, changes, values},
};
use crate::sql::sweeper as sql;

#[async_trait]
impl SweepStore for PostgresStore {
    async fn sweep(&self, command: Sweep) -> Result<Swept, StoreError> {
        self.runner.transaction(|db| Box::pin(sweep(db, &command))).await
    }
}

async fn sweep(db: &mut Db<'_>, command: &Sweep) -> Result<Swept, Failure> {
    let lease = values![sql::LEASE, command.holder, command.until, command.now];
    if !change(db, sql::TAKE_LEASE, lease).await? {
        return Ok(Swept::HeldByAnother);
    }
    let deleted = [
        oldest(db, sql::CODES, command.ceremonies, command.limit).await?,
        oldest(db, sql::SIGN_UPS, command.ceremonies, command.limit).await?,
        oldest(db, sql::SIGN_INS, command.ceremonies, command.limit).await?,
        oldest(db, sql::RECOVERIES, command.ceremonies, command.limit).await?,
        oldest(db, sql::INVITATIONS, command.ceremonies, command.limit).await?,
        oldest(db, sql::REFRESH_TOKENS, command.refresh_tokens, command.limit).await?,
        oldest(db, sql::SESSIONS, command.sessions, command.limit).await?,
        oldest(db, sql::API_KEY_TOKENS, command.api_key_tokens, command.limit).await?,
        oldest(db, sql::API_KEYS, command.api_keys, command.limit).await?,
        oldest(db, sql::TOKEN_REQUESTS, command.token_requests, command.limit).await?,
        oldest(db, sql::DEVICE_TOKENS, command.device_tokens, command.limit).await?,
        oldest(db, sql::MESSAGES, command.messages, command.limit).await?,
        changes(db, sql::SLOTS, values![command.now, command.limit]).await?,
    ];
    Ok(Swept::of(&deleted, command.limit))
}

async fn oldest(
    db: &mut Db<'_>,
    statement: &'static str,
    horizon: Horizon,
    limit: u32,
) -> Result<usize, Failure> {
    changes(db, statement, values![Uuid::from_bytes(horizon.first_kept()), horizon.ended_by, limit]).await
}
