//! The embedded store in a directory of its own for each test.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use rusqlite::Connection;
use symbolon_adapters::sqlite::{OpenOptions, SqliteStore};
use symbolon_domain::{accounts::AccountState, id::AccountId};
use tempfile::TempDir;

use crate::contract::{Backdoor, Stores, every_suite, sweeping};

mod beside;
mod files;
mod full_disk;
mod rows;

every_suite!(crate::backends::sqlite::fresh);
sweeping!(crate::backends::sqlite::fresh);

/// A store that was empty when the test began, and is gone with it.
struct Fresh {
    stores: Stores,
    path: PathBuf,
    _directory: TempDir,
}

async fn fresh() -> Fresh {
    fresh_with(&OpenOptions::create())
}

fn fresh_with(options: &OpenOptions) -> Fresh {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("symbolon.db");
    let store = SqliteStore::open(&path, options).unwrap();
    Fresh { stores: stores(&store, &path), path, _directory: directory }
}

fn stores(store: &Arc<SqliteStore>, path: &Path) -> Stores {
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
        backdoor: Arc::new(Beside(path.to_owned())),
    }
}

/// Another connection to the same file, as another process would have it.
struct Beside(PathBuf);

impl Beside {
    fn open(&self) -> Connection {
        let connection = Connection::open(&self.0).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        connection
    }
}

#[async_trait]
impl Backdoor for Beside {
    async fn set_state(&self, account: AccountId, state: AccountState) {
        let changed = self
            .open()
            .execute(
                "UPDATE accounts SET state = ?1 WHERE id = ?2",
                rusqlite::params![state.as_str(), account.as_bytes()],
            )
            .unwrap();
        assert_eq!(changed, 1);
    }
}
