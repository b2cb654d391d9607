//! Signing keys in SQLite.

use async_trait::async_trait;
use rusqlite::params;
use symbolon_domain::{
    effects::Effects,
    id::SigningKeyId,
    sealing::SealedBytes,
    signing_keys::{SigningAlgorithm, SigningKey, SigningKeyStore},
    store_error::StoreError,
};

use super::{
    SqliteStore, effects,
    rows::{Columns, Failure, all, change},
};
use crate::sql;

#[async_trait]
impl SigningKeyStore for SqliteStore {
    async fn list(&self) -> Result<Vec<SigningKey>, StoreError> {
        self.read(|db| all(db, sql::signing_keys::LIST, (), signing_key))
    }

    async fn insert_first(&self, key: SigningKey, effects: Effects) -> Result<bool, StoreError> {
        self.write(move |db| {
            let values = params![
                key.id.as_bytes(),
                key.algorithm.as_str(),
                key.created_at.micros(),
                key.public_jwk,
                key.private.as_bytes(),
            ];
            let is_first = change(db, sql::signing_keys::INSERT_FIRST, values)?;
            if is_first {
                effects::write(db, &effects)?;
            }
            Ok(is_first)
        })
        .await
    }
}

fn signing_key(columns: &mut Columns<'_>) -> Result<SigningKey, Failure> {
    Ok(SigningKey {
        id: SigningKeyId::from_bytes(columns.bytes("signing_keys.id")?),
        algorithm: columns.parsed("signing_keys.algorithm", SigningAlgorithm::parse)?,
        created_at: columns.timestamp("signing_keys.created_at")?,
        public_jwk: columns.text("signing_keys.public_jwk")?.to_owned(),
        private: SealedBytes::new(columns.blob("signing_keys.private")?.to_vec()),
    })
}
