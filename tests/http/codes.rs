//! One-time codes: their life, their budget, and sending them again.

use std::time::Duration;

use rstest::rstest;

use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, Pending, TestApp,
};

const ADA: &str = "ada@example.org";

async fn wrong_code(app: &TestApp) -> &'static str {
    if app.code_to(ADA).await == "000000" { "000001" } else { "000000" }
}

async fn fail(pending: &Pending<'_>, code: &str, times: usize) {
    for _ in 0..times {
        assert_eq!(pending.try_code(code).await.expect(403).slug(), "wrong_code");
    }
}

/// S5, C10: a code counts before its end and not at it.
#[rstest]
#[tokio::test]
async fn a_code_ends_after_five_minutes(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let pending = app.user(ADA).begin_sign_up().await;
    let code = app.code_to(ADA).await;
    app.clock.advance(Duration::from_secs(300));
    assert_eq!(pending.try_code(&code).await.expect(410).slug(), "code_expired");
    app.clock.set(app.clock_now() - Duration::from_micros(1));
    pending.verify(&code).await;
}

/// S5, C10: a code opens once.
#[rstest]
#[tokio::test]
async fn a_code_is_used_once(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let pending = app.user(ADA).begin_sign_up().await;
    let code = app.code_to(ADA).await;
    pending.verify(&code).await;
    assert_eq!(pending.try_code(&code).await.expect(410).slug(), "gone");
}

/// C10: a code belongs to the ceremony that it was sent for.
#[rstest]
#[tokio::test]
async fn a_code_of_one_ceremony_opens_no_other(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    let first = app.user(ADA).begin_sign_in().await;
    let code_of_first = app.code_to(ADA).await;
    let second = app.user(ADA).begin_sign_in().await;
    let code_of_second = app.code_to(ADA).await;
    if code_of_first != code_of_second {
        second.try_code(&code_of_first).await.expect(403);
    }
    first.verify(&code_of_first).await;
    second.verify(&code_of_second).await;
}

/// C11, S5: five guesses in all; sending the code again brings none back.
#[rstest]
#[tokio::test]
async fn a_resend_does_not_bring_guesses_back(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let pending = app.user(ADA).begin_sign_up().await;
    let wrong = wrong_code(&app).await;
    fail(&pending, wrong, 3).await;
    app.clock.advance(Duration::from_secs(30));
    pending.try_resend().await.expect(200);
    let wrong = wrong_code(&app).await;
    fail(&pending, wrong, 2).await;
    let right = app.code_to(ADA).await;
    assert_eq!(pending.try_code(&right).await.expect(410).slug(), "attempts_exhausted");
    app.clock.advance(Duration::from_secs(30));
    assert_eq!(pending.try_resend().await.expect(410).slug(), "attempts_exhausted");
}

/// S5: a new code no sooner than 30 seconds, and the old one ends with it.
#[rstest]
#[tokio::test]
async fn a_resend_waits_and_replaces_the_old_code(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let pending = app.user(ADA).begin_sign_up().await;
    let old = app.code_to(ADA).await;
    app.clock.advance(Duration::from_millis(29_999));
    assert_eq!(pending.try_resend().await.expect(429).header("retry-after"), "1");
    app.clock.advance(Duration::from_millis(1));
    let challenge = pending.try_resend().await.expect(200);
    assert_eq!(challenge.json["resend_in"], 30);
    let new = app.code_to(ADA).await;
    if new != old {
        pending.try_code(&old).await.expect(403);
    }
    pending.verify(&new).await;
}

/// S5: at most five resends in 900 seconds, over all sign-ins of an account.
#[rstest]
#[tokio::test]
async fn five_resends_in_a_quarter_of_an_hour(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    for _ in 0..5 {
        let pending = app.user(ADA).begin_sign_in().await;
        app.clock.advance(Duration::from_secs(30));
        pending.try_resend().await.expect(200);
    }
    let pending = app.user(ADA).begin_sign_in().await;
    app.clock.advance(Duration::from_secs(30));
    let refused = pending.try_resend().await.expect(429);
    assert_eq!(refused.header("retry-after"), (900 - 150).to_string());
}

/// S5: twenty failures per account in 24 hours, over all its sign-ins; a right code costs nothing.
#[rstest]
#[tokio::test]
async fn twenty_failures_of_an_account_in_a_day(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    for _ in 0..4 {
        let pending = app.user(ADA).begin_sign_in().await;
        let wrong = wrong_code(&app).await;
        fail(&pending, wrong, 4).await;
        pending.verify(&app.code_to(ADA).await).await;
    }
    let pending = app.user(ADA).begin_sign_in().await;
    let wrong = wrong_code(&app).await;
    fail(&pending, wrong, 4).await;
    let another = app.user(ADA).begin_sign_in().await;
    let code = app.code_to(ADA).await;
    let refused = another.try_code(&code).await.expect(429);
    assert_eq!((refused.slug(), refused.header("retry-after")), ("too_many_attempts", "86400"));
    app.clock.advance(Duration::from_secs(86_400));
    app.user(ADA).sign_in().await;
}

/// C52: the token of a sign-up opens no sign-in, and no token opens a ceremony without its own binding (S7).
#[rstest]
#[tokio::test]
async fn a_second_step_needs_its_own_token_and_binding(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    let sign_in = app.user(ADA).begin_sign_in().await;
    let code = app.code_to(ADA).await;
    let sign_up = app.user("grace@example.org").begin_sign_up().await;
    let body = serde_json::json!({"method": "email_otp", "code": code});
    let post = || app.post("/v1/sign-in/code").json(&body);
    post().send().await.expect(401);
    post().bearer(&sign_in.token).send().await.expect(401);
    post().bearer(&sign_in.token).binding(&sign_up.binding).send().await.expect(401);
    post().bearer(&sign_up.token).binding(&sign_up.binding).send().await.expect(401);
    let wrong_door = app.post("/v1/sign-up/verify").bearer(&sign_in.token).binding(&sign_in.binding);
    wrong_door.json(&serde_json::json!({"code": code})).send().await.expect(401);
    sign_in.verify(&code).await;
}

/// S5: a stranger who fails at sign-ups of an address spends nothing of its owner's.
#[rstest]
#[tokio::test]
async fn strangers_do_not_block_an_address(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    for _ in 0..5 {
        let stranger = app.user(ADA).begin_sign_up().await;
        let wrong = wrong_code(&app).await;
        fail(&stranger, wrong, 5).await;
    }
    app.user(ADA).sign_up().await;
    app.user(ADA).sign_in().await;
}
