//! Whatever may be used once is used once, round after round, by fifty at once (X7): the code of a sign-up and of a sign-in,
//! a refresh token, the code and the link of a recovery, an invitation, the claim and the exchange of a device token.

use std::time::Duration;

use futures::future::join_all;
use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon_domain::actor::Role;

use super::turn;
use crate::support::{
    Answer, Call,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, PASSWORD, SignedIn, TestApp, digits_in, token_in,
};

const AT_ONCE: usize = 50;
const DEVICE: &str = "adas-laptop-7f3a";
const NEW: &str = "nine herons beside the canal";

/// Sends the same request fifty times at once. One is answered with `won`, all others with one of `lost`.
async fn race(call: impl Fn() -> Call, won: u16, lost: &[u16]) -> Answer {
    let mut answers = join_all((0..AT_ONCE).map(|_| call().send())).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    let winners = statuses.iter().filter(|status| **status == won).count();
    assert_eq!(winners, 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| *status == won || lost.contains(status)), "{statuses:?}");
    answers.retain(|answer| answer.status == won);
    answers.remove(0)
}

/// The text of the only message to this address that has this in it. A notice may be sent after what was written later.
async fn text_with(app: &TestApp, address: &str, has: impl Fn(&str) -> bool) -> String {
    let texts = app.mail_to(address).await.into_iter().map(|email| email.content.text);
    let mut found: Vec<String> = texts.filter(|text| has(text)).collect();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// The token of the only message to this address that has one and no code.
async fn token_to(app: &TestApp, address: &str, kind: &str) -> String {
    token_in(&text_with(app, address, |text| text.contains(kind) && !has_code(text)).await, kind)
}

/// The only code of eight digits that this address was sent.
async fn recovery_code_to(app: &TestApp, address: &str) -> String {
    digits_in(&text_with(app, address, has_code).await, 8)
}

fn has_code(text: &str) -> bool {
    text.split_whitespace().any(|word| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit()))
}

async fn begin_recovery(app: &TestApp, address: &str, method: &str) -> Answer {
    let identifier = json!({"type": "email", "value": address});
    let call = app.post("/v1/recovery").json(&json!({"identifier": identifier, "method": method}));
    call.send().await.expect(202)
}

async fn recover(app: &TestApp, body: &Json) {
    race(|| app.post("/v1/recovery/verify").json(body), 204, &[410]).await;
}

async fn round(app: &TestApp, root: &SignedIn<'_>, number: usize) {
    let address = format!("person-{number}@example.org");
    let signing_up = app.user(&address).begin_sign_up().await;
    let code = json!({"code": app.code_to(&address).await});
    race(|| signing_up.post("/v1/sign-up/verify").json(&code), 200, &[410]).await;

    app.clock.advance(Duration::from_millis(1));
    let signing_in = app.user(&address).begin_sign_in().await;
    let code = json!({"method": "email_otp", "code": app.code_to(&address).await});
    let session = race(|| signing_in.post("/v1/sign-in/code").json(&code), 200, &[410]).await;

    let asked =
        json!({"issuer": "race", "audience": "https://api.example.org", "subject": "/v2", "version": "1"});
    let issue = app.post("/v1/api-keys").bearer(&session.text("access_token")).binding(&signing_in.binding);
    let key = issue.json(&asked).send().await.expect(201);
    let body = json!({"api_key": key.text("api_key"), "refresh_token": key.text("refresh_token")});
    race(|| app.post("/v1/api-keys/refresh").json(&body), 200, &[401]).await;

    let device = claim(app, root, (&session, &signing_in.binding), &address).await;

    let body = json!({"refresh_token": session.text("refresh_token")});
    let refresh = || app.post("/v1/sessions/refresh").binding(&signing_in.binding).json(&body);
    race(refresh, 200, &[401]).await;

    let invited = format!("invited-{number}@example.org");
    let identifier = json!({"type": "email", "value": invited});
    let invite = root.call("POST", "/v1/admin/accounts").json(&json!({"identifier": identifier}));
    invite.send().await.expect(201);
    let body = json!({"token": token_to(app, &invited, "sym_iv_").await, "password": PASSWORD});
    race(|| app.post("/v1/invitations/redeem").json(&body), 201, &[410]).await;

    // The last hour of the device token, which a recovery would end.
    app.clock.advance(Duration::from_secs(41_000));
    let body = json!({"token": device, "device_id": DEVICE});
    race(|| app.post("/v1/device-tokens/exchange").json(&body), 200, &[401]).await;

    app.clock.advance(Duration::from_millis(1));
    let id = begin_recovery(app, &address, "code").await.text("recovery_id");
    let code = recovery_code_to(app, &address).await;
    recover(app, &json!({"recovery_id": id, "code": code, "password": NEW})).await;
    begin_recovery(app, &address, "link").await;
    recover(app, &json!({"token": token_to(app, &address, "sym_pr_").await, "password": PASSWORD})).await;
}

/// The token of a device that has the only seat of its licence.
async fn claim(
    app: &TestApp,
    root: &SignedIn<'_>,
    (session, binding): (&Answer, &str),
    address: &str,
) -> String {
    let license = json!({"subject": address, "product": "editor", "expires_in": 86_400, "seats": 1});
    root.call("POST", "/v1/licenses").json(&license).send().await.expect(201);
    let signed_in = |method: &str, path: &str| {
        app.call(method, path).bearer(&session.text("access_token")).binding(binding)
    };
    let asked = json!({"device_id": DEVICE, "user_id": session.text("account_id")});
    let asked = signed_in("POST", "/v1/token-requests").json(&asked).send().await.expect(201);
    let has_code =
        |text: &str| text.split_whitespace().any(|word| word.len() == 7 && word.parse::<u32>().is_ok());
    let code = digits_in(&text_with(app, address, has_code).await, 7);
    let body = json!({"device_id": DEVICE, "claim_code": code});
    let path = format!("/v1/token-requests/{}", asked.text("id"));
    race(|| signed_in("PATCH", &path).json(&body), 200, &[410]).await.text("token")
}

/// X7: of fifty at once exactly one wins, in every round, and every person is there once.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_of_fifty_wins_in_every_round(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    // Without a grace one refresh wins. Hashes that cost little leave the time to the store; who waits for one is not
    // refused here.
    let app = TestApp::with(on, |settings| {
        settings.sessions.grace = symbolon::settings::Duration::from_secs(0);
        settings.api_keys.grace = symbolon::settings::Duration::from_secs(0);
        settings.passwords.memory_kib = 64;
        settings.passwords.hash_queue = 1_000;
    })
    .await;
    let rounds = turn::of(1, 200);
    for number in 0..rounds {
        // Whoever signed in long ago may not invite.
        let root = app.signed_in_as(&format!("root-{number}@example.org"), Role::Superuser).await;
        round(&app, &root, number).await;
        // Whatever is limited for a while is not any more.
        app.clock.advance(Duration::from_secs(3_600));
    }
    let (mut accounts, mut after) = (0, None);
    loop {
        let page = symbolon_domain::page::PageRequest::new(200, after);
        let page = app.service.accounts.list(page).await.unwrap();
        accounts += page.items.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(accounts, rounds * 3);
}
