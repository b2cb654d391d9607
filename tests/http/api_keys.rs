//! API keys over HTTP: issued, verified, refreshed, listed, ended, by whom they may be and by nobody else (K1-K14).

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon::settings::{RefreshHash, RoleName};
use symbolon_domain::{accounts::AccountChange, actor::Role};

use crate::support::{
    Answer,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    SignedIn, TestApp, tampered,
};

mod cache;
mod rotation;

const ADA: &str = "ada@example.org";
const DAY: u64 = 86_400;

/// What a key needs, and these members.
fn asked(more: &Json) -> Json {
    let mut body = json!({
        "issuer": "https://app.example.org", "audience": "https://api.example.org", "subject": "/v2/datasets",
        "version": "2",
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn try_issue(owner: &SignedIn<'_>, more: Json) -> Answer {
    owner.call("POST", "/v1/api-keys").json(&asked(&more)).send().await
}

/// A key as its holder has it.
#[derive(Clone)]
struct Key {
    id: String,
    api_key: String,
    refresh_token: String,
}

impl Key {
    fn of(answer: &Answer) -> Self {
        let text = |name: &str| answer.json[name].as_str().unwrap_or_default().to_owned();
        Self { id: text("id"), api_key: text("api_key"), refresh_token: text("refresh_token") }
    }

    async fn issue(owner: &SignedIn<'_>, more: Json) -> Self {
        Self::of(&try_issue(owner, more).await.expect(201))
    }

    async fn verify(&self, app: &TestApp, expect: Json) -> Json {
        let body = json!({"api_key": self.api_key, "expect": expect});
        app.post("/v1/api-keys/verify").json(&body).send().await.expect(200).json
    }

    async fn is_active(&self, app: &TestApp) -> bool {
        self.verify(app, json!({})).await["active"] == true
    }

    async fn try_refresh(&self, app: &TestApp) -> Answer {
        let body = json!({"api_key": self.api_key, "refresh_token": self.refresh_token});
        app.post("/v1/api-keys/refresh").json(&body).send().await
    }

    async fn refresh(&self, app: &TestApp) -> Self {
        Self::of(&self.try_refresh(app).await.expect(200))
    }
}

/// With SHA-256 for refresh tokens, which most tests are not about.
async fn start(on: Engine) -> TestApp {
    TestApp::with(on, |settings| settings.api_keys.refresh_hash = RefreshHash::Sha256).await
}

async fn reasons(app: &TestApp, act: &str) -> Vec<String> {
    let events = app.audit().await;
    let of_act = events.iter().filter(|event| event.act.as_str() == act);
    of_act.filter_map(|event| event.reason.clone()).map(std::borrow::Cow::into_owned).collect()
}

const INACTIVE: fn() -> Json = || json!({"active": false});

/// K1, K2, K5: what was asked for is what a verifier sees, with owner and role from the store; from `nbf` until `exp`.
#[rstest]
#[tokio::test]
async fn a_key_says_what_it_was_issued_for(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let more = json!({"not_before": 60, "expires_in": 120, "scopes": ["read", "write"], "name": "import"});
    let issued = try_issue(&ada, more).await.expect(201);
    assert_eq!(issued.header("cache-control"), "no-store");
    let key = Key::of(&issued);
    assert!(key.api_key.starts_with("sym_ak_v4.local.") && key.refresh_token.starts_with("sym_kr_"));
    assert_eq!(key.verify(&app, json!({})).await, INACTIVE());
    app.clock.advance(Duration::from_secs(60));
    let expect = json!({
        "audience": "https://api.example.org", "subject": "/v2/datasets", "version": "2", "scopes": ["write"],
    });
    let claims = key.verify(&app, expect.clone()).await;
    for (name, value) in [
        ("active", json!(true)),
        ("iss", json!("https://app.example.org")),
        ("aud", json!("https://api.example.org")),
        ("sub", json!("/v2/datasets")),
        ("ver", json!("2")),
        ("uid", json!(ada.account_id)),
        ("rol", json!("authenticated")),
        ("id", json!(key.id)),
        ("scp", json!(["read", "write"])),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 120);
    assert!(claims["tkn"].is_null(), "its secret stays in the key");
    app.clock.advance(Duration::from_secs(59));
    assert!(key.is_active(&app).await);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(key.verify(&app, expect).await, INACTIVE());
}

/// K1, K3: every member that is wrong is named, all at once; the ceilings hold; nobody gets a key of ours or another owner's.
#[rstest]
#[tokio::test]
async fn what_cannot_be_issued_is_named(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let body = json!({
        "issuer": "", "audience": 7, "version": "2", "expires_in": 0, "ip_address": "10.0.0.1/8", "scopes": ["symbolon:admin"],
        "refresh_expires_in": 30 * DAY + 1, "owner": ada.account_id, "role": "superuser", "rate_limit": {"requests": 0},
    });
    let refused = ada.call("POST", "/v1/api-keys").json(&body).send().await.expect(400);
    let mut pointers: Vec<String> = refused.errors().into_iter().map(|(_, pointer)| pointer).collect();
    pointers.sort_unstable();
    let expected = [
        "/audience",
        "/expires_in",
        "/ip_address",
        "/issuer",
        "/owner",
        "/rate_limit/requests",
        "/rate_limit/window",
        "/refresh_expires_in",
        "/role",
        "/scopes/0",
        "/subject",
    ];
    assert_eq!(pointers, expected);
    for (wrong, pointer) in [
        (json!({"expires_in": DAY + 1}), "/expires_in"),
        (json!({"expires_in": -1}), "/expires_in"),
        (json!({"expires_in": 1.5}), "/expires_in"),
        (json!({"expires_in": 60, "not_before": 60}), "/not_before"),
        (json!({"refresh_expires_in": 0}), "/refresh_expires_in"),
        (json!({"refreshable": false, "refresh_expires_in": 60}), "/refresh_expires_in"),
        (json!({"issuer": "x".repeat(257)}), "/issuer"),
        (json!({"scopes": ["a", "a"]}), "/scopes/1"),
    ] {
        let refused = try_issue(&ada, wrong).await.expect(400);
        assert_eq!(refused.errors().first().unwrap().1, pointer);
    }
    try_issue(&ada, json!({"expires_in": DAY})).await.expect(201);
    let listed = ada.call("GET", "/v1/api-keys").send().await.expect(200).json;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "nothing that was refused is there");
}

/// K3, F7: over a day takes a raised ceiling, a role that may, and a fresh sign-in; a long refresh token the last alone.
#[rstest]
#[tokio::test]
async fn a_long_life_takes_a_role_and_a_fresh_sign_in(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::with(on, |settings| {
        settings.api_keys.refresh_hash = RefreshHash::Sha256;
        settings.api_keys.max_lifetime = symbolon::settings::Duration::from_secs(90 * DAY);
        settings.api_keys.long_lived_roles = vec![RoleName::Staff];
    })
    .await;
    let ada = app.user(ADA).sign_up().await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    let long = || json!({"expires_in": 90 * DAY, "refreshable": false});
    let denied = try_issue(&ada, long()).await.expect(403);
    assert_eq!((denied.slug(), denied.errors()[0].1.as_str()), ("access_denied", "/expires_in"));
    assert_eq!(
        try_issue(&staff, json!({"expires_in": 31 * DAY})).await.expect(400).errors()[0].1,
        "/expires_in"
    );
    let key = try_issue(&staff, long()).await.expect(201);
    assert!(key.json["refresh_token"].is_null() && key.json["refresh_expires_at"].is_null());
    app.clock.advance(Duration::from_secs(601));
    assert_eq!(try_issue(&staff, long()).await.expect(401).slug(), "insufficient_user_authentication");
    let long_refresh = json!({"refresh_expires_in": 2 * DAY});
    assert_eq!(try_issue(&ada, long_refresh).await.expect(401).slug(), "insufficient_user_authentication");
    try_issue(&ada, json!({})).await.expect(201);
}

/// K5, K6, C61: whatever is wrong, the answer is the same; the reason is in the audit.
#[rstest]
#[tokio::test]
async fn every_kind_of_no_is_the_same(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let key = Key::issue(&ada, json!({"scopes": ["read"]})).await;
    let ended = Key::issue(&ada, json!({})).await;
    ada.call("DELETE", &format!("/v1/api-keys/{}", ended.id)).send().await.expect(204);
    let late = Key::issue(&ada, json!({"not_before": 60})).await;
    let tampered = tampered(&key.api_key, 60);
    let bodies = [
        json!({"api_key": key.api_key, "expect": {"audience": "https://api.example.com"}}),
        json!({"api_key": key.api_key, "expect": {"subject": "/v2"}}),
        json!({"api_key": key.api_key, "expect": {"version": "1"}}),
        json!({"api_key": key.api_key, "expect": {"scopes": ["read", "write"]}}),
        json!({"api_key": key.api_key, "expect": {"color": "red"}}),
        json!({"api_key": key.api_key, "mode": "sometimes"}),
        json!({"api_key": key.refresh_token}),
        json!({"api_key": ended.api_key}),
        json!({"api_key": late.api_key}),
        json!({"api_key": tampered}),
        json!({"api_key": ada.token}),
        json!({"api_key": ""}),
        json!({"api_key": "x".repeat(20_000)}),
        json!({}),
        json!([]),
    ];
    for body in &bodies {
        let answer = app.post("/v1/api-keys/verify").json(body).send().await.expect(200);
        assert_eq!(answer.json, INACTIVE());
    }
    let malformed = app.post("/v1/api-keys/verify").body("{").send().await.expect(200);
    assert_eq!(malformed.json, INACTIVE());
    assert!(key.is_active(&app).await);
    let reasons = reasons(&app, "api_key.verified").await;
    for reason in [
        "wrong_audience",
        "wrong_subject",
        "wrong_version",
        "missing_scope",
        "revoked",
        "not_yet_valid",
        "seal",
        "format",
    ] {
        assert!(reasons.iter().any(|found| found == reason), "{reason} in {reasons:?}");
    }
}

/// K5, K7: a bound key counts from inside its binding only, which must be stated, and is refreshed only from there.
#[rstest]
#[tokio::test]
async fn a_bound_key_is_refused_elsewhere(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let key = Key::issue(&ada, json!({"ip_address": "203.0.113.0/24"})).await;
    assert_eq!(key.verify(&app, json!({"ip_address": "203.0.113.9"})).await["active"], true);
    for expect in [json!({}), json!({"ip_address": "203.0.114.1"}), json!({"ip_address": "2001:db8::1"})] {
        assert_eq!(key.verify(&app, expect).await, INACTIVE());
    }
    let refresh_from = async |from: &str| {
        let body = json!({"api_key": key.api_key, "refresh_token": key.refresh_token});
        app.post("/v1/api-keys/refresh").header("x-forwarded-for", from).json(&body).send().await
    };
    refresh_from("198.51.100.7").await.expect(401);
    key.try_refresh(&app).await.expect(401);
    let next = Key::of(&refresh_from("203.0.113.200").await.expect(200));
    assert_eq!(next.verify(&app, json!({"ip_address": "203.0.113.9"})).await["active"], true);
    assert_eq!(next.verify(&app, json!({})).await, INACTIVE(), "the binding carries over");
    assert!(reasons(&app, "api_key.refreshed").await.contains(&"wrong_address".to_owned()));
    // Which key it was is told where it is one of ours.
    let about = format!("api_key:{}", key.id);
    for act in ["api_key.refreshed", "api_key.verified"] {
        let is_told = |event: &symbolon_domain::audit::AuditEvent| {
            event.act.as_str() == act
                && event.reason.as_deref() == Some("wrong_address")
                && event.subject.as_ref().is_some_and(|subject| subject.as_str() == about)
        };
        assert!(app.audit().await.iter().any(is_told), "{act}");
    }
}

/// K9, K10: owners end and list their own; staff those of others, and never get one; nobody else learns that they are there.
#[rstest]
#[tokio::test]
async fn keys_are_listed_and_ended_by_whom_they_may_be(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let eve = app.user("eve@example.org").sign_up().await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    let mut keys = Vec::new();
    for name in ["one", "two", "three"] {
        keys.push(
            Key::issue(&ada, json!({"name": name, "scopes": ["read"], "ip_address": "10.0.0.0/8"})).await,
        );
        app.clock.advance(Duration::from_secs(1));
    }
    let page = ada.call("GET", "/v1/api-keys?limit=2").send().await.expect(200);
    assert!(!page.text.contains(&keys[2].api_key) && !page.text.contains("tkn"));
    let item = &page.json["items"][0];
    assert_eq!(
        (&item["id"], &item["name"], &item["state"]),
        (&json!(keys[2].id), &json!("three"), &json!("active"))
    );
    assert_eq!((&item["ip_address"], &item["last_used"]), (&json!("10.0.0.0/8"), &Json::Null));
    assert!(keys[2].api_key.starts_with(item["prefix"].as_str().unwrap()));
    let next = page.json["next"].as_str().unwrap();
    let rest = ada.call("GET", &format!("/v1/api-keys?limit=2&after={next}")).send().await.expect(200).json;
    assert_eq!((&rest["items"][0]["id"], &rest["next"]), (&json!(keys[0].id), &Json::Null));

    let of_ada = format!("/v1/api-keys?owner={}", ada.account_id);
    let key_path = |key: &Key| format!("/v1/api-keys/{}", key.id);
    let not_there = eve.call("DELETE", "/v1/api-keys/01890000-0000-7000-8000-000000000000").send().await;
    assert_eq!(
        eve.call("DELETE", &key_path(&keys[0])).send().await.expect(404).slug(),
        not_there.expect(404).slug()
    );
    for method in ["GET", "DELETE"] {
        eve.call(method, &of_ada).send().await.expect(404);
    }
    assert!(keys[0].verify(&app, json!({"ip_address": "10.1.1.1"})).await["active"] == true);
    let seen = staff.call("GET", &of_ada).send().await.expect(200).json;
    assert_eq!(seen["items"].as_array().unwrap().len(), 3);
    staff.call("DELETE", &key_path(&keys[0])).send().await.expect(204);
    assert_eq!(keys[0].verify(&app, json!({"ip_address": "10.1.1.1"})).await, INACTIVE());
    ada.call("DELETE", &key_path(&keys[0])).send().await.expect(204);
    let of_eve = Key::issue(&eve, json!({})).await;
    assert_eq!(ada.call("DELETE", "/v1/api-keys").send().await.expect(200).json, json!({"revoked": 2}));
    assert!(of_eve.is_active(&app).await);
    let states = ada.call("GET", "/v1/api-keys").send().await.json;
    assert!(states["items"].as_array().unwrap().iter().all(|item| item["state"] == "revoked"));
    ada.call("GET", "/v1/api-keys?owner=ada&limit=0").send().await.expect(400);
    ada.call("DELETE", "/v1/api-keys/nonsense").send().await.expect(404);
}

/// K9: a verification against the store is seen in the list within a minute; a stateless one is not.
#[rstest]
#[tokio::test]
async fn the_last_use_is_shown(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let key = Key::issue(&ada, json!({})).await;
    let last_used =
        async || ada.call("GET", "/v1/api-keys").send().await.json["items"][0]["last_used"].clone();
    let stateless = json!({"api_key": key.api_key, "mode": "stateless"});
    let answer = app.post("/v1/api-keys/verify").json(&stateless).send().await.expect(200);
    assert_eq!(answer.json["active"], true);
    app.service.api_keys.write_last_uses().await.unwrap();
    assert_eq!(last_used().await, Json::Null);
    app.clock.advance(Duration::from_secs(5));
    assert!(key.is_active(&app).await);
    let used_at = app.clock_now();
    app.clock.advance(Duration::from_secs(5));
    app.service.api_keys.write_last_uses().await.unwrap();
    assert_eq!(last_used().await, json!(used_at));
}

/// K5, K11, C26, C61: a lock, another role and signing out end every key of the account, and its refresh tokens.
#[rstest]
#[tokio::test]
async fn keys_end_with_their_owners_rights(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let eve = app.user("eve@example.org").sign_up().await;
    let bob = app.user("bob@example.org").sign_up().await;
    let mut keys = Vec::new();
    for owner in [&ada, &eve, &bob] {
        keys.push(Key::issue(owner, json!({})).await);
    }
    app.operate(&ada.account_id, AccountChange::Lock).await;
    app.operate(&eve.account_id, AccountChange::ChangeRole(Role::Staff)).await;
    assert!(keys[2].is_active(&app).await);
    bob.call("DELETE", "/v1/sessions/current").send().await.expect(204);
    for key in &keys {
        assert!(!key.is_active(&app).await);
        key.try_refresh(&app).await.expect(401);
    }
    app.operate(&ada.account_id, AccountChange::Unlock).await;
    assert!(!keys[0].is_active(&app).await, "an unlock gives nothing back");
    let again = app.user("bob@example.org").sign_in().await;
    assert!(Key::issue(&again, json!({})).await.is_active(&app).await);
}

/// K11, S10: ending one's own session by its id is signing out, which ends every key; ending another one leaves them.
#[rstest]
#[tokio::test]
async fn ending_another_session_leaves_the_keys(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let other = app.user(ADA).sign_in().await;
    let key = Key::issue(&other, json!({})).await;
    let path = |session: &SignedIn<'_>| format!("/v1/sessions/{}", session.session_id);
    ada.call("DELETE", &path(&other)).send().await.expect(204);
    assert!(!other.is_active().await && key.is_active(&app).await);
    ada.call("DELETE", &path(&ada)).send().await.expect(204);
    assert!(!ada.is_active().await && !key.is_active(&app).await);
}

/// K14: as many verifications as the key's limit says; then 429, until its window ends. Others are not held up.
#[rstest]
#[tokio::test]
async fn a_key_is_verified_as_often_as_its_limit_says(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let limited = Key::issue(&ada, json!({"rate_limit": {"requests": 2, "window": 10}})).await;
    let free = Key::issue(&ada, json!({})).await;
    let try_verify =
        async || app.post("/v1/api-keys/verify").json(&json!({"api_key": limited.api_key})).send().await;
    try_verify().await.expect(200);
    app.clock.advance(Duration::from_secs(3));
    try_verify().await.expect(200);
    let refused = try_verify().await.expect(429);
    assert_eq!((refused.slug(), refused.header("retry-after")), ("too_many_requests", "7"));
    assert!(free.is_active(&app).await);
    // A refresh is the same key still.
    let next = limited.refresh(&app).await;
    let body = json!({"api_key": next.api_key});
    app.post("/v1/api-keys/verify").json(&body).send().await.expect(429);
    app.clock.advance(Duration::from_secs(7));
    assert!(next.is_active(&app).await);
    assert!(reasons(&app, "api_key.verified").await.contains(&"rate_limited".to_owned()));
}

/// K11: a browser has its refresh token in a cookie that scripts cannot read, for as long as it lives.
#[rstest]
#[tokio::test]
async fn a_browser_has_the_refresh_token_in_a_cookie(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let origin = "http://localhost:8080";
    let body = asked(&json!({"delivery": "cookies", "refresh_expires_in": 3_600}));
    let issue =
        ada.call("POST", "/v1/api-keys").header("origin", origin).json(&body).send().await.expect(201);
    assert!(issue.json["refresh_token"].is_null() && !issue.text.contains("sym_kr_"));
    let set = issue.header("set-cookie").to_owned();
    for part in [
        "__Host-symbolon-key-refresh=sym_kr_",
        "HttpOnly",
        "Secure",
        "SameSite=Strict",
        "Path=/",
        "Max-Age=3600",
    ] {
        assert!(set.contains(part), "{part}");
    }
    let cookie = set.split(';').next().unwrap();
    let body = json!({"api_key": issue.text("api_key")});
    let refresh = async |from: Option<&str>| {
        let call = app.post("/v1/api-keys/refresh").header("cookie", cookie).json(&body);
        match from {
            Some(from) => call.header("origin", from).send().await,
            None => call.send().await,
        }
    };
    refresh(Some("https://evil.example.org")).await.expect(403);
    let next = refresh(Some(origin)).await.expect(200);
    assert!(next.json["refresh_token"].is_null());
    let renewed = next.header("set-cookie");
    assert!(renewed.starts_with("__Host-symbolon-key-refresh=sym_kr_") && !renewed.starts_with(cookie));
    app.post("/v1/api-keys/refresh").json(&body).send().await.expect(400);
}
