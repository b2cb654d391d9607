//! Connections that only read: a few, each behind a lock that is held for one query and never across an await.

use std::sync::{
    Mutex, PoisonError, TryLockError,
    atomic::{AtomicUsize, Ordering},
};

use rusqlite::Connection;

use super::rows::Failure;

pub(super) struct Readers {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Readers {
    /// Opens `count` connections.
    pub(super) fn open(
        count: usize,
        connect: impl Fn() -> rusqlite::Result<Connection>,
    ) -> rusqlite::Result<Self> {
        let connections = (0..count).map(|_| connect().map(Mutex::new)).collect::<Result<_, _>>()?;
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }

    /// Runs a query on a connection that is free; where none is, on the first to be free of those that follow.
    pub(super) fn run<T>(&self, query: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let in_turn = || self.connections.iter().cycle().skip(start % self.connections.len().max(1));
        let free =
            in_turn().take(self.connections.len()).find_map(|connection| match connection.try_lock() {
                Ok(connection) => Some(connection),
                // A query that panicked has changed nothing.
                Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            });
        match (free, in_turn().next()) {
            (Some(connection), _) => query(&connection),
            (None, Some(busy)) => query(&busy.lock().unwrap_or_else(PoisonError::into_inner)),
            (None, None) => Err(Failure::Engine(rusqlite::Error::InvalidQuery)),
        }
    }
}
