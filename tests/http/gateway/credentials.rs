//! Every kind of credential at a gateway (Z9): with what it counts, what is told of whoever shows it, and that it counts no
//! more once it has ended.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon::settings::TrustedIssuerSettings;
use symbolon_domain::{accounts::AccountChange, actor::Role};

use super::{ADA, AUDIENCE, EVE, OWN, ask_for_note, in_session, issue, mint, reasons, start, start_with};
use crate::{
    http::device_tokens::{DEVICE, claimed, licensed},
    support::{
        Call,
        Engine::{self, Dynamodb, Postgres, Sqlite},
        TestApp, tampered,
    },
};

/// The answer is that this credential does not count, and no more.
async fn is_nobodys(call: Call) {
    let answer = call.send().await;
    answer.says_no(401, "invalid_token");
    assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
}

/// Z9, S7, S10: a session's token counts with its binding, in headers, until the session ends.
#[rstest]
#[tokio::test]
async fn a_session_counts_with_its_binding(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let eve = app.user(EVE).sign_up().await;
    let answer = in_session(ask_for_note(&app), &ada).send().await;
    assert_eq!(answer.told(), [&*ada.account_id, "session", OWN, "", "", "authenticated", "", "note"]);
    assert_eq!(answer.header("cache-control"), "no-store");
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    assert_eq!(in_session(ask_for_note(&app), &staff).send().await.told()[5], "staff");

    is_nobodys(ask_for_note(&app).bearer(&ada.token)).await;
    is_nobodys(ask_for_note(&app).bearer(&ada.token).binding(&eve.binding)).await;
    is_nobodys(ask_for_note(&app).bearer(&ada.token).header("symbolon-device", DEVICE)).await;
    is_nobodys(in_session(ask_for_note(&app), &ada).binding(&ada.binding)).await;
    is_nobodys(ask_for_note(&app).bearer(&tampered(&ada.token, ada.token.len() - 20)).binding(&ada.binding))
        .await;
    let cookies = format!("__Host-symbolon-session={}; __Host-symbolon-binding={}", ada.token, ada.binding);
    let by_cookie = ask_for_note(&app).header("cookie", &cookies).send().await;
    by_cookie.says_no(401, "unauthorized");
    assert_eq!(by_cookie.header("www-authenticate"), "Bearer");

    // C52: the first factor alone is no session, also with its binding.
    let pending = app.user(ADA).begin_sign_in().await;
    is_nobodys(ask_for_note(&app).bearer(&pending.token).binding(&pending.binding)).await;
    ada.call("DELETE", "/v1/sessions/current").send().await.expect(204);
    is_nobodys(in_session(ask_for_note(&app), &ada)).await;
    app.operate(&eve.account_id, AccountChange::Lock).await;
    is_nobodys(in_session(ask_for_note(&app), &eve)).await;
    app.clock.advance(Duration::from_secs(3_600));
    is_nobodys(in_session(ask_for_note(&app), &staff)).await;
}

/// Z9, K5, K14: a key counts as the store has it: from its address, as often as it may, until it is revoked. Its scopes are
/// written so that they cannot be taken for others.
#[rstest]
#[tokio::test]
async fn an_api_key_counts_from_its_address(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let key = issue(&ada, json!({"scopes": ["notes:read", "a+b,c%"]})).await;
    let (id, key) = (key.text("id"), key.text("api_key"));
    let told = ask_for_note(&app).bearer(&key).send().await;
    let scopes = "a%2Bb%2Cc%25 notes:read";
    assert_eq!(told.told(), [&*ada.account_id, "api_key", OWN, scopes, "", "authenticated", "", "note"]);
    is_nobodys(ask_for_note(&app).bearer(&tampered(&key, key.len() - 20))).await;
    ada.call("DELETE", &format!("/v1/api-keys/{id}")).send().await.expect(204);
    is_nobodys(ask_for_note(&app).bearer(&key)).await;

    let bound = issue(&ada, json!({"ip_address": "203.0.113.0/24"})).await.text("api_key");
    let from = |address: &str| ask_for_note(&app).bearer(&bound).header("x-forwarded-for", address);
    from("203.0.113.9").send().await.told();
    from("198.51.100.7, 203.0.113.9").send().await.told();
    is_nobodys(from("198.51.100.7")).await;
    is_nobodys(from("203.0.113.9, 198.51.100.7")).await;
    is_nobodys(from("127.0.0.1")).await;
    is_nobodys(ask_for_note(&app).bearer(&bound)).await;

    let limited = issue(&ada, json!({"rate_limit": {"requests": 2, "window": 10}})).await.text("api_key");
    for _ in 0..2 {
        ask_for_note(&app).bearer(&limited).send().await.told();
    }
    let refused = ask_for_note(&app).bearer(&limited).send().await;
    refused.says_no(429, "too_many_requests");
    assert_ne!(refused.header("retry-after"), "");
    let found = reasons(&app).await;
    assert!(
        found.contains(&"wrong_address".to_owned()) && found.contains(&"revoked".to_owned()),
        "{found:?}"
    );
}

