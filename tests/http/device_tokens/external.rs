//! Device tokens of people who sign in elsewhere: a trusted issuer's JWT, no account here (Z1), and licences that are kept
//! elsewhere (L4).

use std::time::Duration;

use axum::{Json as JsonBody, Router, http::StatusCode, routing::post};
use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon::settings::{LicensingSource, TrustedIssuerSettings};
use symbolon_domain::{access_tokens::MintRequest, actor::Role, api_keys::Scopes, secret::ExposeSecret as _};
use tokio::net::TcpListener;

use super::{ADA, DEVICE, grant, inactive, verify};
use crate::support::{
    Answer, Call,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, TestApp, digits_in,
};

/// What the trusting service calls itself.
const PUBLIC_URL: &str = "https://auth.example.org";
const AUDIENCE: &str = "https://api.example.org";
/// What the issuing service calls itself.
const ISSUER: &str = "http://localhost:8080";

/// A service that issues tokens, and one that takes them for their subject's address.
async fn issuing_and_trusting(on: Engine, email_trusted: bool) -> (TestApp, TestApp) {
    let issuing = TestApp::start(Sqlite).await;
    let jwks = format!("{}/.well-known/jwks.json", issuing.url);
    let trusting = TestApp::with(on, |settings| {
        settings.http.public_url = PUBLIC_URL.to_owned().try_into().unwrap();
        let trusted = json!({
            "issuer": ISSUER, "jwks_uri": jwks, "audiences": [AUDIENCE], "email_claim": "sub",
            "email_trusted": email_trusted,
        });
        let trusted: TrustedIssuerSettings = serde_json::from_value(trusted).unwrap();
        settings.trusted_issuers = vec![trusted];
    })
    .await;
    (issuing, trusting)
}

async fn mint(issuing: &TestApp, subject: &str, audience: &str) -> String {
    let request = MintRequest {
        subject: subject.to_owned(),
        audience: Some(audience.to_owned()),
        scopes: Scopes::default(),
        lifetime: Duration::from_secs(900),
    };
    let minted = issuing.service.access_tokens.mint(&request, &issuing.operator()).await.unwrap();
    minted.token.expose_secret().to_owned()
}

fn ask(call: Call, token: &str, user_id: &str) -> impl Future<Output = Answer> + use<> {
    call.bearer(token).json(&json!({"device_id": DEVICE, "user_id": user_id})).send()
}

/// Z1, D1, D7, D10, D11: the whole walk without an account; its principal is its name, and never an account's.
#[rstest]
#[tokio::test]
async fn who_signs_in_elsewhere_needs_no_account(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let (issuing, app) = issuing_and_trusting(on, true).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let token = mint(&issuing, ADA, AUDIENCE).await;
    let refused = ask(app.post("/v1/token-requests"), &token, ADA).await.expect(403);
    assert_eq!(refused.slug(), "not_licensed");
    grant(&root, json!({"entitlements": ["export"]})).await.expect(201);
    ask(app.post("/v1/token-requests"), &token, &root.account_id).await.expect(403);
    let asked = ask(app.post("/v1/token-requests"), &token, ADA).await.expect(201);
    let code = digits_in(&app.mail_to(ADA).await.first().unwrap().content.text, 7);
    let path = format!("/v1/token-requests/{}", asked.text("id"));
    let body = json!({"device_id": DEVICE, "claim_code": code});
    let eve = mint(&issuing, "eve@example.org", AUDIENCE).await;
    app.call("PATCH", &path).bearer(&eve).json(&body).send().await.expect(404);
    root.call("PATCH", &path).json(&body).send().await.expect(404);
    let issued = app.call("PATCH", &path).bearer(&token).json(&body).send().await.expect(200);
    let said = verify(&app, &issued.text("token"), DEVICE).await;
    assert_eq!(
        (&said["active"], &said["user_id"], &said["issuer"]),
        (&json!(true), &json!(ADA), &json!(ISSUER))
    );

    let mine = app.get("/v1/licenses/mine").bearer(&token).send().await.expect(200).json;
    assert_eq!(mine["items"].as_array().unwrap().len(), 1);
    let listed = app.get("/v1/device-tokens").bearer(&token).send().await.expect(200).json;
    assert_eq!(listed["items"][0]["issuer"], ISSUER);
    let theirs = format!("/v1/device-tokens?user_id={ISSUER}%7C{ADA}");
    let by_root = root.call("GET", &theirs).send().await.expect(200).json;
    assert_eq!(by_root["items"], listed["items"]);
    app.get(&theirs).bearer(&eve).send().await.expect(404);
    // Whom nobody trusted vouches for any more has no device token either.
    let distrusting = app
        .beside_with(|settings| {
            settings.http.public_url = PUBLIC_URL.to_owned().try_into().unwrap();
            settings.trusted_issuers.clear();
        })
        .await;
    assert_eq!(verify(&distrusting, &issued.text("token"), DEVICE).await, inactive());
    assert_eq!(verify(&app, &issued.text("token"), DEVICE).await["active"], true);
    let path = format!("/v1/device-tokens/{}", issued.text("token_id"));
    app.call("DELETE", &path).bearer(&eve).send().await.expect(404);
    app.call("DELETE", &path).bearer(&token).send().await.expect(204);
    assert_eq!(verify(&app, &issued.text("token"), DEVICE).await, inactive());
    // Such a token opens these endpoints and nothing else.
    app.get("/v1/account").bearer(&token).send().await.expect(401);
    app.get("/v1/licenses").bearer(&token).send().await.expect(401);
    app.post("/v1/api-keys").bearer(&token).json(&json!({})).send().await.expect(401);
}

