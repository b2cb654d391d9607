//! `symbolon authorize`: what Amazon API Gateway would be told about an event, of each of the three kinds (Z7, Z9).

use std::{fs, path::Path};

use rstest::rstest;
use serde_json::{Value as Json, json};

use super::commands::json as printed;
use crate::support::{
    Binary,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Home, Host as _, PASSWORD, command_of, token_in,
};

const ADA: &str = "ada@example.org";
const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/prod";
const POLICIES: &str = r#"
@id("who-is-known-reads")
permit (principal, action == Action::"GET", resource == Route::"note");

@id("only-from-here")
permit (principal, action == Action::"GET", resource == Route::"here")
when { context has source_ip && context.source_ip.isInRange(ip("203.0.113.0/24")) };
"#;

fn configure(home: &Home) {
    let policies = home.directory().join("policies");
    fs::create_dir(&policies).unwrap();
    fs::write(policies.join("routes.cedar"), POLICIES).unwrap();
    let mut configuration = format!("[authorizer]\npolicies = {policies:?}\n");
    for (name, method, path) in
        [("note", "ANY", "/notes/{id}"), ("here", "GET", "/here"), ("closed", "GET", "/closed")]
    {
        configuration +=
            &format!("[[authorizer.routes]]\nname = \"{name}\"\nmethod = \"{method}\"\npath = \"{path}\"\n");
    }
    fs::write(home.directory().join("symbolon.toml"), configuration).unwrap();
}

/// A decision: the exit code, the answer, how it came about.
struct Decided {
    code: Option<i32>,
    answer: Json,
    explanation: Json,
}

/// Decides about this event in a file. Nothing that is printed may have any of these secrets in it.
#[track_caller]
fn decide(home: &Home, event: &Json, secrets: &[&str]) -> Decided {
    fs::write(home.directory().join("event.json"), event.to_string()).unwrap();
    let arguments = ["authorize", "--event", "event.json", "--explain", "--output", "json"];
    let output = command_of(home, &arguments, "");
    let (said, complained) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let shown = command_of(home, &["authorize", "--event", "event.json", "--explain"], "");
    assert_eq!(shown.status.code(), output.status.code());
    for text in [&*said, &*complained, &String::from_utf8_lossy(&shown.stdout)] {
        assert!(!secrets.iter().any(|secret| text.contains(secret)), "a secret is printed");
    }
    let said: Json = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{complained}"));
    let code = output.status.code();
    assert_eq!(code == Some(0), said["explanation"]["lets_through"] == true);
    Decided { code, answer: said["answer"].clone(), explanation: said["explanation"].clone() }
}

fn token_event(token: &str, path: &str) -> Json {
    json!({"type": "TOKEN", "authorizationToken": format!("Bearer {token}"), "methodArn": format!("{ARN}/GET{path}")})
}

fn request_event(headers: &Json, source_ip: &str, path: &str) -> Json {
    json!({
        "type": "REQUEST", "methodArn": format!("{ARN}/GET{path}"), "httpMethod": "GET", "headers": headers,
        "requestContext": {"domainName": "api.example.org", "identity": {"sourceIp": source_ip}},
    })
}

fn http_event(headers: &Json, source_ip: &str, path: &str) -> Json {
    json!({
        "version": "2.0", "type": "REQUEST", "rawPath": path, "headers": headers,
        "requestContext": {
            "stage": "$default", "domainName": "api.example.org", "http": {"method": "GET", "sourceIp": source_ip},
        },
    })
}

const UNAUTHORIZED: fn() -> Json = || json!({"errorType": "Unauthorized", "errorMessage": "Unauthorized"});

