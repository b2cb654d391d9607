//! What can go wrong with a store, as seen from above: an outage is never turned into a "no".

use std::error::Error;

/// A store could not do what it was asked; nothing of the command was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store does not answer, is full, or is shutting down. Trying again later may help.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// A service that keeps in the store's place what was asked for does not answer. Trying again later may help.
    #[error("a service that is asked in place of the store is unavailable")]
    Elsewhere(#[source] Box<dyn Error + Send + Sync>),
    /// Too much is waiting for the store, or others keep changing the same row. Trying again may help.
    #[error("the store is busy")]
    Busy,
    /// What was read cannot be what was written: damaged, or written by a newer version.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// An outage with the reason that the engine gave.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }

    /// An outage of a service that is asked in the store's place.
    pub fn elsewhere(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Elsewhere(source.into())
    }

    /// A value in the row that cannot be read.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }
}
