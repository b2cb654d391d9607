//! Answers that say no: their shape, their headers, and what is never in them (A2, C28, C42, C65).

use serde_json::json;

use crate::support::{Engine, TestApp};

/// A2: every problem type that is answered has a page where `type` points.
#[tokio::test]
async fn a_problem_names_its_type_and_its_request() {
    let app = TestApp::start(Engine::Sqlite).await;
    let answer = app.post("/v1/sign-in").json(&json!({})).send().await.expect(400);
    let members: Vec<&String> = answer.json.as_object().unwrap().keys().collect();
    assert_eq!(members, ["detail", "errors", "request_id", "status", "title", "type"]);
    assert_eq!(answer.json["status"], 400);
    assert_eq!(answer.json["request_id"], answer.header("x-request-id"));
    app.get(answer.json["type"].as_str().unwrap()).send().await.expect(200);
    app.get("/problems/no-such-problem").send().await.expect(404);
}

/// C28: the headers that every answer carries.
#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let app = TestApp::start(Engine::Sqlite).await;
    for path in ["/v1/account", "/.well-known/jwks.json", "/nothing"] {
        let answer = app.get(path).send().await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("strict-transport-security"), "", "only with HTTPS");
    }
    let app = TestApp::with(Engine::Sqlite, |settings| {
        settings.http.public_url = "https://id.example.org".to_owned().try_into().unwrap();
    })
    .await;
    assert!(app.get("/nothing").send().await.header("strict-transport-security").contains("max-age="));
}

/// C65: a store that does not answer is a 503 with Retry-After, never a "no", and tells nothing of itself.
#[tokio::test]
async fn an_outage_is_never_a_no() {
    let app = TestApp::start(Engine::Sqlite).await;
    let ada = app.user("ada@example.org").sign_up().await;
    app.service.store.close().await;
    let body = json!({"access_token": ada.token, "binding": ada.binding});
    let calls = [
        app.post("/v1/sign-in").json(&app.user("ada@example.org").credentials()),
        app.post("/v1/sign-up").json(&app.user("eve@example.org").credentials()),
        app.post("/v1/sessions/refresh")
            .binding(&ada.binding)
            .json(&json!({"refresh_token": ada.refresh_token})),
        ada.call("DELETE", "/v1/sessions/current"),
        ada.call("PATCH", "/v1/account").json(&json!({"name": "Ada"})),
    ];
    for call in calls {
        let answer = call.send().await.expect(503);
        assert!(!answer.header("retry-after").is_empty());
        for word in ["sqlite", "SQL", "rusqlite", "src/", "database", "queue"] {
            assert!(!answer.text.contains(word), "{word}");
        }
    }
    let verified = app.post("/v1/sessions/verify").json(&body).send().await;
    assert!(verified.status == 503 || verified.json["active"] == true, "a read may go on, and never says no");
}