/// Z9, K13: an access token counts for an audience of the gateway's, to the letter, while it lives, and from its address.
#[rstest]
#[tokio::test]
async fn an_access_token_counts_for_its_audience(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let token = mint(&app, "Zoë, \"root", None).await;
    let told = ask_for_note(&app).bearer(&token).send().await;
    let subject = "Zo%C3%AB%2C%20%22root";
    assert_eq!(told.told(), [subject, "access_token", OWN, "notes:read", "", "", "", "note"]);
    for audience in [AUDIENCE, "http://localhost:8080/", "http://LOCALHOST:8080"] {
        is_nobodys(ask_for_note(&app).bearer(&mint(&app, "robot", Some(audience)).await)).await;
    }
    is_nobodys(ask_for_note(&app).bearer(&tampered(&token, token.len() - 20))).await;
    app.clock.advance(Duration::from_secs(901));
    is_nobodys(ask_for_note(&app).bearer(&token)).await;

    let app = start_with(on, |settings| settings.authorizer.audiences = vec![AUDIENCE.to_owned()]).await;
    is_nobodys(ask_for_note(&app).bearer(&mint(&app, "robot", None).await)).await;
    ask_for_note(&app).bearer(&mint(&app, "robot", Some(AUDIENCE)).await).send().await.told();
    let ada = app.user(ADA).sign_up().await;
    let key = issue(&ada, json!({"ip_address": "203.0.113.0/24"})).await.text("api_key");
    let form = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={key}\
         &subject_token_type=urn:symbolon:params:oauth:token-type:api-key"
    );
    let exchange = app.post("/oauth2/token").header("x-forwarded-for", "203.0.113.9");
    let given = exchange.form(form).send().await.expect(200).text("access_token");
    let from = |address: &str| ask_for_note(&app).bearer(&given).header("x-forwarded-for", address);
    let here = from("203.0.113.9").send().await;
    assert_eq!(here.told()[..3], [&*ada.account_id, "access_token", OWN]);
    is_nobodys(from("198.51.100.7")).await;
    is_nobodys(ask_for_note(&app).bearer(&given)).await;
}

/// Z9, D10, D11: a device token counts with its device, until it is ended.
#[rstest]
#[tokio::test]
async fn a_device_token_counts_with_its_device(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let (ada, _root) = licensed(&app).await;
    let issued = claimed(&app, &ada, DEVICE).await;
    let token = issued.text("token");
    let with = |device: &str| ask_for_note(&app).bearer(&token).header("symbolon-device", device);
    let told = with(DEVICE).send().await;
    assert_eq!(told.told(), [&*ada.account_id, "device_token", OWN, "", "", "", "export sync", "note"]);
    is_nobodys(ask_for_note(&app).bearer(&token)).await;
    is_nobodys(ask_for_note(&app).bearer(&token).binding(&ada.binding)).await;
    is_nobodys(with("another-device")).await;
    is_nobodys(with("")).await;
    is_nobodys(with(DEVICE).header("symbolon-device", DEVICE)).await;
    ada.call("DELETE", &format!("/v1/device-tokens/{}", issued.text("token_id"))).send().await.expect(204);
    is_nobodys(with(DEVICE)).await;
}

/// A service that takes the tokens of the one whose keys are there.
async fn trusting(on: Engine, jwks: &str) -> TestApp {
    let trusted = json!({
        "issuer": OWN, "jwks_uri": jwks, "audiences": [AUDIENCE], "email_claim": "sub", "email_trusted": true,
    });
    let trusted: TrustedIssuerSettings = serde_json::from_value(trusted).unwrap();
    start_with(on, |settings| {
        settings.http.public_url = "https://auth.example.org".to_owned().try_into().unwrap();
        settings.trusted_issuers = vec![trusted];
    })
    .await
}

