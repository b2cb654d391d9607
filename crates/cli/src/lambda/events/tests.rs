//! The three shapes, after the examples in Amazon's documentation, and what is wrong with others.

use serde_json::{Value as Json, json};

use super::*;

const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/prod";

fn parse(event: &Json) -> Result<AuthorizerEvent, EventError> {
    AuthorizerEvent::parse(event.to_string().as_bytes())
}

fn shown<'a>(request: &GatewayRequest<'a>) -> [Option<&'a str>; 3] {
    let secret = |secret: Option<&'a SecretString>| secret.map(SecretString::expose_secret);
    [secret(request.credential), secret(request.binding), request.device_id]
}

fn rest() -> Json {
    json!({
        "type": "REQUEST", "methodArn": format!("{ARN}/GET/users/7"), "resource": "/users/{id}", "path": "/users/7",
        "httpMethod": "GET",
        "headers": {"Authorization": "Bearer last", "Host": "made-up.example", "Symbolon-Device": "laptop"},
        "multiValueHeaders": {"Authorization": ["Bearer one"], "symbolon-binding": ["sym_cb_1"],
            "Symbolon-Device": ["laptop"], "Host": ["made-up.example"]},
        "queryStringParameters": {"a": "b"}, "pathParameters": null, "stageVariables": null,
        "requestContext": {
            "path": "/prod/users/7", "accountId": "123456789012", "stage": "prod", "domainName": "api.example.org",
            "identity": {"apiKey": null, "sourceIp": "203.0.113.9"}, "httpMethod": "GET", "apiId": "abcdef1234",
        },
    })
}

fn http() -> Json {
    json!({
        "version": "2.0", "type": "REQUEST", "routeArn": format!("{ARN}/GET/users/7"), "identitySource": ["x"],
        "routeKey": "$default", "rawPath": "/users/7", "rawQueryString": "a=b", "cookies": ["a=b"],
        "headers": {"authorization": "bearer one", "symbolon-device": "laptop", "host": "made-up.example"},
        "requestContext": {
            "accountId": "123456789012", "apiId": "abcdef1234", "domainName": "api.example.org", "stage": "$default",
            "http": {"method": "GET", "path": "/users/7", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9"},
            "timeEpoch": 1_583_348_638_390_u64,
        },
    })
}

/// Z9: one header, and so nothing that needs a second one.
#[test]
fn a_token_event_has_one_header() {
    let event = json!({
        "type": "TOKEN", "authorizationToken": "Bearer canary", "methodArn": format!("{ARN}/GET/users/a%20b?c"),
    });
    let event = parse(&event).unwrap();
    let request = event.request();
    assert_eq!(shown(&request), [Some("canary"), None, None]);
    assert_eq!((request.method, request.path, request.host), ("GET", "/users/a%20b%3Fc", ""));
    assert_eq!(request.source_ip, None);
    assert!(matches!(event.front, Front::Rest(_)));
    assert!(!format!("{event:?}").contains("canary"), "no token in a log");
}

#[test]
fn a_request_event_has_all_of_them() {
    let event = parse(&rest()).unwrap();
    let request = event.request();
    assert_eq!(shown(&request), [Some("one"), Some("sym_cb_1"), Some("laptop")]);
    assert_eq!((request.method, request.path, request.host), ("GET", "/users/7", "api.example.org"));
    assert_eq!(request.source_ip, "203.0.113.9".parse().ok());
    let mut without = rest();
    without["multiValueHeaders"].take();
    without["requestContext"] = json!({});
    let event = parse(&without).unwrap();
    assert_eq!(shown(&event.request()), [Some("last"), None, Some("laptop")]);
    assert_eq!((event.request().host, event.request().source_ip), ("made-up.example", None));
}

#[test]
fn an_http_event_has_its_path_behind_the_stage() {
    let event = parse(&http()).unwrap();
    let request = event.request();
    assert_eq!(shown(&request), [Some("one"), None, Some("laptop")]);
    assert_eq!((request.method, request.path, request.host), ("GET", "/users/7", "api.example.org"));
    assert_eq!((request.source_ip, event.front.clone()), ("203.0.113.9".parse().ok(), Front::Http));
    for (stage, sent, path) in [
        ("prod", "/prod/users/7", "/users/7"),
        ("prod", "/prod", "/"),
        ("prod", "/prod/", "/"),
        ("prod", "/production", "/production"),
        ("prod", "/users/7", "/users/7"),
        ("$default", "/prod/users/7", "/prod/users/7"),
        ("prod", "/prod//users", "//users"),
    ] {
        let mut event = http();
        event["requestContext"]["stage"] = json!(stage);
        event["rawPath"] = json!(sent);
        assert_eq!(parse(&event).unwrap().request().path, path, "{stage} {sent}");
    }
}

/// Z7: two of a header, another scheme, or nothing behind it: there is no credential then.
#[test]
fn what_is_not_one_bearer_token_is_none() {
    for (values, is_other) in [
        (json!(["Bearer one", "Bearer two"]), false),
        (json!([]), false),
        (json!(["Basic YTpi"]), true),
        (json!(["Bearer"]), true),
        (json!(["Bearer "]), true),
        (json!(["one"]), true),
    ] {
        let mut event = rest();
        event["multiValueHeaders"]["Authorization"] = values.clone();
        let event = parse(&event).unwrap();
        assert_eq!(shown(&event.request())[0], None, "{values}");
        assert_eq!(event.is_without_bearer(), is_other, "{values}");
    }
    assert!(!parse(&rest()).unwrap().is_without_bearer());
    let mut event = rest();
    event["multiValueHeaders"]["authorization"] = json!(["Bearer two"]);
    assert_eq!(shown(&parse(&event).unwrap().request())[0], None);
    let event = json!({"type": "TOKEN", "authorizationToken": null, "methodArn": format!("{ARN}/GET/")});
    assert!(parse(&event).unwrap().request().credential.is_none());
}

#[test]
fn other_texts_are_refused_without_their_text() {
    let mut other_method = rest();
    other_method["httpMethod"] = json!("POST");
    let mut wide = rest();
    wide["methodArn"] = json!("arn:aws:execute-api:eu-west-1:123456789012:*/prod/GET/");
    let mut no_arn = rest();
    no_arn["methodArn"].take();
    for (event, expected) in [
        (json!({}), EventError::Form),
        (json!("canary"), EventError::Form),
        (json!({"type": "canary", "methodArn": "canary"}), EventError::Form),
        (json!({"type": "TOKEN", "version": "2.0", "methodArn": "canary"}), EventError::Form),
        (json!({"type": "REQUEST", "version": "3.0"}), EventError::Form),
        (json!({"type": "TOKEN", "methodArn": "canary"}), EventError::MethodArn),
        (no_arn, EventError::Form),
        (wide, EventError::MethodArn),
        (other_method, EventError::Method),
    ] {
        let error = parse(&event).unwrap_err();
        assert_eq!(error, expected, "{event}");
        assert!(!error.to_string().contains("canary"));
    }
    assert_eq!(AuthorizerEvent::parse(b"canary").unwrap_err(), EventError::Form);
    let twice = format!(r#"{{"type":"TOKEN","methodArn":"{ARN}/GET/","methodArn":"{ARN}/PUT/"}}"#);
    assert_eq!(AuthorizerEvent::parse(twice.as_bytes()).unwrap_err(), EventError::Form);
}
