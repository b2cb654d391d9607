//! The client library against the real service: what it lets through, what not, and what it makes of an outage (K5, K13).

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{Extension, Router, body::Body, routing::get};
use http::Request;
use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon_adapters::system::SystemClock;
use symbolon_client::{
    AccessToken, ApiKey, Builder, KeyExpectations, Reason, Symbolon, TokenExpectations, VerifyError,
    layer::VerifyLayer,
};
use symbolon_domain::clock::Clock as _;
use tower::ServiceExt as _;

use crate::support::{
    Call,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    SignedIn, TestApp,
};

const AUDIENCE: &str = "https://api.example.org";

/// Under the real clock, which the library reads.
async fn start(on: Engine) -> TestApp {
    let app = TestApp::with(on, |settings| {
        settings.api_keys.refresh_hash = symbolon::settings::RefreshHash::Sha256;
    })
    .await;
    app.clock.set(SystemClock.now());
    app
}

fn builder(app: &TestApp) -> Builder {
    Symbolon::builder("http://localhost:8080").address(&app.url)
}

async fn issue(owner: &SignedIn<'_>, more: Json) -> (String, String) {
    let mut body =
        json!({"issuer": "app", "audience": AUDIENCE, "subject": "/v2", "version": "2", "scopes": ["read"]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let issued = owner.call("POST", "/v1/api-keys").json(&body).send().await.expect(201);
    (issued.text("id"), issued.text("api_key"))
}

async fn exchange(app: &TestApp, key: &str) -> String {
    exchanging(app, key).send().await.expect(200).text("access_token")
}

fn exchanging(app: &TestApp, key: &str) -> Call {
    let form = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={key}\
         &subject_token_type=urn:symbolon:params:oauth:token-type:api-key"
    );
    app.post("/oauth2/token").form(form)
}

fn expected() -> TokenExpectations {
    TokenExpectations::of_audience(AUDIENCE).with_scope("read")
}

fn reason<T>(verified: Result<T, VerifyError>) -> Option<Reason> {
    verified.err().and_then(|error| match error {
        VerifyError::Inactive(reason) => Some(reason),
        _ => None,
    })
}

/// K13: an access token is checked without the service, but for its keys; everything that is wrong with it is seen.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_is_checked_by_itself(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let symbolon = builder(&app).build().unwrap();
    let ada = app.user("ada@example.org").sign_up().await;
    let (id, key) = issue(&ada, json!({})).await;
    let token = exchange(&app, &key).await;
    let claims = symbolon.verify_access_token(&token, &expected()).await.unwrap();
    assert_eq!((&claims.sub, &claims.client_id), (&ada.account_id, &id));
    assert!(claims.has_scope("read") && !claims.has_scope("rea"));
    assert_eq!(claims.others["role"], "authenticated");

    let verify = async |token: &str, expected: TokenExpectations| {
        reason(symbolon.verify_access_token(token, &expected).await)
    };
    let tampered = format!("{}AAAA", &token[..token.len() - 4]);
    let parts: Vec<&str> = token.split('.').collect();
    let none = format!("{}.{}.", "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0", parts[1]);
    assert_eq!(
        verify(&token, TokenExpectations::of_audience("https://api.example.com")).await,
        Some(Reason::Audience)
    );
    assert_eq!(verify(&token, expected().with_scope("write")).await, Some(Reason::Scope));
    assert_eq!(verify(&tampered, expected()).await, Some(Reason::Signature));
    assert_eq!(verify(&ada.token, expected()).await, Some(Reason::Type));
    for malformed in ["", "a.b.c", &none, &key, &"x".repeat(20_000)] {
        assert_eq!(verify(malformed, expected()).await, Some(Reason::Malformed));
    }
    let of_another = Symbolon::builder("https://auth.example.org").address(&app.url).build().unwrap();
    assert_eq!(reason(of_another.verify_access_token(&token, &expected()).await), Some(Reason::Issuer));

    let now = SystemClock.now();
    app.clock.set(now - Duration::from_secs(1_000));
    let ada = app.user("ada@example.org").sign_in().await;
    let old = exchange(&app, &issue(&ada, json!({"expires_in": 7_200})).await.1).await;
    assert_eq!(verify(&old, expected()).await, Some(Reason::Expired));
    app.clock.set(now + Duration::from_secs(100));
    let ada = app.user("ada@example.org").sign_in().await;
    let early = exchange(&app, &issue(&ada, json!({})).await.1).await;
    assert_eq!(verify(&early, expected()).await, Some(Reason::NotYetValid));

    // The keys are kept: the service may be away.
    app.stop().await;
    assert!(symbolon.verify_access_token(&token, &expected()).await.is_ok());
    let new = builder_of_nothing();
    assert!(matches!(new.verify_access_token(&token, &expected()).await, Err(VerifyError::Unavailable(_))));
}

