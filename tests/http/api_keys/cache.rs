//! What a node remembers of keys: on the node that ends one nothing, elsewhere for a stated time at the most (S10, K5, G10).

#![expect(clippy::disallowed_methods, reason = "the test measures how long something takes")]

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::json;
use symbolon::settings::{Duration as Setting, RefreshHash, Settings};
use symbolon_domain::{accounts::AccountChange, actor::Role};

use super::{ADA, Key, start};
use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    PASSWORD, TestApp, digits_in,
};

/// A minute, so that nothing but what is tested ends it.
fn long(settings: &mut Settings) {
    settings.api_keys.refresh_hash = RefreshHash::Sha256;
    settings.cache.max_staleness = Setting::from_secs(60);
}

/// S10: a node that has ended a key, by itself or with its owner's rights, never takes it again, however fresh its memory.
#[rstest]
#[tokio::test]
async fn the_node_that_ends_a_key_forgets_it_at_once(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::with(on, long).await;
    let ways = [
        "one",
        "all",
        "sign_out",
        "sign_out_by_id",
        "all_sessions",
        "other_sessions",
        "password",
        "lock",
        "role",
        "compromised",
        "recovery",
    ];
    for way in ways {
        let address = format!("{way}@example.org");
        let ada = app.user(&address).sign_up().await;
        let key = Key::issue(&ada, json!({})).await;
        let id = &ada.account_id;
        assert!(key.is_active(&app).await, "{way}");
        let (hits, _) = app.service.revocations.keys().used();
        assert!(key.is_active(&app).await);
        assert_eq!(app.service.revocations.keys().used().0, hits + 1, "{way}: it is remembered");
        match way {
            "one" => drop(ada.call("DELETE", &format!("/v1/api-keys/{}", key.id)).send().await.expect(204)),
            "all" => drop(ada.call("DELETE", "/v1/api-keys").send().await.expect(200)),
            "sign_out" => drop(ada.call("DELETE", "/v1/sessions/current").send().await.expect(204)),
            "sign_out_by_id" => {
                drop(
                    ada.call("DELETE", &format!("/v1/sessions/{}", ada.session_id)).send().await.expect(204),
                );
            }
            "all_sessions" => drop(ada.call("DELETE", "/v1/sessions").send().await.expect(204)),
            "other_sessions" => {
                drop(ada.call("DELETE", "/v1/sessions?keep_current=true").send().await.expect(204));
            }
            "password" => {
                let body =
                    json!({"current_password": PASSWORD, "new_password": "nine herons under the old bridge"});
                drop(ada.call("PUT", "/v1/account/password").json(&body).send().await.expect(204));
            }
            "lock" => app.operate(id, AccountChange::Lock).await,
            "role" => app.operate(id, AccountChange::ChangeRole(Role::Staff)).await,
            "compromised" => app.operate(id, AccountChange::MarkCompromised).await,
            _ => {
                let identifier = json!({"type": "email", "value": address});
                let body = json!({"identifier": identifier, "method": "code"});
                let begun = app.post("/v1/recovery").json(&body).send().await.expect(202);
                let mail = app.mail_to(&address).await;
                let code = digits_in(&mail[0].content.text, 8);
                let body = json!({"recovery_id": begun.text("recovery_id"), "code": code, "password": "nine herons under it"});
                drop(app.post("/v1/recovery/verify").json(&body).send().await.expect(204));
            }
        }
        assert!(!key.is_active(&app).await, "{way}");
    }
}

/// K5: another node takes a key that it remembers for as long as it is told to, to the moment; with 0 not at all.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn another_node_is_late_by_the_stated_time_at_the_most(#[values(Sqlite, Dynamodb)] on: Engine) {
    let app = start(on).await;
    let exact = app.beside_with(|settings| settings.cache.max_staleness = Setting::from_secs(0)).await;
    let late = app.beside().await;
    let ada = app.user(ADA).sign_up().await;
    let key = Key::issue(&ada, json!({})).await;
    for node in [&exact, &late] {
        assert!(key.is_active(node).await);
    }
    ada.call("DELETE", &format!("/v1/api-keys/{}", key.id)).send().await.expect(204);
    assert!(!key.is_active(&exact).await && !key.is_active(&app).await);
    app.clock.advance(Duration::from_millis(999));
    assert!(key.is_active(&late).await, "these engines tell nobody, or it would be no test of the time");
    app.clock.advance(Duration::from_millis(1));
    assert!(!key.is_active(&late).await);
}

/// K5, G10: on PostgreSQL the other nodes are told, long before their memory is too old.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_tells_the_other_nodes() {
    let first = TestApp::with(Postgres, long).await;
    let second = first.beside_with(long).await;
    let ada = first.user(ADA).sign_up().await;
    let mut took = Vec::new();
    for round in 0..20 {
        let key = Key::issue(&ada, json!({})).await;
        assert!(key.is_active(&second).await && key.is_active(&second).await);
        if round % 2 == 0 {
            ada.call("DELETE", &format!("/v1/api-keys/{}", key.id)).send().await.expect(204);
        } else {
            ada.call("DELETE", "/v1/api-keys").send().await.expect(200);
        }
        let begun = Instant::now();
        while key.is_active(&second).await {
            assert!(begun.elapsed() < Duration::from_secs(10), "the other node is not told");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        took.push(begun.elapsed());
    }
    took.sort();
    println!("seen by the other node: median {:?}, slowest {:?}", took[took.len() / 2], took.last().unwrap());
    assert!(took.iter().all(|took| *took <= Duration::from_secs(1)), "{took:?}");
}
