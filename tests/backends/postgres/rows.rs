//! What is in the rows: nothing that should have been erased, and an error where a row is unreadable.

use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _};
use symbolon_domain::{
    effects::Effects,
    outbox::{FinishMessage, LeaseMessages, MessageState},
    store_error::StoreError,
};

use super::fresh;
use crate::contract::{
    api_keys::issued,
    given::{at, everything, person},
};

async fn number(connection: &mut PgConnection, sql: &'static str) -> i64 {
    connection.fetch_one(sql).await.unwrap().get(0)
}

/// M1: and not a single message before.
#[tokio::test]
async fn the_content_of_a_finished_message_is_erased() {
    let fresh = fresh().await;
    person(&fresh.stores, "ada@example.org", at(0)).await;
    let mut beside = fresh.database.beside().await;
    let contents = "SELECT COUNT(content) FROM outbox";
    assert_eq!(number(&mut beside, contents).await, 1);
    let lease = [1; 16];
    let command = LeaseMessages { lease, now: at(1), until: at(60), limit: 9 };
    for leased in fresh.stores.outbox.lease(command).await.unwrap() {
        let id = leased.message.id;
        let finish = FinishMessage { id, lease, state: MessageState::Delivered, reason: None, now: at(2) };
        assert!(fresh.stores.outbox.finish(finish, Effects::default()).await.unwrap());
    }
    assert_eq!(number(&mut beside, contents).await, 0);
}

/// C65: reported by its table and column, without the value, and not as "there is no such account".
#[tokio::test]
async fn an_unreadable_row_is_an_error_that_names_its_column() {
    let fresh = fresh().await;
    let ada = person(&fresh.stores, "ada@example.org", at(0)).await;
    let key = issued(&fresh.stores, ada.id, at(0)).await;
    let mut beside = fresh.database.beside().await;
    let told = |error: StoreError| match error {
        StoreError::Corrupt(what) => what,
        other => panic!("{other:?}"),
    };
    let mut damage = async |sql: &'static str| {
        assert_eq!(beside.execute(AssertSqlSafe(sql)).await.unwrap().rows_affected(), 1);
    };
    damage("UPDATE accounts SET role = 'emperor'").await;
    assert_eq!(told(fresh.stores.accounts.find(ada.id).await.unwrap_err()), "accounts.role");
    assert_eq!(told(fresh.stores.sessions.find(ada.session.id).await.unwrap_err()), "accounts.role");
    damage("UPDATE accounts SET role = 'staff', created_at = -1").await;
    assert_eq!(told(fresh.stores.accounts.find(ada.id).await.unwrap_err()), "accounts.created_at");
    damage("UPDATE sessions SET methods = 'pwd blood'").await;
    assert_eq!(told(fresh.stores.sessions.find(ada.session.id).await.unwrap_err()), "sessions.methods");
    damage("UPDATE api_keys SET scopes = 'read read'").await;
    assert_eq!(told(fresh.stores.api_keys.find(key.token.id).await.unwrap_err()), "api_keys.scopes");
    let listed = fresh.stores.api_keys.list(ada.id, everything()).await;
    assert_eq!(told(listed.unwrap_err()), "api_keys.scopes");
}

/// G6, M1: written by a newer version that runs beside this one, perhaps; the others are delivered all the same.
#[tokio::test]
async fn a_message_that_cannot_be_read_does_not_hold_up_the_others() {
    let fresh = fresh().await;
    person(&fresh.stores, "ada@example.org", at(0)).await;
    let mut beside = fresh.database.beside().await;
    beside.execute("UPDATE outbox SET kind = 'chain_letter'").await.unwrap();
    person(&fresh.stores, "eve@example.org", at(1)).await;
    let command = LeaseMessages { lease: [1; 16], now: at(1), until: at(60), limit: 1 };
    assert!(fresh.stores.outbox.lease(command).await.unwrap().is_empty());
    let leased = fresh.stores.outbox.lease(command).await.unwrap();
    assert_eq!(leased.iter().map(|leased| leased.message.created_at).collect::<Vec<_>>(), [at(1)]);
    let pending = "SELECT COUNT(*) FROM outbox WHERE state = 'pending'";
    assert_eq!(number(&mut beside, pending).await, 2, "nothing is dropped");
}

/// X13: what the engine quotes in its details is somebody's address.
#[tokio::test]
async fn what_the_engine_refuses_is_told_without_values() {
    let fresh = fresh().await;
    let mut beside = fresh.database.beside().await;
    let narrow = "ALTER TABLE sign_ups ADD CONSTRAINT nobody CHECK (typed NOT LIKE '%@example.org')";
    beside.execute(narrow).await.unwrap();
    let begun = crate::contract::given::new_sign_up("secret.ada@example.org", at(0));
    let error = fresh.stores.sign_ups.begin(begun).await.unwrap_err();
    let told = format!("{error} {error:?}");
    assert!(told.contains("nobody") && told.contains("23514"), "{told}");
    assert!(!told.contains("secret.ada"), "{told}");
}
