//! Sealed peppers in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use symbolon_domain::{
    sealing::{PepperStore, ResealStore, SealedBytes, SealedKind, SealedRow},
    store_error::StoreError,
};

use super::{
    SqliteStore,
    rows::{Columns, Failure, all, change, first},
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

#[async_trait]
impl ResealStore for SqliteStore {
    async fn sealed(
        &self,
        kind: SealedKind,
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Vec<SealedRow>, StoreError> {
        let after = after.unwrap_or_default();
        self.read(|db| match kind {
            SealedKind::SigningKey => {
                all(db, sql::sealing::SEALED_SIGNING_KEYS, params![after, limit], row_by_id)
            }
            SealedKind::Message => all(db, sql::sealing::SEALED_MESSAGES, params![after, limit], row_by_id),
            SealedKind::DeviceToken => {
                all(db, sql::sealing::SEALED_DEVICE_TOKENS, params![after, limit], row_by_id)
            }
            SealedKind::Pepper => {
                all(db, sql::sealing::SEALED_PEPPERS, params![name(after), limit], row_by_name)
            }
        })
    }

    async fn reseal(&self, kind: SealedKind, row: &SealedRow, new: &SealedBytes) -> Result<bool, StoreError> {
        let (row, new) = (row.clone(), new.clone());
        self.write(move |db| {
            let (new, old) = (new.as_bytes(), row.sealed.as_bytes());
            match kind {
                SealedKind::SigningKey => {
                    change(db, sql::sealing::RESEAL_SIGNING_KEY, params![new, row.id, old])
                }
                SealedKind::Message => change(db, sql::sealing::RESEAL_MESSAGE, params![new, row.id, old]),
                SealedKind::DeviceToken => {
                    change(db, sql::sealing::RESEAL_DEVICE_TOKEN, params![new, row.id, old])
                }
                SealedKind::Pepper => {
                    change(db, sql::sealing::RESEAL_PEPPER, params![new, name(&row.id), old])
                }
            }
        })
        .await
    }
}

/// The names of peppers are ours, in ASCII.
fn name(id: &[u8]) -> String {
    String::from_utf8_lossy(id).into_owned()
}

fn row_by_id(columns: &mut Columns<'_>) -> Result<SealedRow, Failure> {
    let id: [u8; 16] = columns.bytes("sealed.id")?;
    Ok(SealedRow { id: id.to_vec(), sealed: SealedBytes::new(columns.blob("sealed.bytes")?.to_vec()) })
}

fn row_by_name(columns: &mut Columns<'_>) -> Result<SealedRow, Failure> {
    let id = columns.text("peppers.name")?.as_bytes().to_vec();
    Ok(SealedRow { id, sealed: SealedBytes::new(columns.blob("peppers.pepper")?.to_vec()) })
}
