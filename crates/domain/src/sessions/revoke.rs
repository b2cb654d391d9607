//! Ending one's own sessions: one, all others, or all (S10).

use super::{RevokeSessions, Sessions, SignedIn};
use crate::{
    actor::{Actor, Origin},
    audit::{Act, AuditEvent},
    effects::Effects,
    id::SessionId,
    store_error::StoreError,
};

/// Why nothing was ended.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// There is no such session, or it is somebody else's.
    #[error("no such session")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Sessions {
    /// Ends one of the caller's own sessions; one that has ended already stays ended. The one that asks takes every API key of its
    /// account along (K11): then [`crate::api_keys::ApiKeys::signed_out`] is to be told.
    ///
    /// # Errors
    /// There is no such session of the caller's, or the store failed.
    pub async fn revoke(&self, caller: &SignedIn, id: SessionId, origin: &Origin) -> Result<(), RevokeError> {
        let (account, now, store) = (caller.account_id, self.ports.clock.now(), &self.ports.store);
        let event = self.event(Act::SESSION_REVOKED, caller, origin).on(id);
        let is_theirs = if id == caller.session_id {
            store.sign_out(account, id, Effects::event(event.because("signed_out")), now).await?
        } else {
            store.revoke(account, id, Effects::event(event), now).await?
        };
        if is_theirs { Ok(()) } else { Err(RevokeError::NotFound) }
    }

    /// Ends the caller's sessions, all of them or all but the one that asks.
    ///
    /// # Errors
    /// The store failed.
    pub async fn revoke_many(
        &self,
        caller: &SignedIn,
        which: RevokeSessions,
        origin: &Origin,
    ) -> Result<(), StoreError> {
        let reason = match which {
            RevokeSessions::All => "all",
            RevokeSessions::Except(_) => "others",
        };
        let event = self.event(Act::SESSIONS_REVOKED, caller, origin).on(caller.account_id).because(reason);
        let revoked = self.ports.store.revoke_many(caller.account_id, which, Effects::event(event)).await;
        self.ports.revocations.account_ended();
        revoked
    }

    fn event(&self, act: Act, caller: &SignedIn, origin: &Origin) -> AuditEvent {
        let now = self.ports.clock.now();
        AuditEvent::done(act, Actor::Account(caller.account_id), origin, now, &*self.ports.entropy)
    }
}
