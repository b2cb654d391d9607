//! Sending the code of a sign-in again; the old one ends (S5).

use super::{Challenge, PreAuthorizedCaller, ResendError, SignIn, second_factor::authorize};
use crate::{
    actor::{Actor, Origin},
    audit::{Act, AuditEvent},
    effects::Effects,
    one_time_codes::SlotOwner,
    outbox::{MessageKind, MessageLife},
    sessions::CeremonyKind,
};

impl SignIn {
    /// Sends a new code in the place of the old one.
    ///
    /// # Errors
    /// See [`ResendError`].
    pub async fn resend(
        &self,
        caller: PreAuthorizedCaller<'_>,
        origin: &Origin,
    ) -> Result<Challenge, ResendError> {
        let sent = self.send_again(caller, origin).await;
        let refusal = sent.as_ref().err().and_then(ResendError::refusal);
        self.ports.sessions.note_refusal(Act::CODE_SENT, refusal, origin);
        sent
    }

    async fn send_again(
        &self,
        caller: PreAuthorizedCaller<'_>,
        origin: &Origin,
    ) -> Result<Challenge, ResendError> {
        let now = self.ports.clock.now();
        let ceremony = authorize(&self.ports.sessions, caller, CeremonyKind::SignIn, now)
            .map_err(ResendError::Unauthorized)?;
        let attempt = self.ports.store.find(ceremony.id).await?.ok_or(ResendError::Gone)?;
        let (code, kept) = self.ports.codes.generate(ceremony.id, now);
        let life = MessageLife { created_at: now, expires_at: kept.expires_at };
        let to = &attempt.identifier.address;
        let message =
            self.ports.outbox.compose(MessageKind::SignInCode, to, &[("code", code.reveal())], life)?;
        let actor = Actor::Account(attempt.account_id);
        let event = AuditEvent::done(Act::CODE_SENT, actor, origin, now, &*self.ports.entropy);
        let owner = SlotOwner::new(SlotOwner::CODE_RESENDS, self.ports.peppers.account(attempt.account_id));
        let effects = Effects::event_and_message(event.on(ceremony.id), message);
        self.ports.codes.replace(ceremony.id, kept, owner, effects).await?;
        Ok(Challenge::sent(&self.ports.codes))
    }
}
