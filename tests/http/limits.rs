//! Requests that are too many, too large, too deep or too slow (G9, X10), and whose address is believed (C29).

use std::time::Duration;

use rstest::rstest;
use serde_json::json;
use symbolon_domain::{accounts::AccountChange, actor::Role};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, PASSWORD, TestApp,
};

fn address(app: &TestApp) -> &str {
    app.url.strip_prefix("http://").unwrap()
}

/// Sends bytes as they are and reads what comes until the connection closes.
async fn raw(app: &TestApp, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address(app)).await.unwrap();
    // The service may answer and close before it has read everything.
    drop(stream.write_all(request).await);
    let mut answer = Vec::new();
    drop(tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await);
    String::from_utf8_lossy(&answer).into_owned()
}

/// G9: each source address has its own budget for each group, and is told when to come back; loopback is exempt.
#[rstest]
#[tokio::test]
async fn a_source_that_calls_too_often_is_told_to_wait(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let verify = async |source: &str| {
        let call = app.post("/v1/sign-in/code").header("x-forwarded-for", source);
        call.json(&json!({"method": "email_otp", "code": "000000"})).send().await
    };
    let mut refused = None;
    for turn in 0..40 {
        let answer = verify("203.0.113.7").await;
        if answer.status == 429 {
            refused = Some((turn, answer));
            break;
        }
        assert_eq!(answer.status, 401);
    }
    let (turn, refused) = refused.expect("a limit");
    assert!((30..=32).contains(&turn), "{turn}");
    assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert_eq!(refused.slug(), "too_many_requests");
    assert_eq!(verify("203.0.113.8").await.status, 401, "another source");
    for _ in 0..100 {
        app.post("/v1/sign-in/code").json(&json!({})).send().await.expect(401);
    }
}

/// C29: a forwarded address is believed from trusted proxies only, and only as far as they go.
#[rstest]
#[tokio::test]
async fn forwarded_addresses_count_from_trusted_proxies_only(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
) {
    let seen = async |app: &TestApp, forwarded: &str| {
        let ada = app.user("ada@example.org");
        let begun = ada.begin_sign_up().await;
        let code = app.code_to("ada@example.org").await;
        let body = json!({"code": code});
        let call = begun.post("/v1/sign-up/verify").json(&body).header("x-forwarded-for", forwarded);
        let session = call.header("x-forwarded-host", "evil.example").send().await.expect(200);
        let call = app.get("/v1/sessions").bearer(&session.text("access_token")).binding(&begun.binding);
        call.send().await.expect(200).json["items"][0]["ip"].as_str().unwrap().to_owned()
    };
    let app = TestApp::start(on).await;
    assert_eq!(
        seen(&app, "198.51.100.1, 203.0.113.7").await,
        "203.0.113.7",
        "the last that no proxy of ours wrote"
    );
    let app = TestApp::with(on, |settings| settings.http.trusted_proxies = Vec::new()).await;
    assert_eq!(seen(&app, "203.0.113.7").await, "127.0.0.1");
}

/// X10: a body of a megabyte, headers of 64 KiB, ten thousand levels: refused at once.
#[tokio::test]
async fn what_is_too_large_is_refused_at_once() {
    let app = TestApp::start(Sqlite).await;
    let large = app.post("/v1/sign-up").body("x".repeat(1_048_576)).send().await.expect(413);
    assert_eq!(large.header("content-type"), "application/problem+json");
    app.post("/v1/sessions/verify").body("x".repeat(1_048_576)).send().await.expect(413);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    app.post("/v1/sign-up").body(deep.clone()).send().await.expect(400);
    let deep_member = format!("{{\"identifier\": {deep}}}");
    app.post("/v1/sign-up").body(deep_member).send().await.expect(400);
    let twice = r#"{"password": "one", "password": "two"}"#;
    app.post("/v1/sign-up").body(twice).send().await.expect(400);
    app.post("/v1/sign-up").text("{}").send().await.expect(415);

    let head = format!(
        "GET /v1/account HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-long: {}\r\n\r\n",
        "x".repeat(65_536)
    );
    assert!(raw(&app, head.as_bytes()).await.starts_with("HTTP/1.1 431"));
    for hosts in ["", "host: a\r\nhost: b\r\n"] {
        let request = format!("GET /v1/account HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
        assert!(raw(&app, request.as_bytes()).await.starts_with("HTTP/1.1 400"), "{hosts}");
    }
    let chunked = format!(
        "POST /v1/sign-up HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n\
         20000\r\n{}\r\n0\r\n\r\n",
        "x".repeat(0x20000)
    );
    assert!(raw(&app, chunked.as_bytes()).await.starts_with("HTTP/1.1 413"));
}

/// X10: a request whose headers or body do not come is cut off, and others are served meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_cut_off() {
    let app = TestApp::with(Sqlite, |settings| {
        settings.http.header_timeout = symbolon::settings::Duration::from_secs(1);
        settings.http.request_timeout = symbolon::settings::Duration::from_secs(2);
    })
    .await;
    let slow_head = raw(&app, b"GET /v1/account HTTP/1.1\r\nhost: a\r\n");
    let slow_body = raw(
        &app,
        b"POST /v1/sign-up HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    );
    let served = app.get("/.well-known/jwks.json").send();
    let (head, body, served) = futures::join!(slow_head, slow_body, served);
    assert!(head.is_empty() || head.starts_with("HTTP/1.1 408"), "{head}");
    assert!(body.starts_with("HTTP/1.1 408"), "{body}");
    assert_eq!(served.status, 200);
}

/// C26, S10: whoever holds back a request's body until its session has ended is judged when the body is whole.
#[rstest]
#[tokio::test]
async fn a_body_that_is_held_back_outlives_no_session(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    app.signed_in_as("eve@example.org", Role::Superuser).await;
    let password = json!({"current_password": PASSWORD, "new_password": "nine herons beside the canal"});
    for (line, body) in [
        (format!("PUT /v1/admin/accounts/{}/role", root.account_id), json!({"role": "authenticated"})),
        ("PUT /v1/account/password".to_owned(), password),
    ] {
        let eve = app.user("eve@example.org").sign_in().await;
        let body = body.to_string();
        let mut held = TcpStream::connect(address(&app)).await.unwrap();
        let head = format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nAuthorization: Bearer {}\r\nSymbolon-Binding: {}\r\n\
             Expect: 100-continue\r\n\r\n",
            body.len(),
            eve.token,
            eve.binding
        );
        held.write_all(head.as_bytes()).await.unwrap();
        // The service says that it waits for the body: whoever is judged by the head has been judged.
        let mut goes_on = [0; 25];
        held.read_exact(&mut goes_on).await.unwrap();
        assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        app.operate(&eve.account_id, AccountChange::EndSessions).await;
        held.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        held.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 401"), "{}", answer.lines().next().unwrap_or_default());
    }
    assert_eq!(root.verify().await["role"], "superuser");
    app.user("eve@example.org").sign_in().await;
}
