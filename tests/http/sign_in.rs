//! Signing in: the same answer whatever is wrong, and pauses that grow.

use std::time::Duration;

use rstest::rstest;

use crate::support::{
    Answer,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, TestApp,
};

const ADA: &str = "ada@example.org";

fn comparable(answer: &Answer) -> (u16, String, String, String) {
    let mut body = answer.json.clone();
    body["request_id"] = "…".into();
    let header = |name| answer.header(name).to_owned();
    (answer.status, body.to_string(), header("www-authenticate"), header("content-type"))
}

/// S4, C9: an unknown address, a wrong password and a closed account get the same 401 and cost one hash each.
#[rstest]
#[tokio::test]
async fn what_is_wrong_is_not_told(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    let hashes = || app.service.hasher.hashes_computed();
    let mut answers = Vec::new();
    let wrong = app.user(ADA).with_password("not her password at all");
    let unknown = app.user("nobody@example.org");
    let impossible = app.user(ADA).with_password(&"x".repeat(300));
    for user in [&wrong, &unknown, &impossible] {
        app.clock.advance(Duration::from_secs(60));
        let before = hashes();
        answers.push(comparable(&user.try_sign_in().await.expect(401)));
        assert_eq!(hashes() - before, 1, "{}", user.password.len());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

/// S14: an attempt that comes too early is refused at once, known address or not, and hashes nothing.
#[rstest]
#[tokio::test]
async fn pauses_grow_after_failures_for_known_and_unknown_addresses(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
) {
    for address in [ADA, "nobody@example.org"] {
        let app = TestApp::start(on).await;
        app.user(ADA).sign_up().await;
        let wrong = app.user(address).with_password("not the password at all");
        for pause in [1_000, 1_500, 2_250] {
            wrong.try_sign_in().await.expect(401);
            app.clock.advance(Duration::from_millis(pause - 1));
            let before = app.service.hasher.hashes_computed();
            let early = wrong.try_sign_in().await.expect(429);
            assert_eq!(early.header("retry-after"), "1", "{pause}");
            assert_eq!(app.service.hasher.hashes_computed(), before);
            app.clock.advance(Duration::from_millis(1));
        }
    }
}

/// S14, C7: the tenth failure in a row closes for an hour, even for the right password; only the owner is told.
#[rstest]
#[tokio::test]
async fn the_tenth_failure_closes_for_an_hour_and_the_owner_is_told(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    let before = app.mail_to(ADA).await.len();
    let wrong = app.user(ADA).with_password("not her password at all");
    for failure in 1..=10 {
        wrong.try_sign_in().await.expect(401);
        let notices = app.mail_to(ADA).await.len() - before;
        assert_eq!(notices, usize::from(failure == 10), "after failure {failure}");
        if failure < 10 {
            app.clock.advance(Duration::from_secs(41));
        }
    }
    app.clock.advance(Duration::from_secs(3_599));
    let closed = app.user(ADA).try_sign_in().await.expect(429);
    assert_eq!(closed.header("retry-after"), "1");
    app.clock.advance(Duration::from_secs(1));
    app.user(ADA).sign_in().await;
    assert!(app.mail_to("nobody@example.org").await.is_empty());
}

/// S14: a success forgets the failures before it.
#[rstest]
#[tokio::test]
async fn a_success_starts_the_count_anew(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    let wrong = app.user(ADA).with_password("not her password at all");
    for _ in 0..3 {
        for _ in 0..9 {
            wrong.try_sign_in().await.expect(401);
            app.clock.advance(Duration::from_secs(41));
        }
        app.user(ADA).sign_in().await;
    }
}

/// C14: wrong codes do not close the password, and wrong passwords do not spend the codes' budget.
#[rstest]
#[tokio::test]
async fn the_budgets_of_codes_and_passwords_are_apart(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    let pending = app.user(ADA).begin_sign_in().await;
    let right = app.code_to(ADA).await;
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        pending.try_code(wrong).await.expect(403);
    }
    assert_eq!(pending.try_code(&right).await.expect(410).slug(), "attempts_exhausted");
    app.user(ADA).sign_in().await;
}

/// S3, S2: the right password earns a pre-authorized token, and no session.
#[rstest]
#[tokio::test]
async fn a_password_alone_opens_no_session(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let pending = app.user(ADA).begin_sign_in().await;
    for (method, path) in [("GET", "/v1/account"), ("GET", "/v1/sessions"), ("DELETE", "/v1/sessions")] {
        app.call(method, path).bearer(&pending.token).binding(&pending.binding).send().await.expect(401);
    }
    let sessions = ada.call("GET", "/v1/sessions").send().await.expect(200);
    assert_eq!(sessions.json["items"].as_array().unwrap().len(), 1);
}

/// S13, C6: a password hashed under weaker parameters is hashed anew at the next sign-in.
#[rstest]
#[tokio::test]
async fn a_password_is_hashed_anew_when_stronger_parameters_are_configured(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    let stronger = TestApp::of(app.stop().await, |settings| settings.passwords.iterations = 3).await;
    stronger.clock.advance(Duration::from_secs(3_600));
    let hashes = || stronger.service.hasher.hashes_computed();
    stronger.user(ADA).sign_in().await;
    assert_eq!(hashes(), 2, "verified under the old parameters, hashed under the new ones");
    stronger.user(ADA).sign_in().await;
    assert_eq!(hashes(), 3);
}

/// S14: failures that strangers piled up before there was an account are forgotten when its owner proves the address.
#[rstest]
#[tokio::test]
async fn a_sign_up_forgets_the_failures_before_it(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let stranger = app.user(ADA).with_password("a stranger's guess at it");
    for _ in 0..10 {
        stranger.try_sign_in().await.expect(401);
        app.clock.advance(Duration::from_secs(41));
    }
    stranger.try_sign_in().await.expect(429);
    app.user(ADA).sign_up().await;
    app.user(ADA).sign_in().await;
}

/// C63, G2: what is refused before it is judged is in the audit log too.
#[rstest]
#[tokio::test]
async fn what_is_refused_unjudged_is_audited(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let wrong = app.user("nobody@example.org").with_password("not the password at all");
    wrong.try_sign_in().await.expect(401);
    for _ in 0..5 {
        wrong.try_sign_in().await.expect(429);
    }
    let pending = app.user(ADA).begin_sign_up().await;
    pending.try_resend().await.expect(429);
    for _ in 0..9 {
        app.user(ADA).try_sign_up().await.expect(201);
    }
    app.user(ADA).try_sign_up().await.expect(429);
    app.post("/v1/sign-in/challenge")
        .bearer("nonsense")
        .json(&serde_json::json!({}))
        .send()
        .await
        .expect(401);
    let events = app.audit().await;
    let counted = |act: &str, reason: &str| -> u32 {
        let of_kind = events
            .iter()
            .filter(|event| event.act.as_str() == act && event.reason.as_deref() == Some(reason));
        of_kind.map(|event| event.count).sum()
    };
    assert_eq!(counted("sign_in.started", "wrong_first_factor"), 1);
    assert_eq!(counted("sign_in.started", "too_many_failures"), 5);
    assert_eq!(counted("one_time_code.sent", "too_many_codes"), 1);
    assert_eq!(counted("sign_up.started", "too_many_sign_ups"), 1);
    assert_eq!(counted("one_time_code.sent", "format"), 1);
}
