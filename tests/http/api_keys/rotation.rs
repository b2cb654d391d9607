//! Keys that are refreshed, all at once or too late; and how many there may be (K7, K8, K12).

use std::time::Duration;

use futures::future::join_all;
use rstest::rstest;
use serde_json::json;
use symbolon::settings::RefreshHash;
use symbolon_domain::actor::Role;

use super::{ADA, Key, try_issue};
use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    TestApp,
};

/// K7, K8, K10: an expired key is refreshed by whoever shows it, for its owner; a used token shown late ends the family.
#[rstest]
#[tokio::test]
async fn a_refresh_rotates_and_reuse_is_caught(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
    #[values(RefreshHash::Sha256, RefreshHash::Argon2id)] hash: RefreshHash,
) {
    let app = TestApp::with(on, |settings| settings.api_keys.refresh_hash = hash).await;
    let ada = app.user(ADA).sign_up().await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    let first = Key::issue(&ada, json!({"scopes": ["read"]})).await;
    let other = Key::issue(&ada, json!({"expires_in": 3_600})).await;
    app.clock.advance(Duration::from_secs(900));
    assert!(!first.is_active(&app).await);
    let body = json!({"api_key": first.api_key, "refresh_token": first.refresh_token});
    let second = Key::of(&staff.call("POST", "/v1/api-keys/refresh").json(&body).send().await.expect(200));
    let claims = second.verify(&app, json!({})).await;
    assert_eq!((&claims["uid"], &claims["rol"]), (&json!(ada.account_id), &json!("authenticated")));
    assert_eq!((&claims["scp"], &claims["id"]), (&json!(["read"]), &json!(first.id)));
    assert_ne!(second.api_key, first.api_key);
    // Another key's refresh token opens nothing.
    let mixed = Key { refresh_token: other.refresh_token.clone(), ..second.clone() };
    mixed.try_refresh(&app).await.expect(401);
    // A lost answer, within the grace: a sibling; then the successor is used, and the first one is not taken any more.
    let sibling = first.refresh(&app).await;
    assert!(second.is_active(&app).await && sibling.is_active(&app).await);
    let third = second.refresh(&app).await;
    assert!(!second.is_active(&app).await && !sibling.is_active(&app).await && third.is_active(&app).await);
    first.try_refresh(&app).await.expect(401);
    assert!(third.is_active(&app).await, "within the grace nothing changes");
    app.clock.advance(Duration::from_secs(10));
    second.try_refresh(&app).await.expect(401);
    assert!(!third.is_active(&app).await, "after it the family ends");
    third.try_refresh(&app).await.expect(401);
    assert!(other.is_active(&app).await, "and no other");
    assert!(app.audit().await.iter().any(|event| event.act.as_str() == "api_key.reuse_detected"));
}

/// K8: of 50 at once one wins without a grace, and two within one.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_refreshes_those_win_that_may(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
    #[values(0, 10)] grace: u64,
) {
    let app = TestApp::with(on, |settings| {
        settings.api_keys.refresh_hash = RefreshHash::Sha256;
        settings.api_keys.grace = symbolon::settings::Duration::from_secs(grace);
    })
    .await;
    let ada = app.user(ADA).sign_up().await;
    let key = Key::issue(&ada, json!({})).await;
    let answers = join_all((0..50).map(|_| key.try_refresh(&app))).await;
    let won: Vec<Key> = answers.iter().filter(|answer| answer.status == 200).map(Key::of).collect();
    assert!(answers.iter().all(|answer| [200, 401].contains(&answer.status)));
    assert_eq!(won.len(), if grace == 0 { 1 } else { 2 });
    let active = join_all(won.iter().map(|key| key.is_active(&app))).await;
    let live = active.iter().filter(|is_active| **is_active).count();
    // Without a grace the second one is a reuse, which ends the family.
    assert_eq!(live, if grace == 0 { 0 } else { 2 });
}

/// K12: parallel issues never exceed the cap, and what ends makes room.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_owner_has_more_keys_than_the_cap(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::with(on, |settings| {
        settings.api_keys.refresh_hash = RefreshHash::Sha256;
        settings.access.limits.authenticated = vec!["max.api_key = 3".to_owned().try_into().unwrap()];
    })
    .await;
    let ada = app.user(ADA).sign_up().await;
    let eve = app.user("eve@example.org").sign_up().await;
    let answers = join_all((0..20).map(|_| try_issue(&ada, json!({})))).await;
    let issued: Vec<Key> = answers.iter().filter(|answer| answer.status == 201).map(Key::of).collect();
    assert_eq!(issued.len(), 3);
    let refused = answers.into_iter().find(|answer| answer.status == 409).unwrap();
    assert_eq!(refused.slug(), "too_many_keys");
    // The refresh token lives a day.
    assert_eq!(refused.header("retry-after"), "86400");
    let rotated = issued[0].refresh(&app).await;
    try_issue(&ada, json!({})).await.expect(409);
    try_issue(&eve, json!({})).await.expect(201);
    ada.call("DELETE", &format!("/v1/api-keys/{}", rotated.id)).send().await.expect(204);
    try_issue(&ada, json!({"refreshable": false, "expires_in": 60})).await.expect(201);
    try_issue(&ada, json!({})).await.expect(409);
    app.clock.advance(Duration::from_secs(60));
    try_issue(&ada, json!({})).await.expect(201);
}

/// K12: whose role may have no key is not told to end one, nor to wait.
#[rstest]
#[tokio::test]
async fn a_role_without_keys_is_told_so(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::with(on, |settings| {
        settings.access.limits.authenticated = vec!["max.api_key = 0".to_owned().try_into().unwrap()];
    })
    .await;
    let ada = app.user(ADA).sign_up().await;
    let refused = try_issue(&ada, json!({})).await.expect(409);
    assert_eq!((refused.slug(), refused.header("retry-after")), ("too_many_keys", ""));
    assert!(refused.text("detail").contains("`max.api_key`"), "{}", refused.json);
}
