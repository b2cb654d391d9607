//! The function `api`: the service as it is everywhere, though nothing runs between two requests (M7).

#![expect(clippy::disallowed_methods, reason = "the tests measure how long an answer takes")]

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value as Json, json};

use super::gateway::{Gateway, Kind};
use crate::support::{
    Engine::Dynamodb,
    Home, Host as _, command_of, digits_in,
    ses::{sent_by, verified},
};

const ADA: &str = "ada@example.org";
const DEVICE: &str = "adas-laptop-7f3a";

/// M7, S1, D1, D5, D7, D10: from the sign-up to a device's token; every code is on its way before the answer is.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_device_gets_its_token_though_nothing_runs_between_requests(
    #[values(Kind::Rest, Kind::Http)] kind: Kind,
) {
    let sender = verified(&format!("lambda-{kind:?}").to_lowercase()).await;
    let home = Home::on(Dynamodb).await;
    let gateway = Gateway::start(&home, kind, &sender).await;
    let ada = gateway.user(ADA).sign_up().await;
    assert!(ada.is_active().await);
    let grant = ["license", "grant", ADA, "--product", "editor", "--expires-in", "30d"];
    let granted = command_of(&home, &grant, "");
    assert!(granted.status.success(), "{}", String::from_utf8_lossy(&granted.stderr));

    let body = json!({"device_id": DEVICE, "user_id": ada.account_id});
    let asked = ada.call("POST", "/v1/token-requests").json(&body).send().await.expect(201);
    let code = digits_in(&gateway.mail_to(ADA).await, 7);
    let body = json!({"device_id": DEVICE, "claim_code": code});
    let path = format!("/v1/token-requests/{}", asked.text("id"));
    let issued = ada.call("PATCH", &path).json(&body).send().await.expect(200);
    let body = json!({"token": issued.text("token"), "device_id": DEVICE});
    let said = gateway.call("POST", "/v1/device-tokens/verify").json(&body).send().await.expect(200);
    assert_eq!(said.json["active"], true);
    assert_eq!(sent_by(&sender).await.len(), 2, "each message once");
}

/// C9, M7: who has no account waits as long as who is sent a message.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_takes_as_long_for_an_address_that_nobody_has() {
    let sender = verified("lambda-nobody").await;
    let home = Home::on(Dynamodb).await;
    let gateway = Gateway::start(&home, Kind::Http, &sender).await;
    let begun = Instant::now();
    let body = json!({"identifier": {"type": "email", "value": "nobody@example.org"}});
    gateway.call("POST", "/v1/recovery").json(&body).send().await.expect(202);
    assert!(begun.elapsed() >= Duration::from_millis(500));
    assert!(sent_by(&sender).await.is_empty());
}

/// C29, G1: what the function says is what `symbolon serve` says; it keeps its headers, and believes nobody's address.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_whole() {
    let sender = verified("lambda-whole").await;
    let home = Home::on(Dynamodb).await;
    let gateway = Gateway::start(&home, Kind::Rest, &sender).await;
    let missing = gateway.call("GET", "/v1/nothing").send().await.expect(404);
    assert_eq!(missing.slug(), "not_found");
    assert_eq!(missing.header("content-type"), "application/problem+json");
    assert!(!missing.header("x-request-id").is_empty());
    let keys = gateway.call("GET", "/.well-known/jwks.json").send().await.expect(200);
    assert_eq!(keys.json["keys"].as_array().unwrap().len(), 1);
    let forwarded = gateway.call("POST", "/v1/sign-in").header("x-forwarded-for", "127.0.0.1");
    let body =
        json!({"identifier": {"type": "email", "value": ADA}, "password": "a wrong one, of some length"});
    forwarded.json(&body).send().await.expect(401);
    let tail = command_of(&home, &["audit", "tail", "--outcome", "refused", "--output", "json"], "");
    let events: Json = serde_json::from_slice(&tail.stdout).unwrap();
    assert_eq!(events[0]["ip"], "203.0.113.9", "{events}");
    let error = gateway.invoke(&json!({"canary": true})).await.unwrap_err();
    assert_eq!(error["errorType"], "InvalidEvent");
}
