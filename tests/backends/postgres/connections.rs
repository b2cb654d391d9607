//! Connections: bounded in number, in the queue before them and in time; and replaced when they break.

#![expect(clippy::disallowed_methods, reason = "the tests measure how long something takes")]

use std::time::{Duration, Instant};

use futures::future::join_all;
use sqlx::{Connection as _, Executor as _, Row as _};
use symbolon_adapters::postgres::{PostgresOptions, PostgresStore};
use symbolon_domain::{
    accounts::AccountStore,
    effects::Effects,
    outbox::{LeaseMessages, OutboxStore as _},
    store::Store as _,
    store_error::StoreError,
};

use super::{Fresh, fresh, stores};
use crate::contract::given::{Person, at, person};

/// A store on the same database with few connections and little patience.
async fn narrow(fresh: &Fresh) -> std::sync::Arc<PostgresStore> {
    let options = PostgresOptions {
        max_connections: 2,
        queue: 3,
        acquire_timeout: Duration::from_secs(1),
        statement_timeout: Duration::from_secs(1),
        ..fresh.database.options()
    };
    PostgresStore::connect(&options).await.unwrap()
}

/// A transaction that writes the account's row.
async fn rename(store: &PostgresStore, person: &Person, name: &str) -> Result<bool, StoreError> {
    store.set_name(person.id, Some(name.parse().unwrap()), Effects::default()).await
}

async fn is_found(fresh: &Fresh, person: &Person) -> bool {
    fresh.stores.sessions.find(person.session.id).await.unwrap().is_some()
}

/// X3, X4: two hold a connection and wait for a lock, three wait for a connection, the rest are told at once; all are
/// answered in time, and then everything is as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn behind_a_lock_the_queue_is_bounded_in_length_and_in_time() {
    let fresh = fresh().await;
    let ada = person(&fresh.stores, "ada@example.org", at(0)).await;
    let narrow = narrow(&fresh).await;
    let mut beside = fresh.database.beside().await;
    let mut holder = beside.begin().await.unwrap();
    holder.execute("UPDATE accounts SET name = 'Eve'").await.unwrap();
    let begun = Instant::now();
    let outcomes = join_all((0..20).map(|_| async {
        let outcome = rename(&narrow, &ada, "Ada").await;
        (outcome, begun.elapsed())
    }))
    .await;
    let is_outage =
        |outcome: &Result<_, _>| matches!(outcome, Err(StoreError::Busy | StoreError::Unavailable(_)));
    assert!(outcomes.iter().all(|(outcome, _)| is_outage(outcome)), "{outcomes:?}");
    assert!(outcomes.iter().all(|(_, after)| *after < Duration::from_secs(8)), "{outcomes:?}");
    let at_once = outcomes.iter().filter(|(_, after)| *after < Duration::from_millis(500)).count();
    assert!(at_once >= 15, "{outcomes:?}");
    holder.rollback().await.unwrap();
    assert!(rename(&narrow, &ada, "Ada").await.unwrap());
}

/// X3: every connection is closed by the server, as when it is restarted; nobody is refused because of that.
#[tokio::test]
async fn connections_that_the_server_closed_are_replaced() {
    let fresh = fresh().await;
    let ada = person(&fresh.stores, "ada@example.org", at(0)).await;
    let mut beside = fresh.database.beside().await;
    for round in 0..3 {
        let busy = (0..8).map(|_| is_found(&fresh, &ada));
        assert!(join_all(busy).await.into_iter().all(|found| found), "round {round}");
        let cut = "SELECT COUNT(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        assert!(beside.fetch_one(cut).await.unwrap().get::<i64, _>(0) > 1);
        assert!(rename(&fresh.store, &ada, "Ada").await.unwrap());
        assert!(is_found(&fresh, &ada).await);
        fresh
            .stores
            .outbox
            .lease(LeaseMessages { lease: [1; 16], now: at(1), until: at(2), limit: 1 })
            .await
            .unwrap();
    }
}

/// A caller that goes away leaves a connection behind that others can use.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_that_go_away_leave_the_connections_in_order() {
    let fresh = fresh().await;
    let ada = person(&fresh.stores, "ada@example.org", at(0)).await;
    let narrow = narrow(&fresh).await;
    for micros in (0..2_000).step_by(50) {
        let renaming = rename(&narrow, &ada, "Ada Augusta");
        let _ = tokio::time::timeout(Duration::from_micros(micros), renaming).await;
    }
    let renamed = rename(&narrow, &ada, "Ada").await;
    assert!(matches!(renamed, Ok(true)), "{renamed:?}");
    let found = AccountStore::find(&*narrow, ada.id).await;
    assert_eq!(found.unwrap().unwrap().name, Some("Ada".parse().unwrap()));
    let mut beside = fresh.database.beside().await;
    let open = "SELECT COUNT(*) FROM pg_stat_activity
                WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    assert_eq!(beside.fetch_one(open).await.unwrap().get::<i64, _>(0), 0);
}

/// What runs is finished; what comes afterwards is refused as an outage.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_closed_store_has_finished_what_it_began() {
    let fresh = fresh().await;
    let ada = person(&fresh.stores, "ada@example.org", at(0)).await;
    let narrow = narrow(&fresh).await;
    let running = join_all((0..4).map(|_| {
        let stores = stores(&narrow, &fresh.database);
        let name = Some("Ada".parse().unwrap());
        tokio::spawn(async move { stores.accounts.set_name(ada.id, name, Effects::default()).await })
    }));
    let (outcomes, ()) = tokio::join!(running, narrow.close());
    for outcome in outcomes {
        let outcome = outcome.unwrap();
        assert!(matches!(outcome, Ok(true) | Err(StoreError::Unavailable(_))), "{outcome:?}");
    }
    let late = rename(&narrow, &ada, "Ada").await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
    narrow.close().await;
}

/// G3: a server that takes no writes, such as one that was demoted, is not ready; what only reads goes on.
#[tokio::test]
async fn a_server_without_writes_is_not_ready() {
    let fresh = fresh().await;
    let ada = person(&fresh.stores, "ada@example.org", at(0)).await;
    fresh.store.backlog().await.unwrap();
    let name = fresh.database.url.rsplit('/').next().unwrap().to_owned();
    let demote = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    fresh.database.beside().await.execute(sqlx::AssertSqlSafe(demote)).await.unwrap();
    let store = PostgresStore::connect(&fresh.database.options()).await.unwrap();
    let told = store.backlog().await.unwrap_err();
    assert!(matches!(told, StoreError::Unavailable(_)), "{told:?}");
    let refused = rename(&store, &ada, "Eve").await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(AccountStore::find(&*store, ada.id).await.unwrap().is_some());
}
