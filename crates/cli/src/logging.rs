//! Log lines to standard error, as text for people or JSON for programs. What they say is each layer's own business;
//! personal data reaches them only as keyed hashes (G1).

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, LogSettings};

/// Sends what the process logs to standard error. A second call changes nothing.
pub fn start(settings: &LogSettings) {
    let filter = EnvFilter::new(settings.level.as_str());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false)
        // A log that cannot be written must not end a service that can serve.
        .log_internal_errors(false);
    let started = match settings.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    // Where a subscriber is there already, as in tests, that one goes on.
    drop(started);
}
