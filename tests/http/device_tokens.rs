//! Device tokens and licences over HTTP (D1–D12, L1–L5). Who signs in elsewhere is in [`external`], what happens in
//! between in [`meanwhile`].

use std::time::Duration;

use futures::future::join_all;
use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon_domain::{accounts::AccountChange, actor::Role};

use crate::support::{
    Answer,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    SignedIn, TestApp, digits_in, tampered,
};

mod external;
mod meanwhile;

pub(super) const ADA: &str = "ada@example.org";
pub(super) const DEVICE: &str = "adas-laptop-7f3a";
const HOUR: u64 = 3_600;

fn inactive() -> Json {
    json!({"active": false})
}

pub(super) async fn grant(by: &SignedIn<'_>, more: Json) -> Answer {
    let mut body = json!({"subject": ADA, "product": "editor", "expires_in": 30 * 24 * HOUR});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    by.call("POST", "/v1/licenses").json(&body).send().await
}

async fn try_request(by: &SignedIn<'_>, device: &str) -> Answer {
    let body = json!({"device_id": device, "user_id": by.account_id});
    by.call("POST", "/v1/token-requests").json(&body).send().await
}

/// The code in the newest message.
async fn code(app: &TestApp) -> String {
    digits_in(&app.mail_to(ADA).await.first().unwrap().content.text, 7)
}

async fn try_claim(by: &SignedIn<'_>, id: &str, device: &str, code: &str) -> Answer {
    let body = json!({"device_id": device, "claim_code": code});
    by.call("PATCH", &format!("/v1/token-requests/{id}")).json(&body).send().await
}

/// The token of a device, from the request to the claim.
pub(super) async fn claimed(app: &TestApp, by: &SignedIn<'_>, device: &str) -> Answer {
    let id = try_request(by, device).await.expect(201).text("id");
    try_claim(by, &id, device, &code(app).await).await.expect(200)
}

async fn verify(app: &TestApp, token: &str, device: &str) -> Json {
    let body = json!({"token": token, "device_id": device});
    app.post("/v1/device-tokens/verify").json(&body).send().await.expect(200).json
}

async fn exchange(app: &TestApp, token: &str, device: &str) -> Answer {
    let body = json!({"token": token, "device_id": device});
    app.post("/v1/device-tokens/exchange").json(&body).send().await
}

/// Another code than this one.
fn wrong(code: &str) -> String {
    let last = if code.ends_with('7') { '8' } else { '7' };
    format!("{}{last}", &code[..6])
}

/// Somebody who is licensed, and who licensed them.
pub(super) async fn licensed(app: &TestApp) -> (SignedIn<'_>, SignedIn<'_>) {
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    grant(&root, json!({"entitlements": ["export", "sync"]})).await.expect(201);
    (app.user(ADA).sign_up().await, root)
}

async fn reasons(app: &TestApp, act: &str) -> Vec<String> {
    let events = app.audit().await.into_iter().filter(|event| event.act.as_str() == act);
    events.filter_map(|event| event.reason.map(|reason| reason.into_owned())).collect()
}

/// D1, D4, D5, D7, D10, D11: from the request to the end, and what each answer has.
#[rstest]
#[tokio::test]
async fn a_device_gets_its_token_and_loses_it(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let (ada, _) = licensed(&app).await;
    let asked = try_request(&ada, DEVICE).await.expect(201);
    let members: Vec<&String> = asked.json.as_object().unwrap().keys().collect();
    assert_eq!(members, ["expires_at", "id"], "never the code");
    assert_eq!(asked.json["expires_at"], "2026-01-01T12:05:00Z");
    let mail = app.mail_to(ADA).await.remove(0);
    assert!(mail.content.subject.contains("adas-lapto") && !mail.content.subject.contains("adas-laptop"));
    let (id, code) = (asked.text("id"), code(&app).await);
    assert!(!mail.content.subject.contains(&code) && !mail.content.text.contains(&id));

    let issued = try_claim(&ada, &id, DEVICE, &code).await.expect(200);
    assert_eq!(issued.json["expires_at"], "2026-01-02T00:00:00Z");
    let (token, token_id) = (issued.text("token"), issued.text("token_id"));
    let expected = json!({
        "active": true, "user_id": ada.account_id, "token_id": token_id, "device_id": DEVICE,
        "expires_at": "2026-01-02T00:00:00Z", "entitlements": ["export", "sync"],
    });
    let said = verify(&app, &token, DEVICE).await;
    for (name, value) in expected.as_object().unwrap().iter().filter(|(name, _)| *name != "device_id") {
        assert_eq!(&said[name], value, "{name}");
    }
    assert_eq!(said.get("issuer"), None);
    let listed = ada.call("GET", "/v1/device-tokens").send().await.expect(200).json;
    let item = &listed["items"][0];
    assert_eq!(
        (&item["id"], &item["device_id"], &item["user_id"]),
        (&json!(token_id), &json!(DEVICE), &expected["user_id"])
    );
    assert!(!listed.to_string().contains(&token));

    let path = format!("/v1/device-tokens/{token_id}");
    let eve = app.user("eve@example.org").sign_up().await;
    eve.call("DELETE", &path).send().await.expect(404);
    assert_eq!(verify(&app, &token, DEVICE).await["active"], true);
    ada.call("DELETE", &path).send().await.expect(204);
    assert_eq!(verify(&app, &token, DEVICE).await, inactive());
    ada.call("DELETE", &path).send().await.expect(404);
    let listed = ada.call("GET", "/v1/device-tokens").send().await.expect(200).json;
    assert_eq!(listed["items"], json!([]));
}

