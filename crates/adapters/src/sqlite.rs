//! The embedded store: one SQLite file in WAL mode, through `rusqlite`.
//!
//! Every write goes through one thread, which commits what waits as a group ([`writer`]); reads run at once on
//! connections of their own ([`readers`]) and see what was committed before they began. Other processes may read and
//! write the same file; nothing here shares it over a network.

use std::{
    fs, io,
    num::NonZeroUsize,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use symbolon_domain::{revocations::RevocationFeed, store::Store, store_error::StoreError};
use tokio::sync::Notify;

use self::{
    readers::Readers,
    rows::Failure,
    writer::{Write, Writer},
};
use crate::store_fault::StoreFault;

mod accounts;
mod api_keys;
mod audit;
mod device_tokens;
mod effects;
mod invitations;
mod licenses;
pub mod migrations;
mod one_time_codes;
mod outbox;
mod passwords;
mod readers;
mod recovery;
mod rows;
mod sealing;
mod sessions;
mod sign_in;
mod sign_up;
mod signing_keys;
mod sweeper;
mod writer;

/// So long a connection waits for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Whoever finds a new file busy tries so often, and so far apart, to open it.
const MOST_TRIES: u32 = 200;
const BETWEEN_TRIES: Duration = Duration::from_millis(25);
/// What a burst of writes leaves behind as log is cut back to this many bytes.
const LOG_LIMIT: i64 = 64 * 1024 * 1024;
/// Statements that a connection keeps parsed: more than there are.
const PARSED_STATEMENTS: usize = 128;
/// More readers than this would only cost memory.
const MOST_READERS: usize = 16;

/// How a database is opened.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// What to do where there is none, or an empty file.
    pub missing: Missing,
    /// What to do where its schema is older than this program.
    pub outdated: Outdated,
    /// The database may not grow past so many pages of 4 KiB: writes are then refused as unavailable.
    pub max_pages: Option<u32>,
}

/// What to do where there is no database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Make one, for its owner's eyes only (mode 0600).
    Create,
    /// [`OpenError::Missing`].
    Refuse,
}

/// What to do where the schema is older than this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outdated {
    /// Bring it up to date (G6).
    Migrate,
    /// [`OpenError::Outdated`].
    Refuse,
}

impl OpenOptions {
    /// Makes a database where there is none, and brings an old one up to date: for `serve`.
    #[must_use]
    pub const fn create() -> Self {
        Self { missing: Missing::Create, outdated: Outdated::Migrate, max_pages: None }
    }

    /// Takes a database as it is, or not at all: for commands that look.
    #[must_use]
    pub const fn existing() -> Self {
        Self { missing: Missing::Refuse, outdated: Outdated::Refuse, max_pages: None }
    }
}

/// Why a database was not opened. It was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file, or it is empty.
    #[error("there is no database at {}", .0.display())]
    Missing(PathBuf),
    /// The file is something else.
    #[error("{} is not a SQLite database", .0.display())]
    NotSqlite(PathBuf),
    /// Another program's database.
    #[error("{} is the database of another program", .0.display())]
    Foreign(PathBuf),
    /// It cannot be what was written (X12).
    #[error("the database {} is damaged ({detail}): restore it from a backup", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Written by a newer version of this program.
    #[error(
        "the database {} has schema {found}, and this version knows schemas up to {known}: run a newer version",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// Migrations are pending, and were not asked for.
    #[error("the database {} has schema {found} of {known}: run `symbolon migrate up`", path.display())]
    Outdated {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// The file, its directory, or a thread for it cannot be had.
    #[error("cannot use the database {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The engine refused.
    #[error("cannot open the database {}", path.display())]
    Engine {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
}

impl OpenError {
    /// What kind of thing it is.
    #[must_use]
    pub fn fault(&self) -> StoreFault {
        match self {
            Self::Missing(_) => StoreFault::Missing,
            Self::NotSqlite(_) | Self::Foreign(_) => StoreFault::Foreign,
            Self::Damaged { .. } => StoreFault::Damaged,
            Self::Newer { .. } => StoreFault::Newer,
            Self::Outdated { .. } => StoreFault::Outdated,
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => StoreFault::Missing,
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreFault::Permission,
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreFault::Full,
                _ => StoreFault::Other,
            },
            Self::Engine { source, .. } => match source.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreFault::Busy,
                Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::CannotOpen) => {
                    StoreFault::Permission
                }
                Some(ErrorCode::DiskFull) => StoreFault::Full,
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreFault::Damaged,
                _ => StoreFault::Other,
            },
        }
    }

    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Io { path: path.to_owned(), source }
    }

    fn engine(path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        |source| Self::Engine { path: path.to_owned(), source }
    }

    fn is_busy(&self) -> bool {
        matches!(self, Self::Engine { source, .. }
            if source.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
    }
}

