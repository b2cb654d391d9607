//! Device tokens and licences over HTTP: shapes, problems, and who may call.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    service::{Answer, Service},
    world::{
        NOW,
        device_tokens::{BUSY_DEVICE, CLAIM_CODE, DEVICE, ISSUER},
    },
};

/// Ada's account.
const ACCOUNT: &str = "01010101-0101-0101-0101-010101010101";

async fn ask(service: &Service, shown: &[(&str, &str)], device_id: &str, user_id: &str) -> Answer {
    let body = json!({"device_id": device_id, "user_id": user_id});
    service.call("POST /v1/token-requests", shown, Some(body)).await
}

async fn claim(service: &Service, shown: &[(&str, &str)], id: &str, halves: (&str, &str)) -> Answer {
    let body = json!({"device_id": halves.0, "claim_code": halves.1});
    service.call(&format!("PATCH /v1/token-requests/{id}"), shown, Some(body)).await
}

/// A device token, asked for and claimed.
async fn claimed(service: &Service, shown: &[(&str, &str)], user_id: &str) -> Answer {
    let asked = ask(service, shown, DEVICE, user_id).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.body);
    let id = asked.text("/id");
    assert_eq!(asked.body, json!({"id": id, "expires_at": "2026-02-02T02:45:00Z"}));
    let claimed = claim(service, shown, id, (DEVICE, CLAIM_CODE)).await;
    assert_eq!(claimed.status, StatusCode::OK, "{}", claimed.body);
    claimed
}

async fn verify(service: &Service, body: Value) -> Answer {
    service.call("POST /v1/device-tokens/verify", &[], Some(body)).await
}

/// What the trusted issuer says of Ada.
fn identity() -> Value {
    json!({
        "iss": ISSUER, "aud": "editor", "sub": "ada", "exp": NOW + 600,
        "email": "ada@example.org", "email_verified": true,
    })
}

