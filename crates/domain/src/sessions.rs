//! Sessions: one signed-in client each, from its second factor until it ends (S6, S7, S9, S10, S11).
//!
//! A session's access token is a JWT that any JWKS library verifies; its refresh token is opaque, used once,
//! and rotated. A token counts only together with the client binding that its client alone was given.

use std::{sync::Arc, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    actor::{Actor, Origin},
    audit::{Act, Refusal, Refusals},
    clock::{Clock, Timestamp},
    entropy::Entropy,
    id::{AccountId, RefreshTokenId, SessionId},
    page::{Page, PageRequest},
    revocations::Revocations,
    secret::{OpaqueToken, SecretHash, TokenKind},
    signing_keys::SignError,
    store_error::StoreError,
};

mod explain;
mod model;
mod refresh;
mod revoke;
mod store;
mod token;
mod verify;

pub use self::{
    explain::Explanation,
    model::{
        AuthenticationMethod, NewRefreshToken, NewSession, RefreshClient, RefreshOutcome, RefreshRefusal,
        RefreshSession, Session, SessionState, SignedIn,
    },
    refresh::RefreshError,
    revoke::RevokeError,
    store::{FoundToken, RefreshVerdict, RevokeSessions, SessionStore},
    token::{AboutSession, CeremonyKind, Confirmation, PreAuthorizedClaims, SessionClaims, SessionTokens},
    verify::VerifyError,
};

/// Whether a session token counts without its client binding (S7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingPolicy {
    /// It does not.
    Required,
    /// Bindings are neither given nor asked for.
    Off,
}

/// The limits of sessions.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// The life of an access token.
    pub access_lifetime: Duration,
    /// A session that is not refreshed for so long ends (S9).
    pub idle: Duration,
    /// A session ends after so long in any case (S9).
    pub absolute: Duration,
    /// A used refresh token is accepted once more within this (K8).
    pub grace: Duration,
    /// Whether tokens are bound to their client.
    pub binding: BindingPolicy,
    /// A sign-in is fresh enough for sensitive acts while it is not older than this (F7).
    pub fresh_for: Duration,
}

/// The ports that sessions stand on.
#[derive(Clone)]
pub struct SessionPorts {
    /// Keeps them.
    pub store: Arc<dyn SessionStore>,
    /// Makes and reads their tokens.
    pub tokens: SessionTokens,
    /// Counts what is refused.
    pub refusals: Refusals,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws secrets.
    pub entropy: Arc<dyn Entropy>,
    /// Is told what ends.
    pub revocations: Revocations,
}

/// Verifies, refreshes, ends and lists sessions.
#[derive(Clone)]
pub struct Sessions {
    ports: SessionPorts,
    settings: SessionSettings,
}

/// What a client holds of its session. The binding was given to it before (S9).
#[derive(Debug)]
pub struct SessionGrant {
    /// Whose.
    pub account_id: AccountId,
    /// Which session.
    pub session_id: SessionId,
    /// The JWT.
    pub access_token: SecretString,
    /// Its life.
    pub expires_in: Duration,
    /// The next refresh token.
    pub refresh_token: OpaqueToken,
    /// Its life.
    pub refresh_expires_in: Duration,
}

/// The sign-in is older than what is sensitive allows.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the sign-in is too old for this")]
pub struct StaleSignIn;

impl Sessions {
    /// Over these ports, with these limits.
    #[must_use]
    pub fn new(ports: SessionPorts, settings: SessionSettings) -> Self {
        Self { ports, settings }
    }

