//! Recovering an account: by code and by link, and what an address that is known gives away (nothing).

use std::time::Duration;

use futures::{StreamExt as _, future::join_all};
use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon_domain::audit::{AuditEvent, Outcome};

use crate::support::{
    Answer,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, PASSWORD, TestApp, digits_in, token_in,
};

const ADA: &str = "ada@example.org";
const NOBODY: &str = "nobody@example.org";
const NEW: &str = "eleven herons beside the canal";

async fn try_start(app: &TestApp, address: &str, method: &str) -> Answer {
    let body = json!({"identifier": {"type": "email", "value": address}, "method": method});
    app.post("/v1/recovery").json(&body).send().await
}

async fn start(app: &TestApp, address: &str) -> String {
    try_start(app, address, "code").await.expect(202).text("recovery_id")
}

async fn code_to(app: &TestApp, address: &str) -> String {
    digits_in(&app.mail_to(address).await[0].content.text, 8)
}

async fn finish(app: &TestApp, body: &Json) -> Answer {
    app.post("/v1/recovery/verify").json(body).send().await
}

fn by_code(id: &str, code: &str) -> Json {
    json!({"recovery_id": id, "code": code, "password": NEW})
}

/// Begins a recovery by link and gives back the token of the mail.
async fn link_to(app: &TestApp, address: &str) -> String {
    try_start(app, address, "link").await.expect(202);
    token_in(&app.mail_to(address).await[0].content.text, "sym_pr_")
}

/// What can be told from an answer.
fn comparable(answer: &Answer) -> (u16, String, String, usize) {
    let mut body = answer.json.clone();
    for member in ["request_id", "recovery_id"] {
        if !body[member].is_null() {
            body[member] = "…".into();
        }
    }
    let header = |name| answer.header(name).to_owned();
    (answer.status, body.to_string(), header("content-length"), answer.headers.len())
}

/// S12, C8, S10: the new password counts, every session is over, and the second factor is asked for as ever.
#[rstest]
#[tokio::test]
async fn a_code_sets_a_new_password_and_signs_nobody_in(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let other = app.user(ADA).sign_in().await;
    let open = app.user(ADA).begin_sign_in().await;
    let open_code = app.code_to(ADA).await;
    let begun = try_start(&app, "Ada@Example.org", "code").await.expect(202);
    let members: Vec<&String> = begun.json.as_object().unwrap().keys().collect();
    assert_eq!(members, ["expires_in", "recovery_id"]);
    assert_eq!(begun.json["expires_in"], 600);
    let code = code_to(&app, ADA).await;
    let done = finish(&app, &by_code(&begun.text("recovery_id"), &code)).await.expect(204);
    assert!(done.text.is_empty() && done.headers.get("set-cookie").is_none());

    for session in [&ada, &other] {
        assert!(!session.is_active().await);
        session.try_refresh_with(&session.refresh_token).await.expect(401);
    }
    assert_eq!(open.try_code(&open_code).await.expect(410).slug(), "gone");
    let notice = &app.mail_to(ADA).await[0];
    assert_eq!(notice.content.subject, "Your password for Symbolon was changed");
    app.user(ADA).try_sign_in().await.expect(401);
    app.clock.advance(Duration::from_secs(1));
    let pending = app.user(ADA).with_password(NEW).begin_sign_in().await;
    app.call("GET", "/v1/account").bearer(&pending.token).binding(&pending.binding).send().await.expect(401);
    pending.verify(&app.code_to(ADA).await).await;
    let acts: Vec<String> = app.audit().await.iter().map(|event| event.act.as_str().to_owned()).collect();
    for act in ["recovery.started", "recovery.completed"] {
        assert_eq!(acts.iter().filter(|written| *written == act).count(), 1, "{act}");
    }
}

