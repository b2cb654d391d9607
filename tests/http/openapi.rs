//! The OpenAPI document and its page: complete, and from this service alone.

use serde_json::{Value as Json, json};
use symbolon_domain::actor::Role;

use crate::support::{Engine, TestApp};

/// The document is held by a snapshot: a change of the interface shows in the review.
#[tokio::test]
async fn the_document_is_the_one_that_was_reviewed() {
    let app = TestApp::start(Engine::Sqlite).await;
    let document = app.get("/openapi.json").send().await.expect(200);
    assert_eq!(document.json["openapi"], "3.1.0");
    insta::assert_json_snapshot!("openapi", document.json);
}

/// Every operation has a name, a summary, and its refusals as problems.
#[tokio::test]
async fn every_operation_is_described() {
    let app = TestApp::start(Engine::Sqlite).await;
    let document = app.get("/openapi.json").send().await.expect(200).json;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["operationId"].is_string(), "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                // OAuth tells its refusals in its own way (RFC 6749, section 5.2).
                if path.starts_with("/oauth2/") && status == "400" {
                    assert_ne!(response["content"]["application/json"]["schema"], Json::Null, "{path}");
                } else if status.starts_with('4') || status.starts_with('5') {
                    let problem = &response["content"]["application/problem+json"]["schema"];
                    assert_ne!(problem, &Json::Null, "{method} {path} {status}");
                }
            }
        }
    }
}

/// A2: what changes something and takes no body refuses one, and a parameter that it does not know.
#[tokio::test]
async fn what_takes_no_body_refuses_one() {
    let app = TestApp::start(Engine::Sqlite).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let document = app.get("/openapi.json").send().await.expect(200).json;
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let bare =
            item.as_object().unwrap().iter().filter(|(_, operation)| operation["requestBody"].is_null());
        for (method, _) in bare.filter(|(method, _)| *method != "get") {
            let filled = path.replace("{id}", &root.account_id).replace("{kid}", &root.account_id);
            let call = |query: &str| root.call(&method.to_uppercase(), &format!("{filled}{query}"));
            let refused = call("").json(&json!({"reason": "none"})).send().await.expect(400);
            assert_eq!(refused.errors()[0].1, "/reason", "{method} {path}");
            let refused = call("?reason=none").send().await.expect(400);
            assert_eq!(refused.json["errors"][0]["parameter"], "reason", "{method} {path}");
            call("").json(&json!(["none"])).send().await.expect(400);
            call("").body("{").send().await.expect(400);
            tried += 1;
        }
    }
    assert_eq!(tried, 13, "every one of them");
    let target = app.user("target@example.org").sign_up().await;
    let lock = format!("/v1/admin/accounts/{}/lock", target.account_id);
    root.call("POST", &lock).json(&json!({})).send().await.expect(200);
    assert!(!target.is_active().await && root.is_active().await);
}

/// C28: the page works with nothing from outside, and lets nothing from outside in.
#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let app = TestApp::start(Engine::Sqlite).await;
    let mut page = app.get("/docs").send().await;
    if page.status == 303 || page.status == 308 || page.status == 307 {
        let location = page.header("location").to_owned();
        page = app.get(&location).send().await;
    }
    let page = page.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert!(!page.text.contains("https://") && !page.text.contains("http://"), "no address of another host");
}
