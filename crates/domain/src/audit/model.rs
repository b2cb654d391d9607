//! An audit event and its parts.

use std::{borrow::Cow, net::IpAddr};

use crate::{
    actor::{Actor, Origin},
    clock::Timestamp,
    entropy::Entropy,
    id::{
        AccountId, ApiKeyId, AuditEventId, CeremonyId, DeviceTokenId, InvitationId, LicenseId, MessageId,
        RequestId, SessionId, SigningKeyId, TokenId, TokenRequestId,
    },
    trusted_issuers::ExternalSubject,
};

/// What was done or tried, as `<feature>.<verb>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Act(Cow<'static, str>);

impl Act {
    /// A sign-up began and a message went out.
    pub const SIGN_UP_STARTED: Self = Self::named("sign_up.started");
    /// A sign-up was verified: the account exists.
    pub const SIGN_UP_COMPLETED: Self = Self::named("sign_up.completed");
    /// The first factor of a sign-in.
    pub const SIGN_IN_STARTED: Self = Self::named("sign_in.started");
    /// The second factor of a sign-in: the session exists.
    pub const SIGN_IN_COMPLETED: Self = Self::named("sign_in.completed");
    /// A recovery began; a message went out if there is an account.
    pub const RECOVERY_STARTED: Self = Self::named("recovery.started");
    /// A recovery has set a new password.
    pub const RECOVERY_COMPLETED: Self = Self::named("recovery.completed");
    /// A password was changed by who knew the one before.
    pub const PASSWORD_CHANGED: Self = Self::named("password.changed");
    /// A one-time code was sent again.
    pub const CODE_SENT: Self = Self::named("one_time_code.sent");
    /// A one-time code was judged.
    pub const CODE_JUDGED: Self = Self::named("one_time_code.judged");
    /// A session's tokens were rotated.
    pub const SESSION_REFRESHED: Self = Self::named("session.refreshed");
    /// A used refresh token was shown again: its session was ended (K8).
    pub const SESSION_REUSE_DETECTED: Self = Self::named("session.reuse_detected");
    /// A session token was checked.
    pub const SESSION_VERIFIED: Self = Self::named("session.verified");
    /// One session was ended.
    pub const SESSION_REVOKED: Self = Self::named("session.revoked");
    /// Every session of an account was ended, or every other one.
    pub const SESSIONS_REVOKED: Self = Self::named("sessions.revoked");
    /// Something sensitive was asked for, which takes a fresh sign-in (F7).
    pub const FRESH_SIGN_IN_ASKED: Self = Self::named("session.fresh_sign_in_asked");
    /// An API key was issued (K1).
    pub const API_KEY_ISSUED: Self = Self::named("api_key.issued");
    /// An API key was shown to be verified (K5).
    pub const API_KEY_VERIFIED: Self = Self::named("api_key.verified");
    /// An API key was refreshed (K7).
    pub const API_KEY_REFRESHED: Self = Self::named("api_key.refreshed");
    /// A used refresh token of an API key was shown again (K8).
    pub const API_KEY_REUSE_DETECTED: Self = Self::named("api_key.reuse_detected");
    /// A JWT was given for an API key (K13).
    pub const API_KEY_EXCHANGED: Self = Self::named("api_key.exchanged");
    /// An API key of another system was taken over (K15).
    pub const API_KEY_IMPORTED: Self = Self::named("api_key.imported");
    /// An API key was ended (K9).
    pub const API_KEY_REVOKED: Self = Self::named("api_key.revoked");
    /// Every API key of an account was ended (K9).
    pub const API_KEYS_REVOKED: Self = Self::named("api_keys.revoked");
    /// The API keys of an account were asked for (K9).
    pub const API_KEYS_LISTED: Self = Self::named("api_keys.listed");
    /// A licence was granted (L3).
    pub const LICENSE_GRANTED: Self = Self::named("license.granted");
    /// A licence was ended before its time (L3).
    pub const LICENSE_REVOKED: Self = Self::named("license.revoked");
    /// A device token was asked for; its code went out (D1).
    pub const DEVICE_TOKEN_REQUESTED: Self = Self::named("device_token.requested");
    /// A device token was claimed (D7).
    pub const DEVICE_TOKEN_CLAIMED: Self = Self::named("device_token.claimed");
    /// A device token was shown to be verified (D10).
    pub const DEVICE_TOKEN_VERIFIED: Self = Self::named("device_token.verified");
    /// A device token was exchanged for a new one (D12).
    pub const DEVICE_TOKEN_EXCHANGED: Self = Self::named("device_token.exchanged");
    /// A device token was ended (D11).
    pub const DEVICE_TOKEN_REVOKED: Self = Self::named("device_token.revoked");
    /// The device tokens of somebody were asked for (D11).
    pub const DEVICE_TOKENS_LISTED: Self = Self::named("device_tokens.listed");
    /// An account's own fields were changed.
    pub const ACCOUNT_UPDATED: Self = Self::named("account.updated");
    /// An account was locked by an administrator.
    pub const ACCOUNT_LOCKED: Self = Self::named("account.locked");
    /// An account was opened by an administrator, its failed sign-ins forgotten.
    pub const ACCOUNT_UNLOCKED: Self = Self::named("account.unlocked");
    /// An account was marked compromised.
    pub const ACCOUNT_COMPROMISED: Self = Self::named("account.compromised");
    /// An account got another role; the reason says which.
    pub const ACCOUNT_ROLE_CHANGED: Self = Self::named("account.role_changed");
    /// Somebody was invited; the reason says as what.
    pub const INVITATION_CREATED: Self = Self::named("invitation.created");
    /// An invitation was redeemed: the account exists.
    pub const INVITATION_REDEEMED: Self = Self::named("invitation.redeemed");
    /// An invitation was ended before it was redeemed.
    pub const INVITATION_WITHDRAWN: Self = Self::named("invitation.withdrawn");
    /// An administrators' endpoint was called.
    pub const ADMINISTRATION_CALLED: Self = Self::named("administration.called");
    /// Somebody asked what somebody may do.
    pub const ACCESS_CHECKED: Self = Self::named("access.checked");
    /// The gateway asked whether a request may pass (Z5).
    pub const GATEWAY_DECIDED: Self = Self::named("gateway.decided");
    /// A token of a trusted issuer was shown (Z2).
    pub const ISSUER_TOKEN_VERIFIED: Self = Self::named("issuer_token.verified");
    /// A message was given up: expired, or refused for good (M2, M3).
    pub const MESSAGE_DROPPED: Self = Self::named("message.dropped");
    /// A message that waited was made due at once.
    pub const MESSAGE_RETRIED: Self = Self::named("message.retried");
    /// A test message was handed to the carrier (M4).
    pub const MESSAGE_TEST_SENT: Self = Self::named("message.test_sent");
    /// An operator made an access token by hand (Z10).
    pub const ACCESS_TOKEN_MINTED: Self = Self::named("access_token.minted");
    /// A signing key was made.
    pub const SIGNING_KEY_CREATED: Self = Self::named("signing_key.created");
    /// A signing key was retired by hand.
    pub const SIGNING_KEY_RETIRED: Self = Self::named("signing_key.retired");
    /// A signing key that had retired was deleted.
    pub const SIGNING_KEY_DELETED: Self = Self::named("signing_key.deleted");

