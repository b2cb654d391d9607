//! Accounts: a person's own view of it and what they may change (A1, A6), and what administrators do to it (A5, S15).
//!
//! Accounts come to be in [`crate::sign_up`] and [`crate::invitations`]. Deleting is not here yet.

use std::sync::Arc;

use crate::{
    audit::Refusals,
    clock::Clock,
    entropy::Entropy,
    id::AccountId,
    identifiers::EmailAddress,
    outbox::Outbox,
    page::{Page, PageRequest},
    revocations::Revocations,
    sealing::Peppers,
    store_error::StoreError,
};

mod administer;
mod administration;
mod model;
mod store;
mod update;

pub use self::{
    administer::{AdministerError, NotAdministrator},
    administration::{
        AccountChange, AdministerAccount, Administered, AdministrationRefusal, AdministrationVerdict,
        Administrator,
    },
    model::{Account, AccountState, InvalidName, Name, Standing},
    store::AccountStore,
    update::{UpdateAccount, UpdateAccountError},
};

/// What accounts stand on.
#[derive(Clone)]
pub struct AccountPorts {
    /// Keeps them.
    pub store: Arc<dyn AccountStore>,
    /// Counts what is refused.
    pub refusals: Refusals,
    /// Composes messages.
    pub outbox: Outbox,
    /// Hashes addresses.
    pub peppers: Peppers,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws ids.
    pub entropy: Arc<dyn Entropy>,
    /// Is told what ends.
    pub revocations: Revocations,
}

/// Views, updates and administers accounts.
#[derive(Clone)]
pub struct Accounts {
    ports: AccountPorts,
}

impl Accounts {
    /// Over these ports.
    #[must_use]
    pub const fn new(ports: AccountPorts) -> Self {
        Self { ports }
    }

    /// One account with its identifiers.
    ///
    /// # Errors
    /// The store failed.
    pub async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.ports.store.find(id).await
    }

    /// The account with this verified address: for administrators.
    ///
    /// # Errors
    /// The store failed.
    pub async fn find_by_address(&self, address: &EmailAddress) -> Result<Option<Account>, StoreError> {
        self.ports.store.find_by_address(address).await
    }

    /// All accounts, newest first: for administrators.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self, page: PageRequest) -> Result<Page<Account>, StoreError> {
        self.ports.store.list(page).await
    }
}
