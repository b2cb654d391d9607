//! The first factor: an address and a password. The answer tells nothing of whether the address is known (S4, C9).

use secrecy::SecretString;

use super::{
    BeginError, Candidate, Challenge, NewSignIn, PreAuthorized, Rehashed, SignIn,
    throttle::{Throttle, ThrottleLimits},
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
    passwords::{HashError, Password, PasswordVerdict},
    secret::{OpaqueToken, SecretHash},
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

/// A first factor that was right.
struct Judged<'a> {
    candidate: &'a Candidate,
    /// The password, where its stored hash is outdated (S13).
    outdated: Option<Password>,
}

impl SignIn {
    /// Judges the first factor and, when it is right, sends a code.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub async fn start(&self, command: StartSignIn, origin: &Origin) -> Result<PreAuthorized, SignInError> {
        let now = self.ports.clock.now();
        let throttle_key = self.ports.peppers.email(&command.address);
        let limits = self.throttle_limits();
        let throttle =
            self.ports.store.reserve_attempt(throttle_key, limits, now).await?.map_err(|until| {
                self.ports.sessions.note_refusal(Act::SIGN_IN_STARTED, Some("too_many_failures"), origin);
                SignInError::TooMany(until)
            })?;
        let candidate = self.ports.store.find_candidate(&command.address).await?;
        // A password that could never be one costs a hash all the same (C9).
        let password = Password::new(&command.password);
        let judged = match self.judge(candidate.as_ref(), password.ok()).await {
            Ok(judged) => judged,
            Err(error) => {
                // A service that is too busy to hash must not close its people's accounts.
                self.ports.store.release_attempt(throttle_key, throttle).await?;
                return Err(error.into());
            }
        };
        let Some(judged) = judged else {
            self.refuse(candidate.as_ref(), throttle, origin, now).await?;
            return Err(SignInError::Refused);
        };
        self.begin(judged, throttle_key, origin, now).await
    }

    /// The first factor was right: sends a code and keeps the sign-in.
    async fn begin(
        &self,
        judged: Judged<'_>,
        throttle: SecretHash,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<PreAuthorized, SignInError> {
        let candidate = judged.candidate;
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
            throttle,
            rehashed: self.rehash(&judged).await,
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

    /// One hash is computed on every path (S4, C9).
    async fn judge<'a>(
        &self,
        candidate: Option<&'a Candidate>,
        password: Option<Password>,
    ) -> Result<Option<Judged<'a>>, HashError> {
        let (Some(candidate), Some(password)) = (candidate, &password) else {
            let password = password.or_else(|| Password::new(&"impossible".to_owned().into()).ok());
            if let Some(password) = password {
                self.ports.hasher.verify_nothing(&password).await?;
            }
            return Ok(None);
        };
        let verdict = self.ports.hasher.verify(password, &candidate.password).await?;
        if verdict == PasswordVerdict::Wrong || !candidate.standing.state.may_sign_in() {
            return Ok(None);
        }
        let outdated = verdict == PasswordVerdict::RightButOutdated;
        Ok(Some(Judged { candidate, outdated: outdated.then(|| password.clone()) }))
    }

    /// A fresh hash, where the stored one is outdated. It can wait for the next sign-in when the threads are busy.
    async fn rehash(&self, judged: &Judged<'_>) -> Option<Rehashed> {
        let new = self.ports.hasher.hash(judged.outdated.as_ref()?).await.ok()?;
        Some(Rehashed { old: judged.candidate.password.clone(), new })
    }

    /// Writes the event of a wrong first factor; when it closed the sign-in, the owner is told (S14).
    async fn refuse(
        &self,
        candidate: Option<&Candidate>,
        throttle: Throttle,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let event =
            AuditEvent::done(Act::SIGN_IN_STARTED, Actor::Anonymous, origin, now, &*self.ports.entropy);
        let mut effects = Effects::event(event.refused("wrong_first_factor"));
        if let Some(candidate) = candidate {
            effects.events = effects.events.into_iter().map(|event| event.on(candidate.account_id)).collect();
            if throttle.is_closed(self.throttle_limits()) {
                let notice = self.ports.outbox.compose(
                    MessageKind::SignInLocked,
                    &candidate.address,
                    &[("failures", &throttle.failures.to_string())],
                    MessageLife::notice(now),
                )?;
                effects.messages.push(notice);
            }
        }
        self.ports.store.refuse(effects).await
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

    const fn throttle_limits(&self) -> ThrottleLimits {
        ThrottleLimits { lock_after: self.settings.lock_after, lock_for: self.settings.lock_for }
    }
}
