//! What gateways ask and are told: which headers count and from whom, and the shape of each answer.

use std::sync::atomic::Ordering;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::{
    service::{Answer, Service},
    world::{NOW, authorizer::HERE, device_tokens::ISSUER},
};
use crate::{HttpSettings, Peer};

/// The proxy that is trusted.
const PROXY: [u8; 4] = [127, 0, 0, 1];
const HEADERS: [&str; 8] = [
    "x-auth-subject",
    "x-auth-kind",
    "x-auth-issuer",
    "x-auth-scopes",
    "x-auth-groups",
    "x-auth-roles",
    "x-auth-entitlements",
    "x-auth-route",
];

async fn service() -> Service {
    let mut settings = HttpSettings::new("https://auth.example.org");
    settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    Service::with(settings).await
}

async fn send(service: &Service, peer: [u8; 4], request: Request<Body>) -> Answer {
    let mut request = request;
    request.extensions_mut().insert(Peer((peer, 4_711).into()));
    service.send(request).await
}

/// The proxy asks, by GET.
async fn ask(service: &Service, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get("/v1/forward-auth");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(service, PROXY, request.body(Body::empty()).unwrap()).await
}

/// nginx asks about a request of somebody whom the trusted issuer vouches for.
async fn ask_about(service: &Service, method: &str, uri: &str) -> Answer {
    let bearer = vouched();
    let headers =
        [("x-original-method", method), ("x-original-uri", uri), ("authorization", bearer.as_str())];
    ask(service, &headers).await
}

fn with<'a>(headers: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [headers, more].concat()
}

