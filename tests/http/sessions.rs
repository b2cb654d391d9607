//! Sessions: verifying, listing and ending them.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    TestApp, tampered,
};

const ADA: &str = "ada@example.org";

/// S9: the claims of a token that counts, and nothing but `active: false` for one that does not.
#[rstest]
#[tokio::test]
async fn a_token_that_counts_shows_its_claims(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let claims = ada.verify().await;
    assert_eq!(claims["active"], true);
    assert_eq!(claims["sub"], ada.account_id.as_str());
    assert_eq!(claims["sid"], ada.session_id.as_str());
    assert_eq!(claims["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(claims["role"], "authenticated");
    assert_eq!(claims["state"], "authorized");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    assert_eq!(claims["iss"], "http://localhost:8080");
    assert!(claims["email"].is_null(), "no address in a token");
    app.clock.advance(Duration::from_secs(899));
    assert!(ada.is_active().await);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(ada.verify().await, json!({"active": false}));
}

/// S7, S9, C65: whatever is wrong, the answer is the same and the reason is in the audit only.
#[rstest]
#[tokio::test]
async fn every_kind_of_no_is_the_same_to_the_caller(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let eve = app.user("eve@example.org").sign_up().await;
    let pending = app.user(ADA).begin_sign_in().await;
    let tampered = tampered(&ada.token, 40);
    let bodies = [
        json!({"access_token": ada.token}),
        json!({"access_token": ada.token, "binding": eve.binding}),
        json!({"access_token": ada.token, "binding": "sym_cb_nonsense"}),
        json!({"access_token": pending.token, "binding": pending.binding}),
        json!({"access_token": tampered, "binding": ada.binding}),
        json!({"access_token": "", "binding": ada.binding}),
        json!({"access_token": ada.refresh_token, "binding": ada.binding}),
        json!({"access_token": 7}),
        json!({}),
        json!([]),
        json!({"access_token": "x".repeat(20_000)}),
    ];
    for body in bodies {
        let answer = app.post("/v1/sessions/verify").json(&body).send().await.expect(200);
        assert_eq!(answer.json, json!({"active": false}));
    }
    let malformed = app.post("/v1/sessions/verify").body("{").send().await.expect(200);
    assert_eq!(malformed.json, json!({"active": false}));
    let reasons: Vec<String> = app
        .audit()
        .await
        .iter()
        .filter(|event| event.act.as_str() == "session.verified")
        .map(|event| event.reason.clone().unwrap().into_owned())
        .collect();
    for reason in ["wrong_client", "wrong_type", "format"] {
        assert!(reasons.iter().any(|found| found == reason), "{reason} in {reasons:?}");
    }
}

/// S10: one session ends at once; somebody else's cannot be ended, nor told from one that is not there.
#[rstest]
#[tokio::test]
async fn a_session_is_ended_by_its_owner_only(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let other = app.user(ADA).sign_in().await;
    let eve = app.user("eve@example.org").sign_up().await;
    let path = format!("/v1/sessions/{}", other.session_id);
    let not_hers = eve.call("DELETE", &path).send().await.expect(404);
    let not_there = eve.call("DELETE", "/v1/sessions/01890000-0000-7000-8000-000000000000").send().await;
    assert_eq!(not_hers.slug(), not_there.expect(404).slug());
    assert!(other.is_active().await);
    ada.call("DELETE", &path).send().await.expect(204);
    assert!(!other.is_active().await && ada.is_active().await);
    other.try_refresh_with(&other.refresh_token).await.expect(401);
    ada.call("DELETE", &path).send().await.expect(204);
    ada.call("DELETE", "/v1/sessions/not-an-id").send().await.expect(404);
}

/// S10: all others end and the one that asked goes on; then all end.
#[rstest]
#[tokio::test]
async fn all_others_or_all_sessions_end_at_once(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let first = app.user(ADA).sign_up().await;
    let second = app.user(ADA).sign_in().await;
    let third = app.user(ADA).sign_in().await;
    let eve = app.user("eve@example.org").sign_up().await;
    second.call("DELETE", "/v1/sessions?keep_current=true").send().await.expect(204);
    let active = [first.is_active().await, second.is_active().await, third.is_active().await];
    assert_eq!(active, [false, true, false]);
    first.try_refresh_with(&first.refresh_token).await.expect(401);
    let second = second.refresh().await;
    let fourth = app.user(ADA).sign_in().await;
    fourth.call("DELETE", "/v1/sessions").send().await.expect(204);
    assert!(!second.is_active().await && !fourth.is_active().await && eve.is_active().await);
    fourth.call("GET", "/v1/account").send().await.expect(401);
    app.user(ADA).sign_in().await;
}

/// S10: the token of the current session ends it.
#[rstest]
#[tokio::test]
async fn signing_out_ends_the_current_session(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    ada.call("DELETE", "/v1/sessions/current").send().await.expect(204);
    assert!(!ada.is_active().await);
    ada.call("GET", "/v1/sessions").send().await.expect(401);
}

/// S11: the history, newest first, ended ones included, a page at a time.
#[rstest]
#[tokio::test]
async fn the_login_history_is_paged_newest_first(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let first = app.user(ADA).sign_up().await;
    let mut ids = vec![first.session_id.clone()];
    for _ in 0..4 {
        app.clock.advance(Duration::from_secs(1));
        ids.push(app.user(ADA).sign_in().await.session_id);
    }
    first.call("DELETE", &format!("/v1/sessions/{}", ids[2])).send().await.expect(204);
    ids.reverse();
    let mut seen = Vec::new();
    let mut path = "/v1/sessions?limit=2".to_owned();
    loop {
        let page = first.call("GET", &path).send().await.expect(200);
        for item in page.json["items"].as_array().unwrap() {
            let current = item["id"] == first.session_id.as_str();
            assert_eq!(item["current"], current);
            assert_eq!(item["state"], if item["id"] == ids[2].as_str() { "revoked" } else { "active" });
            assert_eq!(item["ip"], "127.0.0.1");
            seen.push(item["id"].as_str().unwrap().to_owned());
        }
        let Some(next) = page.json["next"].as_str() else { break };
        path = format!("/v1/sessions?limit=2&after={next}");
    }
    assert_eq!(seen, ids);
    for query in ["limit=0", "limit=201", "limit=x", "after=%27%20OR%201=1", "after=AAAA"] {
        let refused = first.call("GET", &format!("/v1/sessions?{query}")).send().await.expect(400);
        assert!(refused.json["errors"][0]["parameter"].is_string(), "{query}");
    }
}

/// G2: a flood of bad tokens is one row for each caller and reason, with its number.
#[rstest]
#[tokio::test]
async fn a_flood_of_refusals_is_summed_up(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    for turn in 0..200 {
        let (token, source) =
            if turn % 2 == 0 { ("a.b.c", "203.0.113.1") } else { ("nonsense", "203.0.113.2") };
        let call = app.post("/v1/sessions/verify").header("x-forwarded-for", source);
        call.json(&json!({"access_token": token})).send().await.expect(200);
    }
    let rows: Vec<_> =
        app.audit().await.into_iter().filter(|event| event.act.as_str() == "session.verified").collect();
    let sources: std::collections::BTreeSet<_> = rows.iter().map(|row| row.ip.unwrap().to_string()).collect();
    assert_eq!(sources.into_iter().collect::<Vec<_>>(), ["203.0.113.1", "203.0.113.2"]);
    assert_eq!(rows.iter().map(|row| row.count).sum::<u32>(), 200);
    // The service writes on its own now and then, so a caller may have a few rows, but nothing like a hundred.
    assert!(rows.len() <= 6, "{}", rows.len());
}

/// S11: a refresh from elsewhere shows in the history.
#[rstest]
#[tokio::test]
async fn the_address_is_that_of_the_last_refresh(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let body = json!({"refresh_token": ada.refresh_token});
    let call =
        app.post("/v1/sessions/refresh").binding(&ada.binding).header("x-forwarded-for", "198.51.100.7");
    call.json(&body).send().await.expect(200);
    let sessions = ada.call("GET", "/v1/sessions").send().await.expect(200);
    assert_eq!(sessions.json["items"][0]["ip"], "198.51.100.7");
}
