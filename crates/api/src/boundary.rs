//! Where every request comes in and every answer goes out: who calls, whether they may yet, how long it may take, the
//! shape of errors, the headers of all answers, the log line and the count. In this order, and nowhere else.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use symbolon_domain::{actor::Origin, id::RequestId};

use crate::{
    Api, authorizer,
    caller::forwarded::{client_address, is_forwarded},
    cors,
    fields::{ReadingBody, collect},
    headers,
    limits::Source,
    problem::{self, Problem, ProblemType, Retry},
    serve::Peer,
    trace::Observed,
};

/// Around the whole router.
pub(crate) async fn boundary(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let origin = origin(&api, &request);
    let request_id = origin.request_id;
    let observed = Observed::begin(&api, &request, &origin);
    let cors_origin = cors::listed_origin(&request, &api.settings.allowed_origins);
    // An `OPTIONS` that a gateway passes on is its client's: a friendly answer would let it through.
    let preflight = if authorizer::is_question(&request) { None } else { cors::preflight(&request) };
    let is_preflight = preflight.is_some();
    let admitted = admit(&api, &request, &observed, &origin);
    let answered = match (admitted, preflight) {
        (Err(problem), _) => problem.into_response(),
        (Ok(()), Some(answer)) => answer,
        (Ok(()), None) => {
            request.extensions_mut().insert(origin);
            observed.during(in_time(&api, request, next)).await
        }
    };
    let problem = problem_of(&answered);
    let mut response = match &problem {
        Some(problem) => complete(problem, answered, request_id, &api),
        None => answered,
    };
    headers::secure(&mut response, request_id, &api.settings);
    if !api.settings.allowed_origins.is_empty() {
        cors::allow(response.headers_mut(), cors_origin, is_preflight);
    }
    api.metrics.count(&observed.end(response.status(), problem.as_ref()));
    response
}

/// The checks that need nothing but the request's head.
fn admit(api: &Api, request: &Request, observed: &Observed, origin: &Origin) -> Result<(), Problem> {
    headers::check_size(request)?;
    headers::check_host(request)?;
    if authorizer::is_gateways_question(api, request) {
        return Ok(());
    }
    let source = origin
        .ip
        .map(|ip| if is_forwarded(request.headers()) { Source::Forwarded(ip) } else { Source::Direct(ip) });
    api.limits.check(observed.route(), source)
}

/// The handler's answer, if it comes in time.
async fn in_time(api: &Api, mut request: Request, next: Next) -> Response {
    let reading = ReadingBody::default();
    request.extensions_mut().insert(reading.clone());
    let answering = async {
        let request = if authorizer::is_question(&request) {
            request
        } else {
            collect(request, api.settings.body_limit).await
        };
        next.run(request).await
    };
    match tokio::time::timeout(api.settings.request_timeout, answering).await {
        Ok(response) => response,
        Err(_) if reading.is_under_way() => Problem::new(ProblemType::RequestTimeout).into_response(),
        Err(late) => Problem::unavailable(late).retry(Retry::After(1)).into_response(),
    }
}

/// Marks a refusal that says in its own way what is wrong, where another standard wants that.
#[derive(Clone, Copy)]
pub(crate) struct Told;

/// The problem that an answer stands for: a handler's own, or what a bare status of the framework means, whose text
/// is nobody's business.
fn problem_of(answer: &Response) -> Option<Problem> {
    let own = answer.extensions().get::<Problem>().cloned();
    let failed = answer.status().is_client_error() || answer.status().is_server_error();
    let is_told = answer.extensions().get::<Told>().is_some();
    own.or_else(|| (failed && !is_told).then(|| problem::of_status(answer.status())))
}

/// The problem as it is sent, with what the framework had to say besides (`Allow`).
fn complete(problem: &Problem, mut answer: Response, request_id: RequestId, api: &Api) -> Response {
    let mut response = problem.clone().render(request_id, api.use_cases.clock.now());
    if response.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Some(allowed) = answer.headers_mut().remove(header::ALLOW)
    {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

/// Where the request comes from. Its id is always our own: one from outside could be anybody's.
fn origin(api: &Api, request: &Request) -> Origin {
    let peer = request.extensions().get::<Peer>();
    let ip = peer.map(|peer| client_address(peer.0.ip(), request.headers(), &api.settings.trusted_proxies));
    Origin {
        request_id: RequestId::new(api.use_cases.clock.now(), &*api.use_cases.entropy),
        ip,
        user_agent: user_agent(request.headers()),
    }
}

/// So much of the `User-Agent` as is kept, without control characters.
fn user_agent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::USER_AGENT)?;
    let text: String =
        String::from_utf8_lossy(value.as_bytes()).chars().filter(|c| !c.is_control()).collect();
    let end = text.floor_char_boundary(Origin::MAX_USER_AGENT);
    text.get(..end).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn kept(value: &[u8]) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_bytes(value).unwrap());
        user_agent(&headers)
    }

    #[test]
    fn a_user_agent_is_cut_between_characters() {
        assert_eq!(user_agent(&HeaderMap::new()), None);
        assert_eq!(kept(b""), None);
        assert_eq!(kept(b"curl/8\t\xff").as_deref(), Some("curl/8\u{fffd}"));
        let long = format!("{}é", "a".repeat(255));
        assert_eq!(kept(long.as_bytes()).map(|text| text.len()), Some(255));
    }
}
