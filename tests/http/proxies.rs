//! nginx and Caddy before a service, with the files of `config/examples` (Z8): what they let through, what the service
//! behind them gets to see, and what they make of answers. On SQLite alone: what a store may answer at a gateway is tested in
//! [`super::gateway`], on all of them.

use rstest::rstest;
use serde_json::json;

use crate::{
    http::device_tokens::{DEVICE, claimed, licensed},
    support::{
        Engine::Sqlite,
        SignedIn, TestApp, directory,
        gateway::{TOLD, declared},
        proxies::{
            Echo, Passed, Proxy,
            ProxyKind::{self, Caddy, Nginx},
        },
    },
};

const ADA: &str = "ada@example.org";
const OWN: &str = "http://localhost:8080";
const ROUTES: &[(&str, &str, &str)] = &[
    ("note", "ANY", "/notes/{id}"),
    ("closed", "GET", "/closed"),
    ("of-host", "GET", "/of-host"),
    ("of-others", "GET", "/of-others"),
    ("of-loopback", "GET", "/of-loopback"),
];
const POLICIES: &str = r#"
@id("who-is-known-reads-and-writes")
permit (principal, action in [Action::"GET", Action::"POST"], resource == Route::"note");

@id("of-one-host")
permit (principal, action == Action::"GET", resource == Route::"of-host")
when { context.host == "api.example.org" };

@id("of-others")
permit (principal, action == Action::"GET", resource == Route::"of-others")
when { context has source_ip && !context.source_ip.isLoopback() };

@id("of-loopback")
permit (principal, action == Action::"GET", resource == Route::"of-loopback")
when { context has source_ip && context.source_ip.isLoopback() };
"#;

/// Everything from the caller to the service behind the proxy.
struct Gateway {
    app: TestApp,
    proxy: Proxy,
    echo: Echo,
}

impl Gateway {
    async fn start(kind: ProxyKind) -> Self {
        let directory = directory();
        let authorizer = declared(directory.path(), ROUTES, POLICIES);
        let app = TestApp::with(Sqlite, |settings| settings.authorizer = authorizer).await;
        let echo = Echo::start().await;
        let proxy = Proxy::start(kind, app.url.strip_prefix("http://").unwrap(), &echo.address).await;
        Self { app, proxy, echo }
    }

    /// A request of somebody in this session, with these headers besides.
    async fn send(&self, by: &SignedIn<'_>, line: &str, more: &[(&str, &str)], body: &str) -> Passed {
        let bearer = format!("Bearer {}", by.token);
        let shown = [("authorization", bearer.as_str()), ("symbolon-binding", by.binding.as_str())];
        self.proxy.send(line, &[&shown[..], more].concat(), body).await
    }

    async fn get(&self, by: &SignedIn<'_>, path: &str, more: &[(&str, &str)]) -> Passed {
        self.send(by, &format!("GET {path}"), more, "").await
    }
}

/// What the service learns of who asks; it must be told everything once at the most.
#[track_caller]
fn told(passed: &Passed) -> [&str; 8] {
    TOLD.map(|name| {
        let values = passed.header(name);
        assert!(values.len() <= 1, "{name}: {values:?}");
        values.first().copied().unwrap_or_default()
    })
}

/// Z8, Z9: who may is let through with their request as it is; the service learns who they are, and not what they showed.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_service_learns_who_asks(#[values(Nginx, Caddy)] kind: ProxyKind) {
    let gateway = Gateway::start(kind).await;
    let (ada, _root) = licensed(&gateway.app).await;
    let session = [&*ada.account_id, "session", OWN, "", "", "authenticated", "", "note"];
    let read = gateway.get(&ada, "/notes/7?a=%2F..%2F&b=c", &[("accept", "text/plain")]).await.expect(200);
    assert_eq!(told(&read), session);
    assert_eq!(
        (&read.asked["method"], &read.asked["uri"]),
        (&json!("GET"), &json!("/notes/7?a=%2F..%2F&b=c"))
    );
    assert_eq!(read.header("accept"), ["text/plain"]);
    let written =
        gateway.send(&ada, "POST /notes/a%20b%41", &[("content-type", "text/plain")], "a=1\r\n\r\nb").await;
    let written = written.expect(200);
    assert_eq!(told(&written), session);
    let expected = (&json!("POST"), &json!("/notes/a%20b%41"), &json!("a=1\r\n\r\nb"));
    assert_eq!((&written.asked["method"], &written.asked["uri"], &written.asked["body"]), expected);
    let large = "x".repeat(200_000);
    assert_eq!(gateway.send(&ada, "POST /notes/8", &[], &large).await.expect(200).asked["body"], large);
    for passed in [&read, &written] {
        for shown in passed.names() {
            assert!(
                shown != "authorization" && !shown.starts_with("symbolon"),
                "the service needs no {shown}"
            );
        }
        let seen = passed.asked.to_string();
        assert!(!seen.contains(&ada.token) && !seen.contains(&ada.binding));
    }

    let device = format!("Bearer {}", claimed(&gateway.app, &ada, DEVICE).await.text("token"));
    let shown = [("authorization", device.as_str()), ("symbolon-device", DEVICE)];
    let by_device = gateway.proxy.send("GET /notes/7", &shown, "").await.expect(200);
    let expected = [&*ada.account_id, "device_token", OWN, "", "", "", "export sync", "note"];
    assert_eq!(told(&by_device), expected);
    gateway.proxy.send("GET /notes/7", &shown[..1], "").await.expect(401);
    let log = gateway.proxy.log();
    assert!(!log.contains(&ada.token) && !log.contains(&ada.binding) && !log.contains(&device[10..]));
}

