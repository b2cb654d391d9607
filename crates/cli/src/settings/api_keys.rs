//! `[api_keys]`: how long keys live, and how their refresh tokens are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Conflict, Duration};

/// How long keys live, and how their refresh tokens are kept (K3, K4, K8).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ApiKeysSettings {
    /// How long a key lives whose request does not say.
    #[schemars(range(min = 60, max = 86_400))]
    pub lifetime: Duration,
    /// How long a key may live at the most. One that lives over a day is given to `long_lived_roles` only, after a fresh
    /// sign-in; one that can be refreshed never lives over 30 days.
    #[schemars(range(min = 60, max = 31_536_000))]
    pub max_lifetime: Duration,
    /// How long a refresh token lives whose request does not say.
    #[schemars(range(min = 60, max = 2_592_000))]
    pub refresh_lifetime: Duration,
    /// How long a rotated refresh token is accepted once more, because an answer may have been lost; 0 means never
    /// (K8).
    #[schemars(range(min = 0, max = 60))]
    pub grace: Duration,
    /// How long a JWT lives that is given for a key, if the key lives that long.
    #[schemars(range(min = 60, max = 900))]
    pub token_lifetime: Duration,
    /// How refresh tokens are kept.
    pub refresh_hash: RefreshHash,
    /// The roles that may have keys which live over a day.
    pub long_lived_roles: Vec<RoleName>,
}

/// How refresh tokens are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefreshHash {
    /// As passwords are.
    Argon2id,
    /// Enough for the 256 random bits of a token, and far less work.
    Sha256,
}

/// A role by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleName {
    /// May everything.
    Superuser,
    /// Administers accounts.
    Staff,
    /// A signed-in person.
    Authenticated,
}

impl Default for ApiKeysSettings {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(900),
            max_lifetime: Duration::from_secs(86_400),
            refresh_lifetime: Duration::from_secs(86_400),
            grace: Duration::from_secs(10),
            token_lifetime: Duration::from_secs(900),
            refresh_hash: RefreshHash::Argon2id,
            long_lived_roles: Vec::new(),
        }
    }
}

impl ApiKeysSettings {
    pub(super) fn conflicts(&self, found: &mut Vec<Conflict>) {
        if self.lifetime > self.max_lifetime {
            found.push(Conflict::new(
                &["api_keys.lifetime", "api_keys.max_lifetime"],
                format!("is {}, longer than `api_keys.max_lifetime` ({})", self.lifetime, self.max_lifetime),
            ));
        }
    }
}
