//! The second step: the secret from the mail, and the new password (S12, C11, C30).

use secrecy::SecretString;

use super::{CompleteRecovery, CompleteRecoveryError, GUESSES, PendingRecovery, Recovery, RecoveryProof};
use crate::{
    accounts::{Account, AccountState},
    actor::{Actor, Origin},
    audit::{Act, AuditEvent},
    clock::Timestamp,
    effects::Effects,
    id::CeremonyId,
    identifiers::EmailAddress,
    one_time_codes::{JudgeError, RecoveryCode},
    outbox::MessageKind,
    passwords::{AcceptError, HashError, Password, PasswordProblem, PasswordVerdict, change::personal},
    secret::OpaqueToken,
    store_error::StoreError,
};

/// What a person shows.
pub enum RecoverySecret {
    /// The code, and the recovery that it belongs to.
    Code {
        /// Which recovery.
        id: CeremonyId,
        /// What was typed.
        code: RecoveryCode,
    },
    /// The token, which names its recovery.
    Link(OpaqueToken),
}

/// The secret from the mail, and the new password.
pub struct FinishRecovery {
    /// The secret.
    pub secret: RecoverySecret,
    /// The new password.
    pub password: SecretString,
}

/// Why no password was set.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The new password must not be one. Nothing was consumed.
    #[error(transparent)]
    Password(#[from] PasswordProblem),
    /// Another code; the guess is counted.
    #[error("the code is wrong")]
    Wrong,
    /// It is completed, ended or expired, was never begun, or the account is closed.
    #[error("there is nothing to recover any more")]
    Gone,
    /// The recovery's guesses are used up.
    #[error("too many wrong codes")]
    Exhausted,
    /// No password could be hashed. Nothing was consumed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Recovery {
    /// What can be said against a new password before anything is hashed, so that it is told with all else that is
    /// wrong (A2). [`Self::verify`] judges it in full.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn judge_password(&self, typed: &SecretString) -> Result<(), PasswordProblem> {
        self.ports.policy.judge(&Password::new(typed)?, &[])
    }

    /// Judges the secret, sets the new password, ends every session, and tells every verified address.
    ///
    /// # Errors
    /// See [`RecoveryError`].
    pub async fn verify(&self, command: FinishRecovery, origin: &Origin) -> Result<(), RecoveryError> {
        let done = self.finish(command, origin).await;
        if let Some(reason) = done.as_ref().err().and_then(RecoveryError::refusal) {
            self.ports.refusals.note(Act::RECOVERY_COMPLETED, reason, origin);
        }
        done
    }

    /// The password is judged before the secret, by what anybody may know: it must cost no guess, and must tell a
    /// stranger nothing of the account. By the owner's name it is judged once the secret has proved right.
    async fn finish(&self, command: FinishRecovery, origin: &Origin) -> Result<(), RecoveryError> {
        let now = self.ports.clock.now();
        let id = command.secret.recovery();
        let pending = self.ports.store.find(id).await?.ok_or(RecoveryError::Gone)?;
        let password = Password::new(&command.password)?;
        self.ports.policy.accept(&password, &[pending.address.as_typed()]).await?;
        let proof = self.prove(&pending, &command.secret, now).await?;
        let (account, hash) = match self.prepare(&pending, &password).await {
            Ok(prepared) => prepared,
            Err(error) => {
                self.release(id, proof).await?;
                return Err(error);
            }
        };
        let actor = Actor::Account(account.id);
        let event = AuditEvent::done(Act::RECOVERY_COMPLETED, actor, origin, now, &*self.ports.entropy);
        let addresses = account.identifiers.iter().map(|identifier| &identifier.address);
        let command = CompleteRecovery {
            id,
            account_id: account.id,
            proof,
            password: hash,
            throttles: addresses.map(|address| self.ports.peppers.email(address)).collect(),
            now,
            effects: Effects {
                messages: self.ports.outbox.notices((MessageKind::PasswordChanged, &[]), &account, now)?,
                events: vec![event.on(account.id)],
            },
        };
        let completed = self.ports.store.complete(command).await;
        self.ports.revocations.account_ended();
        Ok(completed?)
    }

    /// A code is paid for before it is judged. A token cannot be guessed.
    async fn prove(
        &self,
        pending: &PendingRecovery,
        secret: &RecoverySecret,
        now: Timestamp,
    ) -> Result<RecoveryProof, RecoveryError> {
        match secret {
            RecoverySecret::Code { id, code } => {
                let code = self.ports.codes.judge_within(GUESSES, *id, code, now).await?;
                Ok(RecoveryProof::Code { code, failures_of: self.failures_of(*id) })
            }
            RecoverySecret::Link(token) => {
                let shown = token.hash();
                if pending.link == Some(shown) && now < pending.expires_at {
                    Ok(RecoveryProof::Link(shown))
                } else {
                    Err(RecoveryError::Gone)
                }
            }
        }
    }

    /// The account, if it may be recovered by this address, and the hash of its new password.
    async fn prepare(
        &self,
        pending: &PendingRecovery,
        password: &Password,
    ) -> Result<(Account, crate::passwords::PasswordHash), RecoveryError> {
        let id = pending.account_id.ok_or(RecoveryError::Gone)?;
        let account = self.ports.accounts.find(id).await?.ok_or(RecoveryError::Gone)?;
        let is_theirs = account.identifiers.iter().any(|own| own.address == pending.address);
        if !is_theirs || !account.standing.state.may_be_recovered() {
            return Err(RecoveryError::Gone);
        }
        self.ports.policy.judge(password, &personal(&account))?;
        if account.standing.state == AccountState::Compromised {
            self.refuse_unchanged(password, &pending.address).await?;
        }
        let hash = self.ports.hasher.hash(password).await?;
        Ok((account, hash))
    }

    /// The password that others may know must not open the account again (S15). It costs a hash, of whoever has proved
    /// the secret already.
    async fn refuse_unchanged(&self, new: &Password, address: &EmailAddress) -> Result<(), RecoveryError> {
        let candidate = self.ports.sign_ins.find_candidate(address).await?.ok_or(RecoveryError::Gone)?;
        match self.ports.hasher.verify(new, &candidate.password).await? {
            PasswordVerdict::Wrong => Ok(()),
            PasswordVerdict::Right | PasswordVerdict::RightButOutdated => {
                Err(PasswordProblem::Unchanged.into())
            }
        }
    }

    async fn release(&self, id: CeremonyId, proof: RecoveryProof) -> Result<(), StoreError> {
        match proof {
            RecoveryProof::Code { code, failures_of } => {
                self.ports.codes.release(id, code, failures_of).await
            }
            RecoveryProof::Link(_) => Ok(()),
        }
    }
}

