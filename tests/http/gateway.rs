//! What gateways ask, end to end (Z5, Z6, Z8, Z9): who is let through to which route, and what is told of them. Which
//! credentials count is in [`credentials`], what no gateway may be talked into in [`attacks`], Amazon's in [`cognito`].

use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon::settings::{RefreshHash, Settings};
use symbolon_domain::{access_tokens::MintRequest, actor::Role, api_keys::Scopes, secret::ExposeSecret as _};

use crate::support::{
    Answer, Call,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    SignedIn, TestApp, directory,
    gateway::{ask, declared},
};

mod attacks;
mod cognito;
mod credentials;

const ADA: &str = "ada@example.org";
const EVE: &str = "eve@example.org";
const AUDIENCE: &str = "https://api.example.org";
/// What the service calls itself unless it is told otherwise.
const OWN: &str = "http://localhost:8080";

const ROUTES: &[(&str, &str, &str)] = &[
    ("note", "ANY", "/notes/{id}"),
    ("files", "GET", "/files/{path+}"),
    ("here", "GET", "/here"),
    ("closed", "GET", "/closed"),
];
const POLICIES: &str = r#"
@id("who-is-known-reads")
permit (principal, action == Action::"GET", resource)
when { [Route::"note", Route::"files"].contains(resource) };

@id("staff-write")
permit (principal, action == Action::"PUT", resource == Route::"note")
when { principal.roles.contains("staff") };

@id("only-from-here")
permit (principal, action == Action::"GET", resource == Route::"here")
when {
    context.host == "api.example.org" &&
    context has source_ip && context.source_ip.isInRange(ip("203.0.113.0/24"))
};

@id("locked")
forbid (principal, action, resource == Route::"note")
when { context.path == "/notes/locked" };
"#;

/// The service with these routes and policies.
async fn start(on: Engine) -> TestApp {
    start_with(on, |_| {}).await
}

/// The same with settings that this function has changed.
async fn start_with(on: Engine, change: impl FnOnce(&mut Settings)) -> TestApp {
    let directory = directory();
    let authorizer = declared(directory.path(), ROUTES, POLICIES);
    TestApp::with(on, |settings| {
        settings.authorizer = authorizer;
        settings.api_keys.refresh_hash = RefreshHash::Sha256;
        change(settings);
    })
    .await
}

/// May it be read? Everybody whose credential counts may.
fn ask_for_note(app: &TestApp) -> Call {
    ask(app, "GET", "/notes/7")
}

/// As somebody in this session.
fn in_session(call: Call, session: &SignedIn<'_>) -> Call {
    call.bearer(&session.token).binding(&session.binding)
}

