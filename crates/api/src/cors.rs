//! Cross-origin requests of browsers (the Fetch standard's CORS protocol): only from the origins that the operator has
//! listed, and from those with credentials (G9). Nothing is said to any other.

use axum::{
    http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header},
    response::{IntoResponse as _, Response},
};

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS: &str = "authorization, content-type, symbolon-binding";
const ANSWER_HEADERS: &str = "x-request-id, retry-after, www-authenticate";
/// How long a browser may remember a preflight's answer, in seconds.
const PREFLIGHT_LIFE: &str = "600";

/// The listed origin that a request comes from.
pub(crate) fn listed_origin<B>(request: &Request<B>, allowed: &[String]) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    allowed.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// The answer to a preflight, to which [`allow`] adds what is allowed; none when the request is not one.
pub(crate) fn preflight<B>(request: &Request<B>) -> Option<Response> {
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && request.headers().contains_key(header::ORIGIN);
    (request.method() == Method::OPTIONS && asks).then(|| StatusCode::NO_CONTENT.into_response())
}

/// Says what a listed origin may do and see; that answers depend on the origin is said in any case.
pub(crate) fn allow(headers: &mut HeaderMap, origin: Option<HeaderValue>, is_preflight: bool) {
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let Some(origin) = origin else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    if is_preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_LIFE));
    } else {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(ANSWER_HEADERS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, origin: &'static str) -> Request<()> {
        let request = Request::builder().method(method).header(header::ORIGIN, origin);
        request.header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST").body(()).unwrap()
    }

    /// G9: credentials only for listed origins, whose name must match whole.
    #[test]
    fn only_a_listed_origin_is_answered() {
        let allowed = ["https://app.example.org".to_owned()];
        for (origin, listed) in [
            ("https://app.example.org", true),
            ("https://app.example.org.evil.example", false),
            ("https://APP.example.org", false),
            ("null", false),
        ] {
            let request = request(Method::OPTIONS, origin);
            let mut response = preflight(&request).unwrap();
            allow(response.headers_mut(), listed_origin(&request, &allowed), true);
            assert_eq!(
                response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN),
                listed,
                "{origin}"
            );
            assert_eq!(response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS), listed);
        }
        assert!(preflight(&request(Method::POST, "https://app.example.org")).is_none());
    }
}