/// Z1, Z3: without a verified address, for another audience, with the issuer's keys out of reach.
#[rstest]
#[tokio::test]
async fn a_token_that_says_too_little_is_refused(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let (issuing, app) = issuing_and_trusting(on, false).await;
    let token = mint(&issuing, ADA, AUDIENCE).await;
    let refused = ask(app.post("/v1/token-requests"), &token, ADA).await.expect(403);
    assert_eq!(refused.slug(), "no_verified_email");
    let elsewhere = mint(&issuing, ADA, "https://other.example.org").await;
    ask(app.post("/v1/token-requests"), &elsewhere, ADA).await.expect(401);
    app.clock.advance(Duration::from_secs(1_000));
    ask(app.post("/v1/token-requests"), &token, ADA).await.expect(401);
    let (issuing, app) = issuing_and_trusting(on, true).await;
    let token = mint(&issuing, ADA, AUDIENCE).await;
    issuing.stop().await;
    // An outage is no "no"; unless the keys were fetched at the start, which then are as good.
    let answer = ask(app.post("/v1/token-requests"), &token, ADA).await;
    assert!([403, 503].contains(&answer.status), "{}", answer.status);
}

/// L4, D2: with the `none` source everybody is licensed for a device token's life; there is nothing to administer.
#[rstest]
#[tokio::test]
async fn without_licensing_everybody_is_licensed(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::with(on, |settings| settings.licensing.source = LicensingSource::None).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let ada = app.user(ADA).sign_up().await;
    super::claimed(&app, &ada, DEVICE).await;
    assert_eq!(grant(&root, json!({})).await.expect(409).slug(), "licenses_kept_elsewhere");
    ada.call("GET", "/v1/licenses/mine").send().await.expect(409);
}

/// L4, D2: the operator's own service says who is licensed and for how many devices; while it is away the answer is 503,
/// never "not licensed", and costs no guess.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_entitlement_service_that_is_down_is_no_no(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    async fn answer(JsonBody(asked): JsonBody<Json>) -> (StatusCode, JsonBody<Json>) {
        assert!(asked["account_id"].is_string());
        if asked["addresses"] != json!([ADA]) {
            return (StatusCode::OK, JsonBody(json!({"licenses": []})));
        }
        let license = json!({
            "id": "subscription-1", "product": "editor", "expires_at": "2026-01-01T13:00:00Z", "seats": 1,
            "entitlements": ["export"],
        });
        (StatusCode::OK, JsonBody(json!({"licenses": [license]})))
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/licenses", listener.local_addr().unwrap());
    let service = tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/licenses", post(answer))).await.unwrap();
    });
    let app = TestApp::with(on, |settings| {
        settings.licensing.source = LicensingSource::Http;
        settings.licensing.url = Some(url.try_into().unwrap());
        settings.licensing.cache = symbolon::settings::Duration::from_secs(0);
    })
    .await;
    let ada = app.user(ADA).sign_up().await;
    let eve = app.user("eve@example.org").sign_up().await;
    assert_eq!(super::try_request(&eve, DEVICE).await.expect(403).slug(), "not_licensed");
    let issued = super::claimed(&app, &ada, DEVICE).await;
    assert_eq!(issued.json["expires_at"], "2026-01-01T13:00:00Z");
    let said = verify(&app, &issued.text("token"), DEVICE).await;
    assert_eq!(said["entitlements"], json!(["export"]));
    let request = super::try_request(&ada, "another-device").await.expect(201).text("id");
    let code = super::code(&app).await;
    assert_eq!(
        super::try_claim(&ada, &request, "another-device", &code).await.expect(409).slug(),
        "no_seat_left"
    );
    service.abort();
    let _ = service.await;
    for _ in 0..6 {
        let away = super::try_claim(&ada, &request, "another-device", &code).await.expect(503);
        assert_ne!(away.header("retry-after"), "");
    }
    super::try_request(&ada, DEVICE).await.expect(503);
    assert_eq!(
        verify(&app, &issued.text("token"), DEVICE).await["active"],
        true,
        "what was given out counts"
    );
}
