//! Two processes on one store, and one of them is killed under load: the other serves on, and knows all that the first was
//! told (X6).

#![expect(clippy::disallowed_methods, reason = "the tests measure how long something takes")]

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use rstest::rstest;

use super::{
    load::{Load, WITHOUT_GRACE},
    turn,
};
use crate::support::{
    Binary,
    Engine::{self, Dynamodb, Postgres},
    Home,
};

const ADA: &str = "ada@example.org";
const EVE: &str = "eve@example.org";

/// X6: revocations and lockouts of the node that dies hold at the one that lives, which never stops serving.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_node_dies_and_the_other_serves(#[values(Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let mut first = Binary::of(&home, &[], &[WITHOUT_GRACE]);
    let second = Binary::of(&home, &[], &[WITHOUT_GRACE]);
    let ada = second.user(ADA).sign_up().await;

    for turn in 0..turn::of(2, 20) {
        let ended = first.user(&format!("ended-{turn}@example.org")).sign_up().await;
        let there = ended.at(&second);
        assert!(there.is_active().await);
        ended.call("DELETE", "/v1/sessions/current").send().await.expect(204);
        let begun = Instant::now();
        while there.is_active().await {
            assert!(begun.elapsed() < Duration::from_secs(1), "a revocation does not reach the other node");
        }

        let mut load = Load::begin(&first, turn).await;
        let url = first.url.clone();
        let (is_over, served) = (AtomicBool::new(false), AtomicUsize::new(0));
        let kill = async {
            tokio::time::sleep(Duration::from_millis(150)).await;
            first.kill();
            tokio::time::sleep(Duration::from_millis(300)).await;
            is_over.store(true, Ordering::SeqCst);
        };
        let goes_on = async {
            while !is_over.load(Ordering::SeqCst) {
                assert!(ada.is_active().await, "the other node stops serving");
                ada.call("GET", "/v1/account").send().await.expect(200);
                served.fetch_add(1, Ordering::SeqCst);
            }
        };
        let (writes, ()) = futures::join!(load.until(&url, kill), goes_on);
        assert!(writes > 0, "there was load");
        assert!(served.load(Ordering::SeqCst) > 0);

        assert!(!there.is_active().await);
        load.check(&home, &second).await;
        first = Binary::of(&home, &[], &[WITHOUT_GRACE]);
    }
}

/// X6: failures at one node hold at the other, also when the first is gone.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_lockout_outlives_its_node(#[values(Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let mut first = Binary::of(&home, &[], &[]);
    let second = Binary::of(&home, &[], &[]);
    second.user(EVE).sign_up().await;
    // Pauses grow after each failure, and after the fourth one is long enough for what follows.
    for _ in 0..4 {
        let wrong = first.user(EVE).with_password("not her password at all");
        while wrong.try_sign_in().await.status == 429 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    first.kill();
    second.user(EVE).try_sign_in().await.expect(429);
    let mut right = second.user(EVE).try_sign_in().await.status;
    while right == 429 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        right = second.user(EVE).try_sign_in().await.status;
    }
    assert_eq!(right, 200);
}
