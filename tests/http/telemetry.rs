//! Traces of the real binary, as a collector gets them (G3), and what becomes of the service without one.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{
    Binary,
    Engine::Sqlite,
    Home, Host as _,
    collector::{Collector, attribute},
    command_of,
};

const ADDRESS: &str = "canary.person@example.org";
const PASSWORD: &str = "canary seven lanterns over the harbour";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// G3, G1, C63: method, route, status and request id; nothing of the path, query, headers, body or caller.
#[tokio::test]
async fn a_request_is_a_span_without_secrets() {
    let (collector, home) = (Collector::start().await, Home::on(Sqlite).await);
    let headers = home.directory().join("otlp-headers");
    fs::write(&headers, "x-from-file=canary-file\n").unwrap();
    fs::set_permissions(&headers, fs::Permissions::from_mode(0o600)).unwrap();
    let variables = [
        ("SYMBOLON_TELEMETRY__OTLP__ENDPOINT", collector.url.as_str()),
        ("SYMBOLON_TELEMETRY__OTLP__HEADERS", "authorization=Bearer canary-key"),
        ("SYMBOLON_TELEMETRY__OTLP__HEADERS_FILE", headers.to_str().unwrap()),
        ("SYMBOLON_TELEMETRY__SERVICE_NAME", "sign-in"),
        ("SYMBOLON_LOG__LEVEL", "trace"),
    ];
    let mut binary = Binary::of(&home, &[], &variables);
    let session = binary.user(ADDRESS).with_password(PASSWORD).sign_up().await;
    let answer = binary
        .call("GET", "/v1/account?canary=canary")
        .header("user-agent", "canary-agent/1.0")
        .header("x-forwarded-for", "203.0.113.77")
        .header("baggage", "canary=1")
        .send()
        .await
        .expect(401);
    let request_id = answer.text("request_id");
    let secrets = [session.account_id.clone(), session.token.clone(), session.binding.clone()];
    binary.call("GET", "/canary-path").send().await.expect(404);
    assert!(binary.terminate().success());

    let spans = collector.spans_with("GET /v1/account").await;
    let span = spans.iter().find(|span| span.name == "GET /v1/account").unwrap();
    let found = |key: &str| attribute(&span.attributes, key).unwrap();
    assert_eq!(found("http.request.method"), "GET");
    assert_eq!(found("http.route"), "/v1/account");
    assert_eq!(found("http.response.status_code"), "401");
    assert_eq!(found("symbolon.request_id"), request_id);
    assert_eq!((span.kind, span.attributes.len(), span.events.len()), (2, 4, 0), "{span:?}");
    assert!(span.parent_span_id.is_empty());

    assert!(spans.iter().any(|span| span.name == "GET none"), "what matches no route has none in its span");
    let delivered = spans.iter().find(|span| span.name == "deliver message").unwrap();
    let found = |key: &str| attribute(&delivered.attributes, key).unwrap();
    assert_eq!(
        (found("symbolon.message.kind"), found("symbolon.message.outcome")),
        ("sign_up_code".to_owned(), "delivered".to_owned())
    );

    let resource = collector.requests().remove(0).resource_spans.remove(0).resource.unwrap();
    assert_eq!(attribute(&resource.attributes, "service.name").unwrap(), "sign-in");
    assert!(collector.always_got("authorization", "Bearer canary-key"));
    assert!(collector.always_got("x-from-file", "canary-file"));
    let planted = ["canary", "203.0.113.77", "example.org"].map(str::to_owned);
    for secret in planted.iter().chain(&secrets) {
        assert!(!collector.has_seen(secret), "a secret of {} characters is in a trace", secret.len());
    }
    assert!(!binary.log().contains("canary"));
}