/// S12, C29, C30: the link's base is the configured page, its secret stands in the fragment, counts once, and only whole.
#[rstest]
#[tokio::test]
async fn a_link_sets_a_new_password_once(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let page = "https://app.example.org/new-password?from=mail";
    let app = TestApp::with(on, |settings| {
        settings.pages.recovery = Some(page.to_owned().try_into().unwrap());
    })
    .await;
    let ada = app.user(ADA).sign_up().await;
    let poisoned = json!({"identifier": {"type": "email", "value": ADA}, "method": "link"});
    let call = app.post("/v1/recovery").json(&poisoned).header("x-forwarded-host", "evil.example.org");
    let begun = call.header("host", "evil.example.org").send().await.expect(202);
    assert_eq!(begun.json["expires_in"], 900);
    assert!(!app.mail_to(ADA).await[0].content.text.contains("evil"));
    let token = link_to(&app, ADA).await;
    let text = &app.mail_to(ADA).await[0].content.text;
    assert!(text.contains(&format!("\n{page}#token={token}\n")), "the link in a line of its own");
    for wrong in [&token[..token.len() - 1], &token.replace("sym_pr_", "sym_rt_"), &ada.refresh_token, ""] {
        let answer = finish(&app, &json!({"token": wrong, "password": NEW})).await.expect(400);
        assert_eq!(answer.errors(), [("invalid_format".to_owned(), "/token".to_owned())]);
    }
    let body = json!({"token": token, "password": NEW});
    finish(&app, &body).await.expect(204);
    assert!(!ada.is_active().await);
    assert_eq!(finish(&app, &body).await.expect(410).slug(), "gone");
    app.user(ADA).with_password(NEW).sign_in().await;
}

/// S12, C9: the same answer, no hash, and a message to nobody, for an address that nobody has; then the same answers and
/// as many hashes to whatever is shown.
#[rstest]
#[tokio::test]
async fn an_address_gives_nothing_away(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    let hashes = || app.service.hasher.hashes_computed();
    for method in ["code", "link"] {
        let mut answers = Vec::new();
        for address in [ADA, NOBODY] {
            let before = hashes();
            let begun = try_start(&app, address, method).await.expect(202);
            assert_eq!(hashes(), before, "{method}");
            answers.push(comparable(&begun));
            let id = begun.text("recovery_id");
            for (code, password, cost) in
                [("00000000", NEW, 0), ("00000000", "password1", 0), ("12345678", ADA, 0), ("1234", NEW, 0)]
            {
                let before = hashes();
                let body = json!({"recovery_id": id, "code": code, "password": password});
                answers.push(comparable(&finish(&app, &body).await));
                assert_eq!(hashes() - before, cost, "{method}");
            }
            for _ in 0..5 {
                answers.push(comparable(&finish(&app, &by_code(&id, "00000000")).await));
            }
        }
        let (known, unknown) = answers.split_at(answers.len() / 2);
        assert_eq!(known, unknown, "{method}");
        assert_eq!(known.iter().filter(|answer| answer.0 == 403).count(), 5, "{method}");
        assert_eq!(known.iter().filter(|answer| answer.0 == 410).count(), 1, "{method}");
    }
    assert!(app.mail_to(NOBODY).await.is_empty());
}

