//! Passwords in DynamoDB.

use async_trait::async_trait;
use symbolon_domain::{
    accounts::{AccountState, Standing},
    passwords::{PasswordHash, PasswordStore, ReplacePassword},
    store_error::StoreError,
};

use super::{
    DynamoStore, accounts, effects,
    expressions::{Expression, unchanged},
    items::{Found, number, text},
    keys, sessions,
    transaction::{Transaction, Turn},
};

#[async_trait]
impl PasswordStore for DynamoStore {
    async fn replace(&self, command: ReplacePassword) -> Result<bool, StoreError> {
        self.settle(&keys::account(command.account_id), || replace(self, &command)).await
    }
}

async fn replace(store: &DynamoStore, command: &ReplacePassword) -> Turn<bool> {
    let ReplacePassword { account_id, old, new, kept, throttle, .. } = command;
    let Some(account) = store.get(keys::account(*account_id)).await? else { return Ok(Some(false)) };
    let standing = accounts::standing(&account)?;
    if standing.state != AccountState::Active || account.text("accounts.password")? != old.as_phc() {
        return Ok(Some(false));
    }
    let mut transaction = Transaction::default();
    let is_in_its_place = unchanged("password", Some(text(old.as_phc())));
    let condition = accounts::stands(&standing).and(is_in_its_place);
    transaction.update(keys::account(*account_id), set(&account, &standing, new)?, condition);
    sessions::keep(store, &mut transaction, (*account_id, &standing), *kept).await?;
    transaction.delete(keys::throttle(*throttle));
    effects::write(&mut transaction, &command.effects);
    Ok(store.transact(transaction).await?.then(true))
}

/// An account's new password, which opens it where it was compromised. It ends what was begun under the one before,
/// and every session.
pub(super) fn set(
    account: &Found,
    standing: &Standing,
    password: &PasswordHash,
) -> Result<Expression, StoreError> {
    let changes = accounts::password_changes(account)?.saturating_add(1);
    let update = "SET #password = :password, #state = :state, #epoch = :epoch, #password_changes = :changes";
    Ok(Expression::new(update)
        .value("password", text(password.as_phc()))
        .value("state", text(AccountState::Active.as_str()))
        .value("epoch", number(standing.epoch.saturating_add(1)))
        .value("changes", number(changes)))
}
