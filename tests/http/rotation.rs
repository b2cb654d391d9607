//! The family rule of refresh tokens (K8), case by case, with the clock at each boundary.

use std::time::Duration;

use rstest::rstest;

use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    SignedIn, TestApp,
};

const ADA: &str = "ada@example.org";
const GRACE: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_micros(1);

async fn refused(session: &SignedIn<'_>, refresh_token: &str) {
    session.try_refresh_with(refresh_token).await.expect(401);
}

/// K8: within the grace the previous token is accepted once more, while its successor is unused.
#[rstest]
#[tokio::test]
async fn a_lost_answer_signs_nobody_out(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let first = app.user(ADA).sign_up().await;
    let lost = first.refresh().await;
    app.clock.advance(GRACE - MOMENT);
    let again = first.refresh().await;
    refused(&first, &first.refresh_token).await;
    assert!(again.is_active().await && lost.is_active().await, "a further presentation changes nothing");
}

/// K8: at the end of the grace a used token ends the session, and that is audited.
#[rstest]
#[tokio::test]
async fn a_used_token_after_the_grace_ends_the_session(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let first = app.user(ADA).sign_up().await;
    let second = first.refresh().await;
    app.clock.advance(GRACE);
    refused(&first, &first.refresh_token).await;
    assert!(!second.is_active().await);
    refused(&second, &second.refresh_token).await;
    let events = app.audit().await;
    let detected = events.iter().find(|event| event.act.as_str() == "session.reuse_detected").unwrap();
    assert_eq!(detected.subject.as_ref().unwrap().as_str(), format!("session:{}", first.session_id));
    assert_eq!(detected.outcome.as_str(), "refused");
}

/// K8: the first of two siblings that is refreshed retires the other.
#[rstest]
#[tokio::test]
async fn of_two_siblings_only_one_goes_on(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let first = app.user(ADA).sign_up().await;
    let elder = first.refresh().await;
    let younger = first.refresh().await;
    let child = younger.refresh().await;
    refused(&elder, &elder.refresh_token).await;
    assert!(child.is_active().await, "the sibling within the grace changes nothing");
    app.clock.advance(GRACE);
    refused(&elder, &elder.refresh_token).await;
    assert!(!child.is_active().await, "the sibling after the grace ends the session");
}

/// K8: once the successor is used, the previous token is refused within the grace too, and changes nothing.
#[rstest]
#[tokio::test]
async fn a_used_successor_closes_the_grace(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let first = app.user(ADA).sign_up().await;
    let second = first.refresh().await;
    let third = second.refresh().await;
    refused(&first, &first.refresh_token).await;
    assert!(third.is_active().await);
    third.refresh().await;
}

/// K8: a grace of zero accepts no used token, also at the very same moment.
#[rstest]
#[tokio::test]
async fn without_grace_every_reuse_ends_the_session(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app =
        TestApp::with(on, |settings| settings.sessions.grace = symbolon::settings::Duration::from_secs(0))
            .await;
    let first = app.user(ADA).sign_up().await;
    let second = first.refresh().await;
    refused(&first, &first.refresh_token).await;
    assert!(!second.is_active().await);
}

/// K8, X14: a clock that went back counts as no time elapsed, and revives nothing.
#[rstest]
#[tokio::test]
async fn a_clock_that_went_back_keeps_the_grace(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let first = app.user(ADA).sign_up().await;
    app.clock.advance(Duration::from_secs(700));
    let second = first.refresh().await;
    app.clock.set(app.clock_now() - Duration::from_secs(600));
    first.refresh().await;
    refused(&first, &first.refresh_token).await;
    second.refresh().await;
}

/// K8: a thief without the binding gains nothing, and ends nothing while the token is unused (S7).
#[rstest]
#[tokio::test]
async fn a_refresh_token_alone_opens_nothing(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let eve = app.user("eve@example.org").sign_up().await;
    let body = serde_json::json!({"refresh_token": ada.refresh_token});
    let without = app.post("/v1/sessions/refresh").json(&body).send().await.expect(401);
    let with_another =
        app.post("/v1/sessions/refresh").binding(&eve.binding).json(&body).send().await.expect(401);
    assert_eq!(without.slug(), with_another.slug());
    ada.refresh().await;
}

/// S9, C25: the idle limit and the absolute limit, each at its boundary.
#[rstest]
#[tokio::test]
async fn idle_and_absolute_limits_end_a_session(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let day = Duration::from_secs(86_400);
    let app = TestApp::start(on).await;
    let idle = app.user(ADA).sign_up().await;
    app.clock.advance(15 * day - MOMENT);
    let refreshed = idle.refresh().await;
    app.clock.advance(15 * day);
    refused(&refreshed, &refreshed.refresh_token).await;

    let mut session = app.user("grace@example.org").sign_up().await;
    for _ in 0..8 {
        app.clock.advance(11 * day);
        session = session.refresh().await;
    }
    // A token's end is a whole second.
    let second = Duration::from_secs(1);
    app.clock.advance(2 * day - second);
    session = session.refresh().await;
    assert!(session.is_active().await);
    app.clock.advance(second);
    assert!(!session.is_active().await);
    refused(&session, &session.refresh_token).await;
}