/// D1, A2: every mistake is named, and nothing is sent.
#[rstest]
#[tokio::test]
async fn what_cannot_be_asked_for_is_named(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let (ada, _) = licensed(&app).await;
    let before = app.mail_to(ADA).await.len();
    let ask = async |body: Json| ada.call("POST", "/v1/token-requests").json(&body).send().await;
    let id = ada.account_id.as_str();
    for (body, pointers) in [
        (json!({}), vec!["/device_id", "/user_id"]),
        (json!({"device_id": 7, "user_id": []}), vec!["/device_id", "/user_id"]),
        (json!({"device_id": "too-short", "user_id": id}), vec!["/device_id"]),
        (json!({"device_id": "x".repeat(129), "user_id": id}), vec!["/device_id"]),
        (json!({"device_id": "with a blank in it", "user_id": id}), vec!["/device_id"]),
        (json!({"device_id": DEVICE, "user_id": id, "code": "1"}), vec!["/code"]),
    ] {
        let refused = ask(body).await.expect(400);
        let found: Vec<String> = refused.errors().into_iter().map(|(_, pointer)| pointer).collect();
        assert_eq!(found, pointers);
    }
    for body in [json!([]), json!("text"), Json::Null] {
        ask(body).await.expect(400);
    }
    let eve = app.user("eve@example.org").sign_up().await;
    ask(json!({"device_id": DEVICE, "user_id": eve.account_id})).await.expect(403);
    ask(json!({"device_id": DEVICE, "user_id": "nobody"})).await.expect(403);
    let request = try_request(&ada, DEVICE).await.expect(201).text("id");
    assert_eq!(app.mail_to(ADA).await.len(), before + 1);
    for body in [
        json!({}),
        json!({"device_id": DEVICE, "claim_code": "123456"}),
        json!({"device_id": DEVICE, "claim_code": 1}),
    ] {
        let path = format!("/v1/token-requests/{request}");
        ada.call("PATCH", &path).json(&body).send().await.expect(400);
    }
    // None of them was counted.
    try_claim(&ada, &request, DEVICE, &code(&app).await).await.expect(200);
}

/// D2, L2, L3: no licence, an expired one, one of another product, a revoked one; by account and by address.
#[rstest]
#[tokio::test]
async fn only_who_is_licensed_gets_a_token(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::with(on, |settings| {
        settings.device_tokens.product = Some("editor".to_owned().try_into().unwrap());
    })
    .await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let ada = app.user(ADA).sign_up().await;
    let refused = async || assert_eq!(try_request(&ada, DEVICE).await.expect(403).slug(), "not_licensed");
    refused().await;
    grant(&root, json!({"product": "viewer"})).await.expect(201);
    grant(&root, json!({"subject": "eve@example.org"})).await.expect(201);
    refused().await;
    grant(&root, json!({"expires_in": 60})).await.expect(201);
    let issued = claimed(&app, &ada, DEVICE).await;
    assert_eq!(issued.json["expires_at"], "2026-01-01T12:01:00Z", "D4: not longer than the licence");
    app.clock.advance(Duration::from_secs(60));
    refused().await;
    assert_eq!(verify(&app, &issued.text("token"), DEVICE).await, inactive());
    let license = grant(&root, json!({"subject": ada.account_id})).await.expect(201);
    let issued = claimed(&app, &ada, DEVICE).await;
    let request = try_request(&ada, "another-device").await.expect(201).text("id");
    let code = code(&app).await;
    root.call("DELETE", &format!("/v1/licenses/{}", license.text("id"))).send().await.expect(204);
    let late = try_claim(&ada, &request, "another-device", &code).await.expect(403);
    assert_eq!(late.slug(), "not_licensed");
    assert_eq!(verify(&app, &issued.text("token"), DEVICE).await, inactive(), "it ends with its licence");
    refused().await;
    assert!(reasons(&app, "device_token.requested").await.contains(&"not_licensed".to_owned()));
}

