//! PostgreSQL away, frozen, and held by a lock: no answer but 503, and that soon; what needs no store goes on (X3, X4).

#![expect(clippy::disallowed_methods, reason = "the tests measure how long something takes")]

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::turn;
use crate::support::{Answer, Binary, Call, Cluster, Database, Home, Host as _, SignedIn, client};

const ADA: &str = "ada@example.org";
/// No answer takes longer, whatever the store does.
const LONGEST: Duration = Duration::from_secs(8);
/// So soon everything is well again.
const RECOVERY: Duration = Duration::from_secs(5);

async fn jwks(binary: &Binary) -> u16 {
    binary.call("GET", "/.well-known/jwks.json").send().await.status
}

/// Something that reads, something that writes, and something that does both, at once.
async fn a_round(binary: &Binary, session: &SignedIn<'_>) -> Vec<(Answer, Duration)> {
    let calls = [
        session.call("GET", "/v1/account"),
        session.call("PATCH", "/v1/account").json(&json!({"name": "Ada"})),
        binary.call("POST", "/v1/sign-up").json(&binary.user("grace@example.org").credentials()),
    ];
    let timed = |call: Call| async {
        let begun = Instant::now();
        (call.send().await, begun.elapsed())
    };
    join_all(calls.map(timed)).await
}

/// While the store is away every answer is a 503 that says when to come back, within bounds; JWKS are served.
async fn is_refused_for(time: Duration, binary: &Binary, session: &SignedIn<'_>) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        let (answers, jwks) = futures::join!(a_round(binary, session), jwks(binary));
        assert_eq!(jwks, 200);
        for (answer, took) in answers {
            assert_eq!(answer.status, 503);
            assert!(!answer.header("retry-after").is_empty());
            assert!(took < LONGEST, "{took:?}");
        }
    }
}

/// From now on everything is well within the time allowed.
async fn recovers(binary: &Binary, session: &SignedIn<'_>) {
    let back = Instant::now();
    loop {
        let answers = a_round(binary, session).await;
        if answers.iter().all(|(answer, _)| matches!(answer.status, 200 | 201)) {
            break;
        }
        assert!(answers.iter().all(|(answer, _)| matches!(answer.status, 200 | 201 | 503)));
        assert!(back.elapsed() < RECOVERY, "the service does not recover");
    }
    assert!(back.elapsed() < RECOVERY, "the service takes {:?} to recover", back.elapsed());
    assert!(session.refresh().await.is_active().await);
}

/// X3: PostgreSQL is stopped and started again.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_postgresql_is_outlived() {
    let mut cluster = Cluster::migrated().await;
    let home = Home::at(&cluster.url());
    let binary = Binary::of(&home, &[], &[]);
    let session = binary.user(ADA).sign_up().await;
    cluster.stop();
    is_refused_for(turn::of(Duration::from_secs(3), Duration::from_secs(60)), &binary, &session).await;
    cluster.start();
    recovers(&binary, &session).await;
}

/// X3: PostgreSQL hangs: connections are accepted, and nobody answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_hung_postgresql_is_outlived() {
    let cluster = Cluster::migrated().await;
    let home = Home::at(&cluster.url());
    let binary = Binary::of(&home, &[], &[]);
    let session = binary.user(ADA).sign_up().await;
    cluster.freeze();
    is_refused_for(turn::of(Duration::from_secs(8), Duration::from_secs(60)), &binary, &session).await;
    cluster.thaw();
    recovers(&binary, &session).await;
}

/// X4: both connections wait for a lock: of the others a few wait, and not for long, and the rest are refused at once.
#[tokio::test(flavor = "multi_thread")]
async fn behind_a_lock_the_queue_is_bounded() {
    const CALLS: usize = 60;
    let database = Database::migrated().await;
    let home = Home::at(&database.url);
    let variables = [
        ("SYMBOLON_STORE__MAX_CONNECTIONS", "2"),
        ("SYMBOLON_STORE__QUEUE", "8"),
        ("SYMBOLON_STORE__ACQUIRE_TIMEOUT", "1s"),
        ("SYMBOLON_STORE__STATEMENT_TIMEOUT", "3s"),
    ];
    let binary = Binary::of(&home, &[], &variables);
    let session = binary.user(ADA).sign_up().await;
    let mut beside = PgConnection::connect(&database.url).await.unwrap();
    beside.execute("BEGIN; LOCK TABLE accounts, sessions IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let client = client();
    let calls = join_all((0..CALLS).map(|_| {
        let call = Call::new(&client, "GET", &format!("{}/v1/account", binary.url));
        let call = call.bearer(&session.token).binding(&session.binding);
        async move {
            let begun = Instant::now();
            (call.send().await, begun.elapsed())
        }
    }));
    let (answers, jwks) = futures::join!(calls, jwks(&binary));
    assert_eq!(jwks, 200);
    for (answer, took) in &answers {
        assert_eq!(answer.status, 503);
        assert!(!answer.header("retry-after").is_empty());
        assert!(*took < LONGEST, "{took:?}");
    }
    let at_once = answers.iter().filter(|(_, took)| *took < Duration::from_millis(900)).count();
    assert!(at_once >= CALLS - 20, "{at_once} of {CALLS} are refused at once");
    beside.execute("ROLLBACK").await.unwrap();
    recovers(&binary, &session).await;
}
