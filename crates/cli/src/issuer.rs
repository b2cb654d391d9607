//! `symbolon issuer list|test`: whose tokens are taken, and whether their keys can be had (Z1, Z4). Needs no store.

use serde::Serialize;
use symbolon_adapters::jwks_http::{Algorithm, IssuerEndpoint, discover};

use crate::arguments::IssuerCommand;
use crate::output::Output;
use crate::settings::{PrivateUrl, Settings};
use crate::wiring::trusted_issuers::endpoint;
use crate::{CommandError, CommandResult};

/// An issuer of the configuration.
#[derive(Serialize)]
struct IssuerRow {
    issuer: String,
    keys: String,
    audiences: Vec<String>,
    algorithms: Vec<&'static str>,
}

/// A key that an issuer publishes.
#[derive(Serialize)]
struct KeyRow {
    kid: String,
    usable_for: Vec<&'static str>,
    passed_over: Option<&'static str>,
}

/// Runs one of them.
///
/// # Errors
/// The issuer's keys cannot be had.
pub async fn run(command: &IssuerCommand, settings: &Settings, output: &mut Output<'_>) -> CommandResult {
    match command {
        IssuerCommand::List => list(settings, output),
        IssuerCommand::Test { issuer } => test(issuer, settings, output).await,
    }
}

fn list(settings: &Settings, output: &mut Output<'_>) -> CommandResult {
    let rows = settings.trusted_issuers.iter().map(|trusted| {
        let endpoint = endpoint(trusted);
        IssuerRow {
            keys: endpoint.jwks_uri.unwrap_or_else(|| "discovered".to_owned()),
            issuer: endpoint.issuer,
            audiences: trusted.audiences.clone(),
            algorithms: names(&endpoint.algorithms),
        }
    });
    let rows: Vec<IssuerRow> = rows.collect();
    Ok(output.list(&["issuer", "keys", "audiences", "algorithms"], &rows, |row| {
        vec![row.issuer.clone(), row.keys.clone(), row.audiences.join(" "), row.algorithms.join(" ")]
    })?)
}

/// Fetches the keys as the service would; those of an issuer that is not configured as if it were, with every algorithm.
async fn test(issuer: &str, settings: &Settings, output: &mut Output<'_>) -> CommandResult {
    let known = settings.trusted_issuers.iter().find(|trusted| trusted.issuer.as_str() == issuer);
    let endpoint = match known {
        Some(trusted) => endpoint(trusted),
        None => unknown(issuer)?,
    };
    let (uri, keys) = discover(&endpoint).await.map_err(CommandError::Issuer)?;
    let known = if known.is_some() { "is trusted" } else { "is not in trusted_issuers" };
    output.notice(&format!("{issuer} {known}; its keys are at {uri}"))?;
    let usable = keys.usable().map(|(kid, algorithms)| KeyRow {
        kid: kid.to_owned(),
        usable_for: names(&algorithms),
        passed_over: None,
    });
    let refused = keys.refused().iter().map(|(kid, why)| KeyRow {
        kid: kid.clone(),
        usable_for: Vec::new(),
        passed_over: Some(why),
    });
    let mut rows: Vec<KeyRow> = usable.chain(refused).collect();
    rows.sort_by(|one, other| one.kid.cmp(&other.kid));
    Ok(output.list(&["kid", "usable for", "passed over, for it"], &rows, |row| {
        let usable = if row.usable_for.is_empty() { "-".to_owned() } else { row.usable_for.join(" ") };
        vec![row.kid.clone(), usable, row.passed_over.unwrap_or("-").to_owned()]
    })?)
}

fn unknown(issuer: &str) -> Result<IssuerEndpoint, CommandError> {
    let url = PrivateUrl::try_from(issuer.to_owned()).map_err(CommandError::NoIssuer)?;
    Ok(IssuerEndpoint {
        issuer: url.as_str().to_owned(),
        jwks_uri: None,
        algorithms: Algorithm::ALL.to_vec(),
    })
}

fn names(algorithms: &[Algorithm]) -> Vec<&'static str> {
    algorithms.iter().map(|algorithm| algorithm.as_str()).collect()
}
