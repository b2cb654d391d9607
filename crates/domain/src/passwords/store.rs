//! The port that sets passwords of accounts that are there. Recoveries set theirs by a port of their own.

use async_trait::async_trait;

use super::PasswordHash;
use crate::{
    effects::Effects,
    id::{AccountId, SessionId},
    secret::SecretHash,
    store_error::StoreError,
};

/// A new password in the place of one that its owner has just shown.
#[derive(Clone, Debug)]
pub struct ReplacePassword {
    /// Whose.
    pub account_id: AccountId,
    /// What was verified.
    pub old: PasswordHash,
    /// What is kept from now on.
    pub new: PasswordHash,
    /// The session that goes on.
    pub kept: SessionId,
    /// The failures of the first factor, which are forgotten.
    pub throttle: SecretHash,
    /// The event, and the notices to the owner.
    pub effects: Effects,
}

/// Sets passwords.
#[async_trait]
pub trait PasswordStore: Send + Sync {
    /// Sets the new hash if the old one is still in its place and the account may be used: counts the change, which
    /// ends the sign-ins and recoveries under way, ends every session but the one that is kept, and forgets the
    /// failures. False, and nothing written, otherwise; of N at once over the same hash exactly one wins.
    async fn replace(&self, command: ReplacePassword) -> Result<bool, StoreError>;
}
