//! Sign-ups as they are kept.

use crate::{
    accounts::Name,
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, CeremonyId, IdentifierId},
    identifiers::EmailAddress,
    one_time_codes::{MatchedCode, NewCode, SlotLimit, SlotOwner},
    passwords::PasswordHash,
    secret::SecretHash,
    sessions::NewSession,
    store_error::StoreError,
};

/// A sign-up that begins.
#[derive(Clone, Debug)]
pub struct NewSignUp {
    /// Its id.
    pub id: CeremonyId,
    /// The address to verify.
    pub address: EmailAddress,
    /// The name that the account will have.
    pub name: Option<Name>,
    /// The password that the account will have.
    pub password: PasswordHash,
    /// Whether it only looks like one: no code opens it.
    pub decoy: bool,
    /// When it began.
    pub created_at: Timestamp,
    /// When its row ends.
    pub expires_at: Timestamp,
    /// The code that was sent.
    pub code: NewCode,
    /// Whose failures the guesses count as.
    pub failures_of: SlotOwner,
    /// How many sign-ups an address may have begun for it.
    pub limit: SlotLimit,
    /// The message and the event.
    pub effects: Effects,
}

/// A sign-up under way, as far as sending its code again asks.
#[derive(Clone, Debug)]
pub struct PendingSignUp {
    /// The address to verify.
    pub address: EmailAddress,
    /// Whether it only looks like one.
    pub decoy: bool,
}

/// The code was right: consumes it, creates the account, ends the address's other sign-ups, writes the session.
#[derive(Clone, Debug)]
pub struct CompleteSignUp {
    /// Which sign-up.
    pub id: CeremonyId,
    /// The code to consume, and the guess to pay back.
    pub code: MatchedCode,
    /// Whose failures the guess was paid from.
    pub failures_of: SlotOwner,
    /// The failed sign-ins of the address, which are forgotten: whoever proved it did not make them.
    pub throttle: SecretHash,
    /// The account's id.
    pub account_id: AccountId,
    /// Its address's id.
    pub identifier_id: IdentifierId,
    /// Its first session.
    pub session: NewSession,
    /// The present.
    pub now: Timestamp,
    /// The event.
    pub effects: Effects,
}

/// Why no sign-up was begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginSignUpError {
    /// Too many for this address; not before then.
    #[error("too many sign-ups for this address")]
    TooMany(Timestamp),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why no account was created.
#[derive(Debug, thiserror::Error)]
pub enum CompleteSignUpError {
    /// The code was consumed, replaced, or has expired meanwhile.
    #[error("the sign-up is over")]
    Gone,
    /// Another sign-up of this address was verified meanwhile.
    #[error("the address has an account")]
    AddressTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
