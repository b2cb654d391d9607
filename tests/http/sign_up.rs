//! Signing up: what is answered, what is mailed, and what an address that is known gives away (nothing).

use rstest::rstest;
use serde_json::json;

use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, TestApp, code_in,
};

const ADA: &str = "ada@example.org";

/// S1, S2, S6: the first answer names no account; the code opens the session.
#[rstest]
#[tokio::test]
async fn a_code_turns_a_sign_up_into_an_account_and_a_session(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
) {
    let app = TestApp::start(on).await;
    let begun = app.user(ADA).try_sign_up().await.expect(201);
    let members: Vec<&String> = begun.json.as_object().unwrap().keys().collect();
    let expected = [
        "access_token",
        "binding",
        "challenge",
        "default_second_factor",
        "expires_in",
        "second_factors",
        "state",
        "token_type",
    ];
    assert_eq!(members, expected);
    assert_eq!(begun.json["state"], "pre_authorized");
    assert_eq!(begun.json["token_type"], "Bearer");
    assert_eq!(begun.json["expires_in"], 600);
    assert_eq!(begun.json["second_factors"], json!(["email_otp"]));
    assert_eq!(begun.json["challenge"], json!({"method": "email_otp", "expires_in": 300, "resend_in": 30}));

    let ada = app.user("grace@example.org").begin_sign_up().await;
    let answer = ada.try_code(&app.code_to("grace@example.org").await).await.expect(200);
    let members: Vec<&String> = answer.json.as_object().unwrap().keys().collect();
    let expected = [
        "access_token",
        "account_id",
        "expires_in",
        "refresh_expires_in",
        "refresh_token",
        "session_id",
        "state",
        "token_type",
    ];
    assert_eq!(members, expected, "the binding is not given again (S9)");
    assert_eq!(answer.json["state"], "authorized");
    assert_eq!(answer.json["expires_in"], 900);
    assert_eq!(answer.json["refresh_expires_in"], 15 * 86_400);
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// S1, C9: an address that has an account gets the same answer and the same number of hashes, a decoy that no code
/// opens, and its owner a notice without a code.
#[rstest]
#[tokio::test]
async fn a_known_address_is_answered_as_an_unknown_one(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    app.user(ADA).sign_up().await;
    let hashes = || app.service.hasher.hashes_computed();

    let before = hashes();
    let unknown = app.user("unknown@example.org").try_sign_up().await.expect(201);
    let for_unknown = hashes() - before;
    let decoy = app.user("Ada@Example.org").begin_sign_up().await;
    assert_eq!(hashes() - before - for_unknown, for_unknown);
    assert_eq!(for_unknown, 1);
    let known = app.user(ADA).try_sign_up().await.expect(201);
    let members =
        |answer: &serde_json::Value| answer.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&unknown.json), members(&known.json));
    assert_eq!(unknown.json["challenge"], known.json["challenge"]);
    assert_eq!(unknown.header("content-length"), known.header("content-length"));

    app.code_to("unknown@example.org").await;
    let notice = &app.mail_to("Ada@Example.org").await[0];
    assert!(!notice.content.text.split_whitespace().any(|word| word.bytes().all(|b| b.is_ascii_digit())));
    for code in ["000000", "123456", "999999"] {
        assert_eq!(decoy.try_code(code).await.expect(403).slug(), "wrong_code");
    }
    assert_eq!(decoy.try_resend().await.status, 429, "the interval is the same for a decoy");
}

/// S1: the account has the password of the sign-up whose code was shown, and the others of that address end.
#[rstest]
#[tokio::test]
async fn nobody_puts_their_password_under_anothers_code(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let stranger = app.user(ADA).with_password("a stranger's own long password");
    let owner = app.user(ADA);
    let begun_by_stranger = stranger.begin_sign_up().await;
    let strangers_code = app.code_to(ADA).await;
    let begun_by_owner = owner.begin_sign_up().await;
    let code = app.code_to(ADA).await;
    if code != strangers_code {
        begun_by_stranger.try_code(&code).await.expect(403);
    }
    begun_by_owner.verify(&code).await;
    assert_eq!(begun_by_stranger.try_code(&strangers_code).await.expect(410).slug(), "gone");
    stranger.try_sign_in().await.expect(401);
    app.clock.advance(std::time::Duration::from_secs(60));
    owner.sign_in().await;
}

/// A2: every problem of a request at once, each with its pointer.
#[rstest]
#[tokio::test]
async fn all_problems_are_told_at_once(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let body = json!({
        "identifier": {"type": "telegraph", "value": "not an address", "extra": 1},
        "name": "x".repeat(257),
        "role": "superuser",
    });
    let answer = app.post("/v1/sign-up").json(&body).send().await.expect(400);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let mut errors = answer.errors();
    errors.sort();
    let pointers: Vec<&str> = errors.iter().map(|(_, pointer)| pointer.as_str()).collect();
    for pointer in
        ["/identifier/type", "/identifier/value", "/identifier/extra", "/name", "/password", "/role"]
    {
        assert!(pointers.contains(&pointer), "{pointer} in {errors:?}");
    }
    assert!(errors.contains(&("missing".to_owned(), "/password".to_owned())), "{errors:?}");
    assert!(errors.contains(&("overflow".to_owned(), "/name".to_owned())), "{errors:?}");
}

/// C1, C2, C5: the password policy as a client meets it; nothing is sent for a refused one.
#[rstest]
#[tokio::test]
async fn weak_passwords_are_refused_with_a_reason(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let too_long = "zqxjvkwb ".repeat(40);
    let cases = [
        ("zqxjvkw", "insufficient"),
        (too_long.as_str(), "overflow"),
        ("password1", "invalid_value"),
        ("ada@example.org", "invalid_value"),
        ("symbolon1", "invalid_value"),
        ("abcabcabcabc", "invalid_value"),
    ];
    for (password, slug) in cases {
        let answer = app.user(ADA).with_password(password).try_sign_up().await.expect(400);
        assert_eq!(answer.errors(), [(slug.to_owned(), "/password".to_owned())], "{password}");
    }
    assert!(app.mail_to(ADA).await.is_empty());
    app.user(ADA).with_password("zqxjvkwb").try_sign_up().await.expect(201);
    let long: String = (0..256_u32).map(|n| char::from_u32(0x4e00 + n * 37 % 5_000).unwrap()).collect();
    app.user(ADA).with_password(&long).try_sign_up().await.expect(201);
}

/// M1, M4: the mail says what it is for, in text and HTML, and carries one code.
#[rstest]
#[tokio::test]
async fn the_mail_carries_the_code_in_both_of_its_parts(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    app.user(ADA).begin_sign_up().await;
    let code = app.code_to(ADA).await;
    let mail = &app.mail_to(ADA).await[0];
    assert_eq!(code_in(&mail.content.text), code);
    assert!(mail.content.html.contains(&code));
    assert!(!mail.content.subject.contains(&code), "a subject shows on locked screens");
}

/// A sign-up's row lives an hour; its pre-authorized token ten minutes (S1, S2).
#[rstest]
#[tokio::test]
async fn a_sign_up_ends_with_its_pre_authorized_token(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let pending = app.user(ADA).begin_sign_up().await;
    app.clock.advance(std::time::Duration::from_secs(599));
    assert_eq!(pending.try_code("000000").await.expect(410).slug(), "code_expired");
    app.clock.advance(std::time::Duration::from_secs(1));
    pending.try_code("000000").await.expect(401);
}
