//! The port that keeps accounts.

use async_trait::async_trait;

use super::{Account, AdministerAccount, Administered, Name, Standing};
use crate::{
    effects::Effects,
    id::AccountId,
    identifiers::EmailAddress,
    page::{Page, PageRequest},
    store_error::StoreError,
};

/// Keeps accounts. They are created by the ports of sign-ups and invitations.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// The account with its identifiers. Reads its own writes.
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError>;

    /// The account with this verified address. Reads its own writes.
    async fn find_by_address(&self, address: &EmailAddress) -> Result<Option<Account>, StoreError>;

    /// The standing of those of these accounts that are there, in any order, each once. Reads its own writes.
    async fn standings(&self, ids: &[AccountId]) -> Result<Vec<(AccountId, Standing)>, StoreError>;

    /// All accounts with their identifiers, newest first.
    async fn list(&self, page: PageRequest) -> Result<Page<Account>, StoreError>;

    /// Sets or clears the name. False, and nothing written, when there is no such account.
    async fn set_name(&self, id: AccountId, name: Option<Name>, effects: Effects)
    -> Result<bool, StoreError>;

    /// Judges an administrator's change by [`AdministerAccount::judge`] and carries out the verdict, in one write: the
    /// standing, the name where that is changed, the failures that an unlock forgets, the effects. Of any number of
    /// changes at once that would each take a superuser away, the one is refused that would take the last.
    async fn administer(&self, command: AdministerAccount) -> Result<Administered, StoreError>;
}
