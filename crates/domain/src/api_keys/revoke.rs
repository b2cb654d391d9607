//! Ending API keys, and the list of them (K9, K10).

use super::{ApiKey, ApiKeys, RevokeApiKey};
use crate::{
    access::{AccessError, Action, ItemKind},
    actor::{Actor, Origin},
    audit::Act,
    effects::Effects,
    id::{AccountId, ApiKeyId},
    page::{Page, PageRequest},
    store_error::StoreError,
};

/// Why nothing was ended or listed.
#[derive(Debug, thiserror::Error)]
pub enum RevokeApiKeyError {
    /// There is no such key or owner, or the caller may not touch it: the answer does not tell which.
    #[error("no such key")]
    NotFound,
    /// The access policy could not be asked.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApiKeys {
    /// Ends one key: one's own, or another's where the access policy allows it. One that has ended already stays so.
    ///
    /// # Errors
    /// See [`RevokeApiKeyError`].
    pub async fn revoke(&self, by: Actor, id: ApiKeyId, origin: &Origin) -> Result<(), RevokeApiKeyError> {
        let owner = self.ports.store.owner(id).await?.ok_or(RevokeApiKeyError::NotFound)?;
        self.may(by, Action::Delete, owner, Act::API_KEY_REVOKED, origin).await?;
        let now = self.ports.clock.now();
        let effects = Effects::event(self.event(Act::API_KEY_REVOKED, by, origin, now).on(id));
        let command = RevokeApiKey { owner, id, effects, now };
        let revoked = self.ports.store.revoke(command).await;
        self.ports.revocations.key_ended(id);
        if revoked? { Ok(()) } else { Err(RevokeApiKeyError::NotFound) }
    }

    /// Ends every key of an owner; says how many were live.
    ///
    /// # Errors
    /// See [`RevokeApiKeyError`].
    pub async fn revoke_all(
        &self,
        by: Actor,
        owner: AccountId,
        origin: &Origin,
    ) -> Result<u64, RevokeApiKeyError> {
        self.may(by, Action::Delete, owner, Act::API_KEYS_REVOKED, origin).await?;
        let now = self.ports.clock.now();
        let effects = Effects::event(self.event(Act::API_KEYS_REVOKED, by, origin, now).on(owner));
        let revoked = self.ports.store.revoke_all(owner, effects, now).await;
        self.ports.revocations.account_ended();
        revoked?.ok_or(RevokeApiKeyError::NotFound)
    }

    /// Forgets the keys of an account that has signed out: they ended with its session (K11). Where it has none, those of others stay
    /// remembered.
    pub async fn signed_out(&self, owner: AccountId) {
        let keys = self.ports.store.list(owner, PageRequest::new(1, None)).await;
        if keys.map_or(true, |page| !page.items.is_empty() || page.next.is_some()) {
            self.ports.revocations.account_ended();
        }
    }

    /// The keys of an owner, ended ones included, newest first.
    ///
    /// # Errors
    /// See [`RevokeApiKeyError`].
    pub async fn list(
        &self,
        by: Actor,
        owner: AccountId,
        page: PageRequest,
        origin: &Origin,
    ) -> Result<Page<ApiKey>, RevokeApiKeyError> {
        self.may(by, Action::List, owner, Act::API_KEYS_LISTED, origin).await?;
        Ok(self.ports.store.list(owner, page).await?)
    }

    async fn may(
        &self,
        by: Actor,
        action: Action,
        owner: AccountId,
        act: Act,
        origin: &Origin,
    ) -> Result<(), RevokeApiKeyError> {
        // Whoever has the command line may what a superuser may, and look at what a locked account had.
        if by == Actor::Operator
            || self.ports.access.allowed(by, action, ItemKind::API_KEY, owner).await?.is_allowed()
        {
            return Ok(());
        }
        self.note(act, "access_denied", by, origin);
        Err(RevokeApiKeyError::NotFound)
    }
}
