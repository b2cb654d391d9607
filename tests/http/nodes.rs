//! Several nodes on one store: what one of them does counts at the others (G10, S10, S14).

#![expect(clippy::disallowed_methods, reason = "the tests measure how long something takes")]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::future::join_all;
use rstest::rstest;

use crate::support::{
    Engine::{self, Dynamodb, Postgres},
    Host as _, TestApp,
};

const ADA: &str = "ada@example.org";
/// So soon a revocation has reached every node.
const REACH: Duration = Duration::from_secs(1);
const ROUNDS: usize = 20;

/// S10, X6: a session that was ended at one node is refused at the other within a second, however often it was found good
/// there before.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_reaches_the_other_node(#[values(Postgres, Dynamodb)] on: Engine) {
    let first = TestApp::start(on).await;
    let second = first.beside().await;
    let ada = first.user(ADA).sign_up().await;
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let session = first.user(ADA).sign_in().await;
        let there = session.at(&second);
        assert!(there.is_active().await);
        session.call("DELETE", "/v1/sessions/current").send().await.expect(204);
        let begun = Instant::now();
        while there.is_active().await {
            assert!(begun.elapsed() < 10 * REACH, "it goes on for good");
        }
        took.push(begun.elapsed());
        there.call("GET", "/v1/account").send().await.expect(401);
        there.try_refresh_with(&there.refresh_token).await.expect(401);
    }
    took.sort();
    assert!(took.iter().all(|took| *took <= REACH), "{took:?}");
    assert!(ada.at(&second).is_active().await, "the others go on");
    second.user(ADA).sign_in().await.call("DELETE", "/v1/sessions").send().await.expect(204);
    let begun = Instant::now();
    while ada.is_active().await {
        assert!(begun.elapsed() < REACH, "the end of all sessions does not reach the other node");
    }
}

/// S14, X6: failures at one node count at the other.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn failures_are_counted_over_all_nodes(#[values(Postgres, Dynamodb)] on: Engine) {
    let first = TestApp::start(on).await;
    let second = first.beside().await;
    first.user(ADA).sign_up().await;
    for failure in 0..10 {
        let node = if failure % 2 == 0 { &first } else { &second };
        let wrong = node.user(ADA).with_password("not her password at all");
        wrong.try_sign_in().await.expect(401);
        let other = if failure % 2 == 0 { &second } else { &first };
        other.user(ADA).try_sign_in().await.expect(429);
        first.clock.advance(Duration::from_secs(41));
    }
    for node in [&first, &second] {
        node.user(ADA).try_sign_in().await.expect(429);
    }
    first.clock.advance(Duration::from_secs(3_600));
    second.user(ADA).sign_in().await;
}

/// S5, C11: a ceremony that one node began is ended at the other; its guesses are counted over both.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_ceremony_moves_between_nodes(#[values(Postgres, Dynamodb)] on: Engine) {
    let first = TestApp::start(on).await;
    let second = first.beside().await;
    let begun = first.user(ADA).begin_sign_up().await;
    let code = first.code_to(ADA).await;
    let ada = begun.at(&second).verify(&code).await;
    begun.try_code(&code).await.expect(410);
    assert!(ada.at(&first).is_active().await);

    let begun = second.user(ADA).begin_sign_in().await;
    let right = second.code_to(ADA).await;
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for guess in 0..5 {
        let node = if guess % 2 == 0 { &first } else { &second };
        begun.at(node).try_code(wrong).await.expect(403);
    }
    for node in [&first, &second] {
        assert_eq!(begun.at(node).try_code(&right).await.expect(410).slug(), "attempts_exhausted");
    }
}

/// K8: refresh tokens are used at whichever node, and the rule of the family is kept over all.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_family_is_one_over_all_nodes(#[values(Postgres, Dynamodb)] on: Engine) {
    let first = TestApp::start(on).await;
    let second = first.beside().await;
    let ada = first.user(ADA).sign_up().await;
    let successor = ada.at(&second).refresh().await;
    let newest = successor.at(&first).refresh().await;
    assert!(newest.at(&second).is_active().await);
    ada.try_refresh_with(&ada.refresh_token).await.expect(401);

    let both = join_all((0..50).map(|turn| {
        let node = if turn % 2 == 0 { &first } else { &second };
        let there = newest.at(node);
        async move { there.try_refresh_with(&there.refresh_token).await.status }
    }));
    assert_eq!(both.await.iter().filter(|status| **status == 200).count(), 2);
    first.clock.advance(Duration::from_secs(10));
    newest.at(&second).try_refresh_with(&newest.refresh_token).await.expect(401);
    assert!(!newest.is_active().await, "reuse at one node ends the session at all");
}

/// M1: of the workers of all nodes one delivers a message, and it once.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_by_one_node(#[values(Postgres, Dynamodb)] on: Engine) {
    let first = TestApp::start(on).await;
    let second = first.beside().await;
    let people: Vec<String> = (0..20).map(|person| format!("person-{person}@example.org")).collect();
    join_all(people.iter().enumerate().map(|(turn, address)| {
        let node = if turn % 2 == 0 { &first } else { &second };
        async move { node.user(address).begin_sign_up().await }
    }))
    .await;
    let deliver = |node: &TestApp| {
        let outbox = node.service.outbox.clone();
        async move { outbox.deliver_due().await.unwrap() }
    };
    futures::join!(deliver(&first), deliver(&second), deliver(&first), deliver(&second));
    let mut sent = BTreeMap::new();
    for address in &people {
        sent.insert(address, first.mail_to(address).await.len());
    }
    assert!(sent.values().all(|count| *count == 1), "{sent:?}");
}

/// G10: nodes that start at once on an empty store agree on one signing key and one set of peppers.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_agree(#[values(Postgres, Dynamodb)] on: Engine) {
    let nodes = TestApp::start_at_once(on, 3).await;
    let [first, second, third] = nodes.as_slice() else { unreachable!() };
    let keys = first.get("/.well-known/jwks.json").send().await.expect(200).json;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    for node in [second, third] {
        assert_eq!(node.get("/.well-known/jwks.json").send().await.expect(200).json, keys);
    }
    // A pepper that differed would make every secret of one node worthless at another.
    let begun = first.user(ADA).begin_sign_up().await;
    let ada = begun.at(second).verify(&first.code_to(ADA).await).await;
    assert!(ada.at(third).refresh().await.is_active().await);
    let begun = third.user(ADA).begin_sign_in().await;
    begun.at(first).verify(&third.code_to(ADA).await).await;
}

/// C55, X14: a node whose clock is a minute behind takes the tokens that another has just made; one that is further behind
/// does not. A token that has ended by a node's own clock has ended there.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn clocks_may_differ_a_little(#[values(Postgres, Dynamodb)] on: Engine) {
    let first = TestApp::start(on).await;
    let ada = first.user(ADA).sign_up().await;
    // Later, or it might send her code, to a mailbox of its own.
    let other = TestApp::of(first.home.clone(), |_| {}).await;
    let there = ada.at(&other);
    let (now, minute) = (first.clock_now(), Duration::from_secs(60));
    for (clock, counts) in [
        (now - minute, true),
        (now - minute - Duration::from_secs(1), false),
        (now + Duration::from_secs(899), true),
        (now + Duration::from_secs(900), false),
    ] {
        other.clock.set(clock);
        assert_eq!(there.is_active().await, counts, "{clock}");
    }
}
