//! The first factor: an address and a password. The answer tells nothing of whether the address is known (S4, C9).

use secrecy::SecretString;

use super::{
    BeginError, Candidate, Challenge, NewSignIn, PreAuthorized, SignIn,
    first_factor::{FirstFactor, FirstFactorError, Proved},
};
use crate::{
    actor::{Actor, Origin},
    audit::{Act, AuditEvent},
    clock::Timestamp,
    effects::Effects,
    id::CeremonyId,
    identifiers::EmailAddress,
    one_time_codes::SlotOwner,
    outbox::{MessageKind, MessageLife},
    passwords::HashError,
    secret::OpaqueToken,
    sessions::CeremonyKind,
    signing_keys::SignError,
    store_error::StoreError,
};

/// An address and a password.
#[derive(Clone, Debug)]
pub struct StartSignIn {
    /// The address.
    pub address: EmailAddress,
    /// What was typed.
    pub password: SecretString,
}

/// Why there is no pre-authorized token.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown address, wrong password, or an account that may not be used: the same to the caller (S4).
    #[error("the address or the password is wrong")]
    Refused,
    /// Too soon after a failure, or too many: not before then (S14).
    #[error("too many failures")]
    TooMany(Timestamp),
    /// No password could be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// No token could be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SignIn {
    /// Judges the first factor and, when it is right, sends a code.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub async fn start(&self, command: StartSignIn, origin: &Origin) -> Result<PreAuthorized, SignInError> {
        let now = self.ports.clock.now();
        let event =
            AuditEvent::done(Act::SIGN_IN_STARTED, Actor::Anonymous, origin, now, &*self.ports.entropy);
        let shown = FirstFactor { address: &command.address, password: &command.password, event };
        let proved = self.first_factor(shown, origin, now).await?;
        self.begin(proved, origin, now).await
    }

    /// The first factor was right: sends a code and keeps the sign-in.
    async fn begin(
        &self,
        proved: Proved,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<PreAuthorized, SignInError> {
        let candidate = &proved.candidate;
        let id = CeremonyId::new(now, &*self.ports.entropy);
        let (code, kept) = self.ports.codes.generate(id, now);
        let life = MessageLife { created_at: now, expires_at: kept.expires_at };
        let message = self.ports.outbox.compose(
            MessageKind::SignInCode,
            &candidate.address,
            &[("code", code.reveal())],
            life,
        )?;
        let event = self.event(candidate, origin, now).on(id);
        let expires_at = now + self.settings.pre_authorized_lifetime;
        let begun = NewSignIn {
            id,
            account_id: candidate.account_id,
            password_changes: candidate.password_changes,
            throttle: proved.throttle_key,
            rehashed: self.rehash(&proved).await,
            created_at: now,
            expires_at,
            code: kept,
            failures_of: self.failures_of(candidate),
            effects: Effects::event_and_message(event, message),
        };
        match self.ports.store.begin(begun).await {
            Ok(()) => Ok(self.pre_authorized(id, now, expires_at)?),
            Err(BeginError::AccountUnavailable) => Err(SignInError::Refused),
            Err(BeginError::Store(error)) => Err(error.into()),
        }
    }

    fn pre_authorized(
        &self,
        id: CeremonyId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<PreAuthorized, SignError> {
        let sessions = &self.ports.sessions;
        let binding = sessions.new_binding();
        let hash = binding.as_ref().map(OpaqueToken::hash);
        let access_token =
            sessions.tokens().sign_pre_authorized((CeremonyKind::SignIn, id), hash, now, expires_at)?;
        let challenge = Challenge::sent(&self.ports.codes);
        Ok(PreAuthorized { access_token, expires_in: expires_at.since(now), binding, challenge })
    }

    fn event(&self, candidate: &Candidate, origin: &Origin, now: Timestamp) -> AuditEvent {
        let actor = Actor::Account(candidate.account_id);
        AuditEvent::done(Act::SIGN_IN_STARTED, actor, origin, now, &*self.ports.entropy)
    }

    fn failures_of(&self, candidate: &Candidate) -> SlotOwner {
        SlotOwner::new(SlotOwner::CODE_FAILURES, self.ports.peppers.account(candidate.account_id))
    }
}

impl From<FirstFactorError> for SignInError {
    fn from(error: FirstFactorError) -> Self {
        match error {
            FirstFactorError::Refused => Self::Refused,
            FirstFactorError::TooMany(until) => Self::TooMany(until),
            FirstFactorError::Hash(error) => Self::Hash(error),
            FirstFactorError::Store(error) => Self::Store(error),
        }
    }
}