/// Z7, Z9: each kind of event gets its own kind of answer, and the exit code says whether the request would pass.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_what_a_gateway_is_told(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let at = &home;
    configure(at);
    let binary = Binary::of(at, &[], &[]);
    let ada = binary.user(ADA).sign_up().await;
    let minted = printed(at, &["token", "mint", "--subject", "robot", "--scope", "read"], "");
    let token = minted["token"].as_str().unwrap();
    let secrets = [token, &*ada.token, &*ada.binding];

    let may = decide(at, &token_event(token, "/notes/7"), &secrets);
    assert_eq!((may.code, &may.answer["principalId"]), (Some(0), &json!("robot")));
    let allowed = &may.answer["policyDocument"]["Statement"][0];
    assert_eq!((&allowed["Effect"], &allowed["Action"]), (&json!("Allow"), &json!("execute-api:Invoke")));
    assert_eq!(
        allowed["Resource"],
        json!([format!("{ARN}/GET/notes/*")]),
        "of the routes, not of the request"
    );
    let explanation = json!({
        "decision": "allowed", "reason": null, "kind": "access_token", "principal": "robot", "route": "note",
        "policies": ["who-is-known-reads"], "lets_through": true,
    });
    assert_eq!(may.explanation, explanation);
    for (path, reason, route) in
        [("/closed", "not_permitted", json!("closed")), ("/other", "undeclared_route", Json::Null)]
    {
        let no = decide(at, &token_event(token, path), &secrets);
        assert_eq!((no.code, &no.explanation["reason"]), (Some(1), &json!(reason)));
        assert_eq!((&no.explanation["decision"], &no.explanation["route"]), (&json!("denied"), &route));
        assert!(
            !no.answer["policyDocument"].to_string().contains(path),
            "it opens nothing that was asked for"
        );
    }
    // There is one header in such an event, and a session needs two.
    let unbound = decide(at, &token_event(&ada.token, "/notes/7"), &secrets);
    assert_eq!((unbound.code, unbound.answer), (Some(1), UNAUTHORIZED()));
    assert_eq!(unbound.explanation["decision"], "unauthenticated");

    let session = json!({"Authorization": format!("Bearer {}", ada.token), "Symbolon-Binding": ada.binding});
    let may = decide(at, &request_event(&session, "203.0.113.9", "/here"), &secrets);
    assert_eq!((may.code, &may.answer["principalId"]), (Some(0), &json!(ada.account_id)));
    assert_eq!(may.answer["context"]["kind"], "session");
    assert_eq!(decide(at, &request_event(&session, "198.51.100.7", "/here"), &secrets).code, Some(1));

    let may = decide(at, &http_event(&session, "203.0.113.9", "/here"), &secrets);
    assert_eq!((may.code, &may.answer["isAuthorized"]), (Some(0), &json!(true)));
    assert_eq!(
        (&may.answer["context"]["route"], &may.answer["context"]["roles"]),
        (&json!("here"), &json!("authenticated"))
    );
    let no = decide(at, &http_event(&session, "198.51.100.7", "/here"), &secrets);
    assert_eq!((no.code, &no.answer["isAuthorized"]), (Some(1), &json!(false)));
    let unsafe_path = decide(at, &http_event(&session, "203.0.113.9", "/notes/../here"), &secrets);
    assert_eq!(unsafe_path.answer, json!({"isAuthorized": false, "context": {}}));
    assert_eq!(unsafe_path.explanation["reason"], "unsafe_path");
    let nobody = decide(at, &http_event(&json!({}), "203.0.113.9", "/here"), &secrets);
    assert_eq!((nobody.code, nobody.answer), (Some(1), UNAUTHORIZED()));

    let events = printed(at, &["audit", "tail", "--act", "gateway.decided"], "").to_string();
    for reason in ["not_permitted", "undeclared_route", "unsafe_path", "no_credential"] {
        assert!(events.contains(reason), "{reason}");
    }
    assert!(!secrets.iter().any(|secret| events.contains(secret)));
}

/// Z9, K5: an API key counts from its address, by the same word as over HTTP, until it is revoked.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn keys_count_as_they_do_over_http(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let at = &home;
    configure(at);
    let binary = Binary::of(at, &[], &[]);
    let ada = binary.user(ADA).sign_up().await;
    let body = json!({"issuer": "app", "audience": "api", "subject": "/v2", "version": "2", "ip_address": "203.0.113.0/24"});
    let issued = ada.call("POST", "/v1/api-keys").json(&body).send().await.expect(201);
    let key = issued.text("api_key");
    let headers = json!({"authorization": format!("Bearer {key}")});
    let may = decide(at, &http_event(&headers, "203.0.113.9", "/notes/7"), &[key.as_str()]);
    assert_eq!((may.code, &may.explanation["kind"]), (Some(0), &json!("api_key")));
    assert_eq!(may.answer["context"]["subject"], json!(ada.account_id));
    for event in [
        http_event(&headers, "198.51.100.7", "/notes/7"),
        request_event(&headers, "198.51.100.7", "/notes/7"),
        token_event(&key, "/notes/7"),
    ] {
        let no = decide(at, &event, &[key.as_str()]);
        assert_eq!((no.code, no.answer), (Some(1), UNAUTHORIZED()));
        assert_eq!(no.explanation["reason"], "wrong_address");
    }
    ada.call("DELETE", &format!("/v1/api-keys/{}", issued.text("id"))).send().await.expect(204);
    let no = decide(at, &http_event(&headers, "203.0.113.9", "/notes/7"), &[key.as_str()]);
    assert_eq!((no.code, &no.explanation["reason"]), (Some(1), &json!("revoked")));
}

