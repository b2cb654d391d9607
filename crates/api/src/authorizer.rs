//! What gateways ask before they let a request pass (Z5, Z8): nginx by `auth_request`, Traefik by `ForwardAuth`, Caddy by
//! `forward_auth`. Nothing is decided here: the headers are read, the authorizer is asked, its answer becomes a status and
//! headers.
//!
//! Cookies do not count: they are this service's own, a browser would add them to requests that other pages make, and a
//! gateway's question says nothing of who made the page (C24). Nor does the question's body, which is not read.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{MatchedPath, State},
    http::{HeaderMap, Request},
    routing::any,
};
use symbolon_domain::{
    actor::Origin,
    authorizer::{AuthorizeError, GatewayDecision},
};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouter},
    routes,
};

mod asked;
mod described;

use self::asked::Asked;
pub use self::described::describe;
use crate::{
    Api,
    caller::forwarded::is_trusted,
    problem::{ForwardAuthProblems, Problem, ProblemType, Retry},
    serve::Peer,
};

const PATH: &str = "/v1/forward-auth";

/// The question comes by whatever method the gateway was asked with, or by `GET`: all mean the same.
pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    let (schemas, paths, _): UtoipaMethodRouter<Arc<Api>> = routes!(forward_auth);
    OpenApiRouter::default().routes((schemas, paths, any(forward_auth)))
}

/// Is it the gateways' question? Its method, `Origin` and body are another request's: no preflight may be answered here, and
/// no body waited for.
pub(crate) fn is_question<B>(request: &Request<B>) -> bool {
    request.extensions().get::<MatchedPath>().is_some_and(|path| path.as_str() == PATH)
}

/// Is it that question, from a trusted proxy? It comes for every request of everybody behind the proxy, so it is no measure of
/// how often one of them calls. Strangers, who get no answer, are counted as everywhere.
pub(crate) fn is_gateways_question<B>(api: &Api, request: &Request<B>) -> bool {
    let peer = request.extensions().get::<Peer>();
    is_question(request) && peer.is_some_and(|peer| is_trusted(peer.0.ip(), &api.settings.trusted_proxies))
}

/// May a request pass?
///
/// For proxies in `http.trusted_proxies`, which say in headers what they were asked: the method and the URI, in either pair of
/// headers, and the host. All others get a 403. Any method of this endpoint means the same. The credential is the
/// original request's own `Authorization: Bearer`: a session's token with `Symbolon-Binding`, an access token, an API key, a device
/// token with `Symbolon-Device`, or a token of a trusted issuer. In the headers of the answer everything but letters, digits
/// and `-._~:/@` is percent-encoded, and a list has spaces between its items.
#[utoipa::path(
    get, path = "/v1/forward-auth", tag = "gateway", operation_id = "forward_auth",
    security(("gateway" = []), ("gateway" = [], "binding" = []), ("gateway" = [], "device" = [])),
    params(
        ("X-Original-Method" = Option<String>, Header, description = "The method (nginx)"),
        ("X-Original-URI" = Option<String>, Header, description = "The path and query (nginx)"),
        ("X-Forwarded-Method" = Option<String>, Header, description = "The method (Traefik, Caddy)"),
        ("X-Forwarded-Uri" = Option<String>, Header, description = "The path and query (Traefik, Caddy)"),
        ("X-Forwarded-Host" = Option<String>, Header, description = "The host; without it the `Host` of this request"),
        ("X-Forwarded-For" = Option<String>, Header, description = "Who asked; without it no address is known"),
    ),
    responses(
        (status = 200, description = "It may", headers(
            ("X-Auth-Subject", description = "Who asks: an account's id, or issuer and principal with a bar between"),
            ("X-Auth-Kind", description = "What was shown"),
            ("X-Auth-Issuer", description = "Who vouches for the subject"),
            ("X-Auth-Scopes", description = "What the credential is limited to"),
            ("X-Auth-Groups", description = "The groups that a trusted issuer names"),
            ("X-Auth-Roles", description = "The account's role"),
            ("X-Auth-Entitlements", description = "What a device token's licence gives"),
            ("X-Auth-Route", description = "The declared route"),
        )),
        ForwardAuthProblems,
    ),
)]
async fn forward_auth(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    asked: Asked,
) -> Result<HeaderMap, Problem> {
    let decision = api.use_cases.authorizer.decide(&asked.request(&origin), &origin).await?;
    match decision {
        GatewayDecision::Allowed { principal, route, .. } => described::headers(&principal, &route),
        GatewayDecision::Unauthenticated { .. } => Err(asked.unauthorized()),
        GatewayDecision::RateLimited { until } => {
            Err(Problem::new(ProblemType::TooManyRequests).retry(Retry::At(until)))
        }
        GatewayDecision::Denied { .. } => Err(Problem::new(ProblemType::NotLetThrough)),
    }
}

impl From<AuthorizeError> for Problem {
    fn from(error: AuthorizeError) -> Self {
        match error {
            AuthorizeError::Store(error) => error.into(),
            AuthorizeError::Policy(error) => Self::internal(error),
            error @ AuthorizeError::IssuerUnavailable { .. } => Self::unavailable(error),
        }
    }
}
