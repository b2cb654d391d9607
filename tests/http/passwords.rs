//! Changing one's own password: the current one, a fresh sign-in, and what ends with it.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::support::{
    Answer,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, PASSWORD, SignedIn, TestApp,
};

const ADA: &str = "ada@example.org";
const NEW: &str = "eleven herons beside the canal";
const PATH: &str = "/v1/account/password";

fn change(current: &str, new: &str) -> Json {
    json!({"current_password": current, "new_password": new})
}

async fn try_change(session: &SignedIn<'_>, current: &str, new: &str) -> Answer {
    session.call("PUT", PATH).json(&change(current, new)).send().await
}

/// S12, S10: the session that asks goes on, the others and what was begun are over, and the owner is told.
#[rstest]
#[tokio::test]
async fn a_new_password_ends_all_else(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let other = app.user(ADA).sign_up().await;
    let ada = app.user(ADA).sign_in().await;
    let open = app.user(ADA).begin_sign_in().await;
    let code = app.code_to(ADA).await;
    let before = app.mail_to(ADA).await.len();
    let changed = try_change(&ada, PASSWORD, NEW).await.expect(204);
    assert!(changed.text.is_empty());
    assert!(ada.is_active().await && !other.is_active().await);
    ada.refresh().await;
    other.try_refresh_with(&other.refresh_token).await.expect(401);
    assert_eq!(open.try_code(&code).await.expect(410).slug(), "gone");
    let mail = app.mail_to(ADA).await;
    assert_eq!(mail.len() - before, 1);
    assert_eq!(mail[0].content.subject, "Your password for Symbolon was changed");
    app.user(ADA).with_password(NEW).sign_in().await;
    app.user(ADA).try_sign_in().await.expect(401);
    let events = app.audit().await;
    assert_eq!(events.iter().filter(|event| event.act.as_str() == "password.changed").count(), 1);
}

/// C8, S14: a wrong current password is counted with the sign-ins of the address before it is hashed; the tenth closes,
/// and the owner is told.
#[rstest]
#[tokio::test]
async fn the_current_password_is_asked_for_under_the_throttle(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
) {
    let app = TestApp::with(on, |settings| {
        settings.sessions.fresh_for = symbolon::settings::Duration::from_secs(3_600);
    })
    .await;
    let ada = app.user(ADA).sign_up().await;
    let before = app.mail_to(ADA).await.len();
    let hashes = || app.service.hasher.hashes_computed();
    let counted = hashes();
    assert_eq!(try_change(&ada, "not her password at all", NEW).await.expect(403).slug(), "wrong_password");
    assert_eq!(hashes() - counted, 1);
    let early = try_change(&ada, PASSWORD, NEW).await.expect(429);
    assert_eq!((early.slug(), early.header("retry-after")), ("too_many_attempts", "1"));
    app.user(ADA).try_sign_in().await.expect(429);
    assert_eq!(hashes() - counted, 1);
    for failure in 2..=10 {
        app.clock.advance(Duration::from_secs(41));
        let impossible = "x".repeat(300);
        let current = if failure == 2 { impossible.as_str() } else { "not her password at all" };
        assert_eq!(try_change(&ada, current, NEW).await.expect(403).slug(), "wrong_password");
        assert_eq!(hashes() - counted, failure);
    }
    let mail = app.mail_to(ADA).await;
    assert_eq!(mail.len() - before, 1);
    assert!(mail[0].content.subject.contains("paused"));
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(try_change(&ada, PASSWORD, NEW).await.expect(429).slug(), "too_many_attempts");
    app.user(ADA).try_sign_in().await.expect(429);
    assert!(ada.is_active().await);
}

