//! Signing keys in DynamoDB.

use async_trait::async_trait;
use symbolon_domain::{
    effects::Effects,
    id::SigningKeyId,
    sealing::SealedBytes,
    signing_keys::{SigningAlgorithm, SigningKey, SigningKeyStore},
    store_error::StoreError,
};

use super::{
    DynamoStore,
    calls::Range,
    effects,
    items::{Found, Item, bytes, text, time},
    keys::{self, SIGNING_KEYS},
    transaction::{Transaction, Written},
};

#[async_trait]
impl SigningKeyStore for DynamoStore {
    async fn list(&self) -> Result<Vec<SigningKey>, StoreError> {
        let all = Range { pk: SIGNING_KEYS.to_owned(), from: "0".to_owned(), to: "9999999999".to_owned() };
        self.range(all).await?.iter().map(signing_key).collect()
    }

    async fn insert_first(&self, key: SigningKey, effects: Effects) -> Result<bool, StoreError> {
        let mut transaction = Transaction::default();
        transaction.create(
            Item::new(keys::signing_key(1))
                .with("id", text(key.id.to_string()))
                .with("algorithm", text(key.algorithm.as_str()))
                .with("created_at", time(key.created_at))
                .with("public_jwk", text(key.public_jwk))
                .with("private", bytes(key.private.as_bytes())),
        );
        effects::write(&mut transaction, &effects);
        Ok(self.transact(transaction).await? == Written::Done)
    }
}

fn signing_key(found: &Found) -> Result<SigningKey, StoreError> {
    Ok(SigningKey {
        id: SigningKeyId::from_bytes(found.id("signing_keys.id")?),
        algorithm: found.parsed("signing_keys.algorithm", SigningAlgorithm::parse)?,
        created_at: found.time("signing_keys.created_at")?,
        public_jwk: found.text("signing_keys.public_jwk")?.to_owned(),
        private: SealedBytes::new(found.blob("signing_keys.private")?.to_vec()),
    })
}
