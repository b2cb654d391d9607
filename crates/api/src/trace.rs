//! What is logged of a request: one line, with its route and never its path or query, its caller only as a keyed
//! hash, and nothing at all of its headers and body (G1, M6, C63). A failure of ours is logged once more, with its
//! causes.

use std::{
    error::Error,
    fmt,
    time::{Duration, Instant},
};

use axum::http::{Method, Request, StatusCode};
use symbolon_domain::{actor::Origin, id::RequestId, pii::PiiHash};

use crate::{Api, problem::Problem};

/// The route of requests that match none.
const NO_ROUTE: &str = "none";

/// A request under way.
pub(crate) struct Observed {
    method: &'static str,
    route: String,
    request_id: RequestId,
    caller: Option<PiiHash>,
    started: Instant,
}

/// A request that was answered.
pub(crate) struct Answered<'a> {
    /// Its method, one of the standard ones or `OTHER`.
    pub(crate) method: &'static str,
    /// The pattern that its path matched.
    pub(crate) route: &'a str,
    /// The answer's status.
    pub(crate) status: StatusCode,
    /// How long it took.
    pub(crate) duration: Duration,
}

impl Observed {
    /// Begins with a request.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a request takes is no business of the domain's clock"
    )]
    pub(crate) fn begin<B>(api: &Api, request: &Request<B>, origin: &Origin) -> Self {
        let route = request.extensions().get::<axum::extract::MatchedPath>();
        Self {
            method: method(request.method()),
            route: route.map_or(NO_ROUTE, |route| route.as_str()).to_owned(),
            request_id: origin.request_id,
            caller: origin.ip.map(|ip| api.use_cases.pii.ip(ip)),
            started: Instant::now(),
        }
    }

    /// The pattern that the path matched.
    pub(crate) fn route(&self) -> &str {
        &self.route
    }

    /// The span that every line of this request's handler is in.
    pub(crate) fn span(&self) -> tracing::Span {
        tracing::info_span!("request", request_id = %self.request_id)
    }

    /// Ends with its answer's status, and what went wrong if it was us.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a request takes is no business of the domain's clock"
    )]
    pub(crate) fn end(&self, status: StatusCode, problem: Option<&Problem>) -> Answered<'_> {
        let duration = self.started.elapsed();
        let Self { method, route, request_id, caller, .. } = self;
        if let Some(problem) = problem.filter(|_| status.is_server_error()) {
            let causes = Causes(problem.source());
            let problem = problem.kind().slug();
            if status == StatusCode::SERVICE_UNAVAILABLE {
                tracing::warn!(%request_id, route, problem, %causes, "a request could not be served");
            } else {
                tracing::error!(%request_id, route, problem, %causes, "a request has failed");
            }
        }
        tracing::info!(
            method,
            route,
            status = status.as_u16(),
            duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            %request_id,
            caller = caller.map(tracing::field::display),
            "request"
        );
        Answered { method, route, status, duration }
    }
}

/// A method that cannot be made up.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// An error and all that caused it, in one line.
struct Causes<'a>(Option<&'a (dyn Error + Send + Sync)>);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next = self.0.map(|error| error as &dyn Error);
        let mut separator = "";
        while let Some(error) = next {
            write!(formatter, "{separator}{error}")?;
            separator = ": ";
            next = error.source();
        }
        Ok(())
    }
}
