//! The headers of every answer (C28, C42), and how much a request's own may be.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, Request, Version, header},
    response::Response,
};
use symbolon_domain::id::RequestId;

use crate::{
    fields::Fault,
    problem::{Problem, ProblemType, Slug},
    settings::HttpSettings,
};

/// The request's id, in every answer (G1).
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// More bytes of headers than this are refused. A token of the largest size fits twice.
const LARGEST_HEADERS: usize = 40 * 1024;

/// An answer of ours is data, not a page: nothing in it may run or be framed.
const NO_CONTENT_RUNS: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// So many headers are added to an answer at the most.
const MOST_ADDED: usize = 8;

/// Two years, as is usual for services that are never without TLS again.
const HSTS: &str = "max-age=63072000";

/// Refuses headers that are larger than any honest client's.
pub(crate) fn check_size<B>(request: &Request<B>) -> Result<(), Problem> {
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if fields.sum::<usize>() + target > LARGEST_HEADERS {
        Err(Problem::new(ProblemType::HeadersTooLarge))
    } else {
        Ok(())
    }
}

/// Refuses a request of HTTP/1.1 that does not name one host (RFC 9112, section 3.2).
pub(crate) fn check_host<B>(request: &Request<B>) -> Result<(), Problem> {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if request.version() == Version::HTTP_11 && hosts != 1 {
        let fault = Fault::new(Slug::InvalidValue, "exactly one is required");
        Err(Problem::of_header(ProblemType::InvalidRequest, "Host", fault))
    } else {
        Ok(())
    }
}

/// Adds to an answer what every answer says. A handler's own `Cache-Control` and policy stay.
pub(crate) fn secure(response: &mut Response, request_id: RequestId, settings: &HttpSettings) {
    let headers = response.headers_mut();
    // At once, instead of growing twice.
    headers.reserve(MOST_ADDED);
    or_default(headers, &header::CACHE_CONTROL, "no-store");
    or_default(headers, &header::CONTENT_SECURITY_POLICY, NO_CONTENT_RUNS);
    or_default(headers, &header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    or_default(headers, &header::REFERRER_POLICY, "no-referrer");
    or_default(headers, &HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    if settings.is_https() {
        or_default(headers, &header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    if let Ok(id) = HeaderValue::try_from(request_id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
}

fn or_default(headers: &mut HeaderMap, name: &HeaderName, value: &'static str) {
    if !headers.contains_key(name) {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
