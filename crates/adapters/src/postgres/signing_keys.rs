//! Signing keys in PostgreSQL.

use async_trait::async_trait;
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
    PostgresStore,
    commands::Db,
    effects,
    failure::Failure,
    rows::{Columns, Values, all, change, values},
};
use crate::sql::signing_keys as sql;

/// Of two that retire each other's substitute one waits, and finds it gone. The second key is the one that goes on.
const LOCK: &str = "SELECT 1 FROM signing_keys WHERE generation IN ($1, $2) ORDER BY generation FOR UPDATE";

#[async_trait]
impl SigningKeyStore for PostgresStore {
    async fn list(&self) -> Result<Vec<SigningKey>, StoreError> {
        self.runner.read(|db| Box::pin(all(db, sql::LIST, values![], signing_key))).await
    }

    async fn insert_first(&self, key: SigningKey, effects: Effects) -> Result<bool, StoreError> {
        self.runner.transaction(|db| Box::pin(insert(db, sql::INSERT_FIRST, &key, &effects))).await
    }

    async fn rotate(&self, command: RotateSigningKey) -> Result<bool, StoreError> {
        self.runner.transaction(|db| Box::pin(rotate(db, &command))).await
    }

    async fn retire(&self, command: RetireSigningKey) -> Result<bool, StoreError> {
        self.runner.transaction(|db| Box::pin(retire(db, &command))).await
    }

    async fn delete(&self, command: DeleteSigningKey) -> Result<bool, StoreError> {
        self.runner.transaction(|db| Box::pin(delete(db, &command))).await
    }
}

async fn rotate(db: &mut Db<'_>, command: &RotateSigningKey) -> Result<bool, Failure> {
    let RotateSigningKey { next, predecessor_retires_at, effects } = command;
    let is_next = insert(db, sql::INSERT_NEXT, next, effects).await?;
    if is_next {
        change(db, sql::LIMIT, values![*predecessor_retires_at, next.generation - 1]).await?;
    }
    Ok(is_next)
}

async fn retire(db: &mut Db<'_>, command: &RetireSigningKey) -> Result<bool, Failure> {
    let RetireSigningKey { generation, kept_generation, now, effects } = command;
    change(db, LOCK, values![*generation, *kept_generation]).await?;
    change_with(db, sql::RETIRE, values![*now, *generation, *kept_generation], effects).await
}

async fn delete(db: &mut Db<'_>, command: &DeleteSigningKey) -> Result<bool, Failure> {
    let DeleteSigningKey { generation, retired_by, effects } = command;
    change_with(db, sql::DELETE, values![*generation, *retired_by], effects).await
}

async fn insert(
    db: &mut Db<'_>,
    sql: &'static str,
    key: &SigningKey,
    effects: &Effects,
) -> Result<bool, Failure> {
    let values = values![
        key.id,
        key.generation,
        key.algorithm.as_str(),
        key.created_at,
        key.life.signs_from,
        &key.public_jwk,
        key.private.as_bytes(),
    ];
    change_with(db, sql, values, effects).await
}

/// The effects are written where the statement changes something.
async fn change_with(
    db: &mut Db<'_>,
    sql: &'static str,
    values: Values,
    effects: &Effects,
) -> Result<bool, Failure> {
    let is_changed = change(db, sql, values).await?;
    if is_changed {
        effects::write(db, effects).await?;
    }
    Ok(is_changed)
}

fn signing_key(columns: &mut Columns<'_>) -> Result<SigningKey, Failure> {
    Ok(SigningKey {
        id: SigningKeyId::from_bytes(columns.id("signing_keys.id")?),
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
