//! Sealed peppers in PostgreSQL.

use async_trait::async_trait;
use symbolon_domain::{
    sealing::{PepperStore, SealedBytes},
    store_error::StoreError,
};

use super::{
    PostgresStore,
    commands::Db,
    failure::Failure,
    rows::{change, first, values},
};
use crate::sql;

#[async_trait]
impl PepperStore for PostgresStore {
    async fn get_or_insert(&self, name: &str, candidate: &SealedBytes) -> Result<SealedBytes, StoreError> {
        // After the first start nothing is written here any more.
        if let Some(pepper) = self.runner.read(|db| Box::pin(find(db, name))).await? {
            return Ok(pepper);
        }
        // Two statements, each by itself: the second one sees whoever came first.
        let candidate = candidate.as_bytes();
        self.runner.write(|db| Box::pin(change(db, sql::sealing::INSERT, values![name, candidate]))).await?;
        let pepper = self.runner.read(|db| Box::pin(find(db, name))).await?;
        pepper.ok_or(StoreError::Busy)
    }
}

async fn find(db: &mut Db<'_>, name: &str) -> Result<Option<SealedBytes>, Failure> {
    first(db, sql::sealing::FIND, values![name], |columns| {
        Ok(SealedBytes::new(columns.blob("peppers.pepper")?.to_vec()))
    })
    .await
}
