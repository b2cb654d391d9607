//! The PostgreSQL store, on a database of its own for each test.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{Connection as _, PgConnection, types::Uuid};
use symbolon_adapters::postgres::PostgresStore;
use symbolon_domain::{accounts::AccountState, id::AccountId};

use crate::{
    contract::{Backdoor, Stores, every_suite, sweeping},
    support::Database,
};

mod connections;
mod migrating;
mod notifications;
mod races;
mod rows;

every_suite!(crate::backends::postgres::fresh);
sweeping!(crate::backends::postgres::fresh);

/// A store that was empty when the test began, and is gone with it.
struct Fresh {
    stores: Stores,
    store: Arc<PostgresStore>,
    database: Database,
}

async fn fresh() -> Fresh {
    let database = Database::migrated().await;
    let store = PostgresStore::connect(&database.options()).await.unwrap();
    Fresh { stores: stores(&store, &database), store, database }
}

fn stores(store: &Arc<PostgresStore>, database: &Database) -> Stores {
    Stores {
        accounts: store.clone(),
        api_keys: store.clone(),
        licenses: store.clone(),
        device_tokens: store.clone(),
        invitations: store.clone(),
        sign_ups: store.clone(),
        sign_ins: store.clone(),
        codes: store.clone(),
        recoveries: store.clone(),
        passwords: store.clone(),
        sessions: store.clone(),
        signing_keys: store.clone(),
        outbox: store.clone(),
        audit: store.clone(),
        peppers: store.clone(),
        sealed: store.clone(),
        sweeper: store.clone(),
        backdoor: Arc::new(Beside(database.url.clone())),
    }
}

/// Another connection to the same database, as another process would have it.
struct Beside(String);

#[async_trait]
impl Backdoor for Beside {
    async fn set_state(&self, account: AccountId, state: AccountState) {
        let mut connection = PgConnection::connect(&self.0).await.unwrap();
        let changed = sqlx::query("UPDATE accounts SET state = $1 WHERE id = $2")
            .bind(state.as_str())
            .bind(Uuid::from_bytes(*account.as_bytes()))
            .execute(&mut connection)
            .await
            .unwrap();
        assert_eq!(changed.rows_affected(), 1);
    }
}
