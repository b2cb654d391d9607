//! What every request meets, whatever it is about.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::atomic::Ordering,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{Request, StatusCode},
};
use hyper::body::Frame;
use serde_json::{Value, json};

use super::{
    service::{Service, first_factor},
    world::{CODE, PASSWORD, STRANGER},
};
use crate::{HttpSettings, Peer};

/// A2: everything that is wrong with a request, at once, with pointers.
#[tokio::test]
async fn every_fault_of_a_body_is_reported_at_once() {
    let service = Service::new().await;
    let body = r#"{"identifier": {"type": "pigeon", "value": "nobody", "x/y~": 1}, "password": "short", "name": 7,
        "delivery": "smoke", "role": "superuser", "role": 1}"#;
    let request = Request::post("/v1/sign-up").header("content-type", "application/json").body(body.into());
    let answer = service.send(request.unwrap()).await;
    assert_eq!(answer.problem(), (400, "invalid_request"));
    let errors = answer.body.get("errors").and_then(Value::as_array).unwrap();
    let mut found: Vec<(&str, &str)> = errors
        .iter()
        .map(|error| (error["pointer"].as_str().unwrap(), error["slug"].as_str().unwrap()))
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("/delivery", "invalid_value"),
            ("/identifier/type", "invalid_value"),
            ("/identifier/value", "invalid_format"),
            ("/identifier/x~1y~0", "invalid_value"),
            ("/name", "invalid_format"),
            ("/password", "insufficient"),
            ("/role", "invalid_value"),
            ("/role", "invalid_value"),
        ]
    );
}

/// A2: what takes no body has none, or an empty object; a parameter that is not known is not passed over.
#[tokio::test]
async fn what_is_not_asked_for_is_refused() {
    let service = Service::new().await;
    let (bearer, binding, _) = service.signed_in().await;
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", binding.as_str())];
    let sessions = service.call("GET /v1/sessions", &shown, None).await;
    let own = format!("DELETE /v1/sessions/{}", sessions.text("/items/0/id"));
    let invalid = (400, "invalid_request");
    for (line, status) in [
        ("DELETE /v1/sessions", 204),
        ("DELETE /v1/sessions/current", 204),
        (own.as_str(), 204),
        ("DELETE /v1/api-keys", 200),
        ("DELETE /v1/api-keys/01010101-0101-0101-0101-010101010101", 204),
    ] {
        let answer = service.call(line, &shown, Some(json!({"reason": "none"}))).await;
        assert_eq!((answer.problem(), answer.text("/errors/0/pointer")), (invalid, "/reason"), "{line}");
        let answer = service.call(&format!("{line}?reason=none"), &shown, None).await;
        assert_eq!((answer.problem(), answer.text("/errors/0/parameter")), (invalid, "reason"), "{line}");
        assert_eq!(service.call(line, &shown, Some(json!([]))).await.problem(), invalid, "{line}");
        for body in [Some(json!({})), None] {
            assert_eq!(service.call(line, &shown, body).await.status.as_u16(), status, "{line}");
        }
        let nobody = service.call(line, &[], Some(json!({"reason": "none"}))).await;
        assert_eq!(nobody.problem(), (401, "unauthorized"), "{line}");
    }
}

/// A2: a parameter that is not known is told along with what is wrong with the body; no token is inactive because of one.
#[tokio::test]
async fn a_parameter_that_is_not_known_is_named() {
    let service = Service::new().await;
    let (bearer, binding, _) = service.signed_in().await;
    let begun = json!({"identifier": {"type": "email", "value": "ada@example.org"}});
    let question = json!({"access_token": bearer.strip_prefix("Bearer "), "binding": binding});
    for (line, body) in [("POST /v1/sign-up", begun), ("POST /v1/sessions/verify", question)] {
        let answer = service.call(&format!("{line}?role=superuser"), &[], Some(body)).await;
        assert_eq!(answer.problem(), (400, "invalid_request"), "{line}");
        let errors = answer.body["errors"].as_array().unwrap();
        assert!(errors.iter().any(|error| error["parameter"] == "role"), "{line} {}", answer.body);
    }
}

