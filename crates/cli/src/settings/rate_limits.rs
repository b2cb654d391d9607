//! `[rate_limits]`: how often one source address may call.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Requests a minute of one source address (G9). Zero would shut everyone out, so it is refused.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimitsSettings {
    /// Sign-ups a minute.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub sign_up: NonZeroU32,
    /// Sign-ins a minute.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub sign_in: NonZeroU32,
    /// Recoveries a minute.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub recovery: NonZeroU32,
    /// Codes entered or asked for a minute.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub codes: NonZeroU32,
    /// Verifications of tokens a minute.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub verify: NonZeroU32,
    /// All other requests a minute.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub other: NonZeroU32,
}

const fn per_minute(requests: u32) -> NonZeroU32 {
    match NonZeroU32::new(requests) {
        Some(requests) => requests,
        None => NonZeroU32::MIN,
    }
}

impl Default for RateLimitsSettings {
    fn default() -> Self {
        Self {
            sign_up: per_minute(30),
            sign_in: per_minute(30),
            recovery: per_minute(30),
            codes: per_minute(30),
            verify: per_minute(600),
            other: per_minute(300),
        }
    }
}
