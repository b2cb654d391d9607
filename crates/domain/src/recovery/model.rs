//! Recoveries as they are kept.

use crate::{
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, CeremonyId},
    identifiers::EmailAddress,
    one_time_codes::{MatchedCode, NewCode, SlotLimit, SlotOwner},
    passwords::PasswordHash,
    secret::SecretHash,
    store_error::StoreError,
};

/// A recovery that begins.
#[derive(Clone, Debug)]
pub struct NewRecovery {
    /// Its id.
    pub id: CeremonyId,
    /// The address that was given, known or not.
    pub address: EmailAddress,
    /// Whose it is.
    pub subject: RecoverySubject,
    /// The SHA-256 of the token, where one was sent.
    pub link: Option<SecretHash>,
    /// The code that was sent; one that nobody knows where none was.
    pub code: NewCode,
    /// When it began.
    pub created_at: Timestamp,
    /// From when on it no longer counts.
    pub expires_at: Timestamp,
    /// Whose failures the guesses count as.
    pub failures_of: SlotOwner,
    /// How many recoveries an address may have begun for it.
    pub limit: SlotLimit,
    /// The event, and the message where there is an account.
    pub effects: Effects,
}

/// Whose a recovery is.
#[derive(Clone, Debug)]
pub enum RecoverySubject {
    /// An account's, which had got another password so often; with the next one the recovery is over.
    Account {
        /// Which.
        id: AccountId,
        /// See above.
        password_changes: u64,
    },
    /// Nobody's. It takes a slot of this limit, which nobody else asks for, where another one writes its message: so it
    /// takes as long (C9).
    Decoy(SlotLimit),
}

/// A recovery under way, as far as showing its secret asks.
#[derive(Clone, Debug)]
pub struct PendingRecovery {
    /// The address that was given.
    pub address: EmailAddress,
    /// Whose; none where it is a decoy.
    pub account_id: Option<AccountId>,
    /// The SHA-256 of the token, where one was sent.
    pub link: Option<SecretHash>,
    /// From when on it no longer counts.
    pub expires_at: Timestamp,
}

/// What has proved that somebody reads the account's mail.
#[derive(Clone, Debug)]
pub enum RecoveryProof {
    /// The right code.
    Code {
        /// To consume; its guess is to be paid back.
        code: MatchedCode,
        /// Whose failures the guess was paid from.
        failures_of: SlotOwner,
    },
    /// The token.
    Link(SecretHash),
}

/// The secret was right: consumes the recovery and sets the password.
#[derive(Clone, Debug)]
pub struct CompleteRecovery {
    /// Which recovery.
    pub id: CeremonyId,
    /// Whose.
    pub account_id: AccountId,
    /// What is consumed.
    pub proof: RecoveryProof,
    /// The new password.
    pub password: PasswordHash,
    /// The failed sign-ins of each of the account's addresses, which are forgotten (S14).
    pub throttles: Vec<SecretHash>,
    /// The present.
    pub now: Timestamp,
    /// The event, and the notices to the owner.
    pub effects: Effects,
}

/// Why no recovery was begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginRecoveryError {
    /// Too many for this address; not before then.
    #[error("too many recoveries for this address")]
    TooMany(Timestamp),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why no password was set.
#[derive(Debug, thiserror::Error)]
pub enum CompleteRecoveryError {
    /// The secret was consumed or has expired meanwhile, the account has got another password, or it is closed.
    #[error("the recovery is over")]
    Gone,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
