//! The port that keeps signing keys.

use async_trait::async_trait;

use super::SigningKey;
use crate::{effects::Effects, store_error::StoreError};

/// Keeps signing keys.
#[async_trait]
pub trait SigningKeyStore: Send + Sync {
    /// Every key, oldest first.
    async fn list(&self) -> Result<Vec<SigningKey>, StoreError>;

    /// Writes the very first key. False, and nothing written, when there is one already.
    async fn insert_first(&self, key: SigningKey, effects: Effects) -> Result<bool, StoreError>;
}
