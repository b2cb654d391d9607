//! The first step: an address, a password, a name. The same answer whether the address is known or not (S1, C9).

use std::time::Duration;

use secrecy::SecretString;

use super::{BeginSignUpError, NewSignUp, SignUp};
use crate::{
    accounts::Name,
    actor::{Actor, Origin},
    audit::{Act, AuditEvent},
    clock::Timestamp,
    effects::Effects,
    id::CeremonyId,
    identifiers::EmailAddress,
    one_time_codes::{SlotLimit, SlotOwner},
    outbox::{MessageKind, MessageLife},
    passwords::{AcceptError, HashError, Password, PasswordProblem},
    secret::OpaqueToken,
    sessions::CeremonyKind,
    sign_in::{Challenge, PreAuthorized},
    signing_keys::SignError,
    store_error::StoreError,
};

/// So many sign-ups may be begun for one address in [`SIGN_UP_WINDOW`]: each is a mail to somebody who may
/// not have asked for it.
const MOST_SIGN_UPS: u32 = 10;
const SIGN_UP_WINDOW: Duration = Duration::from_secs(900);

/// An address, a password, a name.
#[derive(Clone, Debug)]
pub struct StartSignUp {
    /// The address to verify.
    pub address: EmailAddress,
    /// What was typed.
    pub password: SecretString,
    /// What the person is called.
    pub name: Option<Name>,
}

/// Why no sign-up was begun.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// The password must not be one.
    #[error(transparent)]
    Password(#[from] PasswordProblem),
    /// Too many for this address; not before then.
    #[error("too many sign-ups for this address")]
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

impl SignUp {
    /// What can be said against a password before anything is hashed, so that it is told with all else that is
    /// wrong (A2). [`Self::start`] judges it in full.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn judge_password(&self, typed: &SecretString, personal: &[&str]) -> Result<(), PasswordProblem> {
        self.ports.policy.judge(&Password::new(typed)?, personal)
    }

    /// Begins a sign-up and sends its code.
    ///
    /// # Errors
    /// See [`SignUpError`].
    pub async fn start(&self, command: StartSignUp, origin: &Origin) -> Result<PreAuthorized, SignUpError> {
        let now = self.ports.clock.now();
        let password = Password::new(&command.password)?;
        let name = command.name.as_ref().map_or("", Name::as_str);
        self.ports.policy.accept(&password, &[command.address.as_typed(), name]).await?;
        let hash = self.ports.hasher.hash(&password).await?;
        let decoy = self.ports.store.is_taken(&command.address).await?;

        let id = CeremonyId::new(now, &*self.ports.entropy);
        let (code, effects) = self.challenge(id, &command.address, decoy, now)?;
        let event =
            AuditEvent::done(Act::SIGN_UP_STARTED, Actor::Anonymous, origin, now, &*self.ports.entropy);
        let event = if decoy { event.because("address_taken") } else { event };
        let key = self.ports.peppers.email(&command.address);
        let begun = NewSignUp {
            id,
            address: command.address,
            name: command.name,
            password: hash,
            decoy,
            created_at: now,
            expires_at: now + self.settings.lifetime,
            code,
            failures_of: self.failures_of(id),
            limit: SlotLimit {
                owner: SlotOwner::new(SlotOwner::SIGN_UPS, key),
                slots: MOST_SIGN_UPS,
                window: SIGN_UP_WINDOW,
            },
            effects: Effects { messages: vec![effects], events: vec![event.on(id)] },
        };
        let begun = self.ports.store.begin(begun).await;
        let refusal = matches!(begun, Err(BeginSignUpError::TooMany(_))).then_some("too_many_sign_ups");
        self.ports.sessions.note_refusal(Act::SIGN_UP_STARTED, refusal, origin);
        begun?;
        Ok(self.pre_authorized(id, now)?)
    }

    /// The failures of a sign-up are its own: an address that nobody has proved yet has no budget that a stranger
    /// could spend. Five guesses in each of ten sign-ups bound the guessing.
    pub(super) fn failures_of(&self, id: CeremonyId) -> SlotOwner {
        SlotOwner::new(SlotOwner::CODE_FAILURES, self.ports.peppers.ceremony(id))
    }

    /// The code to keep and the message to send: for a decoy a code that nobody knows, and a notice.
    pub(super) fn challenge(
        &self,
        id: CeremonyId,
        address: &EmailAddress,
        decoy: bool,
        now: Timestamp,
    ) -> Result<(crate::one_time_codes::NewCode, crate::outbox::NewMessage), StoreError> {
        let (code, kept) = self.ports.codes.generate(id, now);
        if decoy {
            let message = self.ports.outbox.compose(
                MessageKind::AccountExists,
                address,
                &[],
                MessageLife::notice(now),
            )?;
            return Ok((self.ports.codes.generate_decoy(now), message));
        }
        let life = MessageLife { created_at: now, expires_at: kept.expires_at };
        let message =
            self.ports.outbox.compose(MessageKind::SignUpCode, address, &[("code", code.reveal())], life)?;
        Ok((kept, message))
    }

    fn pre_authorized(&self, id: CeremonyId, now: Timestamp) -> Result<PreAuthorized, SignError> {
        let sessions = &self.ports.sessions;
        let expires_at = now + self.settings.pre_authorized_lifetime;
        let binding = sessions.new_binding();
        let hash = binding.as_ref().map(OpaqueToken::hash);
        let access_token =
            sessions.tokens().sign_pre_authorized((CeremonyKind::SignUp, id), hash, now, expires_at)?;
        let challenge = Challenge::sent(&self.ports.codes);
        Ok(PreAuthorized { access_token, expires_in: expires_at.since(now), binding, challenge })
    }
}

impl From<AcceptError> for SignUpError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Problem(problem) => Self::Password(problem),
            AcceptError::Hash(error) => Self::Hash(error),
        }
    }
}

impl From<BeginSignUpError> for SignUpError {
    fn from(error: BeginSignUpError) -> Self {
        match error {
            BeginSignUpError::TooMany(until) => Self::TooMany(until),
            BeginSignUpError::Store(error) => Self::Store(error),
        }
    }
}
