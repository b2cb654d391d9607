//! The gateway authorizer: the routes and the route policies of the configuration, and who verifies credentials.

use std::{path::Path, sync::Arc};

use symbolon_adapters::policy_cedar::{CedarRoutePolicies, PolicyProblem};
use symbolon_domain::{
    access::{PolicyFault, Ruling},
    audit::Refusals,
    authorizer::{
        Authorizer, AuthorizerPorts, CredentialPorts, CredentialSettings, CredentialVerifiers, RoutePolicy,
        RouteRequest, Routes,
    },
};

use super::{Questions, WiringError};
use crate::settings::Settings;

pub(super) fn authorizer(
    configured: &Settings,
    questions: Questions,
    credentials: CredentialPorts,
    refusals: &Refusals,
) -> Result<Authorizer, WiringError> {
    let routes = routes(configured)?;
    let policy: Arc<dyn RoutePolicy> = match (questions.are_of_routes(), &configured.authorizer.policies) {
        (false, _) => Arc::new(Unread),
        (true, None) => Arc::new(NothingPermitted),
        (true, Some(directory)) => {
            let (policy, warnings) = policies(directory, &routes)?;
            for warning in warnings {
                tracing::warn!(%warning, "a route policy is odd");
            }
            Arc::new(policy)
        }
    };
    let credentials = Arc::new(CredentialVerifiers::new(credentials, credential_settings(configured)));
    let ports = AuthorizerPorts { credentials, policy, refusals: refusals.clone() };
    Ok(Authorizer::new(ports, Arc::new(routes)))
}

/// Policies that were not read, and so say nothing.
struct Unread;

impl RoutePolicy for Unread {
    fn judge(&self, _: &RouteRequest<'_>) -> Result<Ruling, PolicyFault> {
        Err(PolicyFault("they were not read".into()))
    }
}

/// There are no policies, so none permits anything.
struct NothingPermitted;

impl RoutePolicy for NothingPermitted {
    fn judge(&self, _: &RouteRequest<'_>) -> Result<Ruling, PolicyFault> {
        Ok(Ruling::NotPermitted)
    }
}

/// The policies of a directory for these routes, and what is odd about them.
pub(crate) fn policies(
    directory: &Path,
    routes: &Routes,
) -> Result<(CedarRoutePolicies, Vec<PolicyProblem>), WiringError> {
    CedarRoutePolicies::load(directory, routes).map_err(WiringError::RoutePolicies)
}

/// The routes that are declared.
pub(crate) fn routes(configured: &Settings) -> Result<Routes, WiringError> {
    configured.authorizer.declared().map_err(WiringError::Routes)
}

fn credential_settings(configured: &Settings) -> CredentialSettings {
    let public_url = configured.http.public_url.to_string();
    let audiences = match configured.authorizer.audiences.as_slice() {
        [] => vec![public_url.clone()],
        audiences => audiences.to_vec(),
    };
    CredentialSettings { public_url, audiences }
}
