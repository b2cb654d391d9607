//! Many at once: the winners that the rules allow, and no more (X7, C11, K8, S1).

use std::time::Duration;

use futures::{StreamExt as _, future::join_all};

use rstest::rstest;

use crate::support::{
    Answer,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, TestApp,
};

const ADA: &str = "ada@example.org";
const MANY: usize = 50;

fn winners(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 200).count()
}

#[track_caller]
fn assert_others(answers: &[Answer], statuses: &[u16]) {
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert!(statuses.contains(&answer.status), "{}", answer.status);
    }
}

/// X7, S5: of fifty right codes of one sign-up exactly one opens a session.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_of_fifty_right_codes_wins_a_sign_up(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let pending = app.user(ADA).begin_sign_up().await;
    let code = app.code_to(ADA).await;
    let answers = join_all((0..MANY).map(|_| pending.try_code(&code))).await;
    assert_eq!(winners(&answers), 1);
    assert_others(&answers, &[410]);
}

/// X7, S5: of fifty right codes of one sign-in exactly one opens a session.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_of_fifty_right_codes_wins_a_sign_in(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let pending = app.user(ADA).begin_sign_in().await;
    let code = app.code_to(ADA).await;
    let answers = join_all((0..MANY).map(|_| pending.try_code(&code))).await;
    assert_eq!(winners(&answers), 1);
    assert_others(&answers, &[410]);
    let sessions = ada.call("GET", "/v1/sessions").send().await;
    assert_eq!(sessions.json["items"].as_array().unwrap().len(), 2);
}

/// C11: of a thousand parallel wrong codes five are judged.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn five_of_a_thousand_wrong_codes_are_judged(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let pending = app.user(ADA).begin_sign_up().await;
    let wrong = if app.code_to(ADA).await == "000000" { "000001" } else { "000000" };
    // A thousand calls at once keep the two cores of a small machine busy for longer than a call to DynamoDB may take.
    let at_once = if on == Dynamodb { 100 } else { 1_000 };
    let calls = futures::stream::iter((0..1_000).map(|_| pending.try_code(wrong)));
    let answers: Vec<Answer> = calls.buffer_unordered(at_once).collect().await;
    let judged = answers.iter().filter(|answer| answer.slug() == "wrong_code").count();
    assert_eq!(judged, 5);
    for answer in &answers {
        assert!(matches!(answer.slug(), "wrong_code" | "attempts_exhausted"), "{}", answer.status);
    }
}

/// K8, X7: of fifty refreshes of one token two succeed within the grace, and exactly one session goes on.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn two_of_fifty_refreshes_win_within_the_grace(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let answers = join_all((0..MANY).map(|_| ada.try_refresh_with(&ada.refresh_token))).await;
    assert_eq!(winners(&answers), 2);
    assert_others(&answers, &[401]);
    let successors: Vec<String> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| answer.text("refresh_token"))
        .collect();
    let answers = join_all(successors.iter().map(|token| ada.try_refresh_with(token))).await;
    assert_eq!(winners(&answers), 1, "the first sibling retires the other");
}

/// K8, X7: without a grace one of fifty succeeds, and the reuse has ended the session.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_of_fifty_refreshes_wins_without_grace(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app =
        TestApp::with(on, |settings| settings.sessions.grace = symbolon::settings::Duration::from_secs(0))
            .await;
    let ada = app.user(ADA).sign_up().await;
    let answers = join_all((0..MANY).map(|_| ada.try_refresh_with(&ada.refresh_token))).await;
    assert_eq!(winners(&answers), 1);
    assert_others(&answers, &[401]);
    assert!(!ada.is_active().await);
}

/// S14: of fifty parallel wrong passwords one is judged; the others are too early.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_of_fifty_wrong_passwords_is_judged(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    let before = app.service.hasher.hashes_computed();
    let wrong = app.user(ADA).with_password("not her password at all");
    let answers = join_all((0..MANY).map(|_| wrong.try_sign_in())).await;
    let judged = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!((judged, app.service.hasher.hashes_computed() - before), (1, 1));
    assert!(answers.iter().all(|answer| matches!(answer.status, 401 | 429)));
}

/// S1, X7: of several sign-ups of one address, verified at once, exactly one becomes the account.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_sign_ups_of_an_address_becomes_the_account(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
) {
    let app = TestApp::start(on).await;
    let mut ceremonies = Vec::new();
    for _ in 0..8 {
        let pending = app.user(ADA).begin_sign_up().await;
        let code = app.code_to(ADA).await;
        ceremonies.push((pending, code));
        app.clock.advance(Duration::from_millis(1));
    }
    let answers = join_all(ceremonies.iter().map(|(pending, code)| pending.try_code(code))).await;
    assert_eq!(winners(&answers), 1);
    assert_others(&answers, &[409, 410]);
    let listed = app.service.accounts.list(symbolon_domain::page::PageRequest::first()).await.unwrap();
    assert_eq!(listed.items.len(), 1);
}
