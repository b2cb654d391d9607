//! Changing one's own password: the current one is asked for, under the throttle of the account's address (S12, S14, C8).

use secrecy::SecretString;

use super::{AcceptError, HashError, Password, PasswordProblem, Passwords, ReplacePassword};
use crate::{
    accounts::{Account, Name},
    actor::{Actor, Origin},
    audit::{Act, AuditEvent},
    clock::Timestamp,
    effects::Effects,
    outbox::MessageKind,
    sessions::SignedIn,
    sign_in::first_factor::{FirstFactor, FirstFactorError, Proved},
    store_error::StoreError,
};

/// The password that there is, and the one that there is to be.
#[derive(Clone, Debug)]
pub struct ChangePassword {
    /// The current one.
    pub current: SecretString,
    /// The new one.
    pub new: SecretString,
}

/// Why the password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangePasswordError {
    /// The new one must not be one.
    #[error(transparent)]
    Password(#[from] PasswordProblem),
    /// The current one is another; the failure is counted.
    #[error("the current password is wrong")]
    Wrong,
    /// Too soon after a failure, or too many: not before then (S14).
    #[error("too many failures")]
    TooMany(Timestamp),
    /// It was changed by somebody else meanwhile, or the account may not be used any more.
    #[error("the password was changed meanwhile")]
    Conflict,
    /// No password could be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Passwords {
    /// What can be said against a new password before anything is hashed, so that it is told with all else that is
    /// wrong (A2). [`Self::change`] judges it in full.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn judge(&self, typed: &SecretString) -> Result<(), PasswordProblem> {
        self.ports.policy.judge(&Password::new(typed)?, &[])
    }

    /// Changes the caller's password, ends all of their other sessions, and tells every verified address.
    ///
    /// # Errors
    /// See [`ChangePasswordError`].
    pub async fn change(
        &self,
        caller: &SignedIn,
        command: ChangePassword,
        origin: &Origin,
    ) -> Result<(), ChangePasswordError> {
        let now = self.ports.clock.now();
        let account = self.ports.accounts.find(caller.account_id).await?;
        let account = account.ok_or(ChangePasswordError::Conflict)?;
        // Before anything is paid for: a refused password costs no attempt.
        let new = Password::new(&command.new)?;
        self.ports.policy.accept(&new, &personal(&account)).await?;
        let proved = self.prove(&account, &command.current, origin, now).await?;
        let event = self.event(&account, origin, now);
        // Only who has shown the current one is told that it is the same.
        let changed = if Password::new(&command.current).is_ok_and(|current| current.reveal() == new.reveal())
        {
            Err(PasswordProblem::Unchanged.into())
        } else {
            self.replace(caller, &account, &new, &proved, event).await
        };
        if !matches!(changed, Ok(())) {
            self.ports.sign_in.release(&proved).await?;
        }
        changed
    }

    /// Judges the current password as a sign-in by the account's oldest address would.
    async fn prove(
        &self,
        account: &Account,
        current: &SecretString,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Proved, ChangePasswordError> {
        let oldest = account.identifiers.first().ok_or(ChangePasswordError::Conflict)?;
        let event = self.event(account, origin, now);
        let shown = FirstFactor { address: &oldest.address, password: current, event };
        let proved = self.ports.sign_in.first_factor(shown, origin, now).await?;
        if proved.candidate.account_id == account.id {
            Ok(proved)
        } else {
            Err(ChangePasswordError::Conflict)
        }
    }

    async fn replace(
        &self,
        caller: &SignedIn,
        account: &Account,
        new: &Password,
        proved: &Proved,
        event: AuditEvent,
    ) -> Result<(), ChangePasswordError> {
        let command = ReplacePassword {
            account_id: account.id,
            old: proved.candidate.password.clone(),
            new: self.ports.hasher.hash(new).await?,
            kept: caller.session_id,
            throttle: proved.throttle_key,
            effects: Effects {
                messages: self.ports.outbox.notices(
                    (MessageKind::PasswordChanged, &[]),
                    account,
                    event.at,
                )?,
                events: vec![event],
            },
        };
        let replaced = self.ports.store.replace(command).await;
        self.ports.revocations.account_ended();
        if replaced? { Ok(()) } else { Err(ChangePasswordError::Conflict) }
    }

    fn event(&self, account: &Account, origin: &Origin, now: Timestamp) -> AuditEvent {
        let actor = Actor::Account(account.id);
        AuditEvent::done(Act::PASSWORD_CHANGED, actor, origin, now, &*self.ports.entropy).on(account.id)
    }
}

/// The words that a password of this account's owner must not be about (C5).
pub(crate) fn personal(account: &Account) -> Vec<&str> {
    let addresses = account.identifiers.iter().map(|identifier| identifier.address.as_typed());
    addresses.chain(account.name.as_ref().map(Name::as_str)).collect()
}

impl From<AcceptError> for ChangePasswordError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Problem(problem) => Self::Password(problem),
            AcceptError::Hash(error) => Self::Hash(error),
        }
    }
}

impl From<FirstFactorError> for ChangePasswordError {
    fn from(error: FirstFactorError) -> Self {
        match error {
            FirstFactorError::Refused => Self::Wrong,
            FirstFactorError::TooMany(until) => Self::TooMany(until),
            FirstFactorError::Hash(error) => Self::Hash(error),
            FirstFactorError::Store(error) => Self::Store(error),
        }
    }
}
