//! `[sign_up]`: becoming an account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// Becoming an account (S1).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignUpSettings {
    /// How long a sign-up waits to be verified.
    #[schemars(range(min = 300, max = 86_400))]
    pub lifetime: Duration,
}

impl Default for SignUpSettings {
    fn default() -> Self {
        Self { lifetime: Duration::from_secs(3_600) }
    }
}
