//! Test mode of the real binary: a clock that can be set and mail that can be read; on loopback only (G7).

use serde_json::json;

use crate::support::{Binary, Host as _, code_in, command, directory};

const ADA: &str = "ada@example.org";

/// G7: a test of somebody else's service sets the clock and reads the code.
#[tokio::test]
async fn a_test_reads_the_outbox_and_sets_the_clock() {
    let directory = directory();
    let binary = Binary::start(directory.path(), &["--test-mode"], &[]);
    binary.call("PUT", "/test/clock").json(&json!({"now": "2030-01-01T00:00:00Z"})).send().await.expect(200);
    let clock = binary.call("GET", "/test/clock").send().await.expect(200);
    assert_eq!(clock.json, json!({"now": "2030-01-01T00:00:00Z"}));
    let pending = binary.user(ADA).begin_sign_up().await;
    binary.user("eve@example.org").begin_sign_up().await;
    let outbox = binary.call("GET", &format!("/test/outbox?to={ADA}")).send().await.expect(200);
    let messages = outbox.json.as_array().unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["to"], ADA);
    let code = code_in(messages[0]["text"].as_str().unwrap());
    pending.verify(&code).await;
    let page = binary.call("GET", "/test/outbox").header("accept", "text/html").send().await.expect(200);
    assert!(page.header("content-type").starts_with("text/html") && page.text.contains("eve@example.org"));
    for now in [json!("yesterday"), json!(7), json!(null)] {
        binary.call("PUT", "/test/clock").json(&json!({"now": now})).send().await.expect(400);
    }
}

/// G7, X13: test mode on an address that others reach refuses to start.
#[test]
fn test_mode_refuses_anything_but_loopback() {
    let directory = directory();
    let output = command(directory.path(), &["serve", "--test-mode", "--listen", "0.0.0.0:0"], &[], "");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--test-mode") && said.contains("http.listen"), "{said}");
    assert!(!directory.path().join("data").exists(), "nothing was made");
}
