//! Passwords in PostgreSQL.
//!
//! Rows are locked in one order: the account, the session, the rest.

use async_trait::async_trait;
use symbolon_domain::{
    accounts::AccountState,
    passwords::{PasswordStore, ReplacePassword},
    store_error::StoreError,
};

use super::{
    PostgresStore,
    commands::Db,
    effects,
    failure::Failure,
    rows::{Columns, change, first, values},
};
use crate::sql;

#[async_trait]
impl PasswordStore for PostgresStore {
    async fn replace(&self, command: ReplacePassword) -> Result<bool, StoreError> {
        self.runner.transaction(|db| Box::pin(replace(db, &command))).await
    }
}

async fn replace(db: &mut Db<'_>, command: &ReplacePassword) -> Result<bool, Failure> {
    let ReplacePassword { account_id, old, new, kept, throttle, .. } = command;
    let values = values![new.as_phc(), *account_id, old.as_phc(), AccountState::Active.as_str()];
    let epoch = |columns: &mut Columns<'_>| columns.number::<i64>("accounts.epoch");
    let Some(epoch) = first(db, sql::passwords::REPLACE, values, epoch).await? else { return Ok(false) };
    change(db, sql::sessions::KEEP, values![epoch, *kept, *account_id]).await?;
    change(db, sql::sign_in::FORGET_THROTTLE, values![throttle]).await?;
    effects::write(db, &command.effects).await?;
    Ok(true)
}
