//! The second factor of a sign-in: the code from the mail; then the session exists (S6).

use super::{
    CodeError, CompleteError, CompleteSignIn, PreAuthorizedCaller, SignIn,
    second_factor::{Ceremony, authorize},
};
use crate::{
    actor::{Actor, Origin},
    audit::{Act, AuditEvent},
    clock::Timestamp,
    effects::Effects,
    one_time_codes::{OneTimeCode, SlotOwner},
    sessions::{CeremonyKind, SessionGrant},
};

impl SignIn {
    /// Judges the code and opens the session.
    ///
    /// # Errors
    /// See [`CodeError`].
    pub async fn verify_code(
        &self,
        caller: PreAuthorizedCaller<'_>,
        code: &OneTimeCode,
        origin: &Origin,
    ) -> Result<SessionGrant, CodeError> {
        let now = self.ports.clock.now();
        let ceremony = authorize(&self.ports.sessions, caller, CeremonyKind::SignIn, now)
            .map_err(CodeError::Unauthorized);
        let granted = match ceremony {
            Ok(ceremony) => self.complete(ceremony, code, origin, now).await,
            Err(error) => Err(error),
        };
        let refusal = granted.as_ref().err().and_then(CodeError::refusal);
        self.ports.sessions.note_refusal(Act::CODE_JUDGED, refusal, origin);
        granted
    }

    async fn complete(
        &self,
        ceremony: Ceremony,
        code: &OneTimeCode,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<SessionGrant, CodeError> {
        let attempt = self.ports.store.find(ceremony.id).await?.ok_or(CodeError::Gone)?;
        let account_id = attempt.account_id;
        let matched = self.ports.codes.judge(ceremony.id, code, now).await?;
        let (session, refresh_token) = self.ports.sessions.open(ceremony.binding, origin, now);
        let actor = Actor::Account(account_id);
        let event = AuditEvent::done(Act::SIGN_IN_COMPLETED, actor, origin, now, &*self.ports.entropy);
        let command = CompleteSignIn {
            id: ceremony.id,
            account_id,
            code: matched,
            failures_of: SlotOwner::new(SlotOwner::CODE_FAILURES, self.ports.peppers.account(account_id)),
            session: session.clone(),
            now,
            effects: Effects::event(event.on(session.id)),
        };
        let standing = self.ports.store.complete(command).await?;
        let about = session.about(account_id, standing.role);
        Ok(self.ports.sessions.grant(&about, refresh_token, session.refresh_token.expires_at, now)?)
    }
}

impl From<CompleteError> for CodeError {
    fn from(error: CompleteError) -> Self {
        match error {
            CompleteError::Gone => Self::Gone,
            CompleteError::Store(error) => Self::Store(error),
        }
    }
}
