//! The configured store behind one face, whichever engine it is on: how it is opened, and how its schema is brought up
//! to date. A new engine is a file in `store/` and a line in [`engine`].

use std::{error::Error, fmt::Display, sync::Arc};

use async_trait::async_trait;
use symbolon_adapters::{
    schema::{Migration, SchemaStatus},
    seal::MasterKeys,
    store_fault::StoreFault,
};
use symbolon_domain::{entropy::Entropy, store::Store};

use super::WiringError;
use crate::settings::{Settings, StoreUrl};

#[cfg(feature = "dynamodb")]
mod dynamodb;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "dynamodb")))]
compile_error!("a store is needed: switch on one of the features `sqlite`, `postgres` and `dynamodb`");

/// A store that is open, and the keys that seal what is secret in it.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: MasterKeys,
}

/// The configured store, not open yet.
#[async_trait]
pub(crate) trait Engine: Send + Sync {
    /// Every step of its schema, in order.
    fn steps(&self) -> &'static [Migration];

    /// Whether there is no store yet, and the first start makes it together with its keys.
    fn is_made_by_first_start(&self) -> Result<bool, WiringError> {
        Ok(false)
    }

    /// What its schema is. Changes nothing.
    async fn status(&self) -> Result<SchemaStatus, WiringError>;

    /// Brings its schema up to date. No keys are made.
    async fn up(&self) -> Result<(), WiringError>;

    /// Opens it for serving.
    async fn open(&self, entropy: &Arc<dyn Entropy>) -> Result<Opened, WiringError>;

    /// Opens it for looking; it must be there.
    async fn open_existing(&self, entropy: &Arc<dyn Entropy>) -> Result<Opened, WiringError>;
}

/// The engine that `store.url` names.
pub(crate) fn engine(settings: &Settings) -> Result<Box<dyn Engine + '_>, WiringError> {
    match &settings.store.url {
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite { path } => Ok(Box::new(sqlite::Sqlite { settings, path })),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => Ok(Box::new(postgres::Postgres { settings, url })),
        #[cfg(feature = "dynamodb")]
        StoreUrl::DynamoDb(table) => Ok(Box::new(dynamodb::DynamoDb { settings, table })),
        // The settings have refused it already.
        #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "dynamodb")))]
        other => Err(WiringError::NotCompiledIn(other.to_string())),
    }
}

/// What `symbolon migrate up` has to do first: on these stores nothing else brings the schema up to date (G6).
#[cfg(any(feature = "postgres", feature = "dynamodb"))]
fn not_made(url: &impl Display) -> WiringError {
    WiringError::NoStore { url: url.to_string(), makers: "`symbolon migrate up` makes it" }
}

fn failed(url: &impl Display, fault: StoreFault, source: impl Error + Send + Sync + 'static) -> WiringError {
    WiringError::Store { url: url.to_string(), fault, source: Box::new(source) }
}
