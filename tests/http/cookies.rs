//! Browsers: secrets in cookies that no script reads, and unsafe requests from this origin only (S8, C24).

use rstest::rstest;
use serde_json::json;

use crate::support::{
    Answer,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, TestApp,
};

const ADA: &str = "ada@example.org";
const ORIGIN: &str = "http://localhost:8080";

/// The cookies that an answer sets: name, value, attributes.
fn cookies(answer: &Answer) -> Vec<(String, String, String)> {
    let parse = |header: &reqwest::header::HeaderValue| {
        let text = header.to_str().unwrap().to_owned();
        let (pair, attributes) = text.split_once("; ").unwrap_or((&text, ""));
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), value.to_owned(), attributes.to_owned())
    };
    let mut cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(parse).collect();
    cookies.sort();
    cookies
}

fn shape(answer: &Answer) -> Vec<(String, Vec<String>)> {
    let sorted = |attributes: &str| {
        let mut parts: Vec<String> = attributes.split("; ").map(str::to_owned).collect();
        parts.sort();
        parts
    };
    cookies(answer).iter().map(|(name, _, attributes)| (name.clone(), sorted(attributes))).collect()
}

fn attributes(max_age: u32, same_site: &str) -> Vec<String> {
    let all =
        ["HttpOnly", &format!("Max-Age={max_age}"), "Path=/", &format!("SameSite={same_site}"), "Secure"];
    all.iter().map(|attribute| (*attribute).to_owned()).collect()
}

fn jar(answer: &Answer) -> String {
    let pairs: Vec<String> =
        cookies(answer).iter().map(|(name, value, _)| format!("{name}={value}")).collect();
    pairs.join("; ")
}

/// S7, S8, C24: the whole ceremony by cookies: `__Host-`, HttpOnly, Secure, expiring with what they hold, and no
/// secret in a body.
#[rstest]
#[tokio::test]
async fn a_browser_signs_up_and_refreshes_by_cookies(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let mut body = app.user(ADA).credentials();
    body["delivery"] = json!("cookies");
    let begun = app.post("/v1/sign-up").header("origin", ORIGIN).json(&body).send().await.expect(201);
    assert!(begun.json["binding"].is_null());
    let expected = [("__Host-symbolon-binding".to_owned(), attributes(600, "Strict"))];
    assert_eq!(shape(&begun), expected);

    let code = app.code_to(ADA).await;
    let verified = app
        .post("/v1/sign-up/verify")
        .header("origin", ORIGIN)
        .header("cookie", &jar(&begun))
        .bearer(&begun.text("access_token"))
        .json(&json!({"code": code}))
        .send()
        .await
        .expect(200);
    let month = 15 * 86_400;
    let expected = [
        ("__Host-symbolon-binding".to_owned(), attributes(month, "Strict")),
        ("__Host-symbolon-refresh".to_owned(), attributes(month, "Strict")),
        ("__Host-symbolon-session".to_owned(), attributes(900, "Lax")),
    ];
    assert_eq!(shape(&verified), expected);
    assert!(verified.json["access_token"].is_null() && verified.json["refresh_token"].is_null());

    let cookie = jar(&verified);
    app.get("/v1/account").header("cookie", &cookie).send().await.expect(200);
    let refreshed = app
        .post("/v1/sessions/refresh")
        .header("origin", ORIGIN)
        .header("cookie", &cookie)
        .json(&json!({}))
        .send()
        .await
        .expect(200);
    assert!(refreshed.json["refresh_token"].is_null());
    let out = app
        .call("DELETE", "/v1/sessions/current")
        .header("origin", ORIGIN)
        .header("cookie", &jar(&refreshed));
    let out = out.send().await.expect(204);
    assert_eq!(shape(&out).len(), 4);
    for (name, value, attributes) in cookies(&out) {
        assert!(value.is_empty() && attributes.contains("Max-Age=0"), "{name}");
    }
}

/// C24, S8: an unsafe request by cookie from another origin, or from none, has no effect; a header needs no origin.
#[rstest]
#[tokio::test]
async fn another_origin_cannot_act_by_cookie(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let cookie = format!("__Host-symbolon-session={}; __Host-symbolon-binding={}", ada.token, ada.binding);
    let patch = || app.call("PATCH", "/v1/account").json(&json!({"name": "Eve"})).header("cookie", &cookie);
    for origin in
        ["https://evil.example", "null", "http://localhost:8081", "http://localhost:8080.evil.example"]
    {
        assert_eq!(patch().header("origin", origin).send().await.expect(403).slug(), "origin_mismatch");
    }
    assert_eq!(patch().send().await.expect(403).slug(), "origin_mismatch");
    let cross = patch().header("origin", ORIGIN).header("sec-fetch-site", "cross-site").send().await;
    assert_eq!(cross.expect(403).slug(), "origin_mismatch");
    patch().header("origin", ORIGIN).header("sec-fetch-site", "same-origin").send().await.expect(200);

    let mut body = app.user(ADA).credentials();
    body["delivery"] = json!("cookies");
    let sign_in = || app.post("/v1/sign-in").json(&body);
    sign_in().header("origin", "https://evil.example").send().await.expect(403);
    sign_in().send().await.expect(403);
    sign_in().header("origin", ORIGIN).send().await.expect(200);
}

/// G9: CORS is off unless origins are listed; a listed one gets credentials, another nothing.
#[rstest]
#[tokio::test]
async fn only_listed_origins_read_answers(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let listed = "https://app.example.org";
    let preflight = async |app: &TestApp, origin: &str| {
        let call = app.call("OPTIONS", "/v1/account").header("origin", origin);
        let call = call.header("access-control-request-method", "PATCH");
        let answer =
            call.header("access-control-request-headers", "authorization,symbolon-binding").send().await;
        let header = |name| answer.header(name).to_owned();
        (header("access-control-allow-origin"), header("access-control-allow-credentials"))
    };
    let app = TestApp::start(on).await;
    assert_eq!(preflight(&app, listed).await, (String::new(), String::new()));
    let app = TestApp::with(on, |settings| {
        settings.http.cors.allowed_origins = vec![listed.to_owned().try_into().unwrap()];
    })
    .await;
    assert_eq!(preflight(&app, listed).await, (listed.to_owned(), "true".to_owned()));
    assert_eq!(preflight(&app, "https://app.example.org.evil.example").await, (String::new(), String::new()));
}
