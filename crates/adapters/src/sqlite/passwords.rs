//! Passwords in SQLite.

use async_trait::async_trait;
use rusqlite::params;
use symbolon_domain::{
    accounts::AccountState,
    passwords::{PasswordStore, ReplacePassword},
    store_error::StoreError,
};

use super::{
    SqliteStore, effects,
    rows::{Failure, change, first},
    writer::Write,
};
use crate::sql;

#[async_trait]
impl PasswordStore for SqliteStore {
    async fn replace(&self, command: ReplacePassword) -> Result<bool, StoreError> {
        self.write(move |db| replace(db, &command)).await
    }
}

fn replace(db: &Write<'_>, command: &ReplacePassword) -> Result<bool, Failure> {
    let ReplacePassword { account_id, old, new, kept, throttle, .. } = command;
    let values = params![new.as_phc(), account_id.as_bytes(), old.as_phc(), AccountState::Active.as_str()];
    let epoch =
        first(db, sql::passwords::REPLACE, values, |columns| columns.number::<i64>("accounts.epoch"))?;
    let Some(epoch) = epoch else { return Ok(false) };
    change(db, sql::sessions::KEEP, params![epoch, kept.as_bytes(), account_id.as_bytes()])?;
    change(db, sql::sign_in::FORGET_THROTTLE, [throttle.as_bytes()])?;
    effects::write(db, &command.effects)?;
    Ok(true)
}
