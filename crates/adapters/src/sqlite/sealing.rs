//! Sealed peppers in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use symbolon_domain::{
    sealing::{PepperStore, SealedBytes},
    store_error::StoreError,
};

use super::{
    SqliteStore,
    rows::{Failure, change, first},
};
use crate::sql;

#[async_trait]
impl PepperStore for SqliteStore {
    async fn get_or_insert(&self, name: &str, candidate: &SealedBytes) -> Result<SealedBytes, StoreError> {
        // After the first start nothing is written here any more.
        if let Some(pepper) = self.read(|db| find(db, name))? {
            return Ok(pepper);
        }
        let (name, candidate) = (name.to_owned(), candidate.clone());
        self.write(move |db| {
            change(db, sql::sealing::INSERT, params![name, candidate.as_bytes()])?;
            find(db, &name)?.ok_or(Failure::Contended)
        })
        .await
    }
}

fn find(db: &Connection, name: &str) -> Result<Option<SealedBytes>, Failure> {
    first(db, sql::sealing::FIND, [name], |columns| {
        Ok(SealedBytes::new(columns.blob("peppers.pepper")?.to_vec()))
    })
}