    /// The limits.
    #[must_use]
    pub const fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// The sessions of an account, ended ones included, newest first (S11).
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self, account: AccountId, page: PageRequest) -> Result<Page<Session>, StoreError> {
        self.ports.store.list(account, page).await
    }

    /// A client binding for a new ceremony, where bindings are on (S7).
    #[must_use]
    pub fn new_binding(&self) -> Option<OpaqueToken> {
        match self.settings.binding {
            BindingPolicy::Off => None,
            BindingPolicy::Required => {
                let id = crate::entropy::random_bytes(&*self.ports.entropy);
                Some(OpaqueToken::generate(TokenKind::ClientBinding, id, &*self.ports.entropy))
            }
        }
    }

    /// A session to be written by the ceremony that earned it with a password and a code, and its first
    /// refresh token.
    #[must_use]
    pub fn open(&self, binding: SecretHash, origin: &Origin, now: Timestamp) -> (NewSession, OpaqueToken) {
        let expires_at = now + self.settings.absolute;
        let (token, refresh_token) = self.new_refresh_token(now);
        let session = NewSession {
            id: SessionId::new(now, &*self.ports.entropy),
            binding,
            methods: vec![
                AuthenticationMethod::Password,
                AuthenticationMethod::OneTimeCode,
                AuthenticationMethod::MultipleFactors,
            ],
            created_at: now,
            expires_at,
            ip: origin.ip,
            user_agent: origin.user_agent.clone(),
            refresh_token: NewRefreshToken {
                expires_at: refresh_token.expires_at.min(expires_at),
                ..refresh_token
            },
        };
        (session, token)
    }

    /// Has this person proved themselves so lately that they may do what is sensitive (F7, RFC 9470)? `max_age` is the
    /// last age that is fresh enough.
    ///
    /// # Errors
    /// Not lately enough, which is noted.
    pub fn require_fresh(&self, signed_in: &SignedIn, origin: &Origin) -> Result<(), StaleSignIn> {
        if signed_in.authenticated_at + self.settings.fresh_for >= self.ports.clock.now() {
            return Ok(());
        }
        let (act, actor) = (Act::FRESH_SIGN_IN_ASKED, Actor::Account(signed_in.account_id));
        let subject = Some(signed_in.session_id.into());
        self.ports.refusals.note_refusal(Refusal { act, reason: "stale", actor, subject }, origin);
        Err(StaleSignIn)
    }

    /// What the client gets for a session that was written.
    ///
    /// # Errors
    /// No token could be signed.
    pub fn grant(
        &self,
        about: &AboutSession<'_>,
        refresh_token: OpaqueToken,
        refresh_expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<SessionGrant, SignError> {
        let claims = self.ports.tokens.session_claims(about, now, self.settings.access_lifetime);
        Ok(SessionGrant {
            account_id: about.account_id,
            session_id: about.session_id,
            access_token: self.ports.tokens.sign_session(&claims, now)?,
            expires_in: self.settings.access_lifetime,
            refresh_token,
            refresh_expires_in: refresh_expires_at.since(now),
        })
    }

    /// Notes for the audit what was refused, where something was.
    pub(crate) fn note_refusal(&self, act: Act, reason: Option<&'static str>, origin: &Origin) {
        if let Some(reason) = reason {
            self.ports.refusals.note(act, reason, origin);
        }
    }

    /// What makes and reads the tokens of sessions and ceremonies.
    #[must_use]
    pub const fn tokens(&self) -> &SessionTokens {
        &self.ports.tokens
    }

    /// Does this binding, as it was shown, belong to this confirmation? Constant time (S7).
    #[must_use]
    pub fn binding_fits(&self, confirmation: Option<&Confirmation>, shown: Option<&SecretString>) -> bool {
        match self.settings.binding {
            BindingPolicy::Off => true,
            BindingPolicy::Required => {
                let shown = shown
                    .and_then(|text| OpaqueToken::parse(TokenKind::ClientBinding, text.expose_secret()).ok())
                    .map(|token| token.hash());
                matches!((confirmation.and_then(Confirmation::hash), shown), (Some(held), Some(shown)) if held == shown)
            }
        }
    }

    fn new_refresh_token(&self, now: Timestamp) -> (OpaqueToken, NewRefreshToken) {
        let id = RefreshTokenId::new(now, &*self.ports.entropy);
        let token = OpaqueToken::generate(TokenKind::SessionRefresh, *id.as_bytes(), &*self.ports.entropy);
        let row = NewRefreshToken { id, hash: token.hash(), expires_at: now + self.settings.idle };
        (token, row)
    }
}
