//! Which files are opened, made, or left alone.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use rusqlite::Connection;
use symbolon_adapters::{
    schema::SchemaStatus,
    sqlite::{Missing, OpenError, OpenOptions, Outdated, SqliteStore, migrations},
};
use symbolon_domain::store::Store as _;
use tempfile::tempdir;

use super::fresh;
use crate::contract::given::{at, everything, person};

fn open(path: &Path) -> Result<(), OpenError> {
    SqliteStore::open(path, &OpenOptions::create()).map(|_| ())
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A closed database with an account in it.
async fn closed() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = SqliteStore::open(&path, &OpenOptions::create()).unwrap();
    person(&super::stores(&store, &path), "ada@example.org", at(0)).await;
    store.close().await;
    (directory, path)
}

/// Refuses to open it, and leaves every byte as it was.
fn is_refused(path: &Path, expected: impl Fn(&OpenError) -> bool) {
    let bytes = fs::read(path).unwrap();
    assert!(SqliteStore::exists(path).unwrap());
    for _ in 0..2 {
        let error = open(path).unwrap_err();
        assert!(expected(&error), "{error:?}");
        let error = migrations::up(path).unwrap_err();
        assert!(expected(&error), "{error:?}");
        let error = migrations::status(path).unwrap_err();
        assert!(expected(&error), "{error:?}");
    }
    assert!(fs::read(path).unwrap() == bytes, "the file was changed");
}

/// C64, M1: nobody else on the machine reads it, nor its log.
#[tokio::test]
async fn a_new_database_is_its_owners_only() {
    let fresh = fresh().await;
    person(&fresh.stores, "ada@example.org", at(0)).await;
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", fresh.path.display());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
}

/// G10: to be asked before a master key is made; asking makes nothing.
#[tokio::test]
async fn a_missing_and_an_empty_file_are_no_database() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("s.db");
    assert!(!SqliteStore::exists(&path).unwrap());
    assert_eq!(migrations::status(&path).unwrap().current, None);
    assert!(matches!(migrations::up(&path), Err(OpenError::Missing(_))));
    assert!(matches!(SqliteStore::open(&path, &OpenOptions::existing()), Err(OpenError::Missing(_))));
    assert!(names(directory.path()).is_empty());
    fs::write(&path, "").unwrap();
    assert!(!SqliteStore::exists(&path).unwrap());
    assert!(matches!(SqliteStore::open(&path, &OpenOptions::existing()), Err(OpenError::Missing(_))));
    open(&path).unwrap();
    assert!(SqliteStore::exists(&path).unwrap());
}

/// X12: its database may come back from a backup; a new one would throw the log away.
#[test]
fn a_log_without_its_database_is_left_alone() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("s.db");
    fs::write(directory.path().join("s.db-wal"), "a log").unwrap();
    assert!(SqliteStore::exists(&path).unwrap());
    assert!(matches!(open(&path), Err(OpenError::Damaged { .. })));
    assert_eq!(names(directory.path()), ["s.db-wal"]);
    assert_eq!(fs::read(directory.path().join("s.db-wal")).unwrap(), b"a log");
}

/// X12: refused, and never made anew.
#[test]
fn a_file_that_is_no_database_is_refused() {
    for content in [&b"not a database, but somebody's notes"[..], b"x", &[0; 8_192]] {
        let directory = tempdir().unwrap();
        let path = directory.path().join("s.db");
        fs::write(&path, content).unwrap();
        is_refused(&path, |error| matches!(error, OpenError::NotSqlite(_)));
    }
}

/// X12: its header, its first table, a page in the middle, its end.
#[tokio::test]
async fn a_damaged_database_is_refused() {
    let (_directory, path) = closed().await;
    let good = fs::read(&path).unwrap();
    let is_damaged = |error: &OpenError| matches!(error, OpenError::Damaged { .. });
    for start in [16, 100, 4_096, 5 * 4_096] {
        let mut bytes = good.clone();
        bytes[start..start + 64].fill(0xa5);
        fs::write(&path, &bytes).unwrap();
        is_refused(&path, is_damaged);
    }
    fs::write(&path, &good[..good.len() / 2]).unwrap();
    is_refused(&path, is_damaged);
    fs::write(&path, &good).unwrap();
    open(&path).unwrap();
}

