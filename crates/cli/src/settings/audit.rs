//! `[audit]`: the record of what happened.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// The record of what happened (G2).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSettings {
    /// How often refusals on read paths, summed by caller and reason, are written.
    #[schemars(range(min = 1, max = 60))]
    pub refusal_flush_interval: Duration,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { refusal_flush_interval: Duration::from_secs(5) }
    }
}
