//! Sending the code of a sign-up again; the old one ends (S5). A decoy's owner is told again that they have an account.

use super::SignUp;
use crate::{
    actor::{Actor, Origin},
    audit::{Act, AuditEvent},
    effects::Effects,
    one_time_codes::SlotOwner,
    sessions::CeremonyKind,
    sign_in::{Challenge, PreAuthorizedCaller, ResendError, second_factor::authorize},
};

impl SignUp {
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
        let ceremony = authorize(&self.ports.sessions, caller, CeremonyKind::SignUp, now)
            .map_err(ResendError::Unauthorized)?;
        let pending = self.ports.store.find(ceremony.id).await?.ok_or(ResendError::Gone)?;
        let (code, message) = self.challenge(ceremony.id, &pending.address, pending.decoy, now)?;
        let event = AuditEvent::done(Act::CODE_SENT, Actor::Anonymous, origin, now, &*self.ports.entropy);
        let owner = SlotOwner::new(SlotOwner::CODE_RESENDS, self.ports.peppers.email(&pending.address));
        let effects = Effects::event_and_message(event.on(ceremony.id), message);
        self.ports.codes.replace(ceremony.id, code, owner, effects).await?;
        Ok(Challenge::sent(&self.ports.codes))
    }
}