/// Z8: 401 and 403 reach the caller as they are, and the service behind is not asked.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_no_stops_at_the_proxy(#[values(Nginx, Caddy)] kind: ProxyKind) {
    let gateway = Gateway::start(kind).await;
    let ada = gateway.app.user(ADA).sign_up().await;
    let nobody = gateway.proxy.send("GET /notes/7", &[], "").await.expect(401);
    assert!(nobody.head.lines().any(|line| line == "www-authenticate: bearer"), "{}", nobody.head);
    let cookies = format!("__Host-symbolon-session={}; __Host-symbolon-binding={}", ada.token, ada.binding);
    gateway.proxy.send("GET /notes/7", &[("cookie", cookies.as_str())], "").await.expect(401);
    let bearer = format!("Bearer {}", ada.token);
    let unbound =
        gateway.proxy.send("POST /notes/7", &[("authorization", bearer.as_str())], "x").await.expect(401);
    assert!(unbound.head.contains("www-authenticate: bearer error=\"invalid_token\""), "{}", unbound.head);
    for line in
        ["GET /closed", "GET /undeclared", "GET /", "DELETE /notes/7", "PUT /notes/7", "GET /notes/7/8"]
    {
        gateway.send(&ada, line, &[], "x").await.expect(403);
    }
    // The question itself is no page of the proxy's.
    let status = gateway.get(&ada, "/_symbolon", &[]).await.status;
    assert!(matches!(status, 403 | 404), "{status}");
    let status = gateway.get(&ada, "/v1/forward-auth", &[]).await.status;
    assert_eq!(status, 403);
    ada.call("DELETE", "/v1/sessions/current").send().await.expect(204);
    gateway.get(&ada, "/notes/7", &[]).await.expect(401);
    assert_eq!(gateway.echo.asked(), 0);
}

/// What a caller may send to pass for somebody, or for somewhere, else.
const MADE_UP: &[(&str, &str)] = &[
    ("X-Auth-Subject", "root"),
    ("X-Auth-Kind", "api_key"),
    ("X-Auth-Issuer", "https://evil.example"),
    ("X-Auth-Scopes", "admin"),
    ("X-Auth-Groups", "admins"),
    ("X-Auth-Roles", "superuser"),
    ("x-auth-entitlements", "everything"),
    ("X-Auth-Route", "closed"),
    ("X_Auth_Roles", "superuser"),
    ("X-Auth_Groups", "admins"),
    ("X-Forwarded-For", "203.0.113.9"),
    ("X-Forwarded-Host", "made-up.example.org"),
    ("X-Forwarded-Proto", "gopher"),
    ("X-Forwarded-Method", "POST"),
    ("X-Forwarded-Uri", "/notes/made-up"),
    ("X-Original-Method", "POST"),
    ("X-Original-URI", "/notes/made-up"),
    ("X-Original-URL", "/closed"),
    ("X-Rewrite-URL", "/closed"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("X-Method-Override", "DELETE"),
    ("X-HTTP-Method", "DELETE"),
    ("X-Real-IP", "203.0.113.9"),
    ("Forwarded", "for=203.0.113.9;host=made-up.example.org"),
];

/// Z8: headers that only proxies may set have no effect, neither on the decision nor on the service.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_makes_up_has_no_effect(#[values(Nginx, Caddy)] kind: ProxyKind) {
    let gateway = Gateway::start(kind).await;
    let ada = gateway.app.user(ADA).sign_up().await;
    let passed = gateway.get(&ada, "/notes/7", MADE_UP).await.expect(200);
    let session = [&*ada.account_id, "session", OWN, "", "", "authenticated", "", "note"];
    assert_eq!(told(&passed), session);
    assert_eq!(passed.asked["uri"], "/notes/7");
    let headers = passed.asked["headers"].to_string();
    for (name, value) in MADE_UP {
        assert!(!headers.contains(&format!("\"{value}\"")), "{name} reaches the service: {headers}");
    }
    assert_eq!(passed.header("x-forwarded-for"), ["127.0.0.1"]);

    let asked = gateway.echo.asked();
    for header in MADE_UP {
        gateway.get(&ada, "/closed", &[*header]).await.expect(403);
        gateway.get(&ada, "/of-others", &[*header]).await.expect(403);
    }
    gateway.get(&ada, "/closed", MADE_UP).await.expect(403);
    for name in ["X-Original-URI", "X-Forwarded-Uri"] {
        gateway.get(&ada, "/closed", &[(name, "/notes/7"), (name, "/notes/7")]).await.expect(403);
    }
    assert_eq!(gateway.echo.asked(), asked);
    gateway.get(&ada, "/of-loopback", MADE_UP).await.expect(200);
    gateway.get(&ada, "/of-host", MADE_UP).await.expect(200);
}

