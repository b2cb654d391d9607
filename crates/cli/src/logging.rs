//! Log lines to standard error, as text for people or JSON for programs. What they say is each layer's own business;
//! personal data reaches them only as keyed hashes (G1).

use std::io::{self, IsTerminal as _};

use tracing_subscriber::filter::{EnvFilter, FilterFn, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

use symbolon_domain::TRACES;

use crate::settings::{LogFormat, LogSettings};
use crate::telemetry::Telemetry;

/// Sends what the process logs to standard error, and its spans to where traces go. A second call changes nothing.
pub fn start(settings: &LogSettings, telemetry: Option<&Telemetry>) {
    let lines = fmt::layer().with_writer(io::stderr).with_target(false)
        // A log that cannot be written must not end a service that can serve.
        .log_internal_errors(false);
    let lines = match settings.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let filter = EnvFilter::new(settings.level.as_str());
    let Some(telemetry) = telemetry else {
        // Where a subscriber is there already, as in tests, that one goes on.
        drop(registry().with(lines).with(filter).with(without_payloads()).try_init());
        return;
    };
    // Each has a filter of its own then: what is a trace's is no line's, and the other way round.
    let lines = lines.with_filter(filter).with_filter(without_payloads());
    drop(registry().with(lines).with(telemetry.layer()).try_init());
}

/// Keeps back what libraries say below the levels at which they show what passes through them: whole requests of AWS's
/// clients with their messages, statements, frames. Whatever `log.level` says, that must not be written (G1, M6, C63).
fn without_payloads() -> FilterFn {
    filter_fn(|metadata| *metadata.level() <= most_verbose(metadata.target()) && metadata.target() != TRACES)
}

fn most_verbose(target: &str) -> LevelFilter {
    const GUARDED: [&str; 2] = ["aws_", "sqlx"];
    match target {
        // It calls every 401 of an authorizer an error. What is one we log ourselves, and a panic says so by itself.
        "lambda_runtime::layers::panic" => LevelFilter::OFF,
        ours if ours.starts_with("symbolon") => LevelFilter::TRACE,
        guarded if GUARDED.iter().any(|prefix| guarded.starts_with(prefix)) => LevelFilter::WARN,
        _ => LevelFilter::INFO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G1, M6, C63: only our own lines go below the levels of operation.
    #[test]
    fn libraries_that_show_payloads_are_kept_quiet() {
        for (target, level) in [
            ("symbolon_api::trace", LevelFilter::TRACE),
            ("symbolon", LevelFilter::TRACE),
            ("aws_smithy_runtime::client::orchestrator", LevelFilter::WARN),
            ("aws_sdk_ses::operation", LevelFilter::WARN),
            ("sqlx::query", LevelFilter::WARN),
            ("sqlx_postgres::connection", LevelFilter::WARN),
            ("hyper_util::client::legacy", LevelFilter::INFO),
            ("h2::codec", LevelFilter::INFO),
            ("lambda_runtime::layers::api_response", LevelFilter::INFO),
            ("lambda_runtime::layers::panic", LevelFilter::OFF),
        ] {
            assert_eq!(most_verbose(target), level, "{target}");
        }
    }
}
