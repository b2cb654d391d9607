//! One store hears what another one wrote, also after its listening connection was lost.

#![expect(clippy::disallowed_methods, reason = "the tests measure how long something takes")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{Executor as _, Row as _};
use symbolon_adapters::postgres::{Change, PostgresStore};
use symbolon_domain::{effects::Effects, outbox::OutboxStore as _, store::Store as _};
use tokio::time::timeout;

use super::{Fresh, fresh};
use crate::contract::given::{at, message};

/// Longer than any test takes: who waits for so long has not been woken.
const FOREVER: Duration = Duration::from_secs(3_600);
/// Long enough for anybody who was woken.
const SOON: Duration = Duration::from_secs(20);

async fn write(fresh: &Fresh) {
    let effects = Effects { messages: vec![message(at(0))], events: Vec::new() };
    fresh.stores.sign_ins.refuse(effects).await.unwrap();
}

/// Another node that listens: it has heard of a message.
async fn other_node(fresh: &Fresh) -> Arc<PostgresStore> {
    let other = PostgresStore::connect(&fresh.database.options()).await.unwrap();
    until_heard(fresh, &other).await;
    other
}

/// Writes until the other hears of it: it may be that its connection is only being made.
async fn until_heard(fresh: &Fresh, other: &PostgresStore) {
    let begun = Instant::now();
    let mut changes = other.changes();
    loop {
        write(fresh).await;
        if timeout(Duration::from_millis(200), changes.recv()).await.is_ok() {
            return;
        }
        assert!(begun.elapsed() < SOON);
    }
}

/// M1: within its wait, not after it.
#[tokio::test]
async fn a_message_of_another_node_ends_the_wait() {
    let fresh = fresh().await;
    let other = other_node(&fresh).await;
    // What it was told so far.
    while timeout(Duration::from_millis(300), other.wait(FOREVER)).await.is_ok() {}
    let waiting = {
        let other = other.clone();
        tokio::spawn(async move { other.wait(FOREVER).await })
    };
    write(&fresh).await;
    timeout(SOON, waiting).await.unwrap().unwrap();
    other.close().await;
}

/// What was missed meanwhile is made up for: everything may have changed. Commands go on all the time.
#[tokio::test]
async fn a_lost_listener_listens_again_and_says_that_it_may_have_missed_something() {
    let fresh = fresh().await;
    let other = other_node(&fresh).await;
    let mut changes = other.changes();
    let mut beside = fresh.database.beside().await;
    let cut = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert!(beside.fetch_one(cut).await.unwrap().get::<i64, _>(0) >= 2);
    write(&fresh).await;
    let announced = async { while changes.recv().await.unwrap() != Change::Everything {} };
    timeout(SOON, announced).await.unwrap();
    until_heard(&fresh, &other).await;
}

/// A command of the command line has ended before anybody else could send for it.
#[tokio::test]
async fn what_was_written_just_before_the_end_is_told() {
    let fresh = fresh().await;
    let other = other_node(&fresh).await;
    while timeout(Duration::from_millis(300), other.wait(FOREVER)).await.is_ok() {}
    let mut changes = other.changes();
    write(&fresh).await;
    fresh.store.close().await;
    assert_eq!(timeout(SOON, changes.recv()).await.unwrap().unwrap(), Change::Outbox);
}
