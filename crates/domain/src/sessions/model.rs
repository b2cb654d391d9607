//! Sessions, their refresh tokens and what is asked of them.

use std::{net::IpAddr, time::Duration};

use super::AboutSession;
use crate::{
    accounts::Standing,
    actor::Role,
    audit::AuditEvent,
    clock::Timestamp,
    id::{AccountId, RefreshTokenId, SessionId},
    secret::SecretHash,
};

/// How a person proved themselves, by RFC 8176.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationMethod {
    /// `pwd`: a password.
    Password,
    /// `otp`: a one-time code.
    OneTimeCode,
    /// `mfa`: more than one factor.
    MultipleFactors,
}

impl AuthenticationMethod {
    /// Its name in `amr`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::OneTimeCode => "otp",
            Self::MultipleFactors => "mfa",
        }
    }

    /// The method of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Password, Self::OneTimeCode, Self::MultipleFactors]
            .into_iter()
            .find(|method| method.as_str() == name)
    }
}

/// A refresh token as the store keeps it from its first moment.
#[derive(Clone, Debug)]
pub struct NewRefreshToken {
    /// Finds its row.
    pub id: RefreshTokenId,
    /// The SHA-256 of the whole token.
    pub hash: SecretHash,
    /// From when on it no longer counts: the idle limit, or the session's own end (S9).
    pub expires_at: Timestamp,
}

/// A session to be written by the ceremony that earned it. Its epoch is the account's at that moment (S10).
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id, which it keeps over every refresh (S9).
    pub id: SessionId,
    /// The SHA-256 of its client binding (S7).
    pub binding: SecretHash,
    /// How the person proved themselves.
    pub methods: Vec<AuthenticationMethod>,
    /// When: `auth_time`.
    pub created_at: Timestamp,
    /// The absolute limit (S9).
    pub expires_at: Timestamp,
    /// From where.
    pub ip: Option<IpAddr>,
    /// With what.
    pub user_agent: Option<String>,
    /// The first of its refresh tokens.
    pub refresh_token: NewRefreshToken,
}

/// A session as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub account_id: AccountId,
    /// The SHA-256 of its client binding.
    pub binding: SecretHash,
    /// How the person proved themselves.
    pub methods: Vec<AuthenticationMethod>,
    /// When: `auth_time`.
    pub created_at: Timestamp,
    /// When its tokens were last rotated; when it was created, before that.
    pub refreshed_at: Timestamp,
    /// When it ends if it is not refreshed before: the live refresh token's end (S9, idle).
    pub idle_expires_at: Timestamp,
    /// The absolute limit.
    pub expires_at: Timestamp,
    /// The address at the last refresh (S11).
    pub ip: Option<IpAddr>,
    /// The user agent at the sign-in.
    pub user_agent: Option<String>,
    /// When it was ended by itself before its time. One that was ended with all others has an earlier epoch instead.
    pub revoked_at: Option<Timestamp>,
    /// The account's epoch that it belongs to.
    pub epoch: u64,
    /// Its account as it is now.
    pub account: Standing,
}

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// It counts.
    Active,
    /// It was ended, or its account was.
    Revoked,
    /// It is past its idle or its absolute limit.
    Expired,
}

impl SessionState {
    /// Its name in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl NewSession {
    /// What its first access token says of it.
    #[must_use]
    pub fn about(&self, account_id: AccountId, role: Role) -> AboutSession<'_> {
        AboutSession {
            account_id,
            session_id: self.id,
            role,
            methods: &self.methods,
            auth_time: self.created_at,
            session_expires_at: self.expires_at,
            binding: self.binding,
        }
    }
}

impl Session {
    /// What an access token says of it.
    #[must_use]
    pub fn about(&self) -> AboutSession<'_> {
        AboutSession {
            account_id: self.account_id,
            session_id: self.id,
            role: self.account.role,
            methods: &self.methods,
            auth_time: self.created_at,
            session_expires_at: self.expires_at,
            binding: self.binding,
        }
    }

    /// How it stands at `now` (C25).
    #[must_use]
    pub fn state(&self, now: Timestamp) -> SessionState {
        if self.revoked_at.is_some() || self.epoch != self.account.epoch || !self.account.state.may_sign_in()
        {
            SessionState::Revoked
        } else if now >= self.expires_at || now >= self.idle_expires_at {
            SessionState::Expired
        } else {
            SessionState::Active
        }
    }
}

/// One presentation of a refresh token.
#[derive(Clone, Debug)]
pub struct RefreshSession {
    /// The row that the token names.
    pub token_id: RefreshTokenId,
    /// The SHA-256 of the whole token.
    pub token_hash: SecretHash,
    /// Which client shows it.
    pub client: RefreshClient,
    /// Its successor, if there is to be one. The store ends it with the session where that is earlier.
    pub successor: NewRefreshToken,
    /// See [`super::rotation`].
    pub grace: Duration,
    /// The caller's address now (S11).
    pub ip: Option<IpAddr>,
    /// The present.
    pub now: Timestamp,
    /// The event, still without subject, actor and outcome.
    pub event: AuditEvent,
}

/// What is known of the client that shows a refresh token.
#[derive(Clone, Copy, Debug)]
pub enum RefreshClient {
    /// It shows this binding.
    Bound(SecretHash),
    /// Bindings are switched off (`sessions.binding = "off"`).
    Unchecked,
}

/// What became of a presentation. A refusal that revokes is a success of the store.
#[derive(Clone, Debug)]
pub enum RefreshOutcome {
    /// Rotated: the session as it is now.
    Rotated(Box<Session>),
    /// Nothing was changed.
    Refused(RefreshRefusal),
    /// A used token was shown again: the session was ended and the event written.
    ReuseDetected,
}

/// Why a refresh token was refused without anything being changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshRefusal {
    /// No such token.
    Unknown,
    /// Another client's binding.
    WrongClient,
    /// The session or the token is past its limits.
    Expired,
    /// The session, or its account, was ended.
    Revoked,
    /// Used already, within the grace (K8).
    AlreadyUsed,
}

impl RefreshRefusal {
    /// Its slug in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown_token",
            Self::WrongClient => "wrong_client",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::AlreadyUsed => "already_used",
        }
    }
}

/// Somebody who showed a session token that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub account_id: AccountId,
    /// In which session.
    pub session_id: SessionId,
    /// With which role, as the store says now.
    pub role: Role,
    /// When they proved themselves: `auth_time`.
    pub authenticated_at: Timestamp,
}
