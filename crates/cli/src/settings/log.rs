//! `[log]`: what is written to standard error, and in which shape.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use super::Secret;

/// What is logged, and in which shape.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// The shape of a line.
    pub format: LogFormat,
    /// The least important level that is logged, for all (`info`) or by module (`info,symbolon_api=debug`).
    /// What libraries log below `info` (AWS's clients and the database driver: below `warn`) is never written.
    pub level: LogFilter,
    /// The key under which account ids, addresses and IPs are hashed in logs (G1). Not set: one that is kept sealed
    /// in the store. Set it to compare the logs of several installations.
    #[schemars(length(min = 16, max = 64))]
    pub pii_salt: Option<Secret>,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// A level, or levels by module, in the syntax of `tracing`'s environment filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct LogFilter(String);

/// A text that filters nothing, or not what it seems to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a log level: write error, warn, info, debug, trace or off, or `module=level`, with commas between several"
)]
pub struct InvalidLogFilter(String);

impl LogFilter {
    /// The directives, with commas and no spaces between them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<LogFilter> for String {
    fn from(filter: LogFilter) -> Self {
        filter.0
    }
}

impl TryFrom<String> for LogFilter {
    type Error = InvalidLogFilter;

    /// The filter's own parser takes a misspelt level such as `inof` for the name of a module to log in full; here it
    /// is refused.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
        let directives: Vec<&str> = text.split(',').map(str::trim).collect();
        let is_level = |directive: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(directive));
        let is_by_module = |directive: &str| directive.contains(['=', '[', ']']);
        if let Some(misspelt) =
            directives.iter().find(|directive| !is_by_module(directive) && !is_level(directive))
        {
            return Err(InvalidLogFilter((*misspelt).to_owned()));
        }
        let normal = directives.join(",");
        if EnvFilter::try_new(&normal).is_ok() { Ok(Self(normal)) } else { Err(InvalidLogFilter(text)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_levels_by_module_are_accepted() {
        for text in ["info", "OFF", "info,symbolon_api=debug", "warn, symbolon_domain::sessions=trace"] {
            assert_eq!(LogFilter::try_from(text.to_owned()).unwrap().as_str(), text.replace(' ', ""));
        }
    }

    #[test]
    fn a_misspelt_level_is_refused_by_name() {
        for (text, named) in [
            ("inof", "inof"),
            ("info,symbolon_api", "symbolon_api"),
            ("info,a=loud", "info,a=loud"),
            ("", ""),
        ] {
            assert_eq!(LogFilter::try_from(text.to_owned()), Err(InvalidLogFilter(named.to_owned())));
        }
    }
}