/// D6: the newest request of a device counts, and five in fifteen minutes are the most.
#[rstest]
#[tokio::test]
async fn a_newer_request_supersedes(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let (ada, _) = licensed(&app).await;
    let first = try_request(&ada, DEVICE).await.expect(201).text("id");
    let first_code = code(&app).await;
    app.clock.advance(Duration::from_secs(1));
    let second = try_request(&ada, DEVICE).await.expect(201).text("id");
    let second_code = code(&app).await;
    assert_eq!(try_claim(&ada, &first, DEVICE, &first_code).await.expect(410).slug(), "superseded");
    try_claim(&ada, &second, DEVICE, &second_code).await.expect(200);
    assert_eq!(try_claim(&ada, &second, DEVICE, &second_code).await.expect(410).slug(), "consumed");
    for _ in 0..3 {
        try_request(&ada, "another-device").await.expect(201);
    }
    let sixth = try_request(&ada, "another-device").await.expect(429);
    assert_eq!(sixth.header("retry-after"), "899");
    app.clock.advance(Duration::from_secs(899));
    let ada = app.user(ADA).sign_in().await;
    try_request(&ada, "another-device").await.expect(201);
}

/// D7, D8: five tries, whatever is wrong; somebody else's cost nothing.
#[rstest]
#[tokio::test]
async fn a_claim_has_five_tries(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let (ada, _) = licensed(&app).await;
    let eve = app.user("eve@example.org").sign_up().await;
    let request = try_request(&ada, DEVICE).await.expect(201).text("id");
    let code = code(&app).await;
    for _ in 0..9 {
        try_claim(&eve, &request, DEVICE, &code).await.expect(404);
    }
    try_claim(&ada, "no-id", DEVICE, &code).await.expect(404);
    try_claim(&ada, &ada.account_id, DEVICE, &code).await.expect(404);
    let mut slugs = Vec::new();
    for (device, code) in [(DEVICE, wrong(&code)), ("another-device", code.clone())] {
        for _ in 0..2 {
            slugs.push(try_claim(&ada, &request, device, &code).await.expect(403).slug().to_owned());
        }
    }
    slugs.dedup();
    assert_eq!(slugs.len(), 1, "it is not told what was wrong");
    try_claim(&ada, &request, DEVICE, &wrong(&code)).await.expect(403);
    assert_eq!(try_claim(&ada, &request, DEVICE, &code).await.expect(410).slug(), "attempts_exhausted");

    let late = try_request(&ada, DEVICE).await.expect(201).text("id");
    let late_code = self::code(&app).await;
    app.clock.advance(Duration::from_secs(300));
    assert_eq!(try_claim(&ada, &late, DEVICE, &late_code).await.expect(410).slug(), "expired");
}

/// D7, X7: of fifty right claims at once one wins.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_claims_one_wins(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let (ada, _) = licensed(&app).await;
    let request = try_request(&ada, DEVICE).await.expect(201).text("id");
    let code = code(&app).await;
    let answers = join_all((0..50).map(|_| try_claim(&ada, &request, DEVICE, &code))).await;
    let mut won = answers.iter().filter(|answer| answer.status == 200);
    let token = won.next().unwrap().text("token");
    assert_eq!(won.count(), 0);
    for answer in &answers {
        // Five may try, the others find no try left or the token gone; whoever met too many comes back.
        assert!([200, 410, 503].contains(&answer.status), "{}", answer.status);
    }
    assert_eq!(verify(&app, &token, DEVICE).await["active"], true);
    let listed = ada.call("GET", "/v1/device-tokens").send().await.expect(200).json;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