fn builder_of_nothing() -> Symbolon {
    Symbolon::builder("http://localhost:8080").address("http://127.0.0.1:1").build().unwrap()
}

/// K5: an API key is asked about, and the answer remembered for as long as is said; an outage is no "no".
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_asked_about(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let exact = builder(&app).max_staleness(Duration::ZERO).build().unwrap();
    let late = builder(&app).max_staleness(Duration::from_millis(300)).build().unwrap();
    let ada = app.user("ada@example.org").sign_up().await;
    let (id, key) = issue(&ada, json!({"ip_address": "10.0.0.0/8"})).await;
    let inside = KeyExpectations {
        audience: Some(AUDIENCE.to_owned()),
        ip_address: Some(IpAddr::from([10, 1, 2, 3])),
        scopes: vec!["read".to_owned()],
        ..KeyExpectations::default()
    };
    let found = exact.verify_api_key(&key, &inside).await.unwrap();
    assert_eq!((&found.id, &found.uid, &found.ver), (&id, &ada.account_id, &"2".to_owned()));
    assert_eq!(found.ipa.as_deref(), Some("10.0.0.0/8"));
    late.verify_api_key(&key, &inside).await.unwrap();
    let outside = KeyExpectations { ip_address: None, ..inside.clone() };
    assert_eq!(reason(late.verify_api_key(&key, &outside).await), Some(Reason::Refused), "another question");
    assert_eq!(reason(exact.verify_api_key("nonsense", &inside).await), Some(Reason::Refused));

    ada.call("DELETE", &format!("/v1/api-keys/{id}")).send().await.expect(204);
    assert_eq!(reason(exact.verify_api_key(&key, &inside).await), Some(Reason::Refused));
    assert!(late.verify_api_key(&key, &inside).await.is_ok(), "it is remembered");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(reason(late.verify_api_key(&key, &inside).await), Some(Reason::Refused));

    let (_, limited) = issue(&ada, json!({"rate_limit": {"requests": 1, "window": 60}})).await;
    exact.verify_api_key(&limited, &KeyExpectations::default()).await.unwrap();
    match exact.verify_api_key(&limited, &KeyExpectations::default()).await {
        Err(VerifyError::TooManyRequests { retry_after: Some(wait) }) => {
            assert!(wait <= Duration::from_secs(60));
        }
        other => panic!("{other:?}"),
    }
    let away = builder_of_nothing();
    let answer = away.verify_api_key(&key, &inside).await;
    assert!(matches!(answer, Err(VerifyError::Unavailable(_))));
    assert!(!format!("{answer:?}").contains("sym_ak_"));
}

