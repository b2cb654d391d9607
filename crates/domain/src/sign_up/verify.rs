//! The second step: the code from the mail. The account exists from here on (S1, S6).

use super::{CompleteSignUp, CompleteSignUpError, SignUp};
use crate::{
    actor::{Actor, Origin, Role},
    audit::{Act, AuditEvent},
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, IdentifierId},
    one_time_codes::OneTimeCode,
    sessions::{CeremonyKind, SessionGrant},
    sign_in::{
        CodeError, PreAuthorizedCaller,
        second_factor::{Ceremony, authorize},
    },
};

/// Why a code created no account.
#[derive(Debug, thiserror::Error)]
pub enum SignUpCodeError {
    /// The code opened nothing.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// Another sign-up of this address was verified meanwhile.
    #[error("the address has an account")]
    AddressTaken,
}

impl SignUp {
    /// Judges the code, creates the account and opens its first session.
    ///
    /// # Errors
    /// See [`SignUpCodeError`].
    pub async fn verify(
        &self,
        caller: PreAuthorizedCaller<'_>,
        code: &OneTimeCode,
        origin: &Origin,
    ) -> Result<SessionGrant, SignUpCodeError> {
        let now = self.ports.clock.now();
        let ceremony = authorize(&self.ports.sessions, caller, CeremonyKind::SignUp, now)
            .map_err(|reason| CodeError::Unauthorized(reason).into());
        let granted = match ceremony {
            Ok(ceremony) => self.complete(ceremony, code, origin, now).await,
            Err(error) => Err(error),
        };
        let refusal = match &granted {
            Err(SignUpCodeError::Code(error)) => error.refusal(),
            Err(SignUpCodeError::AddressTaken) => Some("address_taken"),
            Ok(_) => None,
        };
        self.ports.sessions.note_refusal(Act::CODE_JUDGED, refusal, origin);
        granted
    }

    async fn complete(
        &self,
        ceremony: Ceremony,
        code: &OneTimeCode,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<SessionGrant, SignUpCodeError> {
        let pending =
            self.ports.store.find(ceremony.id).await.map_err(CodeError::from)?.ok_or(CodeError::Gone)?;
        let matched = self.ports.codes.judge(ceremony.id, code, now).await.map_err(CodeError::from)?;
        let account_id = AccountId::new(now, &*self.ports.entropy);
        let (session, refresh_token) = self.ports.sessions.open(ceremony.binding, origin, now);
        let actor = Actor::Account(account_id);
        let event = AuditEvent::done(Act::SIGN_UP_COMPLETED, actor, origin, now, &*self.ports.entropy);
        let command = CompleteSignUp {
            id: ceremony.id,
            code: matched,
            failures_of: self.failures_of(ceremony.id),
            throttle: self.ports.peppers.email(&pending.address),
            account_id,
            identifier_id: IdentifierId::new(now, &*self.ports.entropy),
            session: session.clone(),
            now,
            effects: Effects::event(event.on(session.id)),
        };
        self.ports.store.complete(command).await?;
        let about = session.about(account_id, Role::Authenticated);
        let grant = self.ports.sessions.grant(&about, refresh_token, session.refresh_token.expires_at, now);
        Ok(grant.map_err(CodeError::from)?)
    }
}

impl From<CompleteSignUpError> for SignUpCodeError {
    fn from(error: CompleteSignUpError) -> Self {
        match error {
            CompleteSignUpError::Gone => Self::Code(CodeError::Gone),
            CompleteSignUpError::AddressTaken => Self::AddressTaken,
            CompleteSignUpError::Store(error) => Self::Code(CodeError::Store(error)),
        }
    }
}