/// L5: as many devices as there are seats; one that is revoked makes room, and a device keeps its own.
#[rstest]
#[tokio::test]
async fn seats_are_never_exceeded(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    grant(&root, json!({"seats": 1})).await.expect(201);
    let ada = app.user(ADA).sign_up().await;
    claimed(&app, &ada, DEVICE).await;
    let again = claimed(&app, &ada, DEVICE).await;
    let request = try_request(&ada, "another-device").await.expect(201).text("id");
    let code = code(&app).await;
    let refused = try_claim(&ada, &request, "another-device", &code).await.expect(409);
    assert_eq!(refused.slug(), "no_seat_left");
    let path = format!("/v1/device-tokens/{}", again.text("token_id"));
    ada.call("DELETE", &path).send().await.expect(204);
    try_claim(&ada, &request, "another-device", &code).await.expect(200);

    // What ends with the account's sessions gives its seat back, though nobody lists it any more.
    ada.call("DELETE", "/v1/sessions").send().await.expect(204);
    let ada = app.user(ADA).sign_in().await;
    claimed(&app, &ada, "third-device").await;
}

/// D10, C52, C61: whatever is wrong, the answer is the same; the reason is in the audit.
#[rstest]
#[tokio::test]
async fn every_kind_of_no_is_the_same(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let (ada, _) = licensed(&app).await;
    let token = claimed(&app, &ada, DEVICE).await.text("token");
    let replaced = token.clone();
    let token = claimed(&app, &ada, DEVICE).await.text("token");
    let at = token.len() - 20;
    for body in [
        json!({"token": token, "device_id": "eves-laptop-0000"}),
        json!({"token": tampered(&token, at), "device_id": DEVICE}),
        json!({"token": replaced, "device_id": DEVICE}),
        json!({"token": ada.token, "device_id": DEVICE}),
        json!({"token": ada.refresh_token, "device_id": DEVICE}),
        json!({"token": "", "device_id": DEVICE}),
        json!({"token": "x".repeat(20_000), "device_id": DEVICE}),
        json!({"token": token}),
        json!({"token": token, "device_id": 7}),
        json!({"token": token, "device_id": DEVICE, "more": true}),
        json!({}),
        json!([]),
    ] {
        let answer = app.post("/v1/device-tokens/verify").json(&body).send().await.expect(200);
        assert_eq!(answer.json, inactive());
    }
    assert_eq!(app.post("/v1/device-tokens/verify").body("{").send().await.expect(200).json, inactive());
    assert_eq!(verify(&app, &token, DEVICE).await["active"], true);
    // A device token opens nothing else.
    app.get("/v1/account").bearer(&token).send().await.expect(401);
    app.get("/v1/device-tokens").bearer(&token).send().await.expect(401);
    app.clock.advance(Duration::from_secs(12 * HOUR));
    assert_eq!(verify(&app, &token, DEVICE).await, inactive());
    let reasons = reasons(&app, "device_token.verified").await;
    for reason in ["wrong_device", "signature", "unknown_token", "format", "expired"] {
        assert!(reasons.iter().any(|found| found == reason), "{reason} in {reasons:?}");
    }
}

/// D11, C26: with the account's sessions, with its lock.
#[rstest]
#[tokio::test]
async fn device_tokens_end_with_their_owners_rights(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let (ada, root) = licensed(&app).await;
    let token = claimed(&app, &ada, DEVICE).await;
    let path = format!("/v1/device-tokens?user_id={}", ada.account_id);
    let listed = root.call("GET", &path).send().await.expect(200).json;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "an administrator sees them");
    let eve = app.user("eve@example.org").sign_up().await;
    eve.call("GET", &path).send().await.expect(404);
    app.operate(&ada.account_id, AccountChange::Lock).await;
    assert_eq!(verify(&app, &token.text("token"), DEVICE).await, inactive());
    app.operate(&ada.account_id, AccountChange::Unlock).await;
    assert_eq!(verify(&app, &token.text("token"), DEVICE).await, inactive(), "a lock is for good");
    let ada = app.user(ADA).sign_in().await;
    let token = claimed(&app, &ada, DEVICE).await;
    root.call("DELETE", &format!("/v1/device-tokens/{}", token.text("token_id"))).send().await.expect(204);
    assert_eq!(verify(&app, &token.text("token"), DEVICE).await, inactive());
}