/// A store in one SQLite file. It is every port of the domain that keeps something.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    /// Told after each commit that brought a message.
    arrivals: Arc<Notify>,
}

impl SqliteStore {
    /// Is there a database, of whatever kind and in whatever state? An empty file is none; a write-ahead log whose
    /// database is gone is one, because it may hold the only copy of something (G10). Changes nothing.
    ///
    /// # Errors
    /// The path cannot be looked at.
    pub fn exists(path: &Path) -> io::Result<bool> {
        Ok(migrations::length(path)? > 0 || migrations::length(&migrations::log_of(path))? > 0)
    }

    /// Opens a database and starts its writer.
    ///
    /// # Errors
    /// See [`OpenError`]. A database that cannot be used is never made anew (X12).
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Arc<Self>, OpenError> {
        patiently(|| Self::open_at_once(path, options))
    }

    fn open_at_once(path: &Path, options: &OpenOptions) -> Result<Arc<Self>, OpenError> {
        match (migrations::inspect(path)?, options) {
            (None, OpenOptions { missing: Missing::Refuse, .. }) => {
                return Err(OpenError::Missing(path.to_owned()));
            }
            (Some(found), OpenOptions { outdated: Outdated::Refuse, .. }) if found < migrations::LATEST => {
                return Err(OpenError::Outdated { path: path.to_owned(), found, known: migrations::LATEST });
            }
            (None, _) => create_file(path).map_err(OpenError::io(path))?,
            (Some(_), _) => {}
        }
        let mut connection = connect_writer(path, options).map_err(OpenError::engine(path))?;
        migrations::apply(&mut connection).map_err(OpenError::engine(path))?;
        let parallel = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_READERS);
        let readers = Readers::open(parallel, || connect_reader(path)).map_err(OpenError::engine(path))?;
        let arrivals = Arc::new(Notify::new());
        let writer = Writer::start(connection, Arc::clone(&arrivals)).map_err(OpenError::io(path))?;
        Ok(Arc::new(Self { writer, readers, arrivals }))
    }

    /// Runs a command in the writer's next group. Its value is given back only after the commit.
    async fn write<T, F>(&self, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Write<'_>) -> Result<T, Failure> + Send + 'static,
    {
        self.writer.run(command).await
    }

    /// Runs a query here and now. It takes microseconds and never waits for the writer.
    fn read<T>(&self, query: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, StoreError> {
        self.readers.run(query).map_err(StoreError::from)
    }
}

/// Another process on the same file is an operator's command, and told of by nobody.
impl RevocationFeed for SqliteStore {}

#[async_trait]
impl Store for SqliteStore {
    /// The log is moved into the database.
    async fn close(&self) {
        self.writer.close().await;
    }
}

/// SQLite waits for another process that writes, but is busy at once where several open a new file at the same moment:
/// whoever is not first tries again.
fn patiently<T>(open: impl Fn() -> Result<T, OpenError>) -> Result<T, OpenError> {
    for _ in 0..MOST_TRIES {
        match open() {
            Err(error) if error.is_busy() => thread::sleep(BETWEEN_TRIES),
            opened => return opened,
        }
    }
    open()
}

/// SQLite gives the log and its index the mode of the database.
fn create_file(path: &Path) -> io::Result<()> {
    fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?.sync_all()
}

fn connect_writer(path: &Path, options: &OpenOptions) -> rusqlite::Result<Connection> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Erased contents are overwritten where that costs no further write.
    connection.pragma_update_and_check(None, "secure_delete", "fast", |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_LIMIT, |_| Ok(()))?;
    if let Some(pages) = options.max_pages {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(connection)
}

fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Without a mutex of SQLite's own: a connection belongs to one thread at a time here.
fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(PARSED_STATEMENTS);
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}
