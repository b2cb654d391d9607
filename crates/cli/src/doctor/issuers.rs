//! Whether the keys of the trusted issuers can be had.

use symbolon_adapters::jwks_http::discover;

use super::Check;
use crate::settings::Settings;
use crate::wiring::trusted_issuers::endpoint;

const WHAT: &str = "trusted issuers";

/// A check for each of them.
pub(super) async fn check(settings: &Settings) -> Vec<Check> {
    let mut checks = Vec::new();
    for trusted in &settings.trusted_issuers {
        let endpoint = endpoint(trusted);
        checks.push(match discover(&endpoint).await {
            Ok((_, keys)) => Check::fine(WHAT, format!("{}: {} keys of use", endpoint.issuer, keys.len())),
            Err(error) => Check::wrong(
                WHAT,
                format!("{}: {error}", endpoint.issuer),
                "correct trusted_issuers, or let this machine reach the issuer: `symbolon issuer test` tries it",
            ),
        });
    }
    checks
}
