//! What has expired, in DynamoDB: the engine deletes it by the attribute `ttl`, which every item has that may go.

use async_trait::async_trait;
use symbolon_domain::{
    store_error::StoreError,
    sweeper::{Sweep, SweepStore, Swept},
};

use super::DynamoStore;

#[async_trait]
impl SweepStore for DynamoStore {
    async fn sweep(&self, _: Sweep) -> Result<Swept, StoreError> {
        Ok(Swept::NOTHING)
    }
}
