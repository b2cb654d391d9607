//! SQLite: a file that the first start makes, with its directory and its master key (G10).

use std::{fs, path::Path, sync::Arc};

use async_trait::async_trait;
use symbolon_adapters::{
    schema::{Migration, SchemaStatus},
    sqlite::{OpenError, OpenOptions, SqliteStore, migrations},
};
use symbolon_domain::entropy::Entropy;

use super::{Engine, Opened, failed};
use crate::settings::Settings;
use crate::wiring::{WiringError, master_key};

pub(super) struct Sqlite<'a> {
    pub(super) settings: &'a Settings,
    pub(super) path: &'a Path,
}

#[async_trait]
impl Engine for Sqlite<'_> {
    fn steps(&self) -> &'static [Migration] {
        &migrations::ALL
    }

    fn is_made_by_first_start(&self) -> Result<bool, WiringError> {
        let is_there = SqliteStore::exists(self.path)
            .map_err(|source| WiringError::Directory { path: self.path.to_owned(), source })?;
        Ok(!is_there)
    }

    async fn status(&self) -> Result<SchemaStatus, WiringError> {
        migrations::status(self.path).map_err(|error| self.failed(error))
    }

    async fn up(&self) -> Result<(), WiringError> {
        migrations::up(self.path).map_err(|error| self.failed(error))?;
        Ok(())
    }

    async fn open(&self, entropy: &Arc<dyn Entropy>) -> Result<Opened, WiringError> {
        self.make_directories()?;
        let is_new = self.is_made_by_first_start()?;
        let keys = if is_new {
            master_key::load_or_create(self.settings, entropy)?
        } else {
            master_key::load(self.settings, entropy)?
        };
        if is_new {
            tracing::warn!(store = %self.path.display(), "there is no store: a new, empty one is made");
        }
        self.opened(&OpenOptions::create(), keys)
    }

    async fn open_existing(&self, entropy: &Arc<dyn Entropy>) -> Result<Opened, WiringError> {
        if self.is_made_by_first_start()? {
            let makers = "`symbolon serve` or `symbolon migrate up` makes it";
            return Err(WiringError::NoStore { url: self.settings.store.url.to_string(), makers });
        }
        let keys = master_key::load(self.settings, entropy)?;
        self.opened(&OpenOptions::existing(), keys)
    }
}

impl Sqlite<'_> {
    fn opened(
        &self,
        options: &OpenOptions,
        keys: symbolon_adapters::seal::MasterKeys,
    ) -> Result<Opened, WiringError> {
        let store = SqliteStore::open(self.path, options).map_err(|error| self.failed(error))?;
        Ok(Opened { store, keys })
    }

    fn failed(&self, error: OpenError) -> WiringError {
        let url = &self.settings.store.url;
        match error {
            OpenError::Outdated { found, known, .. } => {
                WiringError::Outdated { url: url.to_string(), found, known }
            }
            other => failed(url, other.fault(), other),
        }
    }

    /// The directories of everything that will be made, for their owner's eyes only.
    fn make_directories(&self) -> Result<(), WiringError> {
        use std::os::unix::fs::DirBuilderExt as _;
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        for path in [Some(self.settings.data_dir.as_path()), parent].into_iter().flatten() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(|source| WiringError::Directory { path: path.to_owned(), source })?;
        }
        Ok(())
    }
}
