//! What happens between a request for a device token and its claim, and while a claim is judged.

use std::{sync::Arc, time::Duration};

use axum::{Json as JsonBody, Router, extract::State, http::StatusCode, routing::post};
use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon::settings::LicensingSource;
use symbolon_domain::actor::Role;
use tokio::{join, net::TcpListener, sync::Semaphore};

use super::{ADA, DEVICE, code, grant, try_claim, try_request, verify};
use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    TestApp,
};

/// D4: a request ends with the licence that it was made for, so that no claim gives out a token that has expired already; a licence
/// that came later wants a new request.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_request_ends_with_its_license(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let ada = app.user(ADA).sign_up().await;
    grant(&root, json!({"expires_in": 60})).await.expect(201);
    let requested = try_request(&ada, DEVICE).await.expect(201);
    assert_eq!(requested.json["expires_at"], "2026-01-01T12:01:00Z");
    let first = code(&app).await;
    app.clock.advance(Duration::from_secs(60));
    grant(&root, json!({})).await.expect(201);
    let late = try_claim(&ada, &requested.text("id"), DEVICE, &first).await.expect(410);
    assert_eq!(late.slug(), "expired");
    let requested = try_request(&ada, DEVICE).await.expect(201);
    assert_eq!(requested.json["expires_at"], "2026-01-01T12:06:00Z");
    let claimed = try_claim(&ada, &requested.text("id"), DEVICE, &code(&app).await).await.expect(200);
    assert_eq!(verify(&app, &claimed.text("token"), DEVICE).await["active"], true);
}

/// A licence service that says when it is asked, and answers when it is let.
struct Service {
    asked: Semaphore,
    may_answer: Semaphore,
}

async fn answer(State(service): State<Arc<Service>>) -> (StatusCode, JsonBody<Json>) {
    service.asked.add_permits(1);
    service.may_answer.acquire().await.unwrap().forget();
    let license = json!({"id": "one", "product": "editor", "expires_at": "2026-01-02T12:00:00Z"});
    (StatusCode::OK, JsonBody(json!({"licenses": [license]})))
}

/// D11, C26: who signs out everywhere while the licence service takes its time has no device token afterwards; the code stays good for
/// the next session.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_claimed_in_a_session_that_stands(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let service = Arc::new(Service { asked: Semaphore::new(0), may_answer: Semaphore::new(1) });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(answer)).with_state(Arc::clone(&service));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let app = TestApp::with(on, |settings| {
        settings.licensing.source = LicensingSource::Http;
        settings.licensing.url = Some(url.try_into().unwrap());
        settings.licensing.cache = symbolon::settings::Duration::from_secs(0);
        settings.licensing.timeout = symbolon::settings::Duration::from_secs(20);
    })
    .await;
    let ada = app.user(ADA).sign_up().await;
    let request = try_request(&ada, DEVICE).await.expect(201).text("id");
    let code = code(&app).await;
    service.asked.acquire().await.unwrap().forget();

    let signs_out = async {
        service.asked.acquire().await.unwrap().forget();
        ada.call("DELETE", "/v1/sessions").send().await.expect(204);
        service.may_answer.add_permits(1);
    };
    let (claimed, ()) = join!(try_claim(&ada, &request, DEVICE, &code), signs_out);
    assert_eq!(claimed.expect(401).slug(), "invalid_token");
    let again = app.user(ADA).sign_in().await;
    service.may_answer.add_permits(1);
    let claimed = try_claim(&again, &request, DEVICE, &code).await.expect(200);
    assert_eq!(verify(&app, &claimed.text("token"), DEVICE).await["active"], true);
    serving.abort();
}
