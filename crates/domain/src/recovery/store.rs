//! The port that keeps recoveries and sets the password of one that succeeds.

use async_trait::async_trait;

use super::{BeginRecoveryError, CompleteRecovery, CompleteRecoveryError, NewRecovery, PendingRecovery};
use crate::{id::CeremonyId, store_error::StoreError};

/// Keeps recoveries.
#[async_trait]
pub trait RecoveryStore: Send + Sync {
    /// Writes a recovery, its code and its message; takes a slot of its address's limit.
    async fn begin(&self, command: NewRecovery) -> Result<(), BeginRecoveryError>;

    /// A recovery that is not completed, and whose account has got no other password since; expired ones included.
    async fn find(&self, id: CeremonyId) -> Result<Option<PendingRecovery>, StoreError>;

    /// Consumes the recovery (unexpired, with this proof, once), pays a guess back, and sets the account's password:
    /// counts the change, which ends the other recoveries and the sign-ins under way, adds one to the epoch, which ends
    /// every session (S10), forgets the failures of its addresses (S14), and opens the account where it was compromised
    /// (S15). Nothing where the account is locked. Of N at once, and of N recoveries of one account, exactly one wins.
    async fn complete(&self, command: CompleteRecovery) -> Result<(), CompleteRecoveryError>;
}
