//! The schema: made once by however many, and judged by every program that connects.

#![expect(clippy::disallowed_methods, reason = "the tests measure how long something takes")]

use std::time::{Duration, Instant};

use futures::future::join_all;
use sqlx::{Connection as _, Executor as _, Row as _};
use symbolon_adapters::postgres::{OpenError, PostgresOptions, PostgresStore, migrations};
use tokio::net::TcpListener;

use super::{Database, fresh};

/// G6: and looking makes nothing.
#[tokio::test]
async fn an_empty_database_has_everything_before_it() {
    let database = Database::create().await;
    let options = database.options();
    for _ in 0..2 {
        let status = migrations::status(&options).await.unwrap();
        assert_eq!((status.current, status.pending), (None, migrations::ALL.to_vec()));
        let refused = PostgresStore::connect(&options).await.err().unwrap();
        assert!(matches!(refused, OpenError::Missing), "{refused:?}");
    }
    let tables = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'";
    let mut beside = database.beside().await;
    assert_eq!(beside.fetch_one(tables).await.unwrap().get::<i64, _>(0), 0);
    assert_eq!(migrations::up(&options).await.unwrap(), migrations::ALL);
    let status = migrations::status(&options).await.unwrap();
    assert_eq!((status.current, status.pending), (Some(migrations::LATEST), Vec::new()));
    assert_eq!(migrations::up(&options).await.unwrap(), []);
}

/// G6: nodes that are started at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_migrate_at_once_one_does_it() {
    let database = Database::create().await;
    let options = database.options();
    let outcomes = join_all((0..8).map(|_| {
        let options = options.clone();
        tokio::spawn(async move { migrations::up(&options).await.unwrap().len() })
    }))
    .await;
    let mut ran: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    ran.sort_unstable();
    assert_eq!(ran, [0, 0, 0, 0, 0, 0, 0, migrations::ALL.len()]);
    PostgresStore::connect(&options).await.unwrap();
}

/// G6: a rolling upgrade migrates first; the program from before runs on where the migration says that it can.
#[tokio::test]
async fn a_newer_schema_is_used_if_it_says_so() {
    let fresh = fresh().await;
    let options = fresh.database.options();
    let mut beside = fresh.database.beside().await;
    beside.execute("INSERT INTO symbolon_schema VALUES (1000, 'expand', 1, now())").await.unwrap();
    PostgresStore::connect(&options).await.unwrap();
    let status = migrations::status(&options).await.unwrap();
    assert_eq!((status.current, status.pending), (Some(1000), Vec::new()));
    assert_eq!(migrations::up(&options).await.unwrap(), []);
    beside.execute("INSERT INTO symbolon_schema VALUES (1001, 'contract', 1000, now())").await.unwrap();
    let refused = PostgresStore::connect(&options).await.err().unwrap();
    assert!(matches!(refused, OpenError::Newer { found: 1001, known: migrations::LATEST }), "{refused:?}");
}

/// All or none: a database with a table of somebody else's in the way is left as it was.
#[tokio::test]
async fn a_migration_that_fails_leaves_nothing() {
    let database = Database::create().await;
    let mut beside = database.beside().await;
    beside.execute("CREATE TABLE outbox (parcel TEXT)").await.unwrap();
    let failed = migrations::up(&database.options()).await.unwrap_err();
    assert!(matches!(failed, OpenError::Engine(_)), "{failed:?}");
    let tables = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(beside.fetch_one(tables).await.unwrap().get::<i64, _>(0), 1);
    beside.close().await.unwrap();
}

/// X3, X13: at once where nobody listens, within seconds where nobody answers; the password is not shown.
#[tokio::test]
async fn a_server_that_cannot_be_reached_is_told_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    for (host, cause) in
        [("127.0.0.1:1".to_owned(), "refused"), (format!("127.0.0.1:{port}"), "the server does not answer")]
    {
        let url = format!("postgres://symbolon:hunter2@{host}/symbolon?sslmode=disable");
        let options =
            PostgresOptions { acquire_timeout: Duration::from_secs(1), ..PostgresOptions::new(url) };
        assert!(!format!("{options:?}").contains("hunter2"));
        let begun = Instant::now();
        let error = PostgresStore::connect(&options).await.err().unwrap();
        let error = format!("{error} {error:?}");
        assert!(error.contains(cause) && !error.contains("hunter2"), "{error}");
        migrations::status(&options).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
