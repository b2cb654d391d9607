//! The decision, in its order, and what a principal may call at all.

use std::{net::IpAddr, sync::Arc};

use super::{
    Authorizer, GatewayDecision, GatewayDenial, GatewayPath, GatewayRequest, IdentifyError, Method,
    Principal, Route, RouteContext, RouteRequest,
};
use crate::{
    access::{PolicyFault, Ruling},
    actor::{Actor, Origin},
    audit::{Act, Refusal},
    store_error::StoreError,
};

/// Why there is no decision. It is never a "no": a gateway that gets none must not let anybody through, and should say
/// that the service is unavailable.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// The keys of a trusted issuer cannot be had.
    #[error("the keys of {issuer} cannot be had")]
    IssuerUnavailable {
        /// Whose.
        issuer: String,
    },
    /// A policy could not be evaluated.
    #[error(transparent)]
    Policy(#[from] PolicyFault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a principal may call of one declared route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteVerdict {
    /// Which route.
    pub route: Arc<Route>,
    /// Those of its methods that policies permit.
    pub permitted: Vec<Method>,
    /// The others.
    pub refused: Vec<Method>,
}

impl Authorizer {
    /// Decides about one request (Z5). What is refused is noted for the audit, with the address of `origin`: it must be the
    /// caller's and not the gateway's.
    ///
    /// # Errors
    /// There is no decision; see [`AuthorizeError`].
    pub async fn decide(
        &self,
        request: &GatewayRequest<'_>,
        origin: &Origin,
    ) -> Result<GatewayDecision, AuthorizeError> {
        let decision = self.judge(request, origin).await?;
        if let Some(refusal) = refusal(&decision) {
            self.ports.refusals.note_refusal(refusal, origin);
        }
        Ok(decision)
    }

    /// What this principal may call, for every declared route in its order: what a gateway that keeps an answer for many
    /// requests is told (Z7).
    ///
    /// No request is looked at, so the path that policies see is the route's pattern: one that permits by path permits nothing
    /// here unless the pattern itself fits, and one that forbids by path does not forbid here. Nor is it said which route a
    /// request would be for where several fit. Whoever passes this on to a gateway has to see to both.
    ///
    /// # Errors
    /// A policy could not be evaluated.
    pub fn judge_routes(
        &self,
        principal: &Principal,
        host: &str,
        source_ip: Option<IpAddr>,
    ) -> Result<Vec<RouteVerdict>, PolicyFault> {
        let (host, source_ip) = (host_name(host), source_ip.map(|address| address.to_canonical()));
        let judge = |route: &Arc<Route>| -> Result<RouteVerdict, PolicyFault> {
            let (mut permitted, mut refused) = (Vec::new(), Vec::new());
            for method in route.method().methods() {
                let context = RouteContext { path: route.path(), host: &host, source_ip };
                match self.ports.policy.judge(&RouteRequest { principal, method, route, context })? {
                    Ruling::Permitted(_) => permitted.push(method),
                    Ruling::Forbidden(_) | Ruling::NotPermitted => refused.push(method),
                }
            }
            Ok(RouteVerdict { route: Arc::clone(route), permitted, refused })
        };
        self.routes.iter().map(judge).collect()
    }

    async fn judge(
        &self,
        request: &GatewayRequest<'_>,
        origin: &Origin,
    ) -> Result<GatewayDecision, AuthorizeError> {
        let path = match GatewayPath::parse(request.path) {
            Ok(path) => path,
            Err(fault) => {
                let reason = GatewayDenial::UnsafePath(fault);
                return Ok(GatewayDecision::Denied {
                    reason,
                    principal: None,
                    route: None,
                    policies: Vec::new(),
                });
            }
        };
        match self.ports.credentials.identify(request, origin).await {
            Ok(principal) => Ok(self.judge_known(principal, request, &path)?),
            Err(IdentifyError::Inactive(reason)) => Ok(GatewayDecision::Unauthenticated { reason }),
            Err(IdentifyError::RateLimited { until }) => Ok(GatewayDecision::RateLimited { until }),
            Err(IdentifyError::IssuerUnavailable { issuer }) => {
                Err(AuthorizeError::IssuerUnavailable { issuer })
            }
            Err(IdentifyError::Store(error)) => Err(error.into()),
        }
    }

    /// May somebody who is known?
    fn judge_known(
        &self,
        principal: Principal,
        request: &GatewayRequest<'_>,
        path: &GatewayPath,
    ) -> Result<GatewayDecision, PolicyFault> {
        let found = Method::parse(request.method)
            .and_then(|method| self.routes.find(method, path).map(|route| (method, Arc::clone(route))));
        let Some((method, route)) = found else {
            return Ok(GatewayDecision::Denied {
                reason: GatewayDenial::UndeclaredRoute,
                principal: Some(principal),
                route: None,
                policies: Vec::new(),
            });
        };
        let host = host_name(request.host);
        let source_ip = request.source_ip.map(|address| address.to_canonical());
        let context = RouteContext { path: path.as_str(), host: &host, source_ip };
        let asked = RouteRequest { principal: &principal, method, route: &route, context };
        let (reason, policies) = match self.ports.policy.judge(&asked)? {
            Ruling::Permitted(policies) => {
                return Ok(GatewayDecision::Allowed { principal, route, policies });
            }
            Ruling::Forbidden(policies) => (GatewayDenial::Forbidden, policies),
            Ruling::NotPermitted => (GatewayDenial::NotPermitted, Vec::new()),
        };
        Ok(GatewayDecision::Denied { reason, principal: Some(principal), route: Some(route), policies })
    }
}

/// What the audit is told of a decision.
fn refusal(decision: &GatewayDecision) -> Option<Refusal> {
    let act = Act::GATEWAY_DECIDED;
    let of_nobody =
        |reason: &'static str| Refusal { act: act.clone(), reason, actor: Actor::Anonymous, subject: None };
    match decision {
        GatewayDecision::Allowed { .. } => None,
        GatewayDecision::Unauthenticated { reason } => Some(of_nobody(reason)),
        GatewayDecision::RateLimited { .. } => Some(of_nobody("rate_limited")),
        GatewayDecision::Denied { reason, principal: None, .. } => Some(of_nobody(reason.as_str())),
        GatewayDecision::Denied { reason, principal: Some(principal), route, .. } => {
            let subject = principal.audit_subject(route.as_deref());
            Some(Refusal { act, reason: reason.as_str(), actor: principal.actor(), subject })
        }
    }
}

/// The name in a `Host` header: names are compared in lower case, and the final dot of an absolute one is no part of it
/// (RFC 3986, section 3.2.2), nor is the port.
fn host_name(host: &str) -> String {
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) && (name.ends_with(']') || !name.contains(':')) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
