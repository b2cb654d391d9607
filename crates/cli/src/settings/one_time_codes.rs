//! `[one_time_codes]`: the six digits that a message carries.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Conflict, Duration};

/// The six digits that a message carries (S5). The bounds are those of security.md (C10, C11).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OneTimeCodesSettings {
    /// How long a code lives.
    #[schemars(range(min = 30, max = 600))]
    pub lifetime: Duration,
    /// How many guesses one code bears.
    #[schemars(range(min = 1, max = 5))]
    pub attempts: u32,
    /// How long to wait before a code may be sent again.
    #[schemars(range(min = 1, max = 600))]
    pub resend_interval: Duration,
    /// How many codes may be sent again within `resend_window`.
    #[schemars(range(min = 1, max = 100))]
    pub resends: u32,
    /// The time over which `resends` counts.
    #[schemars(range(min = 60, max = 86_400))]
    pub resend_window: Duration,
    /// How many wrong codes an account bears within `account_window`, over all its sign-ins.
    #[schemars(range(min = 1, max = 100))]
    pub account_failures: u32,
    /// The time over which `account_failures` counts.
    #[schemars(range(min = 3_600, max = 2_592_000))]
    pub account_window: Duration,
}

impl Default for OneTimeCodesSettings {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(300),
            attempts: 5,
            resend_interval: Duration::from_secs(30),
            resends: 5,
            resend_window: Duration::from_secs(900),
            account_failures: 20,
            account_window: Duration::from_secs(86_400),
        }
    }
}

impl OneTimeCodesSettings {
    pub(super) fn conflicts(&self, found: &mut Vec<Conflict>) {
        if self.resend_interval > self.resend_window {
            found.push(Conflict::new(
                &["one_time_codes.resend_interval", "one_time_codes.resend_window"],
                format!(
                    "is {}, longer than `one_time_codes.resend_window` ({})",
                    self.resend_interval, self.resend_window
                ),
            ));
        }
    }
}