/// X10: bombs and giants get a 4xx, and none of their text comes back.
#[tokio::test]
async fn hostile_bodies_are_refused() {
    let service = Service::new().await;
    let deep = format!("{{\"identifier\":{}1{}}}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let brackets = format!("{{\"identifier\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let large = format!("{{\"password\":\"{}\"}}", "canary".repeat(200_000));
    let json = "application/json";
    for (kind, body, expected) in [
        (json, deep, (400, "invalid_request")),
        (json, brackets, (400, "invalid_request")),
        (json, format!("{}1", "{\"a\":".repeat(9_000)), (400, "invalid_request")),
        (json, large, (413, "payload_too_large")),
        (json, String::from("[]"), (400, "invalid_request")),
        (json, String::from("canary"), (400, "invalid_request")),
        (json, String::new(), (400, "invalid_request")),
        ("text/plain", String::from("{}"), (415, "unsupported_media_type")),
    ] {
        let request =
            Request::post("/v1/sign-up").header("content-type", kind).body(Body::from(body)).unwrap();
        let answer = service.send(request).await;
        assert_eq!(answer.problem(), expected);
        assert!(!answer.body.to_string().contains("canary"));
    }
}

/// A body that never ends: it goes on and on, or nothing comes.
struct Frames {
    stalled: bool,
}

impl axum::body::HttpBody for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.stalled {
            Poll::Pending
        } else {
            Poll::Ready(Some(Ok(Frame::data(vec![b' '; 1_024].into()))))
        }
    }
}

/// X10: a body that does not say how long it is meets the same limit.
#[tokio::test]
async fn a_streamed_body_is_limited_too() {
    let service = Service::new().await;
    let request = Request::post("/v1/sign-up").header("content-type", "application/json");
    let answer = service.send(request.body(Body::new(Frames { stalled: false })).unwrap()).await;
    assert_eq!(answer.problem(), (413, "payload_too_large"));
}

/// C42, C65: errors of the framework are ours too, in shape and in what they do not say.
#[tokio::test]
async fn what_is_not_there_is_a_problem_as_well() {
    let service = Service::new().await;
    assert_eq!(service.call("GET /v1/nothing", &[], None).await.problem(), (404, "not_found"));
    let answer = service.call("PUT /v1/sign-in", &[], None).await;
    assert_eq!((answer.problem(), answer.header("allow")), ((405, "method_not_allowed"), "POST"));
    assert_eq!(
        service.call("GET /v1/account?access_token=a", &[], None).await.problem(),
        (401, "unauthorized")
    );
    let huge = "a".repeat(41 * 1_024);
    let answer = service.call("GET /v1/account", &[("x-large", &huge)], None).await;
    assert_eq!(answer.problem(), (431, "headers_too_large"));
    let long = format!("Bearer {}", "a".repeat(17 * 1_024));
    let answer = service.call("GET /v1/account", &[("authorization", &long)], None).await;
    assert_eq!(answer.problem(), (401, "invalid_token"));
    assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
}

/// C28, C42: on every answer, good or bad.
#[tokio::test]
async fn security_headers_are_everywhere() {
    let service = Service::new().await;
    for line in
        ["GET /.well-known/jwks.json", "GET /v1/account", "GET /nowhere", "POST /v1/sign-in", "GET /docs/"]
    {
        let answer = service.call(line, &[], None).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{line}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("strict-transport-security"), "max-age=63072000");
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-request-id").len(), 36);
    }
    let plain = Service::with(HttpSettings::new("http://localhost:8080")).await;
    assert_eq!(plain.call("GET /nowhere", &[], None).await.header("strict-transport-security"), "");
}

/// C65: an outage is 503 with Retry-After on every path, never a "no", and says nothing of its cause.
#[tokio::test]
async fn an_outage_is_told_as_one() {
    let service = Service::new().await;
    let (bearer, binding, refresh) = service.signed_in().await;
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", binding.as_str())];
    let first = service.call("POST /v1/sign-in", &[], Some(first_factor(None))).await;
    let pre = format!("Bearer {}", first.text("/access_token"));
    let between = [("authorization", pre.as_str()), ("symbolon-binding", first.text("/binding"))];
    service.world.out_of_order.store(true, Ordering::Relaxed);
    let question = json!({"access_token": bearer.strip_prefix("Bearer "), "binding": binding});
    for (line, headers, body) in [
        ("POST /v1/sign-up", &[][..], Some(first_factor(None))),
        ("POST /v1/sign-in", &[], Some(first_factor(None))),
        ("POST /v1/sign-in/code", &between, Some(json!({"method": "email_otp", "code": CODE}))),
        ("POST /v1/sign-in/challenge", &between, None),
        ("POST /v1/sessions/verify", &[], Some(question)),
        ("POST /v1/sessions/refresh", &shown, Some(json!({"refresh_token": refresh}))),
        ("GET /v1/sessions", &shown, None),
        ("DELETE /v1/sessions", &shown, None),
        ("DELETE /v1/sessions/current", &shown, None),
        ("GET /v1/account", &shown, None),
        ("PATCH /v1/account", &shown, Some(json!({"name": null}))),
        (
            "PUT /v1/account/password",
            &shown,
            Some(json!({"current_password": PASSWORD, "new_password": "nine herons beside the canal"})),
        ),
    ] {
        let answer = service.call(line, headers, body).await;
        assert_eq!((answer.problem(), answer.header("retry-after")), ((503, "unavailable"), "1"), "{line}");
        assert!(!answer.body.to_string().contains("disk"), "{}", answer.body);
    }
}

/// G9: a stranger is limited with 429 and Retry-After; behind a trusted proxy the stranger is who it says.
#[tokio::test]
async fn strangers_are_limited() {
    let mut settings = HttpSettings::new("https://auth.example.org");
    settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let service = Service::with(settings).await;
    let mut last = None;
    for n in 0..31 {
        let request = Request::post("/v1/sign-in").header("x-forwarded-for", STRANGER.to_string());
        let mut request = request.body(Body::empty()).unwrap();
        let peer = if n % 2 == 0 { [127, 0, 0, 1].into() } else { STRANGER };
        request.extensions_mut().insert(Peer((peer, 4_711).into()));
        last = Some(service.send(request).await);
    }
    let last = last.unwrap();
    assert_eq!((last.problem(), last.header("retry-after")), ((429, "too_many_requests"), "2"));
}

#[tokio::test]
async fn what_takes_too_long_is_told_whose_fault_it_was() {
    let mut settings = HttpSettings::new("https://auth.example.org");
    settings.request_timeout = Duration::from_millis(50);
    let service = Service::with(settings).await;
    let stuck = json!({"identifier": {"type": "email", "value": "eve@example.org"}, "password": "never"});
    let answer = service.call("POST /v1/sign-in", &[], Some(stuck)).await;
    assert_eq!((answer.problem(), answer.header("retry-after")), ((503, "unavailable"), "1"));
    let body = Body::new(Frames { stalled: true });
    let request = Request::post("/v1/sign-in").header("content-type", "application/json").body(body).unwrap();
    assert_eq!(service.send(request).await.problem(), (408, "request_timeout"));
}

#[tokio::test]
async fn a_listed_origin_is_told_what_it_may() {
    let mut settings = HttpSettings::new("https://auth.example.org");
    settings.allowed_origins = vec!["https://app.example.org".to_owned()];
    let service = Service::with(settings).await;
    let asks = [("origin", "https://app.example.org"), ("access-control-request-method", "POST")];
    let answer = service.call("OPTIONS /v1/sign-in", &asks, None).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example.org");
    assert_eq!(
        answer.header("access-control-allow-headers"),
        "authorization, content-type, symbolon-binding"
    );
    let other = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    let answer = service.call("OPTIONS /v1/sign-in", &other, None).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}
