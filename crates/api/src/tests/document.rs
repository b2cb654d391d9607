//! The OpenAPI document says everything, and nothing that is not so.

use serde_json::Value;

use super::service::Service;
use crate::openapi;

fn document() -> Value {
    serde_json::to_value(openapi()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &'_ Value)| -> Vec<String> {
        item.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())).collect()
    };
    let lines: Vec<String> = paths.iter().flat_map(of_path).collect();
    let find = |line: String| {
        let (method, path) = line.split_once(' ').unwrap();
        let operation = &document["paths"][path][method.to_lowercase()];
        (line.clone(), operation)
    };
    lines.into_iter().map(find).collect()
}

/// Every operation of the document.
const OPERATIONS: [&str; 54] = [
    "DELETE /v1/admin/accounts/{id}/sessions",
    "DELETE /v1/admin/invitations/{id}",
    "DELETE /v1/api-keys",
    "DELETE /v1/api-keys/{id}",
    "DELETE /v1/device-tokens/{id}",
    "DELETE /v1/licenses/{id}",
    "DELETE /v1/sessions",
    "DELETE /v1/sessions/current",
    "DELETE /v1/sessions/{id}",
    "GET /.well-known/jwks.json",
    "GET /v1/account",
    "GET /v1/admin/accounts",
    "GET /v1/admin/accounts/{id}",
    "GET /v1/admin/audit-events",
    "GET /v1/admin/invitations",
    "GET /v1/admin/outbox",
    "GET /v1/admin/outbox/{id}",
    "GET /v1/admin/signing-keys",
    "GET /v1/api-keys",
    "GET /v1/device-tokens",
    "GET /v1/forward-auth",
    "GET /v1/licenses",
    "GET /v1/licenses/mine",
    "GET /v1/sessions",
    "PATCH /v1/account",
    "PATCH /v1/admin/accounts/{id}",
    "PATCH /v1/token-requests/{id}",
    "POST /oauth2/token",
    "POST /v1/access/check",
    "POST /v1/admin/accounts",
    "POST /v1/admin/accounts/compromised",
    "POST /v1/admin/accounts/{id}/lock",
    "POST /v1/admin/accounts/{id}/unlock",
    "POST /v1/admin/signing-keys/rotate",
    "POST /v1/admin/signing-keys/{kid}/retire",
    "POST /v1/api-keys",
    "POST /v1/api-keys/refresh",
    "POST /v1/api-keys/verify",
    "POST /v1/device-tokens/exchange",
    "POST /v1/device-tokens/verify",
    "POST /v1/invitations/redeem",
    "POST /v1/licenses",
    "POST /v1/recovery",
    "POST /v1/recovery/verify",
    "POST /v1/sessions/refresh",
    "POST /v1/sessions/verify",
    "POST /v1/sign-in",
    "POST /v1/sign-in/challenge",
    "POST /v1/sign-in/code",
    "POST /v1/sign-up",
    "POST /v1/sign-up/verify",
    "POST /v1/token-requests",
    "PUT /v1/account/password",
    "PUT /v1/admin/accounts/{id}/role",
];

#[test]
fn every_endpoint_is_there_with_its_shapes() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["license"]["identifier"], "MIT OR Apache-2.0");
    let operations = operations(&document);
    let mut lines: Vec<&str> = operations.iter().map(|(line, _)| line.as_str()).collect();
    lines.sort_unstable();
    assert_eq!(lines, OPERATIONS);
    for (line, operation) in operations {
        assert!(operation["summary"].is_string() && operation["operationId"].is_string(), "{line}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key("503") && responses.contains_key("429"), "{line}");
        for (status, response) in responses {
            let content = response["content"].as_object();
            // A gateway is told in headers.
            let is_empty = status == "204" || (status == "200" && line == "GET /v1/forward-auth");
            assert!(is_empty || content.is_some_and(|content| !content.is_empty()), "{line} {status}");
        }
        let may_have_body = ["POST", "PATCH", "PUT"].iter().any(|method| line.starts_with(method));
        let says_all = ["lock", "/rotate", "/retire"].iter().any(|end| line.ends_with(end));
        let has_body = may_have_body && !says_all;
        assert_eq!(operation["requestBody"].is_object(), has_body, "{line}");
    }
}

/// Every `$ref` leads somewhere, and every security scheme that is asked for is described.
#[test]
fn nothing_points_nowhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
    }
    for (line, operation) in operations(&document) {
        for scheme in
            operation["security"].as_array().into_iter().flatten().flat_map(|all| all.as_object().unwrap())
        {
            assert!(document["components"]["securitySchemes"].get(scheme.0).is_some(), "{line} {}", scheme.0);
        }
    }
}

#[tokio::test]
async fn the_document_and_its_pages_are_served() {
    let service = Service::new().await;
    let answer = service.call("GET /openapi.json", &[], None).await;
    assert_eq!(answer.body, document());
    for (line, kind) in [
        ("GET /docs/", "text/html"),
        ("GET /docs/swagger-ui.css", "text/css"),
        ("GET /docs/swagger-ui-bundle.js", "text/javascript"),
        ("GET /docs/swagger-initializer.js", "text/javascript"),
    ] {
        let answer = service.call(line, &[], None).await;
        let content_type =
            answer.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        assert!(answer.status.is_success() && content_type.starts_with(kind), "{line} {content_type}");
        // The page of settings is written anew; everything else is in the binary as gzip.
        let is_packed = answer.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip");
        assert_eq!(is_packed, !line.ends_with("initializer.js"), "{line}");
    }
    assert_eq!(service.call("GET /docs", &[], None).await.status, 303);
    assert_eq!(service.call("GET /docs/nothing", &[], None).await.status, 404);
    let problem = service.call("GET /problems/wrong_code", &[], None).await;
    assert_eq!((problem.status.as_u16(), problem.body["status"].as_u64()), (200, Some(403)));
    assert_eq!(service.call("GET /problems/nothing", &[], None).await.status, 404);
}