/// K5, K13: the layer lets through what counts, with its claims, and answers the rest as RFC 6750 has it.
#[tokio::test(flavor = "multi_thread")]
async fn the_layer_lets_through_what_counts() {
    let app = start(Sqlite).await;
    let symbolon = builder(&app).build().unwrap();
    let ada = app.user("ada@example.org").sign_up().await;
    let (_, key) = issue(&ada, json!({"ip_address": "10.0.0.0/8"})).await;
    let (_, plain) = issue(&ada, json!({})).await;
    let token = exchange(&app, &plain).await;

    let by_token = |expected| {
        let handler = async |Extension(token): Extension<AccessToken>| token.sub;
        Router::new().route("/", get(handler)).layer(VerifyLayer::access_tokens(symbolon.clone(), expected))
    };
    let by_key = |symbolon: &Symbolon| {
        let handler = async |Extension(key): Extension<Arc<ApiKey>>| key.uid.clone();
        let address = |parts: &http::request::Parts| parts.headers.get("x-from")?.to_str().ok()?.parse().ok();
        let layer = VerifyLayer::api_keys(symbolon.clone(), KeyExpectations::default(), address);
        Router::new().route("/", get(handler)).layer(layer)
    };
    let call = async |app: Router, authorization: &str, from: &str| {
        let mut request = Request::get("/").header("x-from", from);
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        let answer = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let told = answer.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 1_024).await.unwrap();
        (status, told.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
    };
    let invalid = "Bearer error=\"invalid_token\"";
    let good = format!("Bearer {token}");
    assert_eq!(call(by_token(expected()), &good, "").await, (200, String::new(), ada.account_id.clone()));
    let lower = format!("bearer {token}");
    assert_eq!(call(by_token(expected()), &lower, "").await.0, 200);
    for bad in ["", &token, "Basic YTpi", "Bearer "] {
        assert_eq!(
            call(by_token(expected()), bad, "").await,
            (401, "Bearer".to_owned(), String::new()),
            "{bad}"
        );
    }
    assert_eq!(
        call(by_token(expected()), "Bearer nonsense", "").await,
        (401, invalid.to_owned(), String::new())
    );
    let more = expected().with_scope("write");
    let scope = "Bearer error=\"insufficient_scope\"";
    assert_eq!(call(by_token(more), &good, "").await, (403, scope.to_owned(), String::new()));

    let key = format!("Bearer {key}");
    assert_eq!(call(by_key(&symbolon), &key, "10.9.9.9").await, (200, String::new(), ada.account_id.clone()));
    assert_eq!(call(by_key(&symbolon), &key, "192.0.2.1").await.1, invalid);
    assert_eq!(call(by_key(&builder_of_nothing()), &key, "10.9.9.9").await.0, 503);
}

/// K5, K13: the binding of a key goes on in the token that it was exchanged for; without a known address a bound one is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_is_taken_from_its_addresses_only() {
    let app = start(Sqlite).await;
    // However its address is written.
    let symbolon = Symbolon::builder("http://LOCALHOST:8080/").address(&app.url).build().unwrap();
    let ada = app.user("ada@example.org").sign_up().await;
    let key = issue(&ada, json!({"ip_address": "10.0.0.0/8"})).await.1;
    let exchanged = exchanging(&app, &key).header("x-forwarded-for", "10.1.2.3").send().await.expect(200);
    let token = exchanged.text("access_token");

    let verify = async |expected: TokenExpectations| symbolon.verify_access_token(&token, &expected).await;
    assert_eq!(reason(verify(expected()).await), Some(Reason::Address));
    assert_eq!(reason(verify(expected().shown_from([192, 0, 2, 1].into())).await), Some(Reason::Address));
    let claims = verify(expected().shown_from([10, 9, 9, 9].into())).await.unwrap();
    assert_eq!(claims.others["ip_address"], "10.0.0.0/8");

    let call = async |layer: VerifyLayer, from: &str| {
        let app = Router::new().route("/", get(async || "in")).layer(layer);
        let request =
            Request::get("/").header("x-from", from).header("authorization", format!("Bearer {token}"));
        app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
    };
    let address = |parts: &http::request::Parts| parts.headers.get("x-from")?.to_str().ok()?.parse().ok();
    let layer = VerifyLayer::access_tokens_from(symbolon.clone(), expected(), address);
    for (from, status) in [("10.9.9.9", 200), ("::ffff:10.9.9.9", 200), ("192.0.2.1", 401), ("nowhere", 401)]
    {
        assert_eq!(call(layer.clone(), from).await, status, "{from}");
    }
    assert_eq!(call(VerifyLayer::access_tokens(symbolon.clone(), expected()), "10.9.9.9").await, 401);
}
