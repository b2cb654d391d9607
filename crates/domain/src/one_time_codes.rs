//! Digits by e-mail: six for the second factor that everybody has (S5, C10, C11, C12, C14), eight for a recovery (S12).
//!
//! A code belongs to one ceremony (a sign-up, a sign-in or a recovery), which has five guesses in all, however often
//! the code is sent again. The account has its own budget over all ceremonies, apart from the password lockout.
//! A guess is paid for before it is judged; a right one is paid back in the write that consumes the code.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::Timestamp,
    effects::Effects,
    entropy::{Entropy, random_bytes, random_digits},
    id::CeremonyId,
    sealing::Peppers,
    secret::SecretHash,
    store_error::StoreError,
};

mod model;
mod store;

pub use self::{
    model::{
        AttemptLimits, CodeForm, MatchedCode, NewCode, OneTimeCode, PlainCode, RecoveryCode, ReplaceCode,
        ReplaceError, ReserveError, ReservedAttempt, SlotLimit, SlotOwner,
    },
    store::OneTimeCodeStore,
};

/// The budgets of codes and guesses.
#[derive(Clone, Debug)]
pub struct OneTimeCodeSettings {
    /// How long a code lives; ten minutes at the most (C10).
    pub lifetime: Duration,
    /// Guesses per ceremony.
    pub attempts: u32,
    /// A code is sent again no sooner than this.
    pub resend_interval: Duration,
    /// So often in `resend_window` is a code sent again.
    pub resends: u32,
    /// See `resends`.
    pub resend_window: Duration,
    /// So many failures per account in `account_window`.
    pub account_failures: u32,
    /// See `account_failures`.
    pub account_window: Duration,
}

/// Why a code was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// There is no such ceremony, or it is over.
    #[error("there is nothing to verify any more")]
    Gone,
    /// The code has expired; another may be asked for.
    #[error("the code has expired")]
    Expired,
    /// Another code; the guess is counted.
    #[error("the code is wrong")]
    Wrong,
    /// The ceremony's guesses are used up.
    #[error("too many wrong codes")]
    Exhausted,
    /// The account's budget is used up until then.
    #[error("too many wrong codes for this account")]
    BudgetSpent(Timestamp),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes and judges one-time codes.
#[derive(Clone)]
pub struct OneTimeCodes {
    store: Arc<dyn OneTimeCodeStore>,
    peppers: Peppers,
    entropy: Arc<dyn Entropy>,
    settings: OneTimeCodeSettings,
}

impl OneTimeCodes {
    /// Over this store, with these budgets.
    #[must_use]
    pub fn new(
        store: Arc<dyn OneTimeCodeStore>,
        peppers: Peppers,
        entropy: Arc<dyn Entropy>,
        settings: OneTimeCodeSettings,
    ) -> Self {
        Self { store, peppers, entropy, settings }
    }

    /// The budgets.
    #[must_use]
    pub const fn settings(&self) -> &OneTimeCodeSettings {
        &self.settings
    }

    /// A new code for this ceremony: the digits for the message, and what the store keeps.
    #[must_use]
    pub fn generate(&self, ceremony: CeremonyId, now: Timestamp) -> (PlainCode, NewCode) {
        self.generate_as(self.form(), ceremony, now)
    }

    /// The same, of this form.
    #[must_use]
    pub fn generate_as(&self, form: CodeForm, ceremony: CeremonyId, now: Timestamp) -> (PlainCode, NewCode) {
        let plain = PlainCode::new(random_digits(&*self.entropy, form.digits));
        let salt = random_bytes(&*self.entropy);
        let hash = self.peppers.one_time_code(ceremony, &salt, plain.reveal());
        (plain, NewCode { salt, hash, issued_at: now, expires_at: now + form.lifetime })
    }

    /// A code that nobody is told and that no guess can match (S1: decoys).
    #[must_use]
    pub fn generate_decoy(&self, now: Timestamp) -> NewCode {
        self.generate_decoy_for(self.settings.lifetime, now)
    }

    /// The same, with this life.
    #[must_use]
    pub fn generate_decoy_for(&self, lifetime: Duration, now: Timestamp) -> NewCode {
        let salt = random_bytes(&*self.entropy);
        let hash = SecretHash::from_bytes(random_bytes(&*self.entropy));
        NewCode { salt, hash, issued_at: now, expires_at: now + lifetime }
    }

    /// Pays for a guess, then judges it. The match is still to be consumed by the ceremony's own write.
    ///
    /// # Errors
    /// See [`JudgeError`].
    pub async fn judge(
        &self,
        ceremony: CeremonyId,
        guess: &OneTimeCode,
        now: Timestamp,
    ) -> Result<MatchedCode, JudgeError> {
        let limits = AttemptLimits {
            attempts: self.settings.attempts,
            account_failures: self.settings.account_failures,
            account_window: self.settings.account_window,
        };
        self.judge_within(limits, ceremony, guess, now).await
    }

    /// The same for a code of any length, within these limits.
    ///
    /// # Errors
    /// See [`JudgeError`].
    pub async fn judge_within<const LENGTH: usize>(
        &self,
        limits: AttemptLimits,
        ceremony: CeremonyId,
        guess: &OneTimeCode<LENGTH>,
        now: Timestamp,
    ) -> Result<MatchedCode, JudgeError> {
        let reserved = self.store.reserve_attempt(ceremony, limits, now).await?;
        let hash = self.peppers.one_time_code(ceremony, &reserved.salt, guess.reveal());
        if hash == reserved.hash {
            Ok(MatchedCode { hash: reserved.hash, budget_slot: reserved.budget_slot })
        } else {
            Err(JudgeError::Wrong)
        }
    }

    /// Pays a right guess back that cannot be used yet: the code stands as it did before.
    ///
    /// # Errors
    /// The store failed.
    pub async fn release(
        &self,
        ceremony: CeremonyId,
        code: MatchedCode,
        failures_of: SlotOwner,
    ) -> Result<(), StoreError> {
        self.store.release_attempt(ceremony, code, failures_of).await
    }

    const fn form(&self) -> CodeForm {
        CodeForm { digits: <OneTimeCode>::LENGTH, lifetime: self.settings.lifetime }
    }

    /// Puts a new code in the place of a ceremony's old one, as often as the limits allow.
    ///
    /// # Errors
    /// See [`ReplaceError`].
    pub async fn replace(
        &self,
        ceremony: CeremonyId,
        code: NewCode,
        owner: SlotOwner,
        effects: Effects,
    ) -> Result<(), ReplaceError> {
        let settings = &self.settings;
        let command = ReplaceCode {
            ceremony,
            now: code.issued_at,
            code,
            interval: settings.resend_interval,
            limit: SlotLimit { owner, slots: settings.resends, window: settings.resend_window },
            attempts: settings.attempts,
            effects,
        };
        self.store.replace(command).await
    }
}

impl From<ReserveError> for JudgeError {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Gone => Self::Gone,
            ReserveError::Expired => Self::Expired,
            ReserveError::Exhausted => Self::Exhausted,
            ReserveError::BudgetSpent(until) => Self::BudgetSpent(until),
            ReserveError::Store(error) => Self::Store(error),
        }
    }
}