/// S12: the sixth in fifteen minutes is refused, for any address alike, and mails nobody.
#[rstest]
#[tokio::test]
async fn an_address_has_five_recoveries_in_fifteen_minutes(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    let before = app.mail_to(ADA).await.len();
    let mut answers = Vec::new();
    for address in [ADA, NOBODY] {
        for _ in 0..5 {
            start(&app, address).await;
        }
        let refused = try_start(&app, address, "link").await.expect(429);
        assert_eq!((refused.slug(), refused.header("retry-after")), ("too_many_messages", "900"));
        answers.push(comparable(&refused));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(app.mail_to(ADA).await.len() - before, 5);
    app.clock.advance(Duration::from_secs(900) - Duration::from_micros(1));
    try_start(&app, ADA, "code").await.expect(429);
    app.clock.advance(Duration::from_micros(1));
    start(&app, ADA).await;
}

/// S12, A2: a refused password costs no attempt, not even one that only the owner's name speaks against; all that is
/// wrong is told at once.
#[rstest]
#[tokio::test]
async fn a_refused_password_costs_no_attempt(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let name = json!({"name": "Wilhelmina Featherstone"});
    ada.call("PATCH", "/v1/account").json(&name).send().await.expect(200);
    let id = start(&app, ADA).await;
    let code = code_to(&app, ADA).await;
    for password in ["short", "password1", "ada@example.org", "wilhelmina-99"] {
        for _ in 0..6 {
            let body = json!({"recovery_id": id, "code": code, "password": password});
            let answer = finish(&app, &body).await.expect(400);
            assert_eq!(answer.errors()[0].1, "/password", "{password}");
        }
    }
    let body = json!({"recovery_id": "x", "code": "123456", "password": "short", "delivery": "body"});
    let pointers: Vec<String> =
        finish(&app, &body).await.expect(400).errors().into_iter().map(|(_, pointer)| pointer).collect();
    assert_eq!(pointers, ["/recovery_id", "/code", "/password", "/delivery"]);
    let missing = finish(&app, &json!({})).await.expect(400).errors();
    assert_eq!(missing.len(), 3);
    assert!(ada.is_active().await);
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    for _ in 0..4 {
        assert_eq!(finish(&app, &by_code(&id, wrong)).await.expect(403).slug(), "wrong_code");
    }
    finish(&app, &by_code(&id, &code)).await.expect(204);
}

/// S12, C11: five wrong codes, and the right one opens nothing any more.
#[rstest]
#[tokio::test]
async fn a_recovery_has_five_guesses(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let id = start(&app, ADA).await;
    let code = code_to(&app, ADA).await;
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    for _ in 0..5 {
        finish(&app, &by_code(&id, wrong)).await.expect(403);
    }
    assert_eq!(finish(&app, &by_code(&id, &code)).await.expect(410).slug(), "attempts_exhausted");
    assert!(ada.is_active().await);
    let unknown = "019aaf2b-0f5c-7c4e-9d3c-2f8a51f0a6b1";
    assert_eq!(finish(&app, &by_code(unknown, &code)).await.expect(410).slug(), "gone");
}

/// S12: a stranger who begins all recoveries that an address may have, and uses up their guesses, does not keep its owner
/// out: what the mails carry besides the code cannot be guessed, nor used up.
#[rstest]
#[tokio::test]
async fn strangers_do_not_keep_the_owner_out(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    for _ in 0..5 {
        let id = start(&app, ADA).await;
        for guess in 0..5 {
            finish(&app, &by_code(&id, &format!("9999999{guess}"))).await.expect(403);
        }
    }
    try_start(&app, ADA, "code").await.expect(429);
    app.deliver_all().await;
    app.clock.advance(Duration::from_secs(600));
    let text = &app.mail_to(ADA).await[2].content.text;
    let body = json!({"token": token_in(text, "sym_pr_"), "password": NEW});
    finish(&app, &body).await.expect(204);
    assert!(!ada.is_active().await);
    app.user(ADA).with_password(NEW).sign_in().await;
}

/// S12, C10: ten minutes for a code, fifteen for a link, and not a microsecond more.
#[rstest]
#[tokio::test]
async fn secrets_end_at_their_very_end(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    let id = start(&app, ADA).await;
    let by_code = by_code(&id, &code_to(&app, ADA).await);
    let begun = app.clock_now();
    app.clock.set(begun + Duration::from_secs(600));
    assert_eq!(finish(&app, &by_code).await.expect(410).slug(), "gone");
    app.clock.set(begun + Duration::from_secs(600) - Duration::from_micros(1));
    finish(&app, &by_code).await.expect(204);
    let by_link = json!({"token": link_to(&app, ADA).await, "password": "twelve herons beside the canal"});
    let begun = app.clock_now();
    app.clock.set(begun + Duration::from_secs(900));
    assert_eq!(finish(&app, &by_link).await.expect(410).slug(), "gone");
    app.clock.set(begun + Duration::from_secs(900) - Duration::from_micros(1));
    finish(&app, &by_link).await.expect(204);
}

/// S14, C14: what failures of the password have closed, a recovery opens.
#[rstest]
#[tokio::test]
async fn a_recovery_opens_a_closed_sign_in(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    let stranger = app.user(ADA).with_password("not her password at all");
    for _ in 0..10 {
        stranger.try_sign_in().await.expect(401);
        app.clock.advance(Duration::from_secs(41));
    }
    app.user(ADA).try_sign_in().await.expect(429);
    let id = start(&app, ADA).await;
    finish(&app, &by_code(&id, &code_to(&app, ADA).await)).await.expect(204);
    app.user(ADA).with_password(NEW).sign_in().await;
}

/// S12: completing one ends the others, whatever they are by.
#[rstest]
#[tokio::test]
async fn one_recovery_ends_the_others(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    let first = start(&app, ADA).await;
    let first_code = code_to(&app, ADA).await;
    app.clock.advance(Duration::from_millis(1));
    let token = link_to(&app, ADA).await;
    app.clock.advance(Duration::from_millis(1));
    let id = start(&app, ADA).await;
    finish(&app, &by_code(&id, &code_to(&app, ADA).await)).await.expect(204);
    assert_eq!(finish(&app, &by_code(&first, &first_code)).await.expect(410).slug(), "gone");
    let by_link = json!({"token": token, "password": NEW});
    assert_eq!(finish(&app, &by_link).await.expect(410).slug(), "gone");
}

/// S12, X7: of fifty right secrets exactly one sets the password.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_of_fifty_redemptions_wins(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    // Who waits to hash is refused with 503 when too many do: that is another matter.
    let app = TestApp::with(on, |settings| settings.passwords.hash_queue = 1_000).await;
    app.user(ADA).sign_up().await;
    let id = start(&app, ADA).await;
    let code = code_to(&app, ADA).await;
    let bodies = [by_code(&id, &code), json!({"token": link_to(&app, ADA).await, "password": NEW})];
    // The first ends the link, so another one is asked for in between.
    let answers = join_all((0..50).map(|_| finish(&app, &bodies[0]))).await;
    let winners = answers.iter().filter(|answer| answer.status == 204).count();
    assert_eq!(winners, 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 204 | 410)), "others are over");
    assert_eq!(finish(&app, &bodies[1]).await.expect(410).slug(), "gone");
    let body = json!({"token": link_to(&app, ADA).await, "password": NEW});
    let answers = join_all((0..50).map(|_| finish(&app, &body))).await;
    let winners = answers.iter().filter(|answer| answer.status == 204).count();
    assert_eq!(winners, 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 204 | 410)), "others are over");
    let events = app.audit().await;
    let is_done =
        |event: &&AuditEvent| event.act.as_str() == "recovery.completed" && event.outcome == Outcome::Done;
    assert_eq!(events.iter().filter(is_done).count(), 2);
}