    /// What is sealed in the store was sealed anew under the first master key.
    pub const MASTER_KEY_ROTATED: Self = Self::named("master_key.rotated");

    /// All of them.
    pub const ALL: &[Self] = &[
        Self::SIGN_UP_STARTED,
        Self::SIGN_UP_COMPLETED,
        Self::SIGN_IN_STARTED,
        Self::SIGN_IN_COMPLETED,
        Self::RECOVERY_STARTED,
        Self::RECOVERY_COMPLETED,
        Self::PASSWORD_CHANGED,
        Self::CODE_SENT,
        Self::CODE_JUDGED,
        Self::SESSION_REFRESHED,
        Self::SESSION_REUSE_DETECTED,
        Self::SESSION_VERIFIED,
        Self::SESSION_REVOKED,
        Self::SESSIONS_REVOKED,
        Self::FRESH_SIGN_IN_ASKED,
        Self::API_KEY_ISSUED,
        Self::API_KEY_VERIFIED,
        Self::API_KEY_REFRESHED,
        Self::API_KEY_REUSE_DETECTED,
        Self::API_KEY_EXCHANGED,
        Self::API_KEY_IMPORTED,
        Self::API_KEY_REVOKED,
        Self::API_KEYS_REVOKED,
        Self::API_KEYS_LISTED,
        Self::LICENSE_GRANTED,
        Self::LICENSE_REVOKED,
        Self::DEVICE_TOKEN_REQUESTED,
        Self::DEVICE_TOKEN_CLAIMED,
        Self::DEVICE_TOKEN_VERIFIED,
        Self::DEVICE_TOKEN_EXCHANGED,
        Self::DEVICE_TOKEN_REVOKED,
        Self::DEVICE_TOKENS_LISTED,
        Self::ACCOUNT_UPDATED,
        Self::ACCOUNT_LOCKED,
        Self::ACCOUNT_UNLOCKED,
        Self::ACCOUNT_COMPROMISED,
        Self::ACCOUNT_ROLE_CHANGED,
        Self::INVITATION_CREATED,
        Self::INVITATION_REDEEMED,
        Self::INVITATION_WITHDRAWN,
        Self::ACCESS_CHECKED,
        Self::ADMINISTRATION_CALLED,
        Self::GATEWAY_DECIDED,
        Self::ISSUER_TOKEN_VERIFIED,
        Self::MESSAGE_DROPPED,
        Self::MESSAGE_RETRIED,
        Self::MESSAGE_TEST_SENT,
        Self::ACCESS_TOKEN_MINTED,
        Self::SIGNING_KEY_CREATED,
        Self::SIGNING_KEY_RETIRED,
        Self::SIGNING_KEY_DELETED,
        Self::MASTER_KEY_ROTATED,
    ];

