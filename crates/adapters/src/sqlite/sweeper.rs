//! What has expired, in SQLite.

use async_trait::async_trait;
use rusqlite::params;
use symbolon_domain::{
    store_error::StoreError,
    sweeper::{Horizon, Sweep, SweepStore, Swept},
};

use super::{
    SqliteStore,
    rows::{Failure, change, changes},
    writer::Write,
};
use crate::sql::sweeper as sql;

#[async_trait]
impl SweepStore for SqliteStore {
    async fn sweep(&self, command: Sweep) -> Result<Swept, StoreError> {
        self.write(move |db| sweep(db, &command)).await
    }
}

fn sweep(db: &Write<'_>, command: &Sweep) -> Result<Swept, Failure> {
    let lease = params![sql::LEASE, command.holder, command.until.micros(), command.now.micros()];
    if !change(db, sql::TAKE_LEASE, lease)? {
        return Ok(Swept::HeldByAnother);
    }
    let oldest = |statement, horizon: Horizon| {
        let values = params![horizon.first_kept(), horizon.ended_by.micros(), command.limit];
        changes(db, statement, values)
    };
    let deleted = [
        oldest(sql::CODES, command.ceremonies)?,
        oldest(sql::SIGN_UPS, command.ceremonies)?,
        oldest(sql::SIGN_INS, command.ceremonies)?,
        oldest(sql::RECOVERIES, command.ceremonies)?,
        oldest(sql::INVITATIONS, command.ceremonies)?,
        oldest(sql::REFRESH_TOKENS, command.refresh_tokens)?,
        oldest(sql::SESSIONS, command.sessions)?,
        oldest(sql::API_KEY_TOKENS, command.api_key_tokens)?,
        oldest(sql::API_KEYS, command.api_keys)?,
        oldest(sql::TOKEN_REQUESTS, command.token_requests)?,
        oldest(sql::DEVICE_TOKENS, command.device_tokens)?,
        oldest(sql::MESSAGES, command.messages)?,
        changes(db, sql::SLOTS, params![command.now.micros(), command.limit])?,
    ];
    Ok(Swept::of(&deleted, command.limit))
}