fn vouched() -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"1","typ":"JWT"}"#);
    let claims = json!({
        "iss": ISSUER, "aud": "editor", "sub": "ada", "exp": NOW + 600, "scope": "read write",
        "groups": ["a b", "x\r\ny"],
    });
    format!("Bearer {header}.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// Z8: every header of the answer is there, encoded, and nothing of the token.
#[tokio::test]
async fn who_may_is_described() {
    let service = service().await;
    let answer = ask_about(&service, "GET", "/notes/7?q=1").await;
    assert_eq!((answer.status, answer.body.is_null()), (StatusCode::OK, true), "{}", answer.body);
    let told = HEADERS.map(|name| answer.headers.get(name).unwrap().to_str().unwrap());
    let subject = "https://login.example.org%7Cada";
    let groups = "a%20b x%0D%0Ay";
    assert_eq!(told, [subject, "trusted_issuer", ISSUER, "read write", groups, "", "", "notes"]);
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// Z8: the headers of Traefik and Caddy are as good as nginx's; where both are there, they must agree.
#[tokio::test]
async fn a_target_is_said_once_or_twice_alike() {
    let (om, ou) = ("x-original-method", "x-original-uri");
    let (fm, fu) = ("x-forwarded-method", "x-forwarded-uri");
    let service = service().await;
    let bearer = vouched();
    for (said, header) in [
        (vec![(fm, "GET"), (fu, "/notes/7")], None),
        (vec![(om, "GET"), (ou, "/notes/7"), (fm, "GET"), (fu, "/notes/7")], None),
        (vec![], Some("X-Forwarded-Uri")),
        (vec![(ou, "/notes/7")], Some("X-Original-Method")),
        (vec![(om, "GET")], Some("X-Original-URI")),
        (vec![(om, "GET"), (fu, "/notes/7")], Some("X-Original-URI")),
        (vec![(om, "GET"), (ou, "/notes/7"), (fu, "/notes/7")], Some("X-Forwarded-Method")),
        (vec![(om, "GET"), (ou, "/notes/7"), (fm, "GET"), (fu, "/notes/8")], Some("X-Forwarded-Uri")),
        (vec![(om, "GET"), (ou, "/notes/7"), (fm, "PUT"), (fu, "/notes/7")], Some("X-Forwarded-Uri")),
        (vec![(fm, "GET"), (fu, "/notes/7"), (fu, "/notes/7")], Some("X-Forwarded-Uri")),
        (vec![(fm, "GET"), (fm, "GET"), (fu, "/notes/7")], Some("X-Forwarded-Method")),
    ] {
        let answer = ask(&service, &with(&said, &[("authorization", bearer.as_str())])).await;
        match header {
            None => assert_eq!(answer.status, StatusCode::OK, "{said:?}"),
            Some(header) => {
                assert_eq!(answer.problem(), (403, "not_a_gateway"), "{said:?}");
                assert_eq!(answer.text("/errors/0/header"), header, "{said:?}");
            }
        }
    }
}

/// Z8: from a peer that is no trusted proxy nothing is answered, whatever it shows.
#[tokio::test]
async fn strangers_are_told_nothing() {
    let service = service().await;
    let request = || {
        let request = Request::get("/v1/forward-auth").header("authorization", vouched());
        let request = request.header("x-forwarded-for", "127.0.0.1");
        let request = request.header("x-original-method", "GET").header("x-original-uri", "/notes/7");
        request.body(Body::empty()).unwrap()
    };
    let answer = send(&service, [203, 0, 113, 9], request()).await;
    assert_eq!(answer.problem(), (403, "not_a_gateway"));
    assert!(HEADERS.iter().all(|name| !answer.headers.contains_key(*name)));
    // Nor is anybody of whom it is not known who they are.
    assert_eq!(service.send(request()).await.problem(), (403, "not_a_gateway"));
    assert_eq!(send(&service, PROXY, request()).await.status, StatusCode::OK);
}

/// Z8, Z6: who is not known gets a 401, who may not a 403, and no reason.
#[tokio::test]
async fn each_no_has_its_status() {
    let service = service().await;
    let target = [("x-original-method", "GET"), ("x-original-uri", "/notes/7")];
    let nobody = ask(&service, &target).await;
    assert_eq!((nobody.problem(), nobody.header("www-authenticate")), ((401, "unauthorized"), "Bearer"));
    let cookie = ("cookie", "__Host-symbolon_session=x");
    assert_eq!(ask(&service, &with(&target, &[cookie])).await.problem(), (401, "unauthorized"));
    for shown in ["Bearer nonsense", "Bearer a.b.c", "Basic YTpi", "Bearer"] {
        let wrong = ask(&service, &with(&target, &[("authorization", shown)])).await;
        assert_eq!(wrong.problem(), (401, "invalid_token"), "{shown}");
        assert_eq!(wrong.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    }
    for (method, uri) in [
        ("GET", "/secrets"),
        ("GET", "/undeclared"),
        ("GET", "/notes"),
        ("TRACE", "/notes/7"),
        ("get", "/notes/7"),
        ("GET", "/notes/../notes/7"),
        ("GET", "/notes//7"),
        ("GET", "/notes/a%2Fb"),
        ("GET", "https://api.example.org/notes/7"),
        ("GET", ""),
    ] {
        let refused = ask_about(&service, method, uri).await;
        assert_eq!(refused.problem(), (403, "not_let_through"), "{method} {uri}");
        assert!(HEADERS.iter().all(|name| !refused.headers.contains_key(*name)));
    }
}

/// Z5: host and address are what the proxy says, and without its word there is no address.
#[tokio::test]
async fn host_and_address_come_from_the_proxy() {
    let service = service().await;
    let (address, host) = HERE;
    let bearer = vouched();
    let status = async |more: &[(&str, &str)]| {
        let target = [
            ("x-forwarded-method", "GET"),
            ("x-forwarded-uri", "/from-here"),
            ("authorization", bearer.as_str()),
        ];
        ask(&service, &with(&target, more)).await.status.as_u16()
    };
    let named = ("x-forwarded-host", "API.example.org:8443");
    let source = ("x-forwarded-for", address);
    assert_eq!(host, "api.example.org");
    assert_eq!(status(&[named, source]).await, 200);
    assert_eq!(status(&[named, ("x-forwarded-for", "198.51.100.7, 127.0.0.1")]).await, 200);
    assert_eq!(status(&[named, ("x-forwarded-for", "198.51.100.7, 203.0.113.9")]).await, 403);
    assert_eq!(status(&[named]).await, 403);
    assert_eq!(status(&[source]).await, 403);
    assert_eq!(status(&[named, named, source]).await, 403);
    assert_eq!(status(&[("x-forwarded-host", "a.example, api.example.org"), source]).await, 403);
}

/// Z8: whatever method a gateway passes on, with whatever body; a preflight of its client's is no preflight here.
#[tokio::test]
async fn every_method_asks_the_same() {
    let service = service().await;
    let request = |method: &str, token: Option<String>| {
        let request = Request::builder().method(method).uri("/v1/forward-auth");
        let request = request.header("x-original-method", "POST").header("x-original-uri", "/notes/7");
        let request = request.header("origin", "https://elsewhere.example");
        let request = request.header("access-control-request-method", "POST");
        let request = request.header("content-type", "text/plain").header("content-length", "900000");
        let request = match token {
            Some(token) => request.header("authorization", token),
            None => request,
        };
        request.body(Body::from("x")).unwrap()
    };
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let may = send(&service, PROXY, request(method, Some(vouched()))).await;
        assert_eq!((may.status, may.header("x-auth-route")), (StatusCode::OK, "notes"), "{method}");
        let may_not = send(&service, PROXY, request(method, None)).await;
        assert_eq!(may_not.status, StatusCode::UNAUTHORIZED, "{method}");
    }
}

/// G9: a proxy asks as often as its clients do; a stranger does not.
#[tokio::test]
async fn a_proxys_questions_are_not_counted() {
    let service = service().await;
    let target =
        [("x-original-method", "GET"), ("x-original-uri", "/notes/7"), ("x-forwarded-for", "1.2.3.4")];
    for _ in 0..400 {
        assert_eq!(ask(&service, &target).await.status, StatusCode::UNAUTHORIZED);
    }
    let stranger = async || {
        let request = Request::get("/v1/forward-auth").body(Body::empty()).unwrap();
        send(&service, [203, 0, 113, 9], request).await.status.as_u16()
    };
    for _ in 0..300 {
        assert_eq!(stranger().await, 403);
    }
    assert_eq!(stranger().await, 429);
}

/// C65: an outage and a policy that cannot be evaluated are no answer, and let nobody pass.
#[tokio::test]
async fn an_outage_is_no_answer() {
    let service = service().await;
    assert_eq!(ask_about(&service, "GET", "/faulty").await.problem(), (500, "internal_error"));
    service.world.out_of_order.store(true, Ordering::Relaxed);
    let answer = ask_about(&service, "GET", "/notes/7").await;
    assert_eq!((answer.problem(), answer.header("retry-after")), ((503, "unavailable"), "1"));
    assert!(!answer.body.to_string().contains(ISSUER));
}
