//! DynamoDB: a table that `symbolon migrate up` makes and checks.

use std::sync::Arc;

use async_trait::async_trait;
use symbolon_adapters::{
    dynamodb::{DynamoOptions, DynamoStore, OpenError, migrations},
    schema::{Migration, SchemaStatus},
};
use symbolon_domain::entropy::Entropy;

use super::{Engine, Opened, failed, not_made};
use crate::settings::{DynamoTable, Settings};
use crate::wiring::{WiringError, master_key};

pub(super) struct DynamoDb<'a> {
    pub(super) settings: &'a Settings,
    pub(super) table: &'a DynamoTable,
}

#[async_trait]
impl Engine for DynamoDb<'_> {
    fn steps(&self) -> &'static [Migration] {
        &migrations::ALL
    }

    async fn status(&self) -> Result<SchemaStatus, WiringError> {
        migrations::status(&self.options()).await.map_err(|error| self.failed(error))
    }

    async fn up(&self) -> Result<(), WiringError> {
        migrations::up(&self.options()).await.map_err(|error| self.failed(error))?;
        Ok(())
    }

    async fn open(&self, entropy: &Arc<dyn Entropy>) -> Result<Opened, WiringError> {
        let keys = master_key::load_shared(self.settings, entropy)?;
        let store = DynamoStore::connect(&self.options()).await.map_err(|error| self.failed(error))?;
        Ok(Opened { store, keys })
    }

    async fn open_existing(&self, entropy: &Arc<dyn Entropy>) -> Result<Opened, WiringError> {
        self.open(entropy).await
    }
}

impl DynamoDb<'_> {
    fn options(&self) -> DynamoOptions {
        let DynamoTable { table, region, endpoint } = self.table;
        DynamoOptions {
            table: table.clone(),
            region: region.as_ref().map(ToString::to_string),
            endpoint: endpoint.as_ref().map(ToString::to_string),
        }
    }

    fn failed(&self, error: OpenError) -> WiringError {
        match error {
            OpenError::Missing(_) => not_made(self.table),
            OpenError::Outdated { found, known, .. } => {
                WiringError::Outdated { url: self.table.to_string(), found, known }
            }
            other => failed(self.table, other.fault(), other),
        }
    }
}
