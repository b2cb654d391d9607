//! The function `worker`: what nobody asks for is done all the same (M7).

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{
    function::Function,
    gateway::{Gateway, Kind, mail},
};
use crate::support::{
    Engine::Dynamodb,
    Home, Table,
    dynamodb_proxy::{DynamoProxy, Faults},
    engines::told,
    ses::{code_of, sent_by, verified},
};

const ADA: &str = "ada@example.org";
/// Nobody listens on this port of loopback.
const NOWHERE: &str = "http://127.0.0.1:9";

fn schedule() -> Json {
    serde_json::from_str(include_str!("events/schedule.json")).unwrap()
}

/// M7, M2: a message that could not be sent before its answer is sent by the worker, when it is due.
#[tokio::test(flavor = "multi_thread")]
async fn the_worker_sends_what_could_not_be_sent() {
    let sender = verified("lambda-worker").await;
    let home = Home::on(Dynamodb).await;
    let gateway = Gateway::start_with(&home, Kind::Http, &sender, NOWHERE).await;
    let pending = gateway.user(ADA).begin_sign_up().await;
    assert!(sent_by(&sender).await.is_empty());
    let ses = told("SYMBOLON_TEST_AWS");
    let worker = Function::start(&home, "worker", &mail(&sender, &ses)).await;
    let mut delivered = 0;
    for _ in 0..100 {
        let summary = worker.invoke(&schedule()).await.unwrap();
        assert_eq!(
            (&summary["dropped"], &summary["swept"], &summary["more"]),
            (&json!(0), &json!(0), &json!(false)),
            "{summary}"
        );
        delivered += summary["delivered"].as_u64().unwrap();
        if delivered > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(delivered, 1);
    let sent = sent_by(&sender).await;
    assert_eq!(sent.len(), 1);
    pending.verify(&code_of(&sent[0])).await;
}

/// An outage fails the invocation, which is what an alarm can be set on; the next one finds all as it was.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_fails_a_pass_and_no_later_one() {
    let table = Table::migrated().await;
    let proxy = DynamoProxy::start(table.options.endpoint.as_deref().unwrap()).await;
    let home = Home::at(&format!("dynamodb://{}?endpoint={}", table.options.table, proxy.url));
    let mut worker = Function::start(&home, "worker", &[]).await;
    proxy.inject(Faults { throttled: 100, ..Faults::default() });
    let error = worker.invoke(&schedule()).await.unwrap_err();
    assert_eq!(error["errorType"], "Unavailable", "{error}");
    proxy.inject(Faults::default());
    let summary = worker.invoke(&schedule()).await.unwrap();
    let nothing = json!({"delivered": 0, "postponed": 0, "dropped": 0, "swept": 0, "more": false});
    assert_eq!(summary, nothing);
    assert!(worker.end().contains("the signing keys cannot be tended"));
}