/// Z8: what is named in `Connection` ends at a proxy (RFC 9110, section 7.6.1), but not what the service is told of the caller.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_takes_nothing_away(#[values(Nginx, Caddy)] kind: ProxyKind) {
    let gateway = Gateway::start(kind).await;
    let ada = gateway.app.user(ADA).sign_up().await;
    let complete = told(&gateway.get(&ada, "/notes/7", &[]).await.expect(200)).map(str::to_owned);
    for named in TOLD.iter().chain(&["X-Auth-Subject, X-Auth-Kind", "X-Forwarded-Method, X-Forwarded-Uri"]) {
        let passed = gateway.get(&ada, "/notes/7", &[("connection", *named)]).await;
        assert!(matches!(passed.status, 200 | 400), "{named}: {}", passed.status);
        assert!(passed.status == 400 || told(&passed) == complete, "{named}: {:?}", told(&passed));
    }
}

/// Z8: a path that the proxy, the authorizer and the service might read differently goes no further than the proxy.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_can_be_read_in_two_ways_goes_no_further(#[values(Nginx, Caddy)] kind: ProxyKind) {
    let gateway = Gateway::start(kind).await;
    let ada = gateway.app.user(ADA).sign_up().await;
    for target in [
        "/notes/../notes/7",
        "/notes/7/../8",
        "/closed/../notes/7",
        "/notes/..",
        "/notes/./7",
        "/notes/%2e%2e/7",
        "/notes/.%2E/7",
        "/notes/..;/7",
        "/notes/7;x",
        "/notes//7",
        "//notes/7",
        "/notes/7//",
        "/notes/a%2fb",
        "/notes/a%2Fb",
        "/notes/a%5cb",
        "/notes/..\\7",
        "/notes/%252e",
        "/notes/%c0%ae%c0%ae/7",
        "/notes/%00",
        "/notes/%zz",
        "/notes/7%0d%0a",
        "/notes/7#/../closed",
        "http://api.example.org/notes/../notes/7",
        "http://api.example.org//notes/7",
        "notes/7",
        "*",
    ] {
        // Some the proxy refuses by itself.
        let passed = gateway.get(&ada, target, &[]).await;
        assert!(matches!(passed.status, 400 | 403), "{target}: {}", passed.status);
    }
    assert_eq!(gateway.echo.asked(), 0);
    let passed = gateway.get(&ada, "http://api.example.org/notes/7", &[]).await.expect(200);
    assert_eq!(passed.asked["uri"], "/notes/7");
}

/// Z5: without the authorizer there is no decision, and without a decision nobody is let through.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn without_the_authorizer_nobody_passes(#[values(Nginx, Caddy)] kind: ProxyKind) {
    let Gateway { app, proxy, echo } = Gateway::start(kind).await;
    let ada = app.user(ADA).sign_up().await;
    let (bearer, binding) = (format!("Bearer {}", ada.token), ada.binding.clone());
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", binding.as_str())];
    proxy.send("GET /notes/7", &shown, "").await.expect(200);
    app.stop().await;
    for line in ["GET /notes/7", "POST /notes/7", "GET /closed"] {
        let status = proxy.send(line, &shown, "x").await.status;
        assert!(matches!(status, 500 | 502), "{line}: {status}");
    }
    assert_eq!(echo.asked(), 1);
    let log = proxy.log();
    assert!(
        !log.contains(bearer.trim_start_matches("Bearer ")) && !log.contains(&binding),
        "a secret is in its log"
    );
}