/// Z1, Z9: a trusted issuer's token names its issuer's people, and never an account of ours.
#[rstest]
#[tokio::test]
async fn a_trusted_issuers_token_names_its_own_people(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let issuing = TestApp::start(Sqlite).await;
    let app = trusting(on, &format!("{}/.well-known/jwks.json", issuing.url)).await;
    let ada = app.user(ADA).sign_up().await;
    for (name, subject) in [
        (ADA, "http://localhost:8080%7Cada@example.org".to_owned()),
        (ada.account_id.as_str(), format!("http://localhost:8080%7C{}", ada.account_id)),
    ] {
        let token = mint(&issuing, name, Some(AUDIENCE)).await;
        let told = ask_for_note(&app).bearer(&token).send().await;
        assert_eq!(told.told(), [&*subject, "trusted_issuer", OWN, "notes:read", "", "", "", "note"]);
        is_nobodys(ask_for_note(&app).bearer(&tampered(&token, token.len() - 20))).await;
    }
    is_nobodys(ask_for_note(&app).bearer(&mint(&issuing, ADA, None).await)).await;
    // The same issuer by name, with other keys.
    let impostor = TestApp::start(Sqlite).await;
    is_nobodys(ask_for_note(&app).bearer(&mint(&impostor, ADA, Some(AUDIENCE)).await)).await;
    // Another kind of token of an issuer that is trusted.
    let elsewhere = issuing.user(ADA).sign_up().await;
    is_nobodys(in_session(ask_for_note(&app), &elsewhere)).await;
    let token = mint(&issuing, ADA, Some(AUDIENCE)).await;
    app.clock.advance(Duration::from_secs(1_000));
    is_nobodys(ask_for_note(&app).bearer(&token)).await;
}

/// Z4, C65: while an issuer's keys cannot be had the answer is 503, never "no", and others are let through meanwhile.
#[rstest]
#[tokio::test]
async fn an_issuer_that_is_away_is_no_no(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let issuing = TestApp::start(Sqlite).await;
    let (token, url) = (mint(&issuing, ADA, Some(AUDIENCE)).await, issuing.url.clone());
    issuing.stop().await;
    let app = trusting(on, &format!("{url}/.well-known/jwks.json")).await;
    let ada = app.user(ADA).sign_up().await;
    let away = ask_for_note(&app).bearer(&token).send().await;
    away.says_no(503, "unavailable");
    assert_ne!(away.header("retry-after"), "");
    in_session(ask_for_note(&app), &ada).send().await.told();
    assert!(!reasons(&app).await.iter().any(|reason| reason.contains("issuer")), "nobody was refused");
}

/// The same token, which says that it is of another type.
fn retyped(token: &str, typ: Option<&str>) -> String {
    let (header, rest) = token.split_once('.').unwrap();
    let mut header: Json = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["typ"] = typ.map_or(Json::Null, Json::from);
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

/// C52, Z9: no credential passes for one of another kind, whatever it is shown with and calls itself.
#[rstest]
#[tokio::test]
async fn no_kind_passes_for_another(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let (ada, _root) = licensed(&app).await;
    let device = claimed(&app, &ada, DEVICE).await;
    let key = issue(&ada, json!({})).await;
    let pending = app.user(ADA).begin_sign_in().await;
    let access = mint(&app, &ada.account_id, Some(AUDIENCE)).await;
    let shown = |token: &str| {
        ask_for_note(&app).bearer(token).binding(&ada.binding).header("symbolon-device", DEVICE)
    };
    for token in [ada.token.clone(), device.text("token"), key.text("api_key")] {
        shown(&token).send().await.told();
    }
    for token in [
        ada.refresh_token.clone(),
        ada.binding.clone(),
        ada.session_id.clone(),
        ada.account_id.clone(),
        key.text("refresh_token"),
        key.text("id"),
        device.text("token_id"),
        pending.token.clone(),
        DEVICE.to_owned(),
        "sym_ak_".to_owned(),
        "..".to_owned(),
    ] {
        is_nobodys(shown(&token)).await;
    }
    for token in [&ada.token, &device.text("token"), &pending.token, &access] {
        for typ in [Some("session+jwt"), Some("at+jwt"), Some("dt+jwt"), Some("pre+jwt"), Some("JWT"), None] {
            let retyped = retyped(token, typ);
            if retyped != **token {
                is_nobodys(shown(&retyped)).await;
            }
        }
    }
}