/// Another program's tables are not ours to add to.
#[test]
fn another_programs_database_is_refused() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("s.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    drop(other);
    is_refused(&path, |error| matches!(error, OpenError::Foreign(_)));
    let other = Connection::open(&path).unwrap();
    other.execute_batch("DROP TABLE notes; PRAGMA application_id = 7").unwrap();
    drop(other);
    is_refused(&path, |error| matches!(error, OpenError::Foreign(_)));
}

/// G6: it says which schema it found and which it knows.
#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (_directory, path) = closed().await;
    let newer = migrations::LATEST + 1;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", newer).unwrap();
    is_refused(&path, |error| matches!(error, OpenError::Newer { found, .. } if *found == newer));
    let told = open(&path).unwrap_err().to_string();
    assert!(told.contains(&format!("schema {newer}")) && told.contains("newer version"), "{told}");
}

/// G6: the status of a file that is not there yet, of one that was begun, and of one that is up to date.
#[tokio::test]
async fn pending_migrations_are_told_and_run() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("s.db");
    let everything = migrations::ALL.to_vec();
    let status = |current, pending| SchemaStatus { current, pending };
    assert_eq!(migrations::status(&path).unwrap(), status(None, everything.clone()));
    Connection::open(&path).unwrap().execute_batch("PRAGMA journal_mode = wal").unwrap();
    assert_eq!(migrations::status(&path).unwrap(), status(Some(0), everything.clone()));
    let refusing = OpenOptions { outdated: Outdated::Refuse, ..OpenOptions::create() };
    let refused = SqliteStore::open(&path, &refusing).err();
    assert!(matches!(refused, Some(OpenError::Outdated { found: 0, .. })), "{refused:?}");
    assert_eq!(migrations::status(&path).unwrap(), status(Some(0), everything.clone()));
    assert_eq!(migrations::up(&path).unwrap(), everything);
    assert_eq!(migrations::up(&path).unwrap(), []);
    assert_eq!(migrations::status(&path).unwrap(), status(Some(migrations::LATEST), Vec::new()));
    SqliteStore::open(&path, &OpenOptions::existing()).unwrap();
}

/// X1: what was acknowledged is there although nobody closed the database: it is read from a copy of its files.
#[tokio::test]
async fn an_acknowledged_write_is_in_the_files() {
    let fresh = fresh().await;
    let ada = person(&fresh.stores, "ada@example.org", at(0)).await;
    let elsewhere = tempdir().unwrap();
    let copy = elsewhere.path().join("s.db");
    fs::copy(&fresh.path, &copy).unwrap();
    fs::copy(format!("{}-wal", fresh.path.display()), elsewhere.path().join("s.db-wal")).unwrap();
    let options = OpenOptions { missing: Missing::Refuse, ..OpenOptions::create() };
    let reopened = SqliteStore::open(&copy, &options).unwrap();
    let accounts = super::stores(&reopened, &copy).accounts.list(everything()).await.unwrap();
    assert_eq!(accounts.items.iter().map(|account| account.id).collect::<Vec<_>>(), [ada.id]);
}

/// G4: one file, which can be copied away.
#[tokio::test]
async fn closing_moves_everything_into_the_database() {
    let (directory, path) = closed().await;
    let log = fs::metadata(directory.path().join("s.db-wal")).map_or(0, |metadata| metadata.len());
    assert_eq!(log, 0);
    let elsewhere = tempdir().unwrap();
    let copy = elsewhere.path().join("s.db");
    fs::copy(&path, &copy).unwrap();
    let reopened = SqliteStore::open(&copy, &OpenOptions::existing()).unwrap();
    let accounts = super::stores(&reopened, &copy).accounts.list(everything()).await.unwrap();
    assert_eq!(accounts.items.len(), 1);
}

/// Two processes that start at once on a new file.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_open_a_new_database_all_use_the_same() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("s.db");
    let opening = (0..8).map(|number| {
        let path = path.clone();
        async move {
            let store = SqliteStore::open(&path, &OpenOptions::create()).unwrap();
            person(&super::stores(&store, &path), &format!("person{number}@example.org"), at(number)).await;
        }
    });
    crate::contract::given::race(opening).await;
    let store = SqliteStore::open(&path, &OpenOptions::existing()).unwrap();
    let accounts = super::stores(&store, &path).accounts.list(everything()).await.unwrap();
    assert_eq!(accounts.items.len(), 8);
}
