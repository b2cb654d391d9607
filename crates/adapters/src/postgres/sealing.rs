//! Sealed peppers in PostgreSQL.

use async_trait::async_trait;
use sqlx::types::Uuid;
use symbolon_domain::{
    sealing::{PepperStore, ResealStore, SealedBytes, SealedKind, SealedRow},
    store_error::StoreError,
};

use super::{
    PostgresStore,
    commands::Db,
    failure::Failure,
    rows::{Columns, all, change, first, values},
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

#[async_trait]
impl ResealStore for PostgresStore {
    async fn sealed(
        &self,
        kind: SealedKind,
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Vec<SealedRow>, StoreError> {
        let after = after.unwrap_or_default();
        self.runner.read(|db| Box::pin(sealed(db, kind, after, limit))).await
    }

    async fn reseal(&self, kind: SealedKind, row: &SealedRow, new: &SealedBytes) -> Result<bool, StoreError> {
        self.runner.write(|db| Box::pin(reseal(db, kind, row, new))).await
    }
}

async fn sealed(
    db: &mut Db<'_>,
    kind: SealedKind,
    after: &[u8],
    limit: u32,
) -> Result<Vec<SealedRow>, Failure> {
    match kind {
        SealedKind::SigningKey => {
            all(db, sql::sealing::SEALED_SIGNING_KEYS, values![uuid(after), limit], row_by_id).await
        }
        SealedKind::Message => {
            all(db, sql::sealing::SEALED_MESSAGES, values![uuid(after), limit], row_by_id).await
        }
        SealedKind::DeviceToken => {
            all(db, sql::sealing::SEALED_DEVICE_TOKENS, values![uuid(after), limit], row_by_id).await
        }
        SealedKind::Pepper => {
            all(db, sql::sealing::SEALED_PEPPERS, values![name(after), limit], row_by_name).await
        }
    }
}

async fn reseal(
    db: &mut Db<'_>,
    kind: SealedKind,
    row: &SealedRow,
    new: &SealedBytes,
) -> Result<bool, Failure> {
    let (new, old) = (new.as_bytes(), row.sealed.as_bytes());
    match kind {
        SealedKind::SigningKey => {
            change(db, sql::sealing::RESEAL_SIGNING_KEY, values![new, uuid(&row.id), old]).await
        }
        SealedKind::Message => {
            change(db, sql::sealing::RESEAL_MESSAGE, values![new, uuid(&row.id), old]).await
        }
        SealedKind::DeviceToken => {
            change(db, sql::sealing::RESEAL_DEVICE_TOKEN, values![new, uuid(&row.id), old]).await
        }
        SealedKind::Pepper => change(db, sql::sealing::RESEAL_PEPPER, values![new, name(&row.id), old]).await,
    }
}

/// Nothing sorts before every id.
fn uuid(id: &[u8]) -> Uuid {
    Uuid::from_slice(id).unwrap_or_default()
}

/// The names of peppers are ours, in ASCII.
fn name(id: &[u8]) -> String {
    String::from_utf8_lossy(id).into_owned()
}

fn row_by_id(columns: &mut Columns<'_>) -> Result<SealedRow, Failure> {
    let id: [u8; 16] = columns.id("sealed.id")?;
    Ok(SealedRow { id: id.to_vec(), sealed: SealedBytes::new(columns.blob("sealed.bytes")?.to_vec()) })
}

fn row_by_name(columns: &mut Columns<'_>) -> Result<SealedRow, Failure> {
    let id = columns.text("peppers.name")?.as_bytes().to_vec();
    Ok(SealedRow { id, sealed: SealedBytes::new(columns.blob("peppers.pepper")?.to_vec()) })
}
