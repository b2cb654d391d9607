//! `[sign_in]`: the first factor, and what failing at it leads to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// The first factor (S2, S14).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignInSettings {
    /// How long a pre-authorized token lives: the time for the second factor.
    #[schemars(range(min = 60, max = 3_600))]
    pub pre_authorized_lifetime: Duration,
    /// How many failures in a row lock an identifier's password.
    #[schemars(range(min = 1, max = 100))]
    pub lock_after: u32,
    /// How long such a lock holds.
    #[schemars(range(min = 60, max = 2_592_000))]
    pub lock_for: Duration,
}

impl Default for SignInSettings {
    fn default() -> Self {
        Self {
            pre_authorized_lifetime: Duration::from_secs(600),
            lock_after: 10,
            lock_for: Duration::from_secs(3_600),
        }
    }
}
