//! Asking an issuer for its keys: over TLS or on this machine, with no redirects, bounded in time and size (C57).

use std::time::Duration;

use serde::Deserialize;
use symbolon_domain::trusted_issuers::IssuerKeysError;

use super::{IssuerEndpoint, KeySet};
use crate::{
    loopback::is_private_url,
    outbound::{self, NoAnswer, NoTls},
};

/// So long a set may take, its discovery included (Z4).
const TIMEOUT: Duration = Duration::from_secs(3);
/// Where an issuer says where its keys are (OpenID Connect Discovery 1.0, section 4).
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// What is needed of an issuer's description of itself.
#[derive(Deserialize)]
struct Description {
    issuer: String,
    jwks_uri: String,
}

pub(super) fn client() -> Result<reqwest::Client, IssuerKeysError> {
    outbound::client(TIMEOUT)
        .map_err(|NoTls| IssuerKeysError("no connection can be made: TLS does not start".to_owned()))
}

/// The issuer's keys.
pub(super) async fn key_set(
    http: &reqwest::Client,
    endpoint: &IssuerEndpoint,
) -> Result<KeySet, IssuerKeysError> {
    let fetched = tokio::time::timeout(TIMEOUT, async {
        let uri = match &endpoint.jwks_uri {
            Some(uri) => uri.clone(),
            None => jwks_uri(http, &endpoint.issuer).await?,
        };
        get(http, &uri).await
    });
    let json = fetched.await.unwrap_or_else(|_| Err(too_slow()))?;
    KeySet::parse(&json, &endpoint.algorithms)
}

/// The keys at an issuer that need not be on the list, and where they are, for whoever tries it out.
///
/// # Errors
/// They cannot be fetched or hold no key of use.
pub async fn discover(endpoint: &IssuerEndpoint) -> Result<(String, KeySet), IssuerKeysError> {
    let http = client()?;
    let uri = match &endpoint.jwks_uri {
        Some(uri) => uri.clone(),
        None => jwks_uri(&http, &endpoint.issuer).await?,
    };
    let keys = KeySet::parse(&get(&http, &uri).await?, &endpoint.algorithms)?;
    Ok((uri, keys))
}

async fn jwks_uri(http: &reqwest::Client, issuer: &str) -> Result<String, IssuerKeysError> {
    let json = get(http, &format!("{}{DISCOVERY}", issuer.trim_end_matches('/'))).await?;
    let described: Description = serde_json::from_slice(&json)
        .map_err(|_| IssuerKeysError("its discovery document names no `issuer` and `jwks_uri`".to_owned()))?;
    if described.issuer != issuer {
        return Err(IssuerKeysError("its discovery document names another issuer".to_owned()));
    }
    if !is_private_url(&described.jwks_uri) {
        return Err(IssuerKeysError(
            "its discovery document names a `jwks_uri` that is not https".to_owned(),
        ));
    }
    Ok(described.jwks_uri)
}

async fn get(http: &reqwest::Client, url: &str) -> Result<Vec<u8>, IssuerKeysError> {
    outbound::send(http.get(url)).await.map_err(|why| match why {
        NoAnswer::TooSlow => too_slow(),
        why => IssuerKeysError(why.to_string()),
    })
}

fn too_slow() -> IssuerKeysError {
    IssuerKeysError("it did not answer within three seconds".to_owned())
}
