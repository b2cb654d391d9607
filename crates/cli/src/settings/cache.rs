//! `[cache]`: how old a cached answer may be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// How old a cached answer may be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CacheSettings {
    /// How long a node may not have noticed what another node wrote. More than a second would break C61; 0 asks the
    /// store each time.
    #[schemars(range(min = 0, max = 1))]
    pub max_staleness: Duration,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { max_staleness: Duration::from_secs(1) }
    }
}
