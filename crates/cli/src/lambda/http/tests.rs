//! Requests of all forms, after the examples in Amazon's documentation, and how each is answered.

use axum::{
    body::{Body, to_bytes},
    http::{Response, header},
};
use serde_json::{Value as Json, json};
use symbolon_api::Peer;

use super::*;

fn rest() -> Json {
    json!({
        "resource": "/{proxy+}", "path": "/v1/accounts/me", "httpMethod": "PATCH",
        "headers": {"Host": "auth.example.org", "X-Twice": "last", "X-Forwarded-For": "192.0.2.1, 203.0.113.9"},
        "multiValueHeaders": {"Host": ["auth.example.org"], "X-Twice": ["first", "last"],
            "X-Forwarded-For": ["192.0.2.1, 203.0.113.9"]},
        "queryStringParameters": {"a": "2"}, "multiValueQueryStringParameters": {"a": ["1 &", "2"], "b": ["é"]},
        "pathParameters": {"proxy": "v1/accounts/me"}, "stageVariables": null,
        "requestContext": {
            "stage": "prod", "path": "/prod/v1/accounts/me", "domainName": "auth.example.org",
            "identity": {"sourceIp": "203.0.113.9", "userAgent": null}, "httpMethod": "PATCH",
        },
        "body": "{\"name\":\"Ada\"}", "isBase64Encoded": false,
    })
}

fn http() -> Json {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/v1/accounts/me", "rawQueryString": "a=1%20%26&a=2",
        "cookies": ["one=1", "two=2"], "headers": {"host": "auth.example.org", "x-twice": "first,last"},
        "requestContext": {
            "stage": "$default", "domainName": "auth.example.org",
            "http": {"method": "POST", "path": "/v1/accounts/me", "sourceIp": "2001:db8::9", "userAgent": "x"},
        },
        "body": "AAH/", "isBase64Encoded": true,
    })
}

fn parse(event: &Json) -> HttpEvent {
    HttpEvent::parse(event.to_string().as_bytes()).unwrap()
}

fn target(event: &Json) -> String {
    parse(event).request.uri().to_string()
}

fn peer(event: &HttpEvent) -> String {
    event.request.extensions().get::<Peer>().unwrap().0.ip().to_string()
}

#[tokio::test]
async fn a_request_of_a_rest_api() {
    let event = parse(&rest());
    assert_eq!((event.form, peer(&event).as_str()), (Form::V1, "203.0.113.9"));
    let request = event.request;
    assert_eq!(request.method(), "PATCH");
    assert_eq!(request.uri(), "/v1/accounts/me?a=1%20%26&a=2&b=%C3%A9");
    let twice: Vec<_> = request.headers().get_all("x-twice").iter().collect();
    assert_eq!(twice, ["first", "last"], "a header that is there twice stays so");
    assert_eq!(to_bytes(request.into_body(), 100).await.unwrap(), "{\"name\":\"Ada\"}");
}

#[tokio::test]
async fn a_request_of_an_http_api_or_a_function_url() {
    let event = parse(&http());
    assert_eq!((event.form, peer(&event).as_str()), (Form::V2, "2001:db8::9"));
    let request = event.request;
    assert_eq!(
        (request.method().as_str(), request.uri().to_string()),
        ("POST", "/v1/accounts/me?a=1%20%26&a=2".to_owned())
    );
    assert_eq!(request.headers().get(header::COOKIE).unwrap(), "one=1; two=2");
    assert_eq!(to_bytes(request.into_body(), 100).await.unwrap(), vec![0, 1, 255]);
}

/// C29: who calls is what the gateway saw, whatever the client says.
#[test]
fn who_calls_is_what_the_gateway_saw() {
    let mut event = http();
    event["headers"]["x-forwarded-for"] = json!("127.0.0.1");
    assert_eq!(peer(&parse(&event)), "2001:db8::9");
    event["requestContext"]["http"]["sourceIp"] = json!("test-invoke-source-ip");
    assert_eq!(peer(&parse(&event)), "0.0.0.0", "nobody is local for want of an address");
}

