//! `[cache]`: what a node remembers of the store.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// What a node remembers of the store.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CacheSettings {
    /// How old what is remembered may be: so late another node may see that an API key was ended. 0 means that the store is
    /// always asked.
    #[schemars(range(min = 0, max = 60))]
    pub max_staleness: Duration,
    /// How many API keys are remembered at the most; each takes some 80 bytes.
    #[schemars(range(min = 1_000, max = 10_000_000))]
    pub api_keys: NonZeroU32,
}

impl Default for CacheSettings {
    fn default() -> Self {
        let api_keys = NonZeroU32::new(100_000).unwrap_or(NonZeroU32::MAX);
        Self { max_staleness: Duration::from_secs(1), api_keys }
    }
}