/// G3: a trace is gone on with when a trusted proxy says so, and when nobody else does.
#[tokio::test]
async fn only_a_trusted_proxy_begins_a_trace() {
    for (proxies, header, goes_on) in [
        ("127.0.0.0/8", format!("00-{TRACE}-{PARENT}-01"), true),
        ("127.0.0.0/8", format!("00-{TRACE}-{PARENT}-canary"), false),
        ("192.0.2.0/24", format!("00-{TRACE}-{PARENT}-01"), false),
    ] {
        let (collector, home) = (Collector::start().await, Home::on(Sqlite).await);
        let variables = [
            ("SYMBOLON_TELEMETRY__OTLP__ENDPOINT", collector.url.as_str()),
            ("SYMBOLON_HTTP__TRUSTED_PROXIES", proxies),
        ];
        let mut binary = Binary::of(&home, &[], &variables);
        let call = binary.call("GET", "/v1/account").header("traceparent", &header);
        call.header("tracestate", "canary=1").send().await.expect(401);
        assert!(binary.terminate().success());
        let spans = collector.spans_with("GET /v1/account").await;
        let span = spans.iter().find(|span| span.name == "GET /v1/account").unwrap();
        let continued = hex(&span.trace_id) == TRACE && hex(&span.parent_span_id) == PARENT;
        assert_eq!(continued, goes_on, "{proxies} {header}");
        assert!(!collector.has_seen("canary"));
    }
}

/// G3: what a proxy does not keep, and what the ratio leaves out, is not sent.
#[tokio::test]
async fn what_is_not_sampled_is_not_sent() {
    let (collector, home) = (Collector::start().await, Home::on(Sqlite).await);
    let variables = [
        ("SYMBOLON_TELEMETRY__OTLP__ENDPOINT", collector.url.as_str()),
        ("SYMBOLON_TELEMETRY__SAMPLE_RATIO", "0"),
    ];
    let mut binary = Binary::of(&home, &[], &variables);
    binary.call("GET", "/v1/sessions").send().await.expect(401);
    for flags in ["00", "01"] {
        let header = format!("00-{TRACE}-{PARENT}-{flags}");
        binary.call("GET", "/v1/account").header("traceparent", &header).send().await.expect(401);
    }
    assert!(binary.terminate().success());
    assert_eq!(collector.spans_with("GET /v1/account").await.len(), 1);
}

/// G3, G4: neither a collector that is not there nor one that never answers holds up a request or the end, and the log
/// says it once.
#[tokio::test]
async fn a_collector_that_is_away_costs_spans_only() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for address in [closed, silent.local_addr().unwrap()] {
        let home = Home::on(Sqlite).await;
        let endpoint = format!("http://{address}");
        let mut binary = Binary::of(&home, &[], &[("SYMBOLON_TELEMETRY__OTLP__ENDPOINT", &endpoint)]);
        // Longer than several batches take to be given up.
        let asking = async {
            loop {
                let asked = binary.call("GET", "/.well-known/jwks.json").send();
                tokio::time::timeout(Duration::from_secs(2), asked)
                    .await
                    .expect("no request is held up")
                    .expect(200);
            }
        };
        let () = tokio::time::timeout(Duration::from_millis(4_500), asking).await.unwrap_or_default();
        let ended = tokio::task::spawn_blocking(move || {
            let status = binary.terminate();
            (status, binary.log())
        });
        let (status, log) = tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap().unwrap();
        assert!(status.success());
        assert_eq!(log.matches("the collector takes no traces").count(), 1, "{log}");
        assert!(!log.contains(&endpoint));
    }
}

/// X13: a file of headers that is open to everybody, or is none, stops the start and is named.
#[tokio::test]
async fn a_wrong_file_of_headers_stops_the_start() {
    let home = Home::on(Sqlite).await;
    let path = home.directory().join("otlp-headers");
    for (text, mode, expected) in
        [("a=canary", 0o644, "is open to everybody"), ("canary", 0o600, "must have one `name=value` a line")]
    {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let config = format!(
            "[telemetry.otlp]\nendpoint = \"http://localhost:4318\"\nheaders_file = {}\n",
            json!(path.to_str().unwrap())
        );
        fs::write(home.directory().join("symbolon.toml"), config).unwrap();
        let output = command_of(&home, &["serve"], "");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success());
        assert!(said.contains("telemetry.otlp.headers_file") && said.contains(expected), "{said}");
        assert!(!said.contains("canary"));
    }
}