/// A file of this repository.
fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
}

/// What is in the first block of the page on gateways that begins so.
fn block<'a>(page: &'a str, beginning: &str) -> &'a str {
    page.split_once(beginning).unwrap().1.split_once("\n```").unwrap().0
}

/// Z7, Z9: the page on gateways has routes, a policy and an event that go together, and says when a token is not looked at.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_on_the_page_works() {
    let home = Home::on(Sqlite).await;
    let at = &home;
    let page = file("docs/gateway.md");
    let policies = at.directory().join("policies");
    fs::create_dir(&policies).unwrap();
    fs::write(policies.join("page.cedar"), format!("@id{}", block(&page, "```\n@id"))).unwrap();
    let configuration =
        block(&page, "```toml\n").replace("/etc/symbolon/authorizer", &policies.display().to_string());
    fs::write(at.directory().join("symbolon.toml"), configuration).unwrap();
    let binary = Binary::of(at, &[], &[]);
    let created = command_of(at, &["account", "create", "--email", ADA, "--role", "superuser"], "");
    let invitation = token_in(&String::from_utf8(created.stdout).unwrap(), "sym_iv_");
    let body = json!({"token": invitation, "password": PASSWORD});
    binary.call("POST", "/v1/invitations/redeem").json(&body).send().await.expect(201);
    let ada = binary.user(ADA).sign_in().await;

    let example = file("config/examples/authorizer-event.json");
    let event = example.replace("{{token}}", &ada.token).replace("{{binding}}", &ada.binding);
    let event: Json = serde_json::from_str(&event).unwrap();
    let may = decide(at, &event, &[ada.token.as_str(), ada.binding.as_str()]);
    assert_eq!((may.code, &may.explanation["route"]), (Some(0), &json!("user")));
    let unfilled = decide(at, &serde_json::from_str(&example).unwrap(), &["{{binding}}"]);
    assert_eq!((unfilled.code, unfilled.answer), (Some(1), UNAUTHORIZED()));

    let bare =
        json!({"type": "TOKEN", "authorizationToken": ada.token, "methodArn": format!("{ARN}/GET/users/7")});
    let output = command_of(at, &["authorize", "--event", "-", "--explain"], &bare.to_string());
    let complained = String::from_utf8(output.stderr).unwrap();
    assert!(complained.contains("not in the form `Bearer …`") && complained.contains("no_credential"));
    assert!(!complained.contains(&ada.token));
}

/// Z7: what is no event is told apart from a "no", and nothing of it is repeated.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_refused() {
    let home = Home::on(Sqlite).await;
    let at = &home;
    configure(at);
    drop(Binary::of(at, &[], &[]));
    let minted = printed(at, &["token", "mint", "--subject", "robot"], "");
    let token = minted["token"].as_str().unwrap();
    let event = http_event(&json!({"authorization": format!("Bearer {token}")}), "203.0.113.9", "/here");
    let read = command_of(at, &["authorize", "--event", "-"], &event.to_string());
    assert_eq!(read.status.code(), Some(0));
    let answer: Json = serde_json::from_slice(&read.stdout).unwrap();
    assert_eq!((&answer["isAuthorized"], answer.get("explanation")), (&json!(true), None));

    let request = request_event(&json!({}), "203.0.113.9", "/here");
    let with = |name: &str, value: Json| {
        let mut event = request.clone();
        event[name] = value;
        event.to_string()
    };
    for (text, said) in [
        (String::new(), "not an event"),
        ("canary".to_owned(), "not an event"),
        (json!({"type": "canary", "methodArn": ARN}).to_string(), "not an event"),
        (json!({"type": "REQUEST", "version": "3.0", "authorization": "canary"}).to_string(), "not an event"),
        (with("methodArn", json!("canary")), "methodArn"),
        (with("httpMethod", json!("DELETE")), "httpMethod"),
        ("canary ".repeat(200_000), "1 MiB"),
    ] {
        let output = command_of(at, &["authorize", "--event", "-", "--explain"], &text);
        let complained = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true), "{complained}");
        assert!(complained.contains(said) && !complained.contains("canary"), "{said}: {complained}");
    }
    assert_eq!(command_of(at, &["authorize", "--event", "none.json"], "").status.code(), Some(1));
    assert_eq!(command_of(at, &["authorize"], "").status.code(), Some(2));
}
