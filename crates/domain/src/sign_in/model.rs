//! Sign-ins as they are kept.

use crate::{
    accounts::Standing,
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, CeremonyId},
    identifiers::{EmailAddress, Identifier},
    one_time_codes::{MatchedCode, NewCode, SlotOwner},
    passwords::PasswordHash,
    secret::SecretHash,
    sessions::NewSession,
    store_error::StoreError,
};

/// The account behind an address, as far as a sign-in asks.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its id.
    pub account_id: AccountId,
    /// Whether it may be used.
    pub standing: Standing,
    /// The address, as its owner typed it when they signed up.
    pub address: EmailAddress,
    /// Its password's hash.
    pub password: PasswordHash,
    /// How often it has got another password.
    pub password_changes: u64,
}

/// A first factor that was right.
#[derive(Clone, Debug)]
pub struct NewSignIn {
    /// Its id.
    pub id: CeremonyId,
    /// Whose.
    pub account_id: AccountId,
    /// How often the account had got another password when this one was judged. With the next one the sign-in is over.
    pub password_changes: u64,
    /// The address's failures, which are forgotten.
    pub throttle: SecretHash,
    /// A fresh hash of the password, where the stored one was made under weaker parameters (S13).
    pub rehashed: Option<Rehashed>,
    /// When it began.
    pub created_at: Timestamp,
    /// Until when the second factor may follow.
    pub expires_at: Timestamp,
    /// The code that was sent.
    pub code: NewCode,
    /// Whose failures the guesses count as.
    pub failures_of: SlotOwner,
    /// The message and the event.
    pub effects: Effects,
}

/// A hash that takes the place of another, if that is still there.
#[derive(Clone, Debug)]
pub struct Rehashed {
    /// What was verified.
    pub old: PasswordHash,
    /// What is kept from now on.
    pub new: PasswordHash,
}

/// A sign-in under way.
#[derive(Clone, Debug)]
pub struct SignInAttempt {
    /// Whose.
    pub account_id: AccountId,
    /// Where codes go: the account's oldest address.
    pub identifier: Identifier,
    /// Until when the second factor may follow.
    pub expires_at: Timestamp,
}

/// The second factor was right: consumes the code and writes the session.
#[derive(Clone, Debug)]
pub struct CompleteSignIn {
    /// Which sign-in.
    pub id: CeremonyId,
    /// Whose.
    pub account_id: AccountId,
    /// The code to consume, and the guess to pay back.
    pub code: MatchedCode,
    /// Whose failures the guess was paid from.
    pub failures_of: SlotOwner,
    /// The session.
    pub session: NewSession,
    /// The present.
    pub now: Timestamp,
    /// The event.
    pub effects: Effects,
}

/// Why no sign-in was begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The account is gone, may not be used any more, or has got another password meanwhile.
    #[error("the account cannot be signed in to")]
    AccountUnavailable,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a ceremony was not completed.
#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    /// The code was consumed, replaced, or has expired meanwhile, or the account may not be used any more or has got
    /// another password.
    #[error("the ceremony is over")]
    Gone,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
