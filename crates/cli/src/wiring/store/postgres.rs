//! PostgreSQL: a database that others made, brought up to date by `symbolon migrate up` alone.

use std::sync::Arc;

use async_trait::async_trait;
use symbolon_adapters::{
    postgres::{OpenError, PostgresOptions, PostgresStore, migrations},
    schema::{Migration, SchemaStatus},
};
use symbolon_domain::entropy::Entropy;

use super::{Engine, Opened, failed, not_made};
use crate::settings::{PostgresUrl, Settings};
use crate::wiring::{WiringError, master_key};

pub(super) struct Postgres<'a> {
    pub(super) settings: &'a Settings,
    pub(super) url: &'a PostgresUrl,
}

#[async_trait]
impl Engine for Postgres<'_> {
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
        let store = PostgresStore::connect(&self.options()).await.map_err(|error| self.failed(error))?;
        Ok(Opened { store, keys })
    }

    async fn open_existing(&self, entropy: &Arc<dyn Entropy>) -> Result<Opened, WiringError> {
        self.open(entropy).await
    }
}

impl Postgres<'_> {
    fn options(&self) -> PostgresOptions {
        let store = &self.settings.store;
        PostgresOptions {
            url: self.url.expose().to_owned(),
            max_connections: store.max_connections,
            queue: store.queue,
            acquire_timeout: store.acquire_timeout.to_std(),
            statement_timeout: store.statement_timeout.to_std(),
        }
    }

    fn failed(&self, error: OpenError) -> WiringError {
        match error {
            OpenError::Missing => not_made(self.url),
            OpenError::Outdated { found, known } => {
                WiringError::Outdated { url: self.url.to_string(), found, known }
            }
            other => failed(self.url, other.fault(), other),
        }
    }
}
