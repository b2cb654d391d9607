//! SIGTERM under load: what runs is finished, readiness falls first, nothing is lost (X2, G4).

use std::time::Duration;

use futures::future::join_all;
use rstest::rstest;
use serde_json::json;

use super::turn;
use crate::support::{
    Binary, Call,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Home, client, command_of, directory,
};

/// X2, G4: every request that was sent before the stop is answered, and the process ends with 0 in time.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_finished(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    for _ in 0..turn::of(1, 10) {
        is_finished(&Home::on(on).await).await;
    }
}

async fn is_finished(home: &Home) {
    let mut binary = Binary::of(home, &[], &[]);
    let mut sessions = Vec::new();
    for person in 0..8 {
        let session = binary.user(&format!("person-{person}@example.org")).sign_up().await;
        sessions.push((session.binding.clone(), session.refresh_token.clone()));
    }
    let url = binary.url.clone();
    // Sign-ups hash for a while, so that many are in flight when the signal comes.
    let sign_ups = join_all((0..24).map(|person| {
        let call = Call::new(&client(), "POST", &format!("{url}/v1/sign-up"));
        let body = json!({
            "identifier": {"type": "email", "value": format!("late-{person}@example.org")},
            "password": "seven lanterns over the harbour",
        });
        async move { call.json(&body).send().await.status }
    }));
    let refreshes = join_all(sessions.iter().map(|(binding, token)| {
        let call = Call::new(&client(), "POST", &format!("{url}/v1/sessions/refresh")).binding(binding);
        let body = json!({"refresh_token": token});
        async move { call.json(&body).send().await }
    }));
    let ready = format!("{}/health/ready", binary.management_url);
    let stop = async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        Call::new(&client(), "GET", &ready).send().await.expect(200);
        binary.signal_terminate();
        // Not ready, and still serving: whoever balances load sends nothing more.
        for _ in 0..200 {
            let still_open = Call::new(&client(), "GET", &format!("{url}/.well-known/jwks.json")).try_send();
            let (answer, served) = futures::join!(Call::new(&client(), "GET", &ready).try_send(), still_open);
            if answer.is_some_and(|answer| answer.status == 503) {
                return served.is_some_and(|answer| answer.status == 200);
            }
        }
        false
    };
    let (sign_ups, refreshed, not_ready_first) = futures::join!(sign_ups, refreshes, stop);
    assert_eq!(sign_ups, [201; 24]);
    assert!(not_ready_first, "readiness falls while the service still serves");
    let stopped = tokio::task::spawn_blocking(move || binary.wait());
    let status = tokio::time::timeout(Duration::from_secs(25), stopped).await.unwrap().unwrap();
    assert!(status.success());

    let binary = Binary::of(home, &[], &[]);
    for ((binding, _), answer) in sessions.iter().zip(refreshed) {
        let body = json!({"refresh_token": answer.expect(200).text("refresh_token")});
        let url = format!("{}/v1/sessions/refresh", binary.url);
        Call::new(&client(), "POST", &url).binding(binding).json(&body).send().await.expect(200);
    }
    let accounts = command_of(home, &["outbox", "list", "--output", "json"], "");
    let messages: serde_json::Value = serde_json::from_slice(&accounts.stdout).unwrap();
    assert_eq!(messages.as_array().unwrap().len(), 32, "every acknowledged sign-up has its message");
}

/// G3: readiness and metrics on their own listener.
#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_are_told_apart_from_the_service() {
    let directory = directory();
    let binary = Binary::start(directory.path(), &[], &[]);
    binary.user("ada@example.org").sign_up().await;
    let management = binary.management_url.clone();
    let get = async |path: &str| Call::new(&client(), "GET", &format!("{management}{path}")).send().await;
    get("/health/live").await.expect(200);
    get("/health/ready").await.expect(200);
    let metrics = get("/metrics").await.expect(200);
    assert!(metrics.text.contains("http_requests_total") && metrics.text.contains("/v1/sign-up/verify"));
    assert!(
        metrics.text.contains("symbolon_messages_delivered 1")
            && metrics.text.contains("symbolon_password_queue")
    );
    assert!(!metrics.text.contains("example.org"));
    get("/v1/account").await.expect(404);
}