/// S12, C11: of a thousand parallel wrong codes five are judged.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn five_of_a_thousand_wrong_codes_are_judged(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::with(on, |settings| settings.passwords.hash_queue = 1_000).await;
    app.user(ADA).sign_up().await;
    let id = start(&app, ADA).await;
    let wrong = if code_to(&app, ADA).await == "00000000" { "00000001" } else { "00000000" };
    let at_once = if on == Dynamodb { 100 } else { 1_000 };
    let body = by_code(&id, wrong);
    let calls = futures::stream::iter((0..1_000).map(|_| finish(&app, &body)));
    let answers: Vec<Answer> = calls.buffer_unordered(at_once).collect().await;
    assert_eq!(answers.iter().filter(|answer| answer.slug() == "wrong_code").count(), 5);
    for answer in &answers {
        assert!(matches!(answer.slug(), "wrong_code" | "attempts_exhausted"), "{}", answer.status);
    }
}

/// S15, C26: what somebody has begun before an account is marked compromised, or locked and opened again, opens nothing
/// afterwards: neither a recovery nor the second half of a sign-in. The owner begins anew.
#[rstest]
#[tokio::test]
async fn what_was_begun_before_a_mark_or_a_lock_ends_with_it(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
) {
    use symbolon_domain::accounts::AccountChange;
    for (address, changes) in [
        ("marked@example.org", vec![AccountChange::MarkCompromised]),
        ("locked@example.org", vec![AccountChange::Lock, AccountChange::Unlock]),
    ] {
        let app = TestApp::start(on).await;
        let person = app.user(address).sign_up().await;
        let open = app.user(address).begin_sign_in().await;
        let open_code = app.code_to(address).await;
        let id = start(&app, address).await;
        let code = code_to(&app, address).await;
        for change in changes {
            app.operate(&person.account_id, change).await;
        }
        finish(&app, &by_code(&id, &code)).await.expect(410);
        open.try_code(&open_code).await.expect(410);
        app.clock.advance(Duration::from_secs(60));
        let id = start(&app, address).await;
        let code = code_to(&app, address).await;
        finish(&app, &by_code(&id, &code)).await.expect(204);
        app.user(address).with_password(NEW).sign_in().await;
    }
}

/// S15: what others may know does not open the account again; the code is still good for another password.
#[rstest]
#[tokio::test]
async fn a_compromised_account_gets_another_password(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    use symbolon_domain::accounts::AccountChange;
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    app.operate(&ada.account_id, AccountChange::MarkCompromised).await;
    let id = start(&app, ADA).await;
    let code = code_to(&app, ADA).await;
    let same = json!({"recovery_id": id, "code": code, "password": PASSWORD});
    for _ in 0..6 {
        let refused = finish(&app, &same).await.expect(400);
        assert_eq!(refused.errors(), [("invalid_value".to_owned(), "/password".to_owned())]);
    }
    app.user(ADA).try_sign_in().await.expect(401);
    finish(&app, &by_code(&id, &code)).await.expect(204);
    app.user(ADA).with_password(NEW).sign_in().await;
}
