//! The keys that sign, while they follow each other: on several nodes, under load (O8).

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::join_all;
use rstest::rstest;
use serde_json::Value as Json;
use symbolon::settings::{self, Settings};
use symbolon_domain::{
    actor::Actor,
    audit::Act,
    signing_keys::{RotateError, RotateWhen},
};

use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    SignedIn, TestApp,
};

const DAY: Duration = Duration::from_secs(86_400);
const PEOPLE: usize = 4;

/// The shortest life of a key that can be configured.
fn rotate_daily(settings: &mut Settings) {
    settings.signing_keys.rotate_every = settings::Duration::from_secs(86_400);
    settings.signing_keys.publish_before = settings::Duration::from_secs(600);
}

async fn published(app: &TestApp) -> Vec<String> {
    let set = app.get("/.well-known/jwks.json").send().await.expect(200).json;
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// The `kid` and the `exp` of a token.
fn parts(token: &str) -> (String, i64) {
    let part = |index| -> Json {
        let part = token.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    (part(0)["kid"].as_str().unwrap().to_owned(), part(1)["exp"].as_i64().unwrap())
}

async fn tend(app: &TestApp) {
    app.service.signing_keys.tend().await.unwrap();
}

/// O8: on two nodes, while people refresh and tokens are checked at both: no token that has not expired is refused; one
/// node makes the key; it is published before it signs, and the one before until its last token has ended.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_under_load_and_no_valid_token_is_refused(#[values(Postgres, Dynamodb)] on: Engine) {
    let first = TestApp::with(on, rotate_daily).await;
    let second = first.beside_with(rotate_daily).await;
    let nodes = [&first, &second];
    let mut people = Vec::new();
    for person in 0..PEOPLE {
        people.push(first.user(&format!("person-{person}@example.org")).sign_up().await);
    }
    let old = published(&first).await;
    first.clock.advance(DAY - Duration::from_secs(900));
    let (mut valid, mut sets, mut signers) = (Vec::<SignedIn<'_>>::new(), Vec::new(), BTreeSet::new());
    for step in 0..14_usize {
        let refreshing = people.iter().enumerate().map(|(person, known)| {
            let node = nodes[(step + person) % 2];
            let known = known.at(node);
            async move { known.refresh().await }
        });
        let checking = valid.iter().flat_map(|known| nodes.map(|node| known.at(node)));
        let checking = join_all(checking.map(|known| async move { known.is_active().await }));
        let (refreshed, active, (), ()) =
            futures::join!(join_all(refreshing), checking, tend(&first), tend(&second));
        assert!(active.iter().all(|active| *active), "a valid token was refused in step {step}");
        people = refreshed;
        for known in &people {
            signers.insert((step, parts(&known.token).0));
            valid.push(known.at(&first));
        }
        let set = published(&first).await;
        assert_eq!(published(&second).await, set, "step {step}");
        sets.push(set);
        first.clock.advance(Duration::from_secs(180));
        let now = first.clock_now().seconds();
        valid.retain(|known| parts(&known.token).1 > now);
    }
    let created = first.audit().await.into_iter().filter(|event| event.act == Act::SIGNING_KEY_CREATED);
    assert_eq!(created.count(), 2, "one node rotates");
    let new: Vec<String> = sets.last().unwrap().clone();
    assert_eq!((new.len(), new == old), (1, false), "the old one is gone when its last token has ended");
    let both = [old.clone(), new.clone()].concat();
    let step_of = |wanted: &[String]| sets.iter().position(|set| set == wanted).unwrap();
    // Steps of 180 s: in the third one the day is over in less than 600 s and the key is published, 600 s later it signs, and
    // 960 s after that the old one is taken no more.
    let (is_published, is_alone) = (step_of(&both), step_of(&new));
    assert_eq!((is_published, is_alone), (2, 11));
    let signs_from = signers.iter().find(|(_, kid)| *kid == new[0]).unwrap().0;
    assert_eq!(signs_from, 6);
    assert!(signers.iter().all(|(step, kid)| (*kid == new[0]) == (*step >= signs_from)), "{signers:?}");
}

/// O8: a key that somebody else may have is taken no more, on every node that has looked, though its tokens have not
/// expired; those of its successor are.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_retired_opens_nothing(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let first = TestApp::start(on).await;
    let second = if on == Sqlite { None } else { Some(first.beside().await) };
    let second = second.as_ref().unwrap_or(&first);
    let ada = first.user("ada@example.org").sign_up().await;
    let keys = &first.service.signing_keys;
    let old = parts(&ada.token).0.parse().unwrap();
    let alone = keys.retire(old, Actor::Operator).await;
    assert!(matches!(alone, Err(RotateError::LastKey)), "{alone:?}");
    keys.rotate(RotateWhen::Now, Actor::Operator).await.unwrap();
    let early = keys.retire(old, Actor::Operator).await;
    assert!(matches!(early, Err(RotateError::LastKey)), "nobody knows the new one yet: {early:?}");
    futures::join!(tend(&first), tend(second));
    first.clock.advance(Duration::from_secs(15));
    let successor = ada.refresh().await;
    assert!(ada.at(second).is_active().await && successor.at(second).is_active().await);
    keys.retire(old, Actor::Operator).await.unwrap();
    futures::join!(tend(&first), tend(second));
    for node in [&first, second] {
        assert!(!ada.at(node).is_active().await && successor.at(node).is_active().await);
        ada.at(node).call("GET", "/v1/account").send().await.expect(401);
        assert_eq!(published(node).await, [parts(&successor.token).0]);
    }
    let again = keys.retire(old, Actor::Operator).await;
    assert!(matches!(again, Err(RotateError::NotFound)), "{again:?}");
}

/// O8: it is listed for a week, and then gone.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_retired_key_is_deleted_in_the_end(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app =
        TestApp::with(on, |settings| settings.sessions.idle = settings::Duration::from_secs(7_776_000)).await;
    app.clock.advance(89 * DAY);
    tend(&app).await;
    let keys = &app.service.signing_keys;
    assert_eq!(keys.list().await.unwrap().len(), 2);
    app.clock.advance(DAY + Duration::from_secs(960));
    app.clock.advance(7 * DAY - Duration::from_micros(1));
    tend(&app).await;
    assert_eq!(keys.list().await.unwrap().len(), 2);
    app.clock.advance(Duration::from_micros(1));
    tend(&app).await;
    assert_eq!(keys.list().await.unwrap().len(), 1);
    assert_eq!(app.audit().await[0].act, Act::SIGNING_KEY_DELETED);
    app.user("ada@example.org").sign_up().await;
}
