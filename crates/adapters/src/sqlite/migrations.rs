//! The schema: which one a file has, and the way to the newest. `PRAGMA user_version` counts the migrations that a
//! file has seen; `PRAGMA application_id` tells our files from those of other programs.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::{Missing, OpenError, OpenOptions, Outdated, connect, connect_writer};
use crate::{
    schema::{Migration, SchemaStatus},
    sql::migrations,
};

/// Every step, in order.
pub const ALL: [Migration; 7] = migrations!("sqlite");

/// The schema of this program.
pub const LATEST: u32 = 7;

/// Marks a file as ours: `Symb` in ASCII.
const APPLICATION_ID: i32 = 0x5379_6d62;
/// What every SQLite database begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Files up to this size are read through before they are used, which takes some 30 ms at the most; in larger ones
/// damage shows when it is met.
const CHECKED_LENGTH: u64 = 8 * 1024 * 1024;

/// Looks at a file and changes nothing.
///
/// # Errors
/// It is damaged, not ours, or newer than this program.
pub fn status(path: &Path) -> Result<SchemaStatus, OpenError> {
    let current = inspect(path)?;
    Ok(SchemaStatus { current, pending: pending(current.unwrap_or(0)) })
}

/// Brings an existing database up to date; all pending migrations or none. Gives back those that it ran.
///
/// # Errors
/// There is no database, it cannot be used, or a migration failed.
pub fn up(path: &Path) -> Result<Vec<Migration>, OpenError> {
    if inspect(path)?.is_none() {
        return Err(OpenError::Missing(path.to_owned()));
    }
    let options = OpenOptions { missing: Missing::Refuse, outdated: Outdated::Migrate, max_pages: None };
    let mut connection = connect_writer(path, &options).map_err(OpenError::engine(path))?;
    apply(&mut connection).map_err(OpenError::engine(path))
}

/// The file's schema; none where there is no database. Changes nothing, so that a file that cannot be used stays as
/// it is.
pub(super) fn inspect(path: &Path) -> Result<Option<u32>, OpenError> {
    let length = length(path).map_err(OpenError::io(path))?;
    if length == 0 {
        let orphaned = self::length(&log_of(path)).map_err(OpenError::io(path))? > 0;
        return if orphaned {
            Err(damaged(path, "there is a write-ahead log and no database"))
        } else {
            Ok(None)
        };
    }
    if !has_magic(path).map_err(OpenError::io(path))? {
        return Err(OpenError::NotSqlite(path.to_owned()));
    }
    let look = || {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let found = Found::read(&connection)?;
        let fault = if length <= CHECKED_LENGTH { first_fault(&connection)? } else { None };
        Ok((found, fault))
    };
    let (found, fault) = look().map_err(|error| unusable(path, error))?;
    if let Some(fault) = fault {
        return Err(damaged(path, &fault));
    }
    match found {
        Found { version, application: APPLICATION_ID, .. } if version <= LATEST => Ok(Some(version)),
        Found { version, application: APPLICATION_ID, .. } => {
            Err(OpenError::Newer { path: path.to_owned(), found: version, known: LATEST })
        }
        // A database that was begun and never got its first migration.
        Found { version: 0, application: 0, objects: 0 } => Ok(Some(0)),
        Found { .. } => Err(OpenError::Foreign(path.to_owned())),
    }
}

/// Runs what is pending, in one transaction, so that of several processes that start at once one does it.
pub(super) fn apply(connection: &mut Connection) -> rusqlite::Result<Vec<Migration>> {
    if pending(user_version(connection)?).is_empty() {
        return Ok(Vec::new());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let pending = pending(user_version(&transaction)?);
    for migration in &pending {
        transaction.execute_batch(migration.text)?;
        transaction.pragma_update(None, "user_version", migration.version)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    transaction.commit()?;
    Ok(pending)
}

/// A file's length; zero where there is none.
pub(super) fn length(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// The write-ahead log beside a database.
pub(super) fn log_of(path: &Path) -> PathBuf {
    let mut name: OsString = path.into();
    name.push("-wal");
    name.into()
}

struct Found {
    version: u32,
    application: i32,
    /// Tables, indexes and the like.
    objects: u32,
}

impl Found {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            objects: connection.query_row("SELECT COUNT(*) FROM sqlite_schema", (), |row| row.get(0))?,
            version: user_version(connection)?,
            application: connection.pragma_query_value(None, "application_id", |row| row.get(0))?,
        })
    }
}

/// What SQLite's own check finds first. It reads the whole file.
fn first_fault(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))?;
    Ok((verdict != "ok").then_some(verdict))
}

fn user_version(connection: &Connection) -> rusqlite::Result<u32> {
    // SQLite takes it for signed; no version of ours is that large.
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).map(i32::cast_unsigned)
}

fn pending(version: u32) -> Vec<Migration> {
    ALL.into_iter().filter(|migration| migration.version > version).collect()
}

fn has_magic(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(MAGIC.len() as u64).read_to_end(&mut start)?;
    Ok(start == MAGIC)
}

fn damaged(path: &Path, detail: &str) -> OpenError {
    OpenError::Damaged { path: path.to_owned(), detail: detail.to_owned() }
}

fn unusable(path: &Path, error: rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => damaged(path, &error.to_string()),
        _ => OpenError::engine(path)(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_up_to_the_latest() {
        let versions: Vec<u32> = ALL.iter().map(|migration| migration.version).collect();
        assert_eq!(versions, (1..=LATEST).collect::<Vec<_>>());
    }
}
