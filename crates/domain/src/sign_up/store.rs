//! The port that keeps sign-ups and turns one into an account.

use async_trait::async_trait;

use super::{BeginSignUpError, CompleteSignUp, CompleteSignUpError, NewSignUp, PendingSignUp};
use crate::{id::CeremonyId, identifiers::EmailAddress, store_error::StoreError};

/// Keeps sign-ups.
#[async_trait]
pub trait SignUpStore: Send + Sync {
    /// Does an account have this address?
    async fn is_taken(&self, address: &EmailAddress) -> Result<bool, StoreError>;

    /// Writes a sign-up, its code and its message; takes a slot of its address's limit.
    async fn begin(&self, command: NewSignUp) -> Result<(), BeginSignUpError>;

    /// A sign-up that is neither completed nor ended by another one.
    async fn find(&self, id: CeremonyId) -> Result<Option<PendingSignUp>, StoreError>;

    /// Consumes the code (unexpired, in its place, once), pays the guess back, creates the account with the
    /// address and the password of this very row, ends the address's other sign-ups, forgets its failed sign-ins, writes the session; of N
    /// at once, and of N sign-ups of one address, exactly one wins.
    async fn complete(&self, command: CompleteSignUp) -> Result<(), CompleteSignUpError>;
}
