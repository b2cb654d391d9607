//! The store away while gateways ask (X3, X5): what needs it is a 503 and never a "no", and lets nobody through; what can be
//! decided without it is.

use std::time::Duration;

use serde_json::json;
use symbolon::settings::{Duration as Setting, RefreshHash, Settings};
use symbolon_domain::{access_tokens::MintRequest, api_keys::Scopes, secret::ExposeSecret as _};

use crate::support::{
    Cluster, Home, Table, TestApp, directory,
    dynamodb_proxy::{DynamoProxy, Faults},
    gateway::{ask, declared},
};

const POLICY: &str = r#"@id("who-is-known-reads") permit (principal, action == Action::"GET", resource);"#;

async fn on(home: Home) -> TestApp {
    let directory = directory();
    let authorizer = declared(directory.path(), &[("note", "GET", "/notes/{id}")], POLICY);
    TestApp::of(home, |settings: &mut Settings| {
        settings.authorizer = authorizer;
        settings.api_keys.refresh_hash = RefreshHash::Sha256;
        settings.store.acquire_timeout = Setting::from_secs(1);
    })
    .await
}

/// A key that was not shown yet, so that nothing is remembered of it, and an access token.
async fn credentials(app: &TestApp) -> (String, String) {
    let ada = app.user("ada@example.org").sign_up().await;
    let body = json!({"issuer": "app", "audience": "api", "subject": "/v2", "version": "2"});
    let key = ada.call("POST", "/v1/api-keys").json(&body).send().await.expect(201).text("api_key");
    let request = MintRequest {
        subject: "robot".to_owned(),
        audience: None,
        scopes: Scopes::default(),
        lifetime: Duration::from_secs(900),
    };
    let minted = app.service.access_tokens.mint(&request, &app.operator()).await.unwrap();
    (key, minted.token.expose_secret().to_owned())
}

async fn is_undecided(app: &TestApp, key: &str) {
    let answer = ask(app, "GET", "/notes/7").bearer(key).send().await;
    answer.says_no(503, "unavailable");
    assert_ne!(answer.header("retry-after"), "");
}

/// X3, Z5: PostgreSQL is stopped, and started again.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_without_postgresql_lets_nobody_through() {
    let mut cluster = Cluster::migrated().await;
    let app = on(Home::at(&cluster.url())).await;
    let (key, token) = credentials(&app).await;
    cluster.stop();
    is_undecided(&app, &key).await;
    ask(&app, "GET", "/notes/7").bearer(&token).send().await.told();
    ask(&app, "GET", "/closed").bearer(&token).send().await.says_no(403, "not_let_through");
    cluster.start();
    // A connection that broke may be met once more.
    for _ in 0..100 {
        if ask(&app, "GET", "/notes/7").bearer(&key).send().await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody is let through although the store is back");
}

/// X5, Z5: every call of DynamoDB is throttled, and then none.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_without_dynamodb_lets_nobody_through() {
    let table = Table::migrated().await;
    let proxy = DynamoProxy::start(table.options.endpoint.as_deref().unwrap()).await;
    let url = format!("dynamodb://{}?endpoint={}", table.options.table, proxy.url);
    let app = on(Home::at(&url)).await;
    let (key, token) = credentials(&app).await;
    proxy.inject(Faults { throttled: 100, ..Faults::default() });
    is_undecided(&app, &key).await;
    ask(&app, "GET", "/notes/7").bearer(&token).send().await.told();
    proxy.inject(Faults::default());
    ask(&app, "GET", "/notes/7").bearer(&key).send().await.told();
}
