//! A clock that jumps: clear answers, and nothing comes alive again (X14).

use std::time::Duration;

use rstest::rstest;

use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, TestApp,
};

const ADA: &str = "ada@example.org";
const JUMP: Duration = Duration::from_secs(600);

/// X14: ten minutes back, tokens are not valid yet; nothing that was ended or used counts again.
#[rstest]
#[tokio::test]
async fn a_clock_that_goes_back_revives_nothing(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let used = app.user(ADA).begin_sign_up().await;
    let code = app.code_to(ADA).await;
    let ended = used.verify(&code).await;
    ended.call("DELETE", "/v1/sessions/current").send().await.expect(204);
    app.clock.advance(Duration::from_secs(1));
    let ada = app.user(ADA).sign_in().await;

    app.clock.set(app.clock_now() - JUMP);
    assert!(!ended.is_active().await && !ada.is_active().await);
    used.try_code(&code).await.expect(401);
    ended.try_refresh_with(&ended.refresh_token).await.expect(401);
    // A refresh token has no beginning: its owner goes on.
    assert!(ada.refresh().await.is_active().await);
}

/// X14: ten minutes on, codes and pre-authorized tokens have ended, and sessions go on by refreshing.
#[rstest]
#[tokio::test]
async fn a_clock_that_jumps_ahead_ends_what_it_must(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let pending = app.user(ADA).begin_sign_in().await;
    let code = app.code_to(ADA).await;
    app.clock.advance(JUMP);
    pending.try_code(&code).await.expect(401);
    assert!(ada.is_active().await);
    app.clock.advance(JUMP);
    assert!(!ada.is_active().await);
    assert!(ada.refresh().await.is_active().await);
}