fn vouched(claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"1","typ":"JWT"}"#);
    format!("Bearer {header}.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// D1, D5, D7, D10, D11, D12: the walk, in its shapes.
#[tokio::test]
async fn a_device_token_takes_both_halves() {
    let service = Service::new().await;
    let (bearer, binding, _) = service.signed_in().await;
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", binding.as_str())];
    let given = claimed(&service, &shown, ACCOUNT).await;
    let (token, id) = (given.text("/token"), given.text("/token_id"));
    let expires_at = "2026-02-02T14:40:00Z";
    assert_eq!(given.body, json!({"token": token, "token_id": id, "expires_at": expires_at}));

    let question = json!({"token": token, "device_id": DEVICE});
    let told = verify(&service, question.clone()).await;
    let expected = json!({
        "active": true, "user_id": ACCOUNT, "token_id": id, "expires_at": expires_at, "entitlements": ["export"],
    });
    assert_eq!((told.status, told.body), (StatusCode::OK, expected));

    let early = service.call("POST /v1/device-tokens/exchange", &[], Some(question)).await;
    assert_eq!((early.problem(), early.header("retry-after")), ((409, "too_early"), "39600"));
    assert!(early.text("/detail").contains("2026-02-02T13:40:00Z"), "{}", early.body);
    let nothing = json!({"token": "x.y.z", "device_id": DEVICE});
    let refused = service.call("POST /v1/device-tokens/exchange", &[], Some(nothing)).await;
    assert_eq!(refused.problem(), (401, "invalid_token"));

    let list = service.call("GET /v1/device-tokens", &shown, None).await;
    let item = json!({
        "id": id, "user_id": ACCOUNT, "device_id": DEVICE, "created_at": "2026-02-02T02:40:00Z",
        "expires_at": expires_at, "entitlements": ["export"], "license_id": "05050505-0505-0505-0505-050505050505",
    });
    assert_eq!(list.body, json!({"items": [item], "next": null}));
    let end = service.call(&format!("DELETE /v1/device-tokens/{id}"), &shown, None).await;
    assert_eq!(end.status, StatusCode::NO_CONTENT);
    let end = service.call("DELETE /v1/device-tokens/xyz", &shown, None).await;
    assert_eq!(end.problem(), (404, "not_found"));
    let wrong = service.call("GET /v1/device-tokens?user_id=ada", &shown, None).await;
    assert_eq!((wrong.problem(), wrong.text("/errors/0/parameter")), ((400, "invalid_request"), "user_id"));
}

/// D1, D6: what is wrong with a request for a token.
#[tokio::test]
async fn a_request_names_its_caller_and_a_device() {
    let service = Service::new().await;
    let (bearer, binding, _) = service.signed_in().await;
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", binding.as_str())];
    let call = async |body: Value| service.call("POST /v1/token-requests", &shown, Some(body)).await;
    for (body, expected) in [
        (json!({}), vec![("/device_id", "missing"), ("/user_id", "missing")]),
        (
            json!({"device_id": "short", "user_id": ""}),
            vec![("/device_id", "insufficient"), ("/user_id", "insufficient")],
        ),
        (json!({"device_id": "x".repeat(129), "user_id": ACCOUNT}), vec![("/device_id", "overflow")]),
        (json!({"device_id": "with a blank", "user_id": ACCOUNT}), vec![("/device_id", "invalid_format")]),
        (json!({"device_id": DEVICE, "user_id": ACCOUNT, "code": "1"}), vec![("/code", "invalid_value")]),
        (json!([]), vec![("", "invalid_format")]),
    ] {
        let answer = call(body).await;
        assert_eq!(answer.problem(), (400, "invalid_request"));
        let errors = answer.body["errors"].as_array().unwrap();
        let text = |error: &'_ Value, name: &str| error[name].as_str().unwrap().to_owned();
        let found: Vec<_> =
            errors.iter().map(|error| (text(error, "pointer"), text(error, "slug"))).collect();
        let expected: Vec<_> =
            expected.into_iter().map(|(pointer, slug)| (pointer.to_owned(), slug.to_owned())).collect();
        assert_eq!(found, expected);
    }
    let another = ask(&service, &shown, DEVICE, "ffffffff-ffff-ffff-ffff-ffffffffffff").await;
    assert_eq!(another.problem(), (403, "another_user"));
    let busy = ask(&service, &shown, BUSY_DEVICE, ACCOUNT).await;
    assert_eq!((busy.problem(), busy.header("retry-after")), ((429, "too_many_messages"), "60"));
    assert_eq!(ask(&service, &[], DEVICE, ACCOUNT).await.problem(), (401, "unauthorized"));
    let unbound = [("authorization", bearer.as_str())];
    assert_eq!(ask(&service, &unbound, DEVICE, ACCOUNT).await.problem(), (401, "invalid_token"));
}

/// D7, D8, L5: each way to fail a claim has its problem, and a wrong device is not told from a wrong code.
#[tokio::test]
async fn a_claim_fails_in_its_own_ways() {
    let service = Service::new().await;
    let (bearer, binding, _) = service.signed_in().await;
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", binding.as_str())];
    let id = |first: &str| format!("{first}000000-0000-0000-0000-000000000000");
    for (id, expected) in [
        (id("f0"), (410, "consumed")),
        (id("f1"), (410, "superseded")),
        (id("f2"), (410, "attempts_exhausted")),
        (id("f3"), (410, "expired")),
        (id("ff"), (404, "not_found")),
        (id("e0"), (409, "no_seat_left")),
        ("xyz".to_owned(), (404, "not_found")),
    ] {
        let answer = claim(&service, &shown, &id, (DEVICE, CLAIM_CODE)).await;
        assert_eq!(answer.problem(), expected, "{id}");
    }
    let mut bodies = Vec::new();
    for halves in [(DEVICE, "7654321"), ("another-device", CLAIM_CODE), ("another-device", "7654321")] {
        let mut answer = claim(&service, &shown, ACCOUNT, halves).await;
        assert_eq!(answer.problem(), (403, "wrong_claim"));
        answer.body["request_id"].take();
        bodies.push(answer.body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
    let malformed = claim(&service, &shown, ACCOUNT, (DEVICE, "123456")).await;
    assert_eq!(
        (malformed.problem(), malformed.text("/errors/0/pointer")),
        ((400, "invalid_request"), "/claim_code")
    );
}

/// D10, C61: whatever is shown, it is not active; an outage is told as one.
#[tokio::test]
async fn whatever_is_no_device_token_is_inactive() {
    let service = Service::new().await;
    let (bearer, binding, _) = service.signed_in().await;
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", binding.as_str())];
    let given = claimed(&service, &shown, ACCOUNT).await;
    let token = given.text("/token");
    for body in [
        json!({}),
        json!([]),
        json!({"token": token}),
        json!({"token": token, "device_id": "another-device"}),
        json!({"token": token, "device_id": DEVICE, "more": 1}),
        json!({"token": 1, "device_id": DEVICE}),
        json!({"token": "x".repeat(20_000), "device_id": DEVICE}),
    ] {
        let answer = verify(&service, body).await;
        assert_eq!((answer.status, answer.body), (StatusCode::OK, json!({"active": false})));
    }
    service.world.out_of_order.store(true, Ordering::Relaxed);
    let question = json!({"token": token, "device_id": DEVICE});
    assert_eq!(verify(&service, question.clone()).await.problem(), (503, "unavailable"));
    let exchanged = service.call("POST /v1/device-tokens/exchange", &[], Some(question)).await;
    assert_eq!(exchanged.problem(), (503, "unavailable"));
}

/// Z1: whom a trusted issuer vouches for holds device tokens without an account, and gets nowhere else.
#[tokio::test]
async fn a_trusted_issuers_token_is_enough() {
    let service = Service::new().await;
    let bearer = vouched(&identity());
    let shown = [("authorization", bearer.as_str())];
    let given = claimed(&service, &shown, "ada").await;
    let question = json!({"token": given.text("/token"), "device_id": DEVICE});
    let told = verify(&service, question).await;
    assert_eq!((told.text("/user_id"), told.text("/issuer")), ("ada", ISSUER));
    let list = service.call("GET /v1/device-tokens", &shown, None).await;
    assert_eq!((list.text("/items/0/user_id"), list.text("/items/0/issuer")), ("ada", ISSUER));
    let line = format!("GET /v1/device-tokens?user_id={ACCOUNT}");
    assert_eq!(service.call(&line, &shown, None).await.problem(), (404, "not_found"));
    let mine = service.call("GET /v1/licenses/mine", &shown, None).await;
    assert_eq!(mine.text("/items/0/subject"), "ada@example.org");
    for line in ["GET /v1/account", "GET /v1/api-keys", "GET /v1/licenses"] {
        assert_eq!(service.call(line, &shown, None).await.problem(), (401, "invalid_token"), "{line}");
    }
    assert_eq!(ask(&service, &shown, DEVICE, ACCOUNT).await.problem(), (403, "another_user"));
}

/// Z1, Z3, D2: what such a token must say, and that an issuer which is away is not a "no".
#[tokio::test]
async fn a_trusted_issuers_token_must_count() {
    let service = Service::new().await;
    for (name, value, expected) in [
        ("email_verified", json!(false), (403, "no_verified_email")),
        ("email", json!("eve@example.org"), (403, "not_licensed")),
        ("aud", json!("another"), (401, "invalid_token")),
        ("iss", json!("https://other.example.org"), (401, "invalid_token")),
        ("exp", json!(NOW - 600), (401, "invalid_token")),
    ] {
        let mut claims = identity();
        claims[name] = value;
        let bearer = vouched(&claims);
        let answer = ask(&service, &[("authorization", bearer.as_str())], DEVICE, "ada").await;
        assert_eq!(answer.problem(), expected, "{name}");
    }
    let bearer = vouched(&identity());
    service.world.out_of_order.store(true, Ordering::Relaxed);
    let answer = ask(&service, &[("authorization", bearer.as_str())], DEVICE, "ada").await;
    assert_eq!(answer.problem(), (503, "unavailable"));
}

/// L1, L3: the caller sees its own licences; to grant, list and end them takes an administrator.
#[tokio::test]
async fn licences_are_administered_by_administrators() {
    let service = Service::new().await;
    let (bearer, binding, _) = service.signed_in().await;
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", binding.as_str())];
    let mine = service.call("GET /v1/licenses/mine", &shown, None).await;
    let license = json!({
        "id": "05050505-0505-0505-0505-050505050505", "subject": ACCOUNT, "product": "editor",
        "issued_at": "2026-02-02T02:40:00Z", "expires_at": "2026-02-03T02:40:00Z", "seats": 3,
        "entitlements": ["export"], "state": "active", "revoked_at": null,
    });
    assert_eq!((mine.status, mine.body), (StatusCode::OK, json!({"items": [license]})));
    let grant = json!({"subject": "ada@example.org", "product": "editor", "expires_in": 60});
    for (line, body) in [
        ("POST /v1/licenses", Some(grant)),
        ("GET /v1/licenses", None),
        ("DELETE /v1/licenses/05050505-0505-0505-0505-050505050505", None),
    ] {
        let answer = service.call(line, &shown, body.clone()).await;
        assert_eq!(answer.problem(), (403, "access_denied"), "{line}");
        assert_eq!(service.call(line, &[], body).await.problem(), (401, "unauthorized"), "{line}");
    }
}
