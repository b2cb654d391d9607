//! Signing keys in PostgreSQL.

use async_trait::async_trait;
use symbolon_domain::{
    effects::Effects,
    id::SigningKeyId,
    sealing::SealedBytes,
    signing_keys::{SigningAlgorithm, SigningKey, SigningKeyStore},
    store_error::StoreError,
};

use super::{
    PostgresStore,
    commands::Db,
    effects,
    failure::Failure,
    rows::{Columns, all, change, values},
};
use crate::sql;

#[async_trait]
impl SigningKeyStore for PostgresStore {
    async fn list(&self) -> Result<Vec<SigningKey>, StoreError> {
        self.runner.read(|db| Box::pin(all(db, sql::signing_keys::LIST, values![], signing_key))).await
    }

    async fn insert_first(&self, key: SigningKey, effects: Effects) -> Result<bool, StoreError> {
        self.runner.transaction(|db| Box::pin(insert_first(db, &key, &effects))).await
    }
}

async fn insert_first(db: &mut Db<'_>, key: &SigningKey, effects: &Effects) -> Result<bool, Failure> {
    let values =
        values![key.id, key.algorithm.as_str(), key.created_at, &key.public_jwk, key.private.as_bytes()];
    let is_first = change(db, sql::signing_keys::INSERT_FIRST, values).await?;
    if is_first {
        effects::write(db, effects).await?;
    }
    Ok(is_first)
}

fn signing_key(columns: &mut Columns<'_>) -> Result<SigningKey, Failure> {
    Ok(SigningKey {
        id: SigningKeyId::from_bytes(columns.id("signing_keys.id")?),
        algorithm: columns.parsed("signing_keys.algorithm", SigningAlgorithm::parse)?,
        created_at: columns.timestamp("signing_keys.created_at")?,
        public_jwk: columns.text("signing_keys.public_jwk")?.to_owned(),
        private: SealedBytes::new(columns.blob("signing_keys.private")?.to_vec()),
    })
}
