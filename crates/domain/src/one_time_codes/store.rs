//! The port that keeps codes. They are created and consumed by the ceremonies' own ports.

use async_trait::async_trait;

use super::{
    AttemptLimits, MatchedCode, ReplaceCode, ReplaceError, ReserveError, ReservedAttempt, SlotOwner,
};
use crate::{clock::Timestamp, id::CeremonyId, store_error::StoreError};

/// Keeps the codes of ceremonies and counts the guesses at them.
#[async_trait]
pub trait OneTimeCodeStore: Send + Sync {
    /// Pays for a guess, before anything is compared: one of the ceremony's attempts and one of its owner's
    /// failure slots. A refusal costs nothing.
    async fn reserve_attempt(
        &self,
        ceremony: CeremonyId,
        limits: AttemptLimits,
        now: Timestamp,
    ) -> Result<ReservedAttempt, ReserveError>;

    /// Pays a right guess back, which cannot be used yet: one of the ceremony's attempts, and the slot if it is still
    /// this ceremony's. Writes nothing when the code is not in its place any more.
    async fn release_attempt(
        &self,
        ceremony: CeremonyId,
        code: MatchedCode,
        failures_of: SlotOwner,
    ) -> Result<(), StoreError>;

    /// Replaces a ceremony's code and writes its message.
    async fn replace(&self, command: ReplaceCode) -> Result<(), ReplaceError>;
}
