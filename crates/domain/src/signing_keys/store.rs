//! The port that keeps signing keys.

use async_trait::async_trait;

use super::SigningKey;
use crate::{clock::Timestamp, effects::Effects, store_error::StoreError};

/// The next key, in its place after the one that was the newest when it was made.
#[derive(Clone, Debug)]
pub struct RotateSigningKey {
    /// The key; its generation is the newest one's and one.
    pub next: SigningKey,
    /// When the one before it is to retire, unless that is to retire sooner.
    pub predecessor_retires_at: Timestamp,
    /// The event.
    pub effects: Effects,
}

/// A key that is taken no more, from now on.
#[derive(Clone, Debug)]
pub struct RetireSigningKey {
    /// Which.
    pub generation: u32,
    /// The one that signs in its place: nothing is written where that has been retired too.
    pub kept_generation: u32,
    /// The present.
    pub now: Timestamp,
    /// The event.
    pub effects: Effects,
}

/// A key that is to be forgotten.
#[derive(Clone, Debug)]
pub struct DeleteSigningKey {
    /// Which.
    pub generation: u32,
    /// It must have retired at this moment or before.
    pub retired_by: Timestamp,
    /// The event.
    pub effects: Effects,
}

/// Keeps signing keys.
#[async_trait]
pub trait SigningKeyStore: Send + Sync {
    /// Every key, oldest first. Reads its own writes.
    async fn list(&self) -> Result<Vec<SigningKey>, StoreError>;

    /// Writes the very first key. False, and nothing written, when there is one already.
    async fn insert_first(&self, key: SigningKey, effects: Effects) -> Result<bool, StoreError>;

    /// Writes the next key and the end of the one before. False, and nothing written, when that is not the newest any
    /// more: of many nodes at once exactly one rotates.
    async fn rotate(&self, command: RotateSigningKey) -> Result<bool, StoreError>;

    /// Ends a key at once. False, and nothing written, when it is not there or has ended, or when the one that is to
    /// sign in its place has.
    async fn retire(&self, command: RetireSigningKey) -> Result<bool, StoreError>;

    /// Deletes a key that has retired. False, and nothing written, when it is not there, has not retired by then, or is the
    /// newest, by which the next one is counted.
    async fn delete(&self, command: DeleteSigningKey) -> Result<bool, StoreError>;
}
