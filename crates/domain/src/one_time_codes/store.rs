//! The port that keeps codes. They are created and consumed by the ceremonies' own ports.

use async_trait::async_trait;

use super::{AttemptLimits, ReplaceCode, ReplaceError, ReserveError, ReservedAttempt};
use crate::{clock::Timestamp, id::CeremonyId};

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

    /// Replaces a ceremony's code and writes its message.
    async fn replace(&self, command: ReplaceCode) -> Result<(), ReplaceError>;
}
