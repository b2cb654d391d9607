//! `[sessions]`: how long being signed in lasts, and what holds a token to its client.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Conflict, Duration};

/// How long being signed in lasts (S6–S9).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionsSettings {
    /// How long an access token lives.
    #[schemars(range(min = 60, max = 3_600))]
    pub access_lifetime: Duration,
    /// How long a session lives without a refresh; also the life of each refresh token.
    #[schemars(range(min = 300, max = 31_536_000))]
    pub idle: Duration,
    /// How long a session lives however often it is refreshed.
    #[schemars(range(min = 300, max = 31_536_000))]
    pub absolute: Duration,
    /// How long a rotated refresh token is accepted once more, because an answer may have been lost; 0 means never
    /// (K8).
    #[schemars(range(min = 0, max = 60))]
    pub grace: Duration,
    /// How old a sign-in may be for acts that are sensitive, such as changing the password (F7).
    #[schemars(range(min = 60, max = 3_600))]
    pub fresh_for: Duration,
    /// Whether a token counts only together with its client's binding secret (S7).
    pub binding: SessionBinding,
}

/// Whether a token counts only together with its client's binding secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionBinding {
    /// The token alone opens nothing.
    Required,
    /// The token alone is enough.
    Off,
}

impl Default for SessionsSettings {
    fn default() -> Self {
        Self {
            access_lifetime: Duration::from_secs(900),
            idle: Duration::from_secs(15 * 86_400),
            absolute: Duration::from_secs(90 * 86_400),
            grace: Duration::from_secs(10),
            fresh_for: Duration::from_secs(600),
            binding: SessionBinding::Required,
        }
    }
}

impl SessionsSettings {
    pub(super) fn conflicts(&self, found: &mut Vec<Conflict>) {
        if self.idle > self.absolute {
            found.push(Conflict::new(
                &["sessions.idle", "sessions.absolute"],
                format!("is {}, longer than `sessions.absolute` ({})", self.idle, self.absolute),
            ));
        }
        if self.access_lifetime > self.idle {
            found.push(Conflict::new(
                &["sessions.access_lifetime", "sessions.idle"],
                format!("is {}, longer than `sessions.idle` ({})", self.access_lifetime, self.idle),
            ));
        }
    }
}
