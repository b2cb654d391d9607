//! The store for several nodes: a PostgreSQL database, through `sqlx`.
//!
//! A command is one guarded statement, or a short transaction that locks the rows it decides about before it reads them
//! ([`commands`]); every port method is complete when it returns. Connections are bounded in number, in the queue before
//! them and in time ([`pool`]). What one node writes wakes the others ([`notify`]).

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use sqlx::Connection as _;
use symbolon_domain::{revocations::RevocationFeed, store::Store};
use tokio::{sync::broadcast, time::timeout};

pub use self::{address::InvalidUrl, failure::EngineError, notify::Change};
use self::{commands::Runner, notify::Notifier, pool::Pool, sessions::Refreshes};
use crate::store_fault::StoreFault;

mod accounts;
mod address;
mod api_keys;
mod audit;
mod commands;
mod device_tokens;
mod effects;
mod failure;
mod invitations;
mod licenses;
pub mod migrations;
mod notify;
mod one_time_codes;
mod outbox;
mod passwords;
mod pool;
mod recovery;
mod rows;
mod sealing;
mod sessions;
mod sign_in;
mod sign_up;
mod signing_keys;
mod sweeper;

/// How a database is reached.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host/database?sslmode=…`: a secret.
    pub url: String,
    /// Connections of this node at the most, besides the one that listens.
    pub max_connections: u32,
    /// Callers that may wait for a connection; the next one is told to come back.
    pub queue: u32,
    /// So long a caller waits for a connection, and a connection for the server.
    pub acquire_timeout: Duration,
    /// So long a statement may take, and not much longer a command.
    pub statement_timeout: Duration,
}

impl PostgresOptions {
    /// With the usual limits.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 16,
            queue: 256,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(5),
        }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PostgresOptions")
            .field("url", &"redacted")
            .field("max_connections", &self.max_connections)
            .field("queue", &self.queue)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .finish()
    }
}

/// Why a database was not opened. It was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// `store.url` cannot be read.
    #[error("store.url is not the address of a PostgreSQL database")]
    Url(#[from] InvalidUrl),
    /// It has no tables of ours.
    #[error("the database of store.url is empty: run `symbolon migrate up`")]
    Missing,
    /// Migrations are pending.
    #[error("the database of store.url has schema {found} of {known}: run `symbolon migrate up`")]
    Outdated {
        /// Its schema.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// A newer version of this program has changed it so that this one cannot use it.
    #[error(
        "the database of store.url has schema {found}, and this version knows schemas up to {known}: run a newer version"
    )]
    Newer {
        /// Its schema.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// It keeps texts in another encoding.
    #[error(
        "the database of store.url has the encoding {0}: make one with ENCODING 'UTF8' TEMPLATE template0"
    )]
    Encoding(String),
    /// The server cannot be reached, or refused.
    #[error(transparent)]
    Engine(EngineError),
}

impl OpenError {
    /// What kind of thing it is.
    #[must_use]
    pub fn fault(&self) -> StoreFault {
        match self {
            Self::Url(InvalidUrl::Authority(_)) => StoreFault::Certificate,
            Self::Url(_) => StoreFault::Address,
            Self::Missing | Self::Outdated { .. } => StoreFault::Outdated,
            Self::Newer { .. } => StoreFault::Newer,
            Self::Encoding(_) => StoreFault::Encoding,
            Self::Engine(error) => error.fault(),
        }
    }

    fn engine(error: sqlx::Error) -> Self {
        Self::Engine(error.into())
    }
}

/// A store in a PostgreSQL database. It is every port of the domain that keeps something.
pub struct PostgresStore {
    runner: Runner,
    refreshes: Refreshes,
}

impl PostgresStore {
    /// Reaches a database whose schema fits this program.
    ///
    /// # Errors
    /// See [`OpenError`]. Nothing is migrated here.
    pub async fn connect(options: &PostgresOptions) -> Result<Arc<Self>, OpenError> {
        let address = address::parse(&options.url)?;
        let silent = OpenError::Engine(EngineError::Silent);
        let connecting = timeout(options.acquire_timeout, sqlx::PgConnection::connect_with(&address));
        let mut connection = connecting.await.map_err(|_| silent)?.map_err(OpenError::engine)?;
        migrations::check(&mut connection).await?;
        // The server notices also where it is not told.
        let _ = timeout(options.acquire_timeout, connection.close()).await;
        let pool = Pool::new(address.clone(), options);
        let runner = Runner { pool, notifier: Arc::new(Notifier::start(address)) };
        let refreshes = Refreshes::start(&runner, options.queue);
        Ok(Arc::new(Self { runner, refreshes }))
    }

    /// What changes from now on, written by this node or by others: for whoever keeps copies. A receiver that lags
    /// behind has missed something, as after [`Change::Everything`].
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.runner.notifier.changes()
    }
}

#[async_trait]
impl RevocationFeed for PostgresStore {
    fn announce(&self) {
        self.runner.notifier.tell_revocation();
    }

    async fn heard(&self) {
        self.runner.notifier.wait_for_revocation().await;
    }
}

#[async_trait]
impl Store for PostgresStore {
    /// The connections are given back to the server.
    async fn close(&self) {
        self.refreshes.close().await;
        self.runner.pool.close().await;
        self.runner.notifier.close().await;
    }
}
