//! `kill -9` under load, of the service and of PostgreSQL: nothing acknowledged is lost, nothing consumed comes alive again
//! (X1).

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::json;

use super::{
    load::{Load, WITHOUT_GRACE},
    turn,
};
use crate::support::{
    Binary, Cluster,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Home, Host as _,
};

/// So soon after a kill everything is well again.
const RECOVERY: Duration = Duration::from_secs(5);

/// Shorter where the service keeps nothing itself, so that a kill finds less to spoil.
fn kills(on: Engine) -> usize {
    turn::of(if on == Sqlite { 12 } else { 4 }, 50)
}

/// A node of this home, which is ready in time.
#[expect(clippy::disallowed_methods, reason = "the test measures how long a start takes")]
fn start(home: &Home) -> Binary {
    let begun = Instant::now();
    let binary = Binary::of(home, &[], &[WITHOUT_GRACE]);
    assert!(begun.elapsed() < RECOVERY, "the service takes {:?} to be ready", begun.elapsed());
    binary
}

/// A different moment in each turn.
async fn a_while(turn: usize) {
    tokio::time::sleep(Duration::from_millis(40 + 10 * u64::try_from(turn % 7).unwrap())).await;
}

/// X1: kills of the service under load. Every acknowledged rotation is there after the restart, and every consumed code is
/// dead.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_nothing_and_revive_nothing(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let mut binary = start(&home);
    let mut writes = 0;
    for turn in 0..kills(on) {
        let mut load = Load::begin(&binary, turn).await;
        let url = binary.url.clone();
        let kill = async {
            a_while(turn).await;
            binary.kill();
        };
        writes += load.until(&url, kill).await;
        binary = start(&home);
        load.check(&home, &binary).await;
    }
    assert!(writes >= kills(on) * 6, "there was load");
}

/// X1: an acknowledged write is there: the rotation before the kill, with nothing in flight.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_rotation_survives_the_kill(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let mut binary = start(&home);
    let first = binary.user("ada@example.org").sign_up().await;
    let mut newest = first.refresh_token.clone();
    let binding = first.binding.clone();
    for _ in 0..kills(on) {
        let body = json!({"refresh_token": newest});
        let call = binary.call("POST", "/v1/sessions/refresh").binding(&binding).json(&body);
        newest = call.send().await.expect(200).text("refresh_token");
        binary.kill();
        binary = start(&home);
    }
}

/// X1: kills of PostgreSQL with all its processes under load. The service lives through them, and is well again within five
/// seconds of PostgreSQL's return.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "the test measures how long the service takes to recover")]
async fn kills_of_postgresql_lose_nothing_and_revive_nothing() {
    let mut cluster = Cluster::migrated().await;
    let home = Home::at(&cluster.url());
    let binary = Binary::of(&home, &[], &[WITHOUT_GRACE]);
    let mut writes = 0;
    let kills = turn::of(4, 50);
    for turn in 0..kills {
        let mut load = Load::begin(&binary, turn).await;
        let kill = async {
            a_while(turn).await;
            cluster.kill();
        };
        writes += load.until(&binary.url, kill).await;
        cluster.start();
        let back = Instant::now();
        let probe = binary.user("nobody@example.org").with_password("no password of anybody");
        while probe.try_sign_in().await.status == 503 {
            assert!(back.elapsed() < RECOVERY, "the service does not recover");
        }
        load.check(&home, &binary).await;
    }
    assert!(writes >= kills * 6, "there was load");
}
