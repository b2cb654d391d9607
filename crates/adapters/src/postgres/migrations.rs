//! The schema: which one a database has, and the way to the newest. The table `symbolon_schema` has a row for each
//! migration that a database has seen, with the oldest version that can still run beside it (G6).

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgConnectOptions};
use tokio::time::timeout;

use super::{OpenError, PostgresOptions, failure::EngineError};
use crate::{
    schema::{Migration, SchemaStatus},
    sql::migrations,
};

/// Every step, in order.
pub const ALL: [Migration; 7] = migrations!("postgres");

/// For each step, the schema of the oldest program that can run on with it.
const RUNS_WITH: [u32; ALL.len()] = [1, 1, 1, 1, 1, 1, 1];

/// The schema of this program.
pub const LATEST: u32 = 7;

/// Of many that migrate at once one does it, and the others wait: `Symbolon` in ASCII.
const ADVISORY_LOCK: i64 = 0x5379_6d62_6f6c_6f6e;

/// Looking takes no longer than this.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// A migration waits no longer than this for a table that others use: behind it everybody else waits too.
const LOCK_TIMEOUT: &str = "5s";
/// Who migrates at the same time gets so long.
const MIGRATION_TIMEOUT: &str = "10min";

/// The table that remembers. It is older than every migration, and stays as it is.
const CREATE_TABLE: &str = "
    CREATE TABLE IF NOT EXISTS symbolon_schema (
        version    BIGINT NOT NULL PRIMARY KEY,
        name       TEXT NOT NULL,
        runs_with  BIGINT NOT NULL,
        applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
    )";

/// Looks at a database and changes nothing.
///
/// # Errors
/// It cannot be reached or read.
pub async fn status(options: &PostgresOptions) -> Result<SchemaStatus, OpenError> {
    let options = super::address::parse(&options.url)?;
    let mut connection = connect(&options).await?;
    let found = bounded(find(&mut connection)).await?;
    close(connection).await;
    Ok(SchemaStatus {
        current: found.map(|found| found.version),
        pending: pending(found.map_or(0, |found| found.version)),
    })
}

/// Brings a database up to date; all pending migrations or none. Gives back those that it ran. However many do so at
/// once, one does it.
///
/// # Errors
/// It cannot be reached, or a migration failed.
pub async fn up(options: &PostgresOptions) -> Result<Vec<Migration>, OpenError> {
    let options = super::address::parse(&options.url)?;
    let mut connection = connect(&options).await?;
    let encoding = bounded(sqlx::query("SHOW server_encoding").fetch_one(&mut connection)).await?;
    match encoding.try_get::<String, _>(0).map_err(OpenError::engine)? {
        encoding if encoding == "UTF8" => {}
        encoding => return Err(OpenError::Encoding(encoding)),
    }
    let ran = apply(&mut connection).await.map_err(OpenError::engine)?;
    close(connection).await;
    Ok(ran)
}

/// Refuses a database that this program cannot run on.
pub(super) async fn check(connection: &mut PgConnection) -> Result<(), OpenError> {
    judge(bounded(find(connection)).await?, LATEST)
}

/// The newest step that a database has seen.
#[derive(Clone, Copy)]
struct Found {
    version: u32,
    runs_with: u32,
}

/// Can a program with this schema run on what was found?
fn judge(found: Option<Found>, known: u32) -> Result<(), OpenError> {
    match found {
        None => Err(OpenError::Missing),
        Some(Found { version, .. }) if version < known => Err(OpenError::Outdated { found: version, known }),
        Some(Found { version, runs_with }) if known < runs_with => {
            Err(OpenError::Newer { found: version, known })
        }
        Some(_) => Ok(()),
    }
}

async fn find(connection: &mut PgConnection) -> Result<Option<Found>, sqlx::Error> {
    let exists =
        sqlx::query("SELECT to_regclass('symbolon_schema') IS NOT NULL").fetch_one(&mut *connection).await?;
    if !exists.try_get::<bool, _>(0)? {
        return Ok(None);
    }
    let newest = "SELECT version, runs_with FROM symbolon_schema ORDER BY version DESC LIMIT 1";
    let Some(row) = sqlx::query(newest).fetch_optional(connection).await? else { return Ok(None) };
    // What is no version of ours is newer than any.
    let number =
        |index: usize| row.try_get::<i64, _>(index).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    Ok(Some(Found { version: number(0)?, runs_with: number(1)? }))
}

async fn apply(connection: &mut PgConnection) -> Result<Vec<Migration>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    set(&mut transaction, "statement_timeout", "0").await?;
    set(&mut transaction, "lock_timeout", MIGRATION_TIMEOUT).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(ADVISORY_LOCK).execute(&mut *transaction).await?;
    set(&mut transaction, "lock_timeout", LOCK_TIMEOUT).await?;
    let pending = pending(find(&mut transaction).await?.map_or(0, |found| found.version));
    if pending.is_empty() {
        return Ok(pending);
    }
    sqlx::raw_sql(CREATE_TABLE).execute(&mut *transaction).await?;
    for migration in &pending {
        sqlx::raw_sql(migration.text).execute(&mut *transaction).await?;
        let runs_with = ALL.iter().zip(RUNS_WITH).find(|(step, _)| step.version == migration.version);
        sqlx::query("INSERT INTO symbolon_schema (version, name, runs_with) VALUES ($1, $2, $3)")
            .bind(i64::from(migration.version))
            .bind(migration.name)
            .bind(i64::from(runs_with.map_or(migration.version, |(_, runs_with)| runs_with)))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(pending)
}

/// For the rest of the transaction.
async fn set(
    connection: &mut PgConnection,
    name: &'static str,
    value: &'static str,
) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT set_config($1, $2, true)")
        .bind(name)
        .bind(value)
        .execute(connection)
        .await
        .map(|_| ())
}

fn pending(version: u32) -> Vec<Migration> {
    ALL.into_iter().filter(|migration| migration.version > version).collect()
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, OpenError> {
    bounded(PgConnection::connect_with(options)).await
}

async fn close(connection: PgConnection) {
    // The server notices also where it is not told.
    let _ = timeout(LOOK_TIMEOUT, connection.close()).await;
}

async fn bounded<T>(doing: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, OpenError> {
    match timeout(LOOK_TIMEOUT, doing).await {
        Ok(done) => done.map_err(OpenError::engine),
        Err(_) => Err(OpenError::Engine(EngineError::Silent)),
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

    /// G6: a migration comes before the version that needs it, and that version after the one that it may run beside.
    #[test]
    fn a_program_runs_on_its_own_schema_and_on_newer_ones_that_allow_it() {
        let found = |version, runs_with| Some(Found { version, runs_with });
        assert!(matches!(judge(None, 3), Err(OpenError::Missing)));
        assert!(matches!(judge(found(2, 1), 3), Err(OpenError::Outdated { found: 2, known: 3 })));
        assert!(judge(found(3, 3), 3).is_ok());
        assert!(judge(found(4, 3), 3).is_ok());
        assert!(judge(found(5, 2), 3).is_ok());
        assert!(matches!(judge(found(4, 4), 3), Err(OpenError::Newer { found: 4, known: 3 })));
    }

    #[test]
    fn every_step_runs_with_itself() {
        assert!(ALL.iter().zip(RUNS_WITH).all(|(step, runs_with)| runs_with <= step.version));
    }
}
