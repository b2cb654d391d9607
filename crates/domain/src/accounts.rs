//! Accounts: a person's own view of it, and what they may change (A1, A6).
//!
//! Accounts come to be in [`crate::sign_up`]. Locking, deleting and the like are not here yet.

use std::sync::Arc;

use crate::{
    clock::Clock,
    entropy::Entropy,
    id::AccountId,
    identifiers::EmailAddress,
    page::{Page, PageRequest},
    store_error::StoreError,
};

mod model;
mod store;
mod update;

pub use self::{
    model::{Account, AccountState, InvalidName, Name, Standing},
    store::AccountStore,
    update::{UpdateAccount, UpdateAccountError},
};

/// Views and updates accounts.
#[derive(Clone)]
pub struct Accounts {
    store: Arc<dyn AccountStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Accounts {
    /// Over this store.
    #[must_use]
    pub fn new(store: Arc<dyn AccountStore>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, clock, entropy }
    }

    /// One account with its identifiers.
    ///
    /// # Errors
    /// The store failed.
    pub async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.store.find(id).await
    }

    /// The account with this verified address: for operators.
    ///
    /// # Errors
    /// The store failed.
    pub async fn find_by_address(&self, address: &EmailAddress) -> Result<Option<Account>, StoreError> {
        self.store.find_by_address(address).await
    }

    /// All accounts, newest first: for operators.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self, page: PageRequest) -> Result<Page<Account>, StoreError> {
        self.store.list(page).await
    }
}
