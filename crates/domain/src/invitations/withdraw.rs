//! Seeing the invitations that are open, and ending one (A5).

use super::{Invitations, PendingInvitation, WithdrawInvitation, Withdrawn};
use crate::{
    accounts::{AdministrationRefusal, Administrator},
    actor::Origin,
    audit::{Act, AuditEvent, Refusal},
    effects::Effects,
    id::InvitationId,
    page::{Page, PageRequest},
    store_error::StoreError,
};

/// Why an invitation was not withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawError {
    /// There is no such invitation, or not any more.
    #[error("no such invitation")]
    NotFound,
    /// Only a superuser withdraws what invites to this role.
    #[error("only a superuser may withdraw an invitation to this role")]
    InsufficientRole,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Invitations {
    /// The invitations that still count, newest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self, page: PageRequest) -> Result<Page<PendingInvitation>, StoreError> {
        self.ports.store.list(page, self.ports.clock.now()).await
    }

    /// Ends an invitation: its link opens nothing any more.
    ///
    /// # Errors
    /// See [`WithdrawError`].
    pub async fn withdraw(
        &self,
        by: Administrator,
        id: InvitationId,
        origin: &Origin,
    ) -> Result<(), WithdrawError> {
        let (act, now) = (Act::INVITATION_WITHDRAWN, self.ports.clock.now());
        let event = AuditEvent::done(act.clone(), by.actor(), origin, now, &*self.ports.entropy).on(id);
        let command = WithdrawInvitation { id, by, effects: Effects::event(event) };
        match self.ports.store.withdraw(command).await? {
            Withdrawn::Done => Ok(()),
            Withdrawn::NotFound => Err(WithdrawError::NotFound),
            Withdrawn::InsufficientRole => {
                let reason = AdministrationRefusal::InsufficientRole.as_str();
                let refusal = Refusal { act, reason, actor: by.actor(), subject: Some(id.into()) };
                self.ports.refusals.note_refusal(refusal, origin);
                Err(WithdrawError::InsufficientRole)
            }
        }
    }
}