impl RecoverySecret {
    fn recovery(&self) -> CeremonyId {
        match self {
            Self::Code { id, .. } => *id,
            Self::Link(token) => CeremonyId::from_bytes(*token.id()),
        }
    }
}

impl RecoveryError {
    /// The slug for the audit; none where nothing was refused.
    const fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Wrong => Some("wrong_code"),
            Self::Gone => Some("gone"),
            Self::Exhausted => Some("attempts_exhausted"),
            Self::Password(_) | Self::Hash(_) | Self::Store(_) => None,
        }
    }
}

impl From<JudgeError> for RecoveryError {
    fn from(error: JudgeError) -> Self {
        match error {
            JudgeError::Gone | JudgeError::Expired => Self::Gone,
            JudgeError::Wrong => Self::Wrong,
            // The failures of a recovery are its own, and its guesses run out first.
            JudgeError::Exhausted | JudgeError::BudgetSpent(_) => Self::Exhausted,
            JudgeError::Store(error) => Self::Store(error),
        }
    }
}

impl From<AcceptError> for RecoveryError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Problem(problem) => Self::Password(problem),
            AcceptError::Hash(error) => Self::Hash(error),
        }
    }
}

impl From<CompleteRecoveryError> for RecoveryError {
    fn from(error: CompleteRecoveryError) -> Self {
        match error {
            CompleteRecoveryError::Gone => Self::Gone,
            CompleteRecoveryError::Store(error) => Self::Store(error),
        }
    }
}
