//! What is logged of a request: one line, with its route and never its path or query, its caller only as a keyed
//! hash, and nothing at all of its headers and body (G1, M6, C63). A failure of ours is logged once more, with its
//! causes. Where traces are sent (G3), it is a span with the same of it, without its caller.

use std::{
    error::Error,
    fmt,
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, Method, Request, StatusCode};
use opentelemetry::{global, propagation::Extractor};
use symbolon_domain::{TRACES, actor::Origin, id::RequestId, pii::PiiHash};
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{Api, caller::forwarded::is_trusted, problem::Problem, serve::Peer};

/// The route of requests that match none.
const NO_ROUTE: &str = "none";

/// A request under way.
pub(crate) struct Observed {
    method: &'static str,
    route: String,
    request_id: RequestId,
    caller: Option<PiiHash>,
    started: Instant,
    /// What a collector gets; disabled where there is none.
    traced: Span,
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
        let route = route.map_or(NO_ROUTE, |route| route.as_str()).to_owned();
        let method = method(request.method());
        Self {
            traced: traced(api, request, method, &route, origin.request_id),
            method,
            route,
            request_id: origin.request_id,
            caller: origin.ip.map(|ip| api.use_cases.pii.ip(ip)),
            started: Instant::now(),
        }
    }

    /// The pattern that the path matched.
    pub(crate) fn route(&self) -> &str {
        &self.route
    }

    /// Runs this request's handler, with every line of it in the request's span.
    pub(crate) async fn during<T>(&self, handler: impl Future<Output = T>) -> T {
        let logged = tracing::info_span!("request", request_id = %self.request_id);
        handler.instrument(logged).instrument(self.traced.clone()).await
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
        self.traced.record("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            self.traced.record("otel.status_code", "ERROR");
        }
        Answered { method, route, status, duration }
    }
}

/// The span of a request: its method and route, and never its path, query, headers or caller. A trace that has been
/// begun is gone on with where the peer is a trusted proxy (`http.trusted_proxies`): from anybody else the header would
/// let strangers choose what is kept, and hang their requests under the traces of others.
fn traced<B>(
    api: &Api,
    request: &Request<B>,
    method: &'static str,
    route: &str,
    request_id: RequestId,
) -> Span {
    let traced = tracing::info_span!(
        target: TRACES,
        parent: None,
        "request",
        otel.name = tracing::field::Empty,
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = tracing::field::Empty,
        symbolon.request_id = %request_id,
    );
    if traced.is_disabled() {
        return traced;
    }
    traced.record("otel.name", format_args!("{method} {route}"));
    let peer = request.extensions().get::<Peer>();
    if peer.is_some_and(|peer| is_trusted(peer.0.ip(), &api.settings.trusted_proxies)) {
        let begun = global::get_text_map_propagator(|w3c| w3c.extract(&TraceParent(request.headers())));
        // Fails only where traces are not sent, which was asked above.
        drop(traced.set_parent(begun));
    }
    traced
}

/// A request's `traceparent` (W3C Trace Context), if it has just one. Its `tracestate` is free text, and not passed on.
struct TraceParent<'a>(&'a HeaderMap);

impl Extractor for TraceParent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut values = self.0.get_all(key).iter();
        match (key, values.next(), values.next()) {
            ("traceparent", Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
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