/// S14: a success forgets the failures before it, and a refused new password costs no attempt.
#[rstest]
#[tokio::test]
async fn a_refused_password_costs_no_attempt(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let name = json!({"name": "Wilhelmina Featherstone"});
    ada.call("PATCH", "/v1/account").json(&name).send().await.expect(200);
    for new in ["short", "password1", "ada@example.org", "wilhelmina-99", &"x".repeat(257)] {
        for current in ["not her password at all", PASSWORD] {
            let answer = try_change(&ada, current, new).await.expect(400);
            assert_eq!(answer.errors()[0].1, "/new_password", "{new}");
        }
    }
    // C8: the one that it is already changes nothing.
    let same = try_change(&ada, PASSWORD, PASSWORD).await.expect(400);
    assert_eq!(same.errors(), [("invalid_value".to_owned(), "/new_password".to_owned())]);
    assert!(same.text.contains("already"), "{}", same.text);
    let body = json!({"current_password": 7, "new_password": "short", "keep": true});
    let answer = ada.call("PUT", PATH).json(&body).send().await.expect(400);
    let pointers: Vec<String> = answer.errors().into_iter().map(|(_, pointer)| pointer).collect();
    assert_eq!(pointers, ["/current_password", "/new_password", "/keep"]);
    try_change(&ada, "not her password at all", NEW).await.expect(403);
    app.clock.advance(Duration::from_secs(1));
    try_change(&ada, PASSWORD, NEW).await.expect(204);
    try_change(&ada, NEW, PASSWORD).await.expect(204);
}

/// F7: a sign-in of exactly ten minutes' age is fresh, an older one has to be made anew (RFC 9470); before anything
/// else is judged.
#[rstest]
#[tokio::test]
async fn an_old_sign_in_has_to_be_made_anew(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    app.clock.advance(Duration::from_secs(600) + Duration::from_micros(1));
    let ada = ada.refresh().await;
    let hashes = app.service.hasher.hashes_computed();
    for body in [change(PASSWORD, NEW), change("not her password at all", NEW), json!({})] {
        let stale = ada.call("PUT", PATH).json(&body).send().await.expect(401);
        assert_eq!(stale.slug(), "insufficient_user_authentication");
        let challenge = stale.header("www-authenticate");
        assert_eq!(challenge, "Bearer error=\"insufficient_user_authentication\", max_age=600");
    }
    assert_eq!(app.service.hasher.hashes_computed(), hashes);
    app.clock.set(app.clock_now() - Duration::from_micros(1));
    try_change(&ada, PASSWORD, NEW).await.expect(204);
    app.clock.advance(Duration::from_secs(1));
    try_change(&ada, NEW, PASSWORD).await.expect(401);
    let again = app.user(ADA).with_password(NEW).sign_in().await;
    try_change(&again, NEW, PASSWORD).await.expect(204);
}

/// F7: the age is a setting.
#[tokio::test]
async fn how_old_a_sign_in_may_be_is_a_setting() {
    let app = TestApp::with(Sqlite, |settings| {
        settings.sessions.fresh_for = symbolon::settings::Duration::from_secs(60);
    })
    .await;
    let ada = app.user(ADA).sign_up().await;
    app.clock.advance(Duration::from_secs(61));
    let stale = try_change(&ada, PASSWORD, NEW).await.expect(401);
    assert!(stale.header("www-authenticate").ends_with("max_age=60"));
    app.clock.set(app.clock_now() - Duration::from_secs(1));
    try_change(&ada, PASSWORD, NEW).await.expect(204);
}

/// C24: a page from elsewhere changes nothing with a cookie.
#[rstest]
#[tokio::test]
async fn a_cookie_needs_a_page_that_may(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let cookie = format!("__Host-symbolon-session={}; __Host-symbolon-binding={}", ada.token, ada.binding);
    let call = || app.call("PUT", PATH).header("cookie", &cookie).json(&change(PASSWORD, NEW));
    assert_eq!(call().send().await.expect(403).slug(), "origin_mismatch");
    let foreign = call().header("origin", "https://evil.example.org").send().await.expect(403);
    assert_eq!(foreign.slug(), "origin_mismatch");
    let own = app.home.settings().http.public_url.to_string();
    call().header("origin", &own).send().await.expect(204);
}

/// S12, X7: of many changes at once one is judged, and the password is changed once.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_of_fifty_changes_wins(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::with(on, |settings| settings.passwords.hash_queue = 1_000).await;
    let ada = app.user(ADA).sign_up().await;
    let answers = futures::future::join_all((0..50).map(|_| try_change(&ada, PASSWORD, NEW))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 1);
    for answer in &answers {
        // The first was judged; others came too early, or after it, when their current password was the old one.
        assert!(matches!(answer.status, 204 | 403 | 409 | 429), "{}", answer.status);
    }
    assert!(ada.is_active().await);
    app.clock.advance(Duration::from_secs(60));
    app.user(ADA).with_password(NEW).sign_in().await;
}