/// D12: once, in its last hour, while the licence holds; the old one ends.
#[rstest]
#[tokio::test]
async fn a_device_token_is_exchanged_in_its_last_hour(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let (ada, root) = licensed(&app).await;
    let old = claimed(&app, &ada, DEVICE).await.text("token");
    let early = exchange(&app, &old, DEVICE).await.expect(409);
    assert!(early.text("detail").contains("2026-01-01T23:00:00Z"));
    app.clock.advance(Duration::from_secs(11 * HOUR));
    exchange(&app, &old, "another-device").await.expect(401);
    exchange(&app, &tampered(&old, old.len() - 20), DEVICE).await.expect(401);
    let new = exchange(&app, &old, DEVICE).await.expect(200);
    assert_eq!(new.json["expires_at"], "2026-01-02T11:00:00Z");
    assert_eq!(verify(&app, &old, DEVICE).await, inactive());
    assert_eq!(verify(&app, &new.text("token"), DEVICE).await["user_id"], ada.account_id.as_str());
    exchange(&app, &old, DEVICE).await.expect(401);

    app.clock.advance(Duration::from_secs(11 * HOUR));
    let last = new.text("token");
    let answers = join_all((0..20).map(|_| exchange(&app, &last, DEVICE))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "X7");
    let next = answers.iter().find(|answer| answer.status == 200).unwrap().text("token");
    app.clock.advance(Duration::from_secs(11 * HOUR));
    let root = root.refresh().await;
    let licenses = root.call("GET", "/v1/licenses").send().await.expect(200).json;
    let path = format!("/v1/licenses/{}", licenses["items"][0]["id"].as_str().unwrap());
    // One of another product holds it up: the token's own licence is what ends it.
    grant(&root, json!({"product": "viewer", "expires_in": 60})).await.expect(201);
    root.call("DELETE", &path).send().await.expect(204);
    exchange(&app, &next, DEVICE).await.expect(401);
}

/// L1, L3, A2: granted, listed, revoked, by administrators; one's own are seen by everybody.
#[rstest]
#[tokio::test]
async fn licenses_are_administered(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    let ada = app.user(ADA).sign_up().await;
    let granted =
        grant(&staff, json!({"subject": "Ada@Example.org", "seats": 2, "entitlements": ["export"]}))
            .await
            .expect(201);
    let expected = json!({
        "id": granted.text("id"), "subject": "Ada@Example.org", "product": "editor", "state": "active",
        "issued_at": "2026-01-01T12:00:00Z", "expires_at": "2026-01-31T12:00:00Z", "seats": 2,
        "entitlements": ["export"],
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&granted.json[name], value, "{name}");
    }
    let mine = ada.call("GET", "/v1/licenses/mine").send().await.expect(200).json;
    assert_eq!(mine["items"], json!([granted.json]));
    let others = root.call("GET", "/v1/licenses/mine").send().await.expect(200).json;
    assert_eq!(others["items"], json!([]));
    let listed = root.call("GET", "/v1/licenses?subject=ada@example.org").send().await.expect(200).json;
    assert_eq!(listed["items"], mine["items"]);
    let listed = root.call("GET", "/v1/licenses?subject=eve@example.org").send().await.expect(200).json;
    assert_eq!(listed["items"], json!([]));
    for (method, path) in
        [("GET", "/v1/licenses"), ("DELETE", &*format!("/v1/licenses/{}", granted.text("id")))]
    {
        ada.call(method, path).send().await.expect(403);
    }
    grant(&ada, json!({})).await.expect(403);
    for (wrong, pointer) in [
        (json!({"subject": "nobody"}), "/subject"),
        (json!({"subject": ada.session_id}), "/subject"),
        (json!({"product": "two words"}), "/product"),
        (json!({"expires_in": 0}), "/expires_in"),
        (json!({"expires_in": 4_000_000_000_u64}), "/expires_in"),
        (json!({"seats": 0}), "/seats"),
        (json!({"seats": 1_001}), "/seats"),
        (json!({"entitlements": ["export", "a b"]}), "/entitlements/1"),
        (json!({"price": 7}), "/price"),
    ] {
        let refused = grant(&root, wrong).await.expect(400);
        assert_eq!(refused.errors().first().unwrap().1, pointer);
    }
    let path = format!("/v1/licenses/{}", granted.text("id"));
    root.call("DELETE", &path).send().await.expect(204);
    root.call("DELETE", &path).send().await.expect(204);
    root.call("DELETE", &format!("/v1/licenses/{}", ada.session_id)).send().await.expect(404);
    let listed = root.call("GET", "/v1/licenses").send().await.expect(200).json;
    assert_eq!(
        (&listed["items"][0]["state"], listed["items"].as_array().unwrap().len()),
        (&json!("revoked"), 1)
    );
    let mine = ada.call("GET", "/v1/licenses/mine").send().await.expect(200).json;
    assert_eq!(mine["items"], json!([]));
}
