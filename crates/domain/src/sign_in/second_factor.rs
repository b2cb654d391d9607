//! What the second steps of a sign-up and of a sign-in share: who may take them, and how codes fail.

use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    clock::Timestamp,
    id::CeremonyId,
    one_time_codes::{JudgeError, ReplaceError},
    secret::SecretHash,
    sessions::{CeremonyKind, Confirmation, Sessions},
    signing_keys::SignError,
    store_error::StoreError,
};

/// What a client shows for a second step: the pre-authorized token and its binding.
#[derive(Clone, Copy, Debug)]
pub struct PreAuthorizedCaller<'a> {
    /// The pre-authorized JWT.
    pub access_token: &'a SecretString,
    /// The client binding, if one was shown.
    pub binding: Option<&'a SecretString>,
}

/// A ceremony whose token and binding were right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ceremony {
    pub(crate) id: CeremonyId,
    /// The binding's hash, which the session inherits.
    pub(crate) binding: SecretHash,
}

/// Why a code opened nothing.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The pre-authorized token does not count: 401. The reason is for the log only.
    #[error("the pre-authorized token does not count: {0}")]
    Unauthorized(&'static str),
    /// Another code; the guess is counted.
    #[error("the code is wrong")]
    Wrong,
    /// The code has expired; another may be asked for.
    #[error("the code has expired")]
    Expired,
    /// The ceremony is completed or over.
    #[error("there is nothing to verify any more")]
    Gone,
    /// The ceremony's guesses are used up.
    #[error("too many wrong codes")]
    Exhausted,
    /// The account's budget of wrong codes is used up until then.
    #[error("too many wrong codes for this account")]
    BudgetSpent(Timestamp),
    /// No token could be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CodeError {
    /// The slug for the audit; none where nothing was refused.
    pub(crate) const fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Unauthorized(reason) => Some(reason),
            Self::Wrong => Some("wrong_code"),
            Self::Expired => Some("code_expired"),
            Self::Gone => Some("gone"),
            Self::Exhausted => Some("attempts_exhausted"),
            Self::BudgetSpent(_) => Some("account_budget_spent"),
            Self::Sign(_) | Self::Store(_) => None,
        }
    }
}

impl From<JudgeError> for CodeError {
    fn from(error: JudgeError) -> Self {
        match error {
            JudgeError::Gone => Self::Gone,
            JudgeError::Expired => Self::Expired,
            JudgeError::Wrong => Self::Wrong,
            JudgeError::Exhausted => Self::Exhausted,
            JudgeError::BudgetSpent(until) => Self::BudgetSpent(until),
            JudgeError::Store(error) => Self::Store(error),
        }
    }
}

/// Why no code was sent again.
#[derive(Debug, thiserror::Error)]
pub enum ResendError {
    /// The pre-authorized token does not count: 401. The reason is for the log only.
    #[error("the pre-authorized token does not count: {0}")]
    Unauthorized(&'static str),
    /// The ceremony is completed or over.
    #[error("there is nothing to verify any more")]
    Gone,
    /// The ceremony's guesses are used up.
    #[error("too many wrong codes")]
    Exhausted,
    /// Too soon or too often; not before then.
    #[error("too many codes")]
    TooMany(Timestamp),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ResendError {
    /// The slug for the audit; none where nothing was refused.
    pub(crate) const fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Unauthorized(reason) => Some(reason),
            Self::Gone => Some("gone"),
            Self::Exhausted => Some("attempts_exhausted"),
            Self::TooMany(_) => Some("too_many_codes"),
            Self::Store(_) => None,
        }
    }
}

impl From<ReplaceError> for ResendError {
    fn from(error: ReplaceError) -> Self {
        match error {
            ReplaceError::Gone => Self::Gone,
            ReplaceError::Exhausted => Self::Exhausted,
            ReplaceError::TooMany(until) => Self::TooMany(until),
            ReplaceError::Store(error) => Self::Store(error),
        }
    }
}

/// Checks a pre-authorized token and its binding for a step of this kind of ceremony.
pub(crate) fn authorize(
    sessions: &Sessions,
    caller: PreAuthorizedCaller<'_>,
    kind: CeremonyKind,
    now: Timestamp,
) -> Result<Ceremony, &'static str> {
    let claims = sessions
        .tokens()
        .read_pre_authorized(caller.access_token.expose_secret(), now)
        .map_err(|fault| fault.as_str())?;
    if claims.ceremony != kind {
        return Err("wrong_ceremony");
    }
    if !sessions.binding_fits(claims.cnf.as_ref(), caller.binding) {
        return Err("wrong_client");
    }
    // Without bindings a session is bound to nothing that anybody could show.
    let held = claims.cnf.as_ref().and_then(Confirmation::hash);
    Ok(Ceremony { id: claims.sid, binding: held.unwrap_or(SecretHash::from_bytes([0; 32])) })
}
