//! The trusted issuers of the configuration.

use std::sync::Arc;

use symbolon_adapters::jwks_http::{IssuerEndpoint, JwksHttp};
use symbolon_domain::{
    clock::Clock,
    trusted_issuers::{ClaimNames, TokenUse, TrustedIssuer, TrustedIssuers},
};

use super::WiringError;
use crate::settings::{self, IssuerAlgorithm, PrivateUrl, Settings, TrustedIssuerSettings};

pub(super) fn trusted_issuers(
    configured: &Settings,
    clock: &Arc<dyn Clock>,
) -> Result<TrustedIssuers, WiringError> {
    let endpoints = configured.trusted_issuers.iter().map(endpoint).collect();
    let keys = JwksHttp::new(endpoints, Arc::clone(clock)).map_err(WiringError::IssuerKeys)?;
    let issuers = configured.trusted_issuers.iter().map(issuer).collect();
    Ok(TrustedIssuers::new(issuers, Arc::new(keys), Arc::clone(clock)))
}

/// Where its keys are, and what they may be used for.
pub(crate) fn endpoint(configured: &TrustedIssuerSettings) -> IssuerEndpoint {
    IssuerEndpoint {
        issuer: configured.issuer.as_str().to_owned(),
        jwks_uri: configured.jwks_uri.as_ref().map(|uri: &PrivateUrl| uri.as_str().to_owned()),
        algorithms: configured.algorithms.iter().copied().map(IssuerAlgorithm::algorithm).collect(),
    }
}

fn issuer(configured: &TrustedIssuerSettings) -> TrustedIssuer {
    let uses = configured.token_use.iter().map(|token_use| match token_use {
        settings::TokenUse::Access => TokenUse::Access,
        settings::TokenUse::Id => TokenUse::Id,
    });
    TrustedIssuer {
        issuer: configured.issuer.as_str().to_owned(),
        audiences: configured.audiences.clone(),
        token_uses: uses.collect(),
        claims: ClaimNames {
            principal: configured.principal_claim.clone(),
            groups: configured.groups_claim.clone(),
            scopes: configured.scopes_claim.clone(),
            email: configured.email_claim.clone(),
        },
        email_trusted: configured.email_trusted,
        leeway: configured.leeway.to_std(),
    }
}
