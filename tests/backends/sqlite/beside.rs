//! Another process that uses the same file, as the command line does beside the server.

use symbolon_adapters::sqlite::{OpenOptions, SqliteStore};
use symbolon_domain::{
    audit::Act,
    sessions::{RevokeSessions, SessionState},
};

use super::{Beside, fresh, stores};
use crate::contract::given::{at, count, event, events, person, race};

/// What one of them commits the other one reads next.
#[tokio::test]
async fn two_processes_see_each_others_writes() {
    let server = fresh().await;
    let command_line = SqliteStore::open(&server.path, &OpenOptions::existing()).unwrap();
    let command_line = stores(&command_line, &server.path);
    let ada = person(&server.stores, "ada@example.org", at(0)).await;
    assert!(command_line.accounts.find(ada.id).await.unwrap().is_some());
    command_line.sessions.revoke_many(ada.id, RevokeSessions::All, Default::default()).await.unwrap();
    let session = server.stores.sessions.find(ada.session.id).await.unwrap().unwrap();
    assert_eq!(session.state(at(0)), SessionState::Revoked);
}

/// A writer waits for the other one's lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_that_write_at_once_both_succeed() {
    let server = fresh().await;
    let command_line = SqliteStore::open(&server.path, &OpenOptions::existing()).unwrap();
    let command_line = stores(&command_line, &server.path);
    let writing = (0..64).map(|number| {
        let stores = if number % 2 == 0 { server.stores.clone() } else { command_line.clone() };
        async move { stores.audit.append(vec![event(Act::CODE_SENT, at(number))]).await }
    });
    let outcomes = race(writing).await;
    assert_eq!(count(&outcomes, Result::is_ok), 64, "{outcomes:?}");
    assert_eq!(events(&server.stores).await.len(), 64);
}

/// Reads do not wait for anybody who writes; writes do, and arrive as one group when the lock is let go.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lock_that_another_process_holds_delays_writes_and_no_reads() {
    let server = fresh().await;
    let ada = person(&server.stores, "ada@example.org", at(0)).await;
    let before = events(&server.stores).await.len();
    let other = Beside(server.path.clone()).open();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting: Vec<_> = (0..16)
        .map(|number| {
            let stores = server.stores.clone();
            tokio::spawn(async move { stores.audit.append(vec![event(Act::CODE_SENT, at(number))]).await })
        })
        .collect();
    for _ in 0..100 {
        assert!(server.stores.accounts.find(ada.id).await.unwrap().is_some());
    }
    assert_eq!(events(&server.stores).await.len(), before);
    other.execute_batch("COMMIT").unwrap();
    for write in waiting {
        write.await.unwrap().unwrap();
    }
    assert_eq!(events(&server.stores).await.len(), before + 16);
}
