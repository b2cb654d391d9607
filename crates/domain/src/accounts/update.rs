//! Changing one's own account: only fields that are meant to be changed (A1).

use super::{Account, Accounts, Name};
use crate::{
    actor::{Actor, Origin},
    audit::{Act, AuditEvent},
    effects::Effects,
    id::AccountId,
    store_error::StoreError,
};

/// The fields to change.
#[derive(Clone, Debug)]
pub struct UpdateAccount {
    /// The new name; none takes the old one away.
    pub name: Option<Name>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateAccountError {
    /// There is no such account.
    #[error("no such account")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Accounts {
    /// Changes an account and gives it back as it is then.
    ///
    /// # Errors
    /// There is no such account, or the store failed.
    pub async fn update(
        &self,
        id: AccountId,
        change: UpdateAccount,
        origin: &Origin,
    ) -> Result<Account, UpdateAccountError> {
        let now = self.ports.clock.now();
        let event =
            AuditEvent::done(Act::ACCOUNT_UPDATED, Actor::Account(id), origin, now, &*self.ports.entropy)
                .on(id);
        if !self.ports.store.set_name(id, change.name, Effects::event(event)).await? {
            return Err(UpdateAccountError::NotFound);
        }
        self.ports.store.find(id).await?.ok_or(UpdateAccountError::NotFound)
    }
}
