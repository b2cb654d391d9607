//! New tokens for a refresh token, which is used once (S9, K8).

use secrecy::{ExposeSecret as _, SecretString};

use super::{
    BindingPolicy, RefreshClient, RefreshOutcome, RefreshRefusal, RefreshSession, Session, SessionGrant,
    Sessions,
};
use crate::{
    actor::{Actor, Origin},
    audit::{Act, AuditEvent},
    id::RefreshTokenId,
    secret::{OpaqueToken, TokenKind},
    signing_keys::SignError,
    store_error::StoreError,
};

/// Why there are no new tokens.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The refresh token does not count. The reason is in the audit only.
    #[error("the refresh token does not count")]
    Refused,
    /// No token could be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Sessions {
    /// Rotates a session's tokens. The access token before need not be shown and may have expired.
    ///
    /// # Errors
    /// See [`RefreshError`].
    pub async fn refresh(
        &self,
        refresh_token: &SecretString,
        binding: Option<&SecretString>,
        origin: &Origin,
    ) -> Result<SessionGrant, RefreshError> {
        let Ok(shown) = OpaqueToken::parse(TokenKind::SessionRefresh, refresh_token.expose_secret()) else {
            return Err(self.refuse_refresh("format", origin));
        };
        let Some(client) = self.client(binding) else {
            return Err(self.refuse_refresh(RefreshRefusal::WrongClient.as_str(), origin));
        };
        let now = self.ports.clock.now();
        let (token, successor) = self.new_refresh_token(now);
        let event =
            AuditEvent::done(Act::SESSION_REFRESHED, Actor::Anonymous, origin, now, &*self.ports.entropy);
        let command = RefreshSession {
            token_id: RefreshTokenId::from_bytes(*shown.id()),
            token_hash: shown.hash(),
            client,
            successor,
            grace: self.settings.grace,
            ip: origin.ip,
            now,
            event,
        };
        match self.ports.store.refresh(command).await? {
            RefreshOutcome::Rotated(session) => {
                Ok(self.grant(&session.about(), token, session.idle_expires_at, now)?)
            }
            RefreshOutcome::Refused(reason) => Err(self.refuse_refresh(reason.as_str(), origin)),
            RefreshOutcome::ReuseDetected => Err(RefreshError::Refused),
        }
    }

    fn client(&self, binding: Option<&SecretString>) -> Option<RefreshClient> {
        match self.settings.binding {
            BindingPolicy::Off => Some(RefreshClient::Unchecked),
            BindingPolicy::Required => binding
                .and_then(|text| OpaqueToken::parse(TokenKind::ClientBinding, text.expose_secret()).ok())
                .map(|token| RefreshClient::Bound(token.hash())),
        }
    }

    fn refuse_refresh(&self, reason: &'static str, origin: &Origin) -> RefreshError {
        self.ports.refusals.note(Act::SESSION_REFRESHED, reason, origin);
        RefreshError::Refused
    }
}

impl RefreshSession {
    /// The event of a rotation of this session.
    #[must_use]
    pub fn rotated_event(&self, session: &Session) -> AuditEvent {
        self.event.clone().by(Actor::Account(session.account_id)).on(session.id)
    }

    /// The event of a used token shown again.
    #[must_use]
    pub fn reuse_event(&self, session: &Session) -> AuditEvent {
        let mut event = self.event.clone().refused("reuse_detected").on(session.id);
        event.act = Act::SESSION_REUSE_DETECTED;
        event
    }
}
