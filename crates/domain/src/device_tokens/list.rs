//! The list of somebody's devices: one's own, or as an administrator (D11).

use super::{DeviceToken, DeviceTokens, Holder};
use crate::{
    access::{AccessError, Action, ItemKind, Question, Who},
    accounts::Administrator,
    actor::{Actor, Origin, Role},
    audit::{Act, Refusal},
    id::AccountId,
    page::{Page, PageRequest},
    store_error::StoreError,
    trusted_issuers::ExternalSubject,
};

/// Why nothing was listed or ended.
#[derive(Debug, thiserror::Error)]
pub enum DeviceTokensError {
    /// There is no such token or user, or the caller may not touch it: the answer does not tell which.
    #[error("no such device token")]
    NotFound,
    /// The access policy could not be asked.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who asks for tokens that may be another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokensCaller {
    /// An account, with the role that it has.
    Account(AccountId, Role),
    /// Somebody without an account here.
    External(ExternalSubject),
    /// Whoever has the command line.
    Operator,
}

impl TokensCaller {
    /// Who acts, for the audit log.
    pub(super) const fn actor(&self) -> Actor {
        match self {
            Self::Account(id, _) => Actor::Account(*id),
            Self::External(_) => Actor::Anonymous,
            Self::Operator => Actor::Operator,
        }
    }
}

impl DeviceTokens {
    /// The device tokens of a holder that count, newest first. A page may come back short, or empty, and go on.
    ///
    /// # Errors
    /// See [`DeviceTokensError`].
    pub async fn list(
        &self,
        by: &TokensCaller,
        holder: &Holder,
        page: PageRequest,
        origin: &Origin,
    ) -> Result<Page<DeviceToken>, DeviceTokensError> {
        self.may(by, (Action::List, Act::DEVICE_TOKENS_LISTED), holder, origin).await?;
        Ok(self.ports.store.list(holder, self.ports.clock.now(), page).await?)
    }

    /// Oneself always; an administrator by the access policy, as for the sessions of that owner. What belongs to somebody
    /// without an account has no owner whom the policy knows: it is every administrator's.
    pub(super) async fn may(
        &self,
        by: &TokensCaller,
        (action, act): (Action, Act),
        holder: &Holder,
        origin: &Origin,
    ) -> Result<(), DeviceTokensError> {
        let allowed = match (by, holder) {
            (TokensCaller::Operator, _) => true,
            (TokensCaller::External(caller), Holder::External(owner)) => caller == owner,
            (TokensCaller::External(_), Holder::Account(_)) => false,
            (TokensCaller::Account(caller, _), Holder::Account(owner)) => {
                let who = Who::Account(*caller);
                let question = Question::of_private(who, action, ItemKind::SESSION, *owner);
                caller == owner || self.ports.access.check(&question).await?.is_allowed()
            }
            (TokensCaller::Account(caller, role), Holder::External(_)) => {
                Administrator::of(*caller, *role).is_some()
            }
        };
        if allowed {
            return Ok(());
        }
        self.note_refusal(Refusal { act, reason: "access_denied", actor: by.actor(), subject: None }, origin);
        Err(DeviceTokensError::NotFound)
    }
}
