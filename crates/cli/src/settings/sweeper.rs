//! `[sweeper]`: deleting what has expired.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// Deleting what has expired. On DynamoDB the engine does it, and nothing here matters.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SweeperSettings {
    /// How often a node looks for what has expired.
    #[schemars(range(min = 1, max = 3_600))]
    pub interval: Duration,
}

impl Default for SweeperSettings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(60) }
    }
}
