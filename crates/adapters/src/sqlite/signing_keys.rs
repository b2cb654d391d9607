//! Signing keys in SQLite.

use async_trait::async_trait;
use rusqlite::{Params, params};
use symbolon_domain::{
    effects::Effects,
    id::SigningKeyId,
    sealing::SealedBytes,
    signing_keys::{
        DeleteSigningKey, KeyLife, RetireSigningKey, RotateSigningKey, SigningAlgorithm, SigningKey,
        SigningKeyStore,
    },
    store_error::StoreError,
};

use super::{
    SqliteStore, effects,
    rows::{Columns, Failure, all, change},
    writer::Write,
};
use crate::sql::signing_keys as sql;

#[async_trait]
impl SigningKeyStore for SqliteStore {
    async fn list(&self) -> Result<Vec<SigningKey>, StoreError> {
        self.read(|db| all(db, sql::LIST, (), signing_key))
    }

    async fn insert_first(&self, key: SigningKey, effects: Effects) -> Result<bool, StoreError> {
        self.write(move |db| insert(db, sql::INSERT_FIRST, &key, &effects)).await
    }

    async fn rotate(&self, command: RotateSigningKey) -> Result<bool, StoreError> {
        self.write(move |db| {
            let RotateSigningKey { next, predecessor_retires_at, effects } = &command;
            let is_next = insert(db, sql::INSERT_NEXT, next, effects)?;
            if is_next {
                let predecessor = params![predecessor_retires_at.micros(), next.generation - 1];
                change(db, sql::LIMIT, predecessor)?;
            }
            Ok(is_next)
        })
        .await
    }

    async fn retire(&self, command: RetireSigningKey) -> Result<bool, StoreError> {
        self.write(move |db| {
            let RetireSigningKey { generation, kept_generation, now, effects } = &command;
            change_with(db, sql::RETIRE, params![now.micros(), generation, kept_generation], effects)
        })
        .await
    }

    async fn delete(&self, command: DeleteSigningKey) -> Result<bool, StoreError> {
        self.write(move |db| {
            let DeleteSigningKey { generation, retired_by, effects } = &command;
            change_with(db, sql::DELETE, params![generation, retired_by.micros()], effects)
        })
        .await
    }
}

fn insert(db: &Write<'_>, sql: &str, key: &SigningKey, effects: &Effects) -> Result<bool, Failure> {
    let values = params![
        key.id.as_bytes(),
        key.generation,
        key.algorithm.as_str(),
        key.created_at.micros(),
        key.life.signs_from.micros(),
        key.public_jwk,
        key.private.as_bytes(),
    ];
    change_with(db, sql, values, effects)
}

/// The effects are written where the statement changes something.
fn change_with(db: &Write<'_>, sql: &str, values: impl Params, effects: &Effects) -> Result<bool, Failure> {
    let is_changed = change(db, sql, values)?;
    if is_changed {
        effects::write(db, effects)?;
    }
    Ok(is_changed)
}

fn signing_key(columns: &mut Columns<'_>) -> Result<SigningKey, Failure> {
    Ok(SigningKey {
        id: SigningKeyId::from_bytes(columns.bytes("signing_keys.id")?),
        generation: columns.number("signing_keys.generation")?,
        algorithm: columns.parsed("signing_keys.algorithm", SigningAlgorithm::parse)?,
        created_at: columns.timestamp("signing_keys.created_at")?,
        life: KeyLife {
            signs_from: columns.timestamp("signing_keys.signs_from")?,
            retires_at: columns.optional_timestamp("signing_keys.retires_at")?,
        },
        public_jwk: columns.text("signing_keys.public_jwk")?.to_owned(),
        private: SealedBytes::new(columns.blob("signing_keys.private")?.to_vec()),
    })
}
