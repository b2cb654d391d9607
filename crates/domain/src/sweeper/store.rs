//! The port that deletes what has expired.

use async_trait::async_trait;

use super::Horizon;
use crate::{clock::Timestamp, store_error::StoreError};

/// One step of the sweeper.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// Who sweeps: a node's own random number.
    pub holder: [u8; 16],
    /// The present moment.
    pub now: Timestamp,
    /// The end of the lease, when nobody prolongs it.
    pub until: Timestamp,
    /// So much of each kind at the most.
    pub limit: u32,
    /// Sign-ups, sign-ins and their codes; invitations.
    pub ceremonies: Horizon,
    /// Refresh tokens, used ones too, of sessions that are past their absolute limit.
    pub refresh_tokens: Horizon,
    /// Sessions past their absolute limit that have no refresh tokens any more.
    pub sessions: Horizon,
    /// The keys, used ones too, of families of API keys that are past their limit.
    pub api_key_tokens: Horizon,
    /// Families of API keys past their limit that have no keys any more.
    pub api_keys: Horizon,
    /// Requests for device tokens, claimed ones too.
    pub token_requests: Horizon,
    /// Device tokens.
    pub device_tokens: Horizon,
    /// Messages that are done with.
    pub messages: Horizon,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swept {
    /// So much was deleted; `more` where the limit of a kind was reached.
    Deleted {
        /// Rows of all kinds.
        rows: usize,
        /// Whether another step would find more.
        more: bool,
    },
    /// Another node sweeps.
    HeldByAnother,
}

impl Swept {
    /// There was nothing to delete.
    pub const NOTHING: Self = Self::Deleted { rows: 0, more: false };

    /// So many rows of each kind, of `limit` at the most.
    #[must_use]
    pub fn of(deleted: &[usize], limit: u32) -> Self {
        let is_full = |count: &usize| u32::try_from(*count).map_or(true, |count| count >= limit);
        Self::Deleted { rows: deleted.iter().sum(), more: deleted.iter().any(is_full) }
    }
}

/// Deletes what has expired.
#[async_trait]
pub trait SweepStore: Send + Sync {
    /// Takes the sweeper's lease, or prolongs it, and deletes what the command's horizons leave, slots that are free at
    /// `now` too; all in one write. Nothing where another holds the lease at `now`. An engine that expires by itself
    /// has nothing to delete and no lease.
    ///
    /// # Errors
    /// The store failed, and nothing was written.
    async fn sweep(&self, command: Sweep) -> Result<Swept, StoreError>;
}
