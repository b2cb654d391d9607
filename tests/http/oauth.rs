//! `POST /oauth2/token`: a JWT for an API key (K13, RFC 8693).

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::support::{
    Answer,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, SignedIn, TestApp,
};

const ADA: &str = "ada@example.org";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const API_KEY: &str = "urn:symbolon:params:oauth:token-type:api-key";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

async fn start(on: Engine) -> TestApp {
    TestApp::with(on, |settings| settings.api_keys.refresh_hash = symbolon::settings::RefreshHash::Sha256)
        .await
}

async fn issue(owner: &SignedIn<'_>, more: &Json) -> Json {
    let mut body = json!({
        "issuer": "https://app.example.org", "audience": "https://api.example.org", "subject": "/v2/datasets",
        "version": "2", "scopes": ["read", "write"],
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    owner.call("POST", "/v1/api-keys").json(&body).send().await.expect(201).json
}

async fn post(app: &TestApp, form: &[(&str, &str)], from: &str) -> Answer {
    let pairs = form.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    let call = app.post("/oauth2/token").form(pairs.collect::<Vec<_>>().join("&"));
    call.header("x-forwarded-for", from).send().await
}

/// What a form's value has to be written as.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

async fn exchange(app: &TestApp, key: &Json, more: &[(&str, &str)]) -> Answer {
    let key = key["api_key"].as_str().unwrap();
    let form = [("grant_type", EXCHANGE), ("subject_token", key), ("subject_token_type", API_KEY)];
    post(app, &[&form[..], more].concat(), "127.0.0.1").await
}

fn claims(answer: &Answer) -> (Json, Json) {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let token = answer.text("access_token");
    let part = |index| {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap())
    };
    (part(0).unwrap(), part(1).unwrap())
}

/// K13: as RFC 8693 and RFC 9068 have it; what the key says stands in the token, which lives no longer than the key.
#[rstest]
#[tokio::test]
async fn a_key_is_exchanged_for_a_jwt(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let key = issue(&ada, &json!({"expires_in": 1_200})).await;
    let given = exchange(&app, &key, &[("unknown", "parameter"), ("audience", "")]).await.expect(200);
    assert_eq!((given.header("cache-control"), given.header("pragma")), ("no-store", "no-cache"));
    let body = &given.json;
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!((&body["issued_token_type"], &body["scope"]), (&json!(ACCESS_TOKEN), &json!("read write")));
    let (header, claims_of) = claims(&given);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
    for (name, value) in [
        ("iss", json!("http://localhost:8080")),
        ("sub", json!(ada.account_id)),
        ("aud", json!("https://api.example.org")),
        ("client_id", key["id"].clone()),
        ("scope", json!("read write")),
        ("role", json!("authenticated")),
        ("resource", json!("/v2/datasets")),
        ("resource_version", json!("2")),
        ("key_issuer", json!("https://app.example.org")),
    ] {
        assert_eq!(claims_of[name], value, "{name}");
    }
    assert_eq!(claims_of["exp"].as_i64().unwrap() - claims_of["iat"].as_i64().unwrap(), 900);
    assert!(claims_of["jti"].is_string() && claims_of["ip_address"].is_null());
    app.clock.advance(Duration::from_secs(900));
    let late = exchange(&app, &key, &[]).await.expect(200);
    assert_eq!(late.json["expires_in"], 300, "no longer than the key");
    // Another kind of token: it opens nothing of ours (C52).
    let token = given.text("access_token");
    app.call("GET", "/v1/account").bearer(&token).binding(&ada.binding).send().await.expect(401);
    let question = json!({"access_token": token, "binding": ada.binding});
    assert_eq!(app.post("/v1/sessions/verify").json(&question).send().await.json["active"], false);
    assert_eq!(
        app.post("/v1/api-keys/verify").json(&json!({"api_key": token})).send().await.json["active"],
        false
    );
    let events = app.audit().await;
    assert_eq!(events.iter().filter(|event| event.act.as_str() == "api_key.exchanged").count(), 2);
}

/// K13: less than the key allows may be asked for, and no more; another audience is told as RFC 8693 has it.
#[rstest]
#[tokio::test]
async fn a_token_never_says_more_than_its_key(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let key = issue(&ada, &json!({})).await;
    let less =
        exchange(&app, &key, &[("scope", "read"), ("audience", "https://api.example.org")]).await.expect(200);
    assert_eq!((&less.json["scope"], &claims(&less).1["scope"]), (&json!("read"), &json!("read")));
    for (more, error) in [
        ([("scope", "read admin")], "invalid_scope"),
        ([("scope", "a\"b")], "invalid_scope"),
        ([("audience", "https://api.example.com")], "invalid_target"),
        ([("resource", "https://api.example.org/v2")], "invalid_target"),
        ([("requested_token_type", "urn:ietf:params:oauth:token-type:saml2")], "invalid_request"),
        ([("actor_token", "x")], "invalid_request"),
        ([("grant_type", EXCHANGE)], "invalid_request"),
    ] {
        let refused = exchange(&app, &key, &more).await.expect(400);
        assert_eq!(refused.json["error"], error, "{more:?}");
        assert!(refused.json["error_description"].is_string() && refused.json["access_token"].is_null());
        assert_eq!(refused.header("cache-control"), "no-store");
    }
    let jwt = [("requested_token_type", "urn:ietf:params:oauth:token-type:jwt")];
    exchange(&app, &key, &jwt).await.expect(200);
}

/// K5, K13: a key that does not count is exchanged for nothing; a bound one only from inside its binding, which the token names.
#[rstest]
#[tokio::test]
async fn only_a_key_that_counts_is_exchanged(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let bound = issue(&ada, &json!({"ip_address": "203.0.113.0/24"})).await;
    exchange(&app, &bound, &[]).await.expect(400);
    let key = bound["api_key"].as_str().unwrap();
    let form = [("grant_type", EXCHANGE), ("subject_token", key), ("subject_token_type", API_KEY)];
    let inside = post(&app, &form, "203.0.113.7").await.expect(200);
    assert_eq!(claims(&inside).1["ip_address"], "203.0.113.0/24");

    let (ended, late) = (issue(&ada, &json!({})).await, issue(&ada, &json!({"not_before": 60})).await);
    ada.call("DELETE", &format!("/v1/api-keys/{}", ended["id"].as_str().unwrap())).send().await.expect(204);
    for key in [&ended, &late, &json!({"api_key": ada.token}), &json!({"api_key": "nonsense"})] {
        assert_eq!(exchange(&app, key, &[]).await.expect(400).json["error"], "invalid_request");
    }
    let limited = issue(&ada, &json!({"rate_limit": {"requests": 1, "window": 60}})).await;
    exchange(&app, &limited, &[]).await.expect(200);
    assert_eq!(exchange(&app, &limited, &[]).await.expect(429).header("retry-after"), "60");
}

/// RFC 6749, sections 3.2 and 5.2: what is no request for a token is told in OAuth's own way.
#[tokio::test]
async fn what_is_no_request_is_told_as_oauth_has_it() {
    let app = start(Sqlite).await;
    for (form, error) in [
        (&[][..], "invalid_request"),
        (&[("grant_type", "authorization_code"), ("code", "x")][..], "unsupported_grant_type"),
        (&[("grant_type", EXCHANGE)][..], "invalid_request"),
        (&[("grant_type", EXCHANGE), ("subject_token", "x")][..], "invalid_request"),
        (
            &[("grant_type", EXCHANGE), ("subject_token", "x"), ("subject_token_type", ACCESS_TOKEN)][..],
            "invalid_request",
        ),
    ] {
        assert_eq!(post(&app, form, "127.0.0.1").await.expect(400).json["error"], error);
    }
    app.post("/oauth2/token").json(&json!({"grant_type": EXCHANGE})).send().await.expect(415);
    app.get("/oauth2/token").send().await.expect(405);
}
