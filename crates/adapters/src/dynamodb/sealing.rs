//! Sealed peppers in DynamoDB.

use async_trait::async_trait;
use symbolon_domain::{
    sealing::{PepperStore, SealedBytes},
    store_error::StoreError,
};

use super::{
    DynamoStore,
    items::{Found, Item, bytes},
    keys,
    transaction::{Transaction, Turn, Written},
};

#[async_trait]
impl PepperStore for DynamoStore {
    async fn get_or_insert(&self, name: &str, candidate: &SealedBytes) -> Result<SealedBytes, StoreError> {
        self.settle(&keys::pepper(name), || get_or_insert(self, name, candidate)).await
    }
}

async fn get_or_insert(store: &DynamoStore, name: &str, candidate: &SealedBytes) -> Turn<SealedBytes> {
    if let Some(found) = store.get(keys::pepper(name)).await? {
        return pepper(&found).map(Some);
    }
    let mut transaction = Transaction::default();
    transaction.create(Item::new(keys::pepper(name)).with("pepper", bytes(candidate.as_bytes())));
    let written = store.transact(transaction).await?;
    Ok((written == Written::Done).then(|| candidate.clone()))
}

fn pepper(found: &Found) -> Result<SealedBytes, StoreError> {
    Ok(SealedBytes::new(found.blob("peppers.pepper")?.to_vec()))
}
