//! `[secrets]`: where the keys come from that seal everything secret in the store.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the master keys come from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecretsSettings {
    /// The master keys, each in a file or an environment variable. The first seals, all of them open. When it is not
    /// said: `master.key` in `data_dir`.
    #[schemars(length(min = 1))]
    pub master_keys: Vec<MasterKeySource>,
}

/// Where one master key is read from. The key itself never stands in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MasterKeySource {
    /// A file that only its owner may read.
    File(PathBuf),
    /// An environment variable, by name.
    Env(String),
}

impl SecretsSettings {
    /// The master key when only the data directory is known.
    pub(super) fn in_directory(data_dir: &Path) -> Self {
        Self { master_keys: vec![MasterKeySource::File(data_dir.join("master.key"))] }
    }
}

impl Default for SecretsSettings {
    fn default() -> Self {
        Self::in_directory(Path::new(super::DEFAULT_DATA_DIR))
    }
}
