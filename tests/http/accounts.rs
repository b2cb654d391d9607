//! One's own account: seeing it, and changing what may be changed.

use rstest::rstest;
use serde_json::json;

use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    TestApp,
};

const ADA: &str = "Ada@example.org";

/// A1, A3, A6: what is shown, and that nothing else is.
#[rstest]
#[tokio::test]
async fn an_account_shows_what_it_should_and_nothing_secret(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let account = ada.call("GET", "/v1/account").send().await.expect(200);
    let members: Vec<&String> = account.json.as_object().unwrap().keys().collect();
    assert_eq!(members, ["created", "id", "identifiers", "last_seen", "name", "role"]);
    let identifier = &account.json["identifiers"][0];
    let members: Vec<&String> = identifier.as_object().unwrap().keys().collect();
    assert_eq!(members, ["created", "id", "last_used", "type", "value"]);
    assert_eq!(identifier["value"], ADA, "kept as typed");
    assert_eq!(account.json["id"], ada.account_id.as_str());
}

/// A1: a name is set, trimmed, taken away; anything else is refused, and nothing is changed then.
#[rstest]
#[tokio::test]
async fn only_the_name_can_be_changed(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let patch = async |body| ada.call("PATCH", "/v1/account").json(&body).send().await;
    assert_eq!(patch(json!({"name": "  Ada Lovelace "})).await.expect(200).json["name"], "Ada Lovelace");
    for body in [
        json!({"name": "Eve", "role": "superuser"}),
        json!({"name": "Eve", "id": "01890000-0000-7000-8000-000000000000"}),
        json!({"name": "Eve", "state": "active"}),
        json!({"name": 7}),
        json!({"name": ""}),
        json!({"name": "Eve\u{200b}"}),
        json!({"name": "A\u{e0041}da"}),
        json!({"name": "x".repeat(257)}),
        json!({"nmae": "Eve"}),
    ] {
        patch(body).await.expect(400);
    }
    assert_eq!(ada.call("GET", "/v1/account").send().await.json["name"], "Ada Lovelace");
    assert_eq!(patch(json!({"name": null})).await.expect(200).json["name"], json!(null));
    let acts: Vec<String> = app.audit().await.iter().map(|event| event.act.as_str().to_owned()).collect();
    assert_eq!(acts.iter().filter(|act| *act == "account.updated").count(), 2);
}