#[test]
fn the_stage_is_no_part_of_the_path() {
    for (stage, sent, path) in [
        ("$default", "/prod/v1", "/prod/v1?a=1%20%26&a=2"),
        ("prod", "/prod/v1", "/v1?a=1%20%26&a=2"),
        ("prod", "/prod", "/?a=1%20%26&a=2"),
        ("prod", "/production/v1", "/production/v1?a=1%20%26&a=2"),
        // A domain of your own has no stage in its paths.
        ("prod", "/v1", "/v1?a=1%20%26&a=2"),
    ] {
        let mut event = http();
        event["rawPath"] = json!(sent);
        event["requestContext"]["stage"] = json!(stage);
        assert_eq!(target(&event), path, "{stage} {sent}");
    }
    let mut event = rest();
    event["path"] = json!("/prod/v1");
    event["pathParameters"] = Json::Null;
    event["multiValueQueryStringParameters"] = json!({});
    assert_eq!(target(&event), "/prod/v1", "a REST API has taken it away already");
    event["version"] = json!("1.0");
    assert_eq!(target(&event), "/v1", "an HTTP API has not");
}

#[test]
fn the_base_path_of_a_domain_is_no_part_of_the_path() {
    let mut event = rest();
    event["multiValueQueryStringParameters"] = Json::Null;
    event["path"] = json!("/auth/v1/accounts/me");
    assert_eq!(target(&event), "/v1/accounts/me?a=2");
    event["pathParameters"] = json!({"proxy": "accounts/me"});
    assert_eq!(target(&event), "/accounts/me?a=2");
    // What is no end of it, segment by segment, says nothing.
    for proxy in ["ccounts/me", "v2/accounts/me", "", "/v1/accounts/me"] {
        event["pathParameters"] = json!({"proxy": proxy});
        assert!(target(&event).starts_with("/auth/v1/accounts/me"), "{proxy}");
    }
}

#[test]
fn a_path_that_was_decoded_is_encoded_again() {
    let mut event = rest();
    event["multiValueQueryStringParameters"] = json!({});
    event["pathParameters"] = Json::Null;
    for (sent, path) in [
        ("/v1/a b", "/v1/a%20b"),
        ("/v1/é", "/v1/%C3%A9"),
        ("/v1/a?b#c", "/v1/a%3Fb%23c"),
        ("/v1/a%2Fb", "/v1/a%2Fb"),
        ("", "/"),
        ("//x/../y", "//x/../y"),
    ] {
        event["path"] = json!(sent);
        assert_eq!(target(&event), path);
    }
}

#[test]
fn a_request_has_a_host() {
    let mut event = http();
    event["headers"] = Json::Null;
    event["cookies"] = Json::Null;
    assert_eq!(parse(&event).request.headers().get(header::HOST).unwrap(), "auth.example.org");
}

#[test]
fn what_is_no_request_is_refused_without_repeating_it() {
    let mut odd = http();
    odd["isBase64Encoded"] = json!(true);
    odd["body"] = json!("canary!");
    let mut method = rest();
    method["httpMethod"] = json!("a canary");
    let events = [
        (json!({}), HttpEventError::Form),
        (json!({"version": "3.0", "canary": 1}), HttpEventError::Form),
        (json!("canary"), HttpEventError::Form),
        (odd, HttpEventError::Body),
        (method, HttpEventError::Method),
    ];
    for (event, expected) in events {
        let error = HttpEvent::parse(event.to_string().as_bytes()).err().unwrap();
        assert_eq!(error, expected);
        assert!(!error.to_string().contains("canary"));
    }
}

async fn answered(body: impl Into<Body>, form: Form) -> Json {
    let response = Response::builder()
        .status(201)
        .header("set-cookie", "one=1; Secure")
        .header("set-cookie", "two=2")
        .header("vary", "origin")
        .header("vary", "cookie")
        .body(body.into())
        .unwrap();
    serde_json::to_value(HttpAnswer::of(response, form).await.unwrap()).unwrap()
}

#[tokio::test]
async fn an_answer_keeps_each_cookie_apart() {
    let expected = json!({
        "statusCode": 201, "multiValueHeaders": {"set-cookie": ["one=1; Secure", "two=2"], "vary": ["origin", "cookie"]},
        "body": "é", "isBase64Encoded": false,
    });
    assert_eq!(answered("é", Form::V1).await, expected);
    let expected = json!({
        "statusCode": 201, "headers": {"vary": "origin, cookie"}, "cookies": ["one=1; Secure", "two=2"],
        "body": "AAH/", "isBase64Encoded": true,
    });
    assert_eq!(answered(vec![0, 1, 255], Form::V2).await, expected);
}