    /// The act of this name, if this program has one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|act| act.as_str() == name).cloned()
    }

    const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The act of this name, as a store gives it back or somebody asks for it.
    #[must_use]
    pub const fn from_stored(name: String) -> Self {
        Self(Cow::Owned(name))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

impl Outcome {
    /// Its name in stores and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    /// The outcome of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Done, Self::Refused].into_iter().find(|outcome| outcome.as_str() == name)
    }
}

/// What it was done to, as `<kind>:<id>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject(String);

impl Subject {
    /// As a store gives it back.
    #[must_use]
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! subjects {
    ($($id:ty => $kind:literal;)+) => {$(
        impl From<$id> for Subject {
            fn from(id: $id) -> Self {
                Self(format!(concat!($kind, ":{}"), id))
            }
        }
    )+};
}

subjects! {
    AccountId => "account";
    CeremonyId => "ceremony";
    InvitationId => "invitation";
    SessionId => "session";
    ApiKeyId => "api_key";
    MessageId => "message";
    SigningKeyId => "signing_key";
    TokenId => "token";
    LicenseId => "license";
    TokenRequestId => "token_request";
    DeviceTokenId => "device_token";
}

impl From<&ExternalSubject> for Subject {
    fn from(subject: &ExternalSubject) -> Self {
        Self(format!("external:{subject}"))
    }
}

/// One row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Its id; ids sort by time.
    pub id: AuditEventId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub act: Act,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was refused or ended so: a short slug.
    pub reason: Option<Cow<'static, str>>,
    /// To what.
    pub subject: Option<Subject>,
    /// In which request; none for the service's own acts.
    pub request_id: Option<RequestId>,
    /// From where.
    pub ip: Option<IpAddr>,
    /// How many such events this row stands for.
    pub count: u32,
}

impl AuditEvent {
    /// An event that was done, in a request.
    #[must_use]
    pub fn done(act: Act, actor: Actor, origin: &Origin, now: Timestamp, entropy: &dyn Entropy) -> Self {
        Self {
            id: AuditEventId::new(now, entropy),
            at: now,
            actor,
            act,
            outcome: Outcome::Done,
            reason: None,
            subject: None,
            request_id: Some(origin.request_id),
            ip: origin.ip,
            count: 1,
        }
    }

    /// An event of the service itself, outside any request.
    #[must_use]
    pub fn by_system(act: Act, now: Timestamp, entropy: &dyn Entropy) -> Self {
        Self {
            id: AuditEventId::new(now, entropy),
            at: now,
            actor: Actor::System,
            act,
            outcome: Outcome::Done,
            reason: None,
            subject: None,
            request_id: None,
            ip: None,
            count: 1,
        }
    }

    /// The same event, refused for this reason.
    #[must_use]
    pub fn refused(mut self, reason: &'static str) -> Self {
        self.outcome = Outcome::Refused;
        self.reason = Some(Cow::Borrowed(reason));
        self
    }

    /// The same event, with a reason though it was done.
    #[must_use]
    pub fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(Cow::Borrowed(reason));
        self
    }

    /// The same event, done to this.
    #[must_use]
    pub fn on(mut self, subject: impl Into<Subject>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The same event, by this actor.
    #[must_use]
    pub fn by(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G2: whoever asks for an act is told which ones there are; none may be left out.
    #[test]
    fn every_act_is_listed_once() {
        let named = include_str!("model.rs").matches("Self = Self::named(\"").count();
        let names: std::collections::BTreeSet<&str> = Act::ALL.iter().map(Act::as_str).collect();
        assert_eq!((names.len(), Act::ALL.len()), (named, named));
        assert_eq!(Act::parse("account.locked"), Some(Act::ACCOUNT_LOCKED));
        assert_eq!(Act::parse("account.lokced"), None);
    }
}
