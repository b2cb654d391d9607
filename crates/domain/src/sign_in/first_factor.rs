//! A password for an address, judged under the throttle of that address (S4, S14, C9): what a sign-in begins with, and
//! what changing a password asks for again.

use secrecy::SecretString;

use super::{
    Candidate, Rehashed, SignIn,
    throttle::{Throttle, ThrottleLimits},
};
use crate::{
    actor::Origin,
    audit::AuditEvent,
    clock::Timestamp,
    effects::Effects,
    identifiers::EmailAddress,
    outbox::{MessageKind, MessageLife},
    passwords::{HashError, Password, PasswordVerdict},
    secret::SecretHash,
    store_error::StoreError,
};

/// An address and what was typed as its password.
pub(crate) struct FirstFactor<'a> {
    pub(crate) address: &'a EmailAddress,
    pub(crate) password: &'a SecretString,
    /// What is written when it is refused.
    pub(crate) event: AuditEvent,
}

/// A first factor that was right. Its attempt is still paid for.
pub(crate) struct Proved {
    pub(crate) candidate: Candidate,
    /// Whose failures the write that uses this forgets.
    pub(crate) throttle_key: SecretHash,
    reserved: Throttle,
    /// The password, where its stored hash is outdated (S13).
    outdated: Option<Password>,
}

/// Why a first factor proved nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FirstFactorError {
    /// Unknown address, wrong password, or an account that may not be used.
    #[error("the address or the password is wrong")]
    Refused,
    /// Too soon after a failure, or too many: not before then.
    #[error("too many failures")]
    TooMany(Timestamp),
    /// No password could be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a password is worth at an address.
enum Judged {
    Right { outdated: Option<Password> },
    Wrong,
}

impl SignIn {
    /// Pays for an attempt, then judges it; one that cannot be judged is given back.
    pub(crate) async fn first_factor(
        &self,
        shown: FirstFactor<'_>,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Proved, FirstFactorError> {
        let throttle_key = self.ports.peppers.email(shown.address);
        let limits = self.throttle_limits();
        let reserved =
            self.ports.store.reserve_attempt(throttle_key, limits, now).await?.map_err(|until| {
                let act = shown.event.act.clone();
                self.ports.sessions.note_refusal(act, Some("too_many_failures"), origin);
                FirstFactorError::TooMany(until)
            })?;
        let candidate = self.ports.store.find_candidate(shown.address).await?;
        // A password that could never be one costs a hash all the same (C9).
        let password = Password::new(shown.password);
        let judged = match self.judge(candidate.as_ref(), password.ok()).await {
            Ok(judged) => judged,
            Err(error) => {
                // A service that is too busy to hash must not close its people's accounts.
                self.ports.store.release_attempt(throttle_key, reserved).await?;
                return Err(error.into());
            }
        };
        match (judged, candidate) {
            (Judged::Right { outdated }, Some(candidate)) => {
                Ok(Proved { candidate, throttle_key, reserved, outdated })
            }
            (_, candidate) => {
                self.refuse((shown.address, candidate.as_ref()), reserved, shown.event, now).await?;
                Err(FirstFactorError::Refused)
            }
        }
    }

    /// Gives back the attempt of a first factor that was right and could not be used.
    pub(crate) async fn release(&self, proved: &Proved) -> Result<(), StoreError> {
        self.ports.store.release_attempt(proved.throttle_key, proved.reserved).await
    }

    /// A fresh hash, where the stored one is outdated. It can wait for the next sign-in when the threads are busy.
    pub(super) async fn rehash(&self, proved: &Proved) -> Option<Rehashed> {
        let new = self.ports.hasher.hash(proved.outdated.as_ref()?).await.ok()?;
        Some(Rehashed { old: proved.candidate.password.clone(), new })
    }

    /// One hash is computed on every path (S4, C9).
    async fn judge(
        &self,
        candidate: Option<&Candidate>,
        password: Option<Password>,
    ) -> Result<Judged, HashError> {
        let (Some(candidate), Some(password)) = (candidate, &password) else {
            let password = password.or_else(|| Password::new(&"impossible".to_owned().into()).ok());
            if let Some(password) = password {
                self.ports.hasher.verify_nothing(&password).await?;
            }
            return Ok(Judged::Wrong);
        };
        let verdict = self.ports.hasher.verify(password, &candidate.password).await?;
        if verdict == PasswordVerdict::Wrong || !candidate.standing.state.may_sign_in() {
            return Ok(Judged::Wrong);
        }
        let outdated = verdict == PasswordVerdict::RightButOutdated;
        Ok(Judged::Right { outdated: outdated.then(|| password.clone()) })
    }

    /// Writes the event of a wrong first factor; when it closed the sign-in, the owner is told (S14). The notice is composed
    /// for nobody too, so that it takes as long; only the write leaves it out (C9).
    async fn refuse(
        &self,
        (address, candidate): (&EmailAddress, Option<&Candidate>),
        throttle: Throttle,
        event: AuditEvent,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let event = event.refused("wrong_first_factor");
        let notice = if throttle.is_closed(self.throttle_limits()) {
            Some(self.ports.outbox.compose(
                MessageKind::SignInLocked,
                candidate.map_or(address, |candidate| &candidate.address),
                &[("failures", &throttle.failures.to_string())],
                MessageLife::notice(now),
            )?)
        } else {
            None
        };
        let mut effects = Effects::default();
        match candidate {
            Some(candidate) => {
                effects.events.push(event.on(candidate.account_id));
                effects.messages.extend(notice);
            }
            None => effects.events.push(event),
        }
        self.ports.store.refuse(effects).await
    }

    const fn throttle_limits(&self) -> ThrottleLimits {
        ThrottleLimits { lock_after: self.settings.lock_after, lock_for: self.settings.lock_for }
    }
}