/// An API key, as its owner gets it.
async fn issue(owner: &SignedIn<'_>, more: Json) -> Answer {
    let mut body = json!({"issuer": "app", "audience": AUDIENCE, "subject": "/v2", "version": "2"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    owner.call("POST", "/v1/api-keys").json(&body).send().await.expect(201)
}

/// An access token that an operator makes.
async fn mint(app: &TestApp, subject: &str, audience: Option<&str>) -> String {
    let request = MintRequest {
        subject: subject.to_owned(),
        audience: audience.map(str::to_owned),
        scopes: Scopes::try_from(vec!["notes:read".to_owned()]).unwrap(),
        lifetime: std::time::Duration::from_secs(900),
    };
    let minted = app.service.access_tokens.mint(&request, &app.operator()).await.unwrap();
    minted.token.expose_secret().to_owned()
}

/// Why gateways were told no, without repetition.
async fn reasons(app: &TestApp) -> Vec<String> {
    let events = app.audit().await.into_iter().filter(|event| event.act.as_str() == "gateway.decided");
    let mut reasons: Vec<String> =
        events.filter_map(|event| event.reason.map(|reason| reason.into_owned())).collect();
    reasons.sort();
    reasons.dedup();
    reasons
}

/// Z6: what no policy permits is denied, and so is what one forbids and what is not declared; only the audit log says why.
#[rstest]
#[tokio::test]
async fn a_credential_alone_opens_nothing(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    for (method, uri) in [("GET", "/notes/7"), ("GET", "/notes/7?all=1"), ("GET", "/files/a/b.txt")] {
        in_session(ask(&app, method, uri), &ada).send().await.told();
    }
    in_session(ask(&app, "PUT", "/notes/7"), &staff).send().await.told();
    for (method, uri) in [
        ("GET", "/closed"),
        ("PUT", "/notes/7"),
        ("HEAD", "/notes/7"),
        ("DELETE", "/notes/7"),
        ("OPTIONS", "/notes/7"),
        ("GET", "/notes/locked"),
        ("GET", "/notes/%6cocked"),
        ("GET", "/"),
        ("GET", "/notes"),
        ("GET", "/notes/"),
        ("GET", "/notes/7/"),
        ("GET", "/notes/7/more"),
        ("GET", "/Notes/7"),
        ("GET", "/undeclared"),
        ("GET", "/v1/account"),
        ("POST", "/files/a"),
        ("TRACE", "/notes/7"),
        ("get", "/notes/7"),
        ("", "/notes/7"),
    ] {
        let refused = in_session(ask(&app, method, uri), &ada).send().await;
        assert_eq!(refused.status, 403, "{method} {uri}");
        refused.says_no(403, "not_let_through");
        // Who is not known is not told what there is.
        ask(&app, method, uri).send().await.says_no(401, "unauthorized");
    }
    let expected = ["forbidden", "no_credential", "not_permitted", "undeclared_route"];
    assert_eq!(reasons(&app).await, expected);
    let events = format!("{:?}", app.audit().await);
    assert!(!events.contains(&ada.token) && !events.contains(&ada.binding));
}

/// Z6: where no route is declared nothing is let through, whoever asks.
#[rstest]
#[tokio::test]
async fn what_is_not_configured_is_denied(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    for uri in ["/", "/notes/7", "/v1/account"] {
        in_session(ask(&app, "GET", uri), &root).send().await.says_no(403, "not_let_through");
    }
    assert_eq!(reasons(&app).await, ["undeclared_route"]);
}

/// Z5, Z6: host and address in a policy are what the proxy says: of several addresses, the one that it saw itself.
#[rstest]
#[tokio::test]
async fn policies_see_host_and_address(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let status = async |headers: &[(&str, &str)]| {
        let call = in_session(ask(&app, "GET", "/here"), &ada);
        let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        call.send().await.status
    };
    let (host, address) = (("x-forwarded-host", "api.example.org"), ("x-forwarded-for", "203.0.113.9"));
    assert_eq!(status(&[host, address]).await, 200);
    assert_eq!(status(&[("x-forwarded-host", "API.example.org.:8443"), address]).await, 200);
    assert_eq!(status(&[host, ("x-forwarded-for", "198.51.100.7, 203.0.113.9")]).await, 200);
    assert_eq!(status(&[host, ("x-forwarded-for", "203.0.113.9, 127.0.0.1")]).await, 200);
    assert_eq!(status(&[host, ("x-forwarded-for", "[::ffff:203.0.113.9]:4711")]).await, 200);
    for more in [
        &[host, ("x-forwarded-for", "203.0.113.9, 198.51.100.7")][..],
        &[host, ("x-forwarded-for", "203.0.113.9, nobody")],
        &[host, ("x-forwarded-for", "2001:db8::1")],
        &[host],
        &[address],
        &[("x-forwarded-host", "other.example.org"), address],
        &[("x-forwarded-host", "api.example.org.example.com"), address],
        &[("x-forwarded-host", "x:api.example.org"), address],
        &[("x-forwarded-host", "api.example.org, other.example.org"), address],
        &[host, host, address],
    ] {
        assert_eq!(status(more).await, 403, "{more:?}");
    }
}

/// Z8: a question counts from a trusted proxy only, whatever it says of itself.
#[rstest]
#[tokio::test]
async fn strangers_may_not_ask(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = start_with(on, |settings| {
        settings.http.trusted_proxies = vec!["10.0.0.0/8".to_owned().try_into().unwrap()];
    })
    .await;
    let ada = app.user(ADA).sign_up().await;
    for (name, value) in [
        ("accept", "*/*"),
        ("x-forwarded-for", "10.0.0.1"),
        ("forwarded", "for=10.0.0.1"),
        ("x-real-ip", "10.0.0.1"),
    ] {
        let call = in_session(ask_for_note(&app), &ada).header(name, value);
        call.send().await.says_no(403, "not_a_gateway");
        ask_for_note(&app).header(name, value).send().await.says_no(403, "not_a_gateway");
    }
    assert!(reasons(&app).await.is_empty(), "nothing was decided");
}
