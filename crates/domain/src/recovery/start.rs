//! The first step: an address. The same answer, at the same cost, whether the address is known or not (S12, C9).

use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::{
    BeginRecoveryError, CODE, LINK_LIFETIME, MOST_RECOVERIES, NewRecovery, Recovery, RecoverySubject, WINDOW,
};
use crate::{
    actor::{Actor, Origin},
    audit::{Act, AuditEvent},
    clock::Timestamp,
    effects::Effects,
    id::CeremonyId,
    identifiers::EmailAddress,
    one_time_codes::{NewCode, SlotLimit, SlotOwner},
    outbox::{MessageKind, MessageLife, NewMessage},
    secret::{OpaqueToken, SecretHash, TokenKind},
    sign_in::Candidate,
    store_error::StoreError,
};

/// What the message asks its reader to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecoveryMethod {
    /// Eight digits, and the token for the case that strangers have used up the guesses at them.
    #[default]
    Code,
    /// The token alone, in a link where there is a page that asks for the new password.
    Link,
}

/// An address, and how to reach its owner.
#[derive(Clone, Debug)]
pub struct StartRecovery {
    /// The address.
    pub address: EmailAddress,
    /// What the message asks them to use.
    pub method: RecoveryMethod,
}

/// A recovery that began, or seems to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartedRecovery {
    /// Its id.
    pub id: CeremonyId,
    /// The life of what the message asks for.
    pub expires_in: Duration,
}

/// Why no recovery was begun.
#[derive(Debug, thiserror::Error)]
pub enum StartRecoveryError {
    /// Too many for this address; not before then.
    #[error("too many recoveries for this address")]
    TooMany(Timestamp),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is sent, and what is kept of it.
struct Secret {
    message: NewMessage,
    code: NewCode,
    link: SecretHash,
}

impl Recovery {
    /// Begins a recovery and, where the address has an account that may be recovered, sends its secret.
    ///
    /// # Errors
    /// See [`StartRecoveryError`].
    pub async fn start(
        &self,
        command: StartRecovery,
        origin: &Origin,
    ) -> Result<StartedRecovery, StartRecoveryError> {
        let now = self.ports.clock.now();
        let found = self.ports.sign_ins.find_candidate(&command.address).await?;
        let id = CeremonyId::new(now, &*self.ports.entropy);
        let to = found.as_ref().map_or(&command.address, |found| &found.address);
        // Made for nobody too, so that it takes as long; only the write leaves it out.
        let secret = self.secret(id, to, command.method, now)?;
        let (subject, effects) = self.subject(found.as_ref(), (id, secret.code.hash), origin, now);
        let effects = match subject {
            RecoverySubject::Account { .. } => Effects { messages: vec![secret.message], ..effects },
            RecoverySubject::Decoy(_) => effects,
        };
        let key = self.ports.peppers.email(&command.address);
        let expires_in = command.method.lifetime();
        let begun = NewRecovery {
            id,
            address: command.address,
            subject,
            link: Some(secret.link),
            code: secret.code,
            created_at: now,
            expires_at: now + LINK_LIFETIME,
            failures_of: self.failures_of(id),
            limit: limit(SlotOwner::new(SlotOwner::RECOVERIES, key)),
            effects,
        };
        match self.ports.store.begin(begun).await {
            Ok(()) => Ok(StartedRecovery { id, expires_in }),
            Err(BeginRecoveryError::TooMany(until)) => {
                self.ports.refusals.note(Act::RECOVERY_STARTED, "too_many_recoveries", origin);
                Err(StartRecoveryError::TooMany(until))
            }
            Err(BeginRecoveryError::Store(error)) => Err(error.into()),
        }
    }

    fn secret(
        &self,
        id: CeremonyId,
        to: &EmailAddress,
        method: RecoveryMethod,
        now: Timestamp,
    ) -> Result<Secret, StoreError> {
        let (outbox, codes) = (&self.ports.outbox, &self.ports.codes);
        let token = OpaqueToken::generate(TokenKind::PasswordReset, *id.as_bytes(), &*self.ports.entropy);
        let link = token.link_to(self.page.as_deref());
        let life = MessageLife { created_at: now, expires_at: now + method.lifetime() };
        let variables = [("token", token.reveal().expose_secret()), ("link", link.expose_secret())];
        let (message, code) = match method {
            RecoveryMethod::Code => {
                let (plain, code) = codes.generate_as(CODE, id, now);
                let variables = [variables[0], variables[1], ("code", plain.reveal())];
                (outbox.compose(MessageKind::RecoveryCode, to, &variables, life)?, code)
            }
            RecoveryMethod::Link => {
                let code = codes.generate_decoy_for(CODE.lifetime, now);
                (outbox.compose(MessageKind::RecoveryLink, to, &variables, life)?, code)
            }
        };
        Ok(Secret { message, code, link: token.hash() })
    }

    /// Whose it is, and what is written of its beginning.
    fn subject(
        &self,
        found: Option<&Candidate>,
        (id, secret): (CeremonyId, SecretHash),
        origin: &Origin,
        now: Timestamp,
    ) -> (RecoverySubject, Effects) {
        let event =
            AuditEvent::done(Act::RECOVERY_STARTED, Actor::Anonymous, origin, now, &*self.ports.entropy);
        let (subject, event) = match found {
            Some(found) if found.standing.state.may_be_recovered() => {
                let Candidate { account_id: id, password_changes, .. } = *found;
                (RecoverySubject::Account { id, password_changes }, event.on(id))
            }
            other => {
                let reason = if other.is_some() { "account_locked" } else { "unknown_address" };
                let padding = limit(SlotOwner::new(SlotOwner::DECOYS, secret));
                (RecoverySubject::Decoy(padding), event.on(id).because(reason))
            }
        };
        (subject, Effects::event(event))
    }
}

impl RecoveryMethod {
    const fn lifetime(self) -> Duration {
        match self {
            Self::Code => CODE.lifetime,
            Self::Link => LINK_LIFETIME,
        }
    }
}

const fn limit(owner: SlotOwner) -> SlotLimit {
    SlotLimit { owner, slots: MOST_RECOVERIES, window: WINDOW }
}
