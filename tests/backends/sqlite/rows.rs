//! What is in the rows: nothing that should have been erased, and an error where a row is unreadable.

use symbolon_domain::{
    effects::Effects,
    outbox::{FinishMessage, LeaseMessages, MessageState},
    store_error::StoreError,
};

use super::{Beside, fresh};
use crate::contract::{
    api_keys::issued,
    given::{at, everything, person},
};

/// M1: and not a single message before.
#[tokio::test]
async fn the_content_of_a_finished_message_is_erased() {
    let fresh = fresh().await;
    person(&fresh.stores, "ada@example.org", at(0)).await;
    let beside = Beside(fresh.path.clone()).open();
    let contents =
        || beside.query_row("SELECT COUNT(content) FROM outbox", (), |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(contents(), 1);
    let lease = [1; 16];
    let command = LeaseMessages { lease, now: at(1), until: at(60), limit: 9 };
    for leased in fresh.stores.outbox.lease(command).await.unwrap() {
        let id = leased.message.id;
        let finish = FinishMessage { id, lease, state: MessageState::Delivered, reason: None, now: at(2) };
        assert!(fresh.stores.outbox.finish(finish, Effects::default()).await.unwrap());
    }
    assert_eq!(contents(), 0);
}

/// C65: reported by its table and column, and not as "there is no such account".
#[tokio::test]
async fn an_unreadable_row_is_an_error_that_names_its_column() {
    let fresh = fresh().await;
    let ada = person(&fresh.stores, "ada@example.org", at(0)).await;
    let key = issued(&fresh.stores, ada.id, at(0)).await;
    let beside = Beside(fresh.path.clone()).open();
    let told = |error: StoreError| match error {
        StoreError::Corrupt(what) => what,
        other => panic!("{other:?}"),
    };
    let damage = |sql: &str| assert_eq!(beside.execute(sql, ()).unwrap(), 1);
    damage("UPDATE accounts SET role = 'emperor'");
    assert_eq!(told(fresh.stores.accounts.find(ada.id).await.unwrap_err()), "accounts.role");
    assert_eq!(told(fresh.stores.sessions.find(ada.session.id).await.unwrap_err()), "accounts.role");
    damage("UPDATE accounts SET role = 'staff', epoch = 9");
    damage("UPDATE sessions SET methods = 'pwd blood'");
    assert_eq!(told(fresh.stores.sessions.find(ada.session.id).await.unwrap_err()), "sessions.methods");
    damage("UPDATE api_keys SET scopes = 'read read'");
    assert_eq!(told(fresh.stores.api_keys.find(key.token.id).await.unwrap_err()), "api_keys.scopes");
    let listed = fresh.stores.api_keys.list(ada.id, everything()).await;
    assert_eq!(told(listed.unwrap_err()), "api_keys.scopes");
    damage("UPDATE identifiers SET typed = 'nobody'");
    assert_eq!(told(fresh.stores.accounts.find(ada.id).await.unwrap_err()), "identifiers.typed");
}

/// G6, M1: written by a newer version that runs beside this one, perhaps; the others are delivered all the same.
#[tokio::test]
async fn a_message_that_cannot_be_read_does_not_hold_up_the_others() {
    let fresh = fresh().await;
    person(&fresh.stores, "ada@example.org", at(0)).await;
    let beside = Beside(fresh.path.clone()).open();
    assert_eq!(beside.execute("UPDATE outbox SET kind = 'chain_letter'", ()).unwrap(), 1);
    person(&fresh.stores, "eve@example.org", at(1)).await;
    let command = LeaseMessages { lease: [1; 16], now: at(1), until: at(60), limit: 1 };
    assert!(fresh.stores.outbox.lease(command).await.unwrap().is_empty());
    let leased = fresh.stores.outbox.lease(command).await.unwrap();
    assert_eq!(leased.iter().map(|leased| leased.message.created_at).collect::<Vec<_>>(), [at(1)]);
    let pending = || {
        let sql = "SELECT COUNT(*) FROM outbox WHERE state = 'pending'";
        beside.query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(pending(), 2, "nothing is dropped");
}
