//! DynamoDB throttles, loses answers, or does not answer at all (X5): people see nothing of the first two, and of the last
//! only 503s.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures::future::join_all;
use serde_json::json;
use symbolon_domain::audit::AuditFilter;

use super::turn;
use crate::support::{
    Home, Table, TestApp,
    dynamodb_proxy::{DynamoProxy, Faults},
};

/// An answer comes within the deadline of a request.
const BOUND: Duration = Duration::from_secs(12);

/// The service on a table behind a proxy, without a grace: a rotation that was done twice could not hide.
async fn behind_a_proxy() -> (TestApp, DynamoProxy, Table) {
    let table = Table::migrated().await;
    let proxy = DynamoProxy::start(table.options.endpoint.as_deref().unwrap()).await;
    let url = format!("dynamodb://{}?endpoint={}", table.options.table, proxy.url);
    let without_grace = |settings: &mut symbolon::settings::Settings| {
        settings.sessions.grace = symbolon::settings::Duration::from_secs(0);
    };
    (TestApp::of(Home::at(&url), without_grace).await, proxy, table)
}

/// X5: with a fifth of the calls throttled, a tenth of the transactions in conflict and a tenth of the answers lost after
/// the write, 99.9 % of the requests succeed, and none has its effect twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn throttling_and_lost_answers_go_unnoticed() {
    // No more people in a long turn: they would wait for each other's hashes.
    let (people, rotations) = (12, turn::of(12, 400));
    let (app, proxy, _table) = behind_a_proxy().await;
    proxy.inject(Faults { throttled: 20, conflicts: 10, lost_answers: 10 });
    let (succeeded, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (rotated, cut_off) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let count = |status: u16| {
        assert!(matches!(status, 200 | 201 | 503), "{status}");
        let counter = if status == 503 { &failed } else { &succeeded };
        counter.fetch_add(1, Ordering::SeqCst);
    };
    join_all((0..people).map(|person| {
        let (app, count, rotated, cut_off) = (&app, &count, &rotated, &cut_off);
        async move {
            let address = format!("person-{person}@example.org");
            let mut session = app.user(&address).sign_up().await;
            for _ in 0..rotations {
                let answer = session.try_refresh_with(&session.refresh_token).await;
                count(answer.status);
                if answer.status == 503 {
                    // It may have been done: whoever shows the same token again may end the session.
                    cut_off.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                rotated.fetch_add(1, Ordering::SeqCst);
                session.refresh_token = answer.text("refresh_token");
                let body = json!({"access_token": session.token, "binding": session.binding});
                let verified = app.post("/v1/sessions/verify").json(&body).send().await;
                count(verified.status);
                assert!(verified.status == 503 || verified.json["active"] == true);
            }
        }
    }))
    .await;
    let (succeeded, failed) = (succeeded.into_inner(), failed.into_inner());
    let (rotated, cut_off) = (rotated.into_inner(), cut_off.into_inner());
    println!("{succeeded} succeeded, {failed} failed, {} faults", proxy.injected());
    assert!(cut_off > 0 || rotated == people * rotations);
    assert!(failed * 1_000 <= succeeded + failed, "{failed} of {} failed", succeeded + failed);
    assert!(proxy.injected() > 300, "{} faults", proxy.injected());
    proxy.inject(Faults::default());
    // Each acknowledged rotation once, and nobody's session ended.
    let mut events = Vec::new();
    let mut after = None;
    loop {
        let page = symbolon_domain::page::PageRequest::new(200, after);
        let page = app.service.audit.list(&AuditFilter::default(), page).await.unwrap();
        events.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let count = |act: symbolon_domain::audit::Act| events.iter().filter(|event| event.act == act).count();
    let done = count(symbolon_domain::audit::Act::SESSION_REFRESHED);
    assert!((rotated..=rotated + cut_off).contains(&done), "{done} done, {rotated} acknowledged");
    assert_eq!(count(symbolon_domain::audit::Act::SESSION_REUSE_DETECTED), 0);
}

/// X5: while nothing gets through there are only 503s, each in bounded time; what needs no store goes on, and the rest
/// does as soon as the table answers again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[expect(clippy::disallowed_methods, reason = "the test measures how long an answer takes")]
async fn an_outage_is_503_and_ends_with_the_outage() {
    let (app, proxy, _table) = behind_a_proxy().await;
    let ada = app.user("ada@example.org").sign_up().await;
    proxy.inject(Faults { throttled: 100, ..Faults::default() });
    let body = json!({"access_token": ada.token, "binding": ada.binding});
    let wants_in = app.user("ada@example.org");
    let begun = Instant::now();
    let (verified, refreshed, signed_in, keys) = futures::join!(
        app.post("/v1/sessions/verify").json(&body).send(),
        ada.try_refresh_with(&ada.refresh_token),
        wants_in.try_sign_in(),
        app.get("/.well-known/jwks.json").send(),
    );
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    for answer in [verified, refreshed, signed_in] {
        assert_eq!(answer.status, 503, "{}", answer.json);
        assert!(!answer.header("retry-after").is_empty());
    }
    keys.expect(200);
    proxy.inject(Faults::default());
    assert!(ada.is_active().await);
    ada.try_refresh_with(&ada.refresh_token).await.expect(200);
}
