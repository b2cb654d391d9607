//! The keys that sign, while they follow each other: on several nodes, under load (O8).

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::join_all;
use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon::settings::{self, Settings};
use symbolon_domain::{
    actor::{Actor, Role},
    audit::{Act, Outcome},
    signing_keys::{RotateError, RotateWhen},
};

use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    SignedIn, TestApp,
};

const DAY: Duration = Duration::from_secs(86_400);
const PEOPLE: usize = 4;
const KEYS: &str = "/v1/admin/signing-keys";

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
    let alone = keys.retire(old, Actor::Operator, &first.operator()).await;
    assert!(matches!(alone, Err(RotateError::LastKey)), "{alone:?}");
    keys.rotate(RotateWhen::Now, Actor::Operator, &first.operator()).await.unwrap();
    let early = keys.retire(old, Actor::Operator, &first.operator()).await;
    assert!(matches!(early, Err(RotateError::LastKey)), "nobody knows the new one yet: {early:?}");
    futures::join!(tend(&first), tend(second));
    first.clock.advance(Duration::from_secs(15));
    let successor = ada.refresh().await;
    assert!(ada.at(second).is_active().await && successor.at(second).is_active().await);
    keys.retire(old, Actor::Operator, &first.operator()).await.unwrap();
    futures::join!(tend(&first), tend(second));
    for node in [&first, second] {
        assert!(!ada.at(node).is_active().await && successor.at(node).is_active().await);
        ada.at(node).call("GET", "/v1/account").send().await.expect(401);
        assert_eq!(published(node).await, [parts(&successor.token).0]);
    }
    let again = keys.retire(old, Actor::Operator, &first.operator()).await;
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

/// O8, A5, F7, G2: staff look at the keys, a superuser with a fresh sign-in makes and retires them, and the log says who.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn superusers_rotate_and_retire_keys(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let list = async || staff.call("GET", KEYS).send().await.expect(200).json["items"].clone();
    let old = list().await[0].clone();
    let members: Vec<&String> = old.as_object().unwrap().keys().collect();
    assert_eq!(members, ["alg", "created", "kid", "retires", "signs_from", "state"]);
    assert_eq!(
        (&old["state"], &old["alg"], &old["retires"]),
        (&json!("signing"), &json!("ES256"), &Json::Null)
    );
    let retire_old = format!("{KEYS}/{}/retire", old["kid"].as_str().unwrap());
    let alone = root.call("POST", &retire_old).send().await.expect(409);
    assert_eq!(alone.slug(), "last_signing_key");

    let rotated = root.call("POST", &format!("{KEYS}/rotate")).send().await.expect(201);
    assert_eq!(rotated.json["items"], list().await);
    assert_eq!(rotated.json["items"][1]["state"], "published");
    let twice = root.call("POST", &format!("{KEYS}/rotate")).send().await.expect(409);
    assert_eq!(twice.slug(), "key_published");
    root.call("POST", &format!("{KEYS}/rotate?now=soon&color=red")).send().await.expect(400);
    root.call("POST", &format!("{KEYS}/rotate?now=true")).send().await.expect(201);
    tend(&app).await;
    app.clock.advance(Duration::from_secs(15));
    tend(&app).await;
    root.call("POST", &retire_old).send().await.expect(200);
    root.call("POST", &retire_old).send().await.expect(404);
    root.call("POST", &format!("{KEYS}/nonsense/retire")).send().await.expect(404);
    assert_eq!(list().await[0]["state"], "retired");

    let events = app.audit().await;
    let by_root = |act: &Act| {
        let done = events.iter().filter(|event| event.act == *act && event.outcome == Outcome::Done);
        done.filter(|event| event.actor == Actor::Account(root.account_id.parse().unwrap())).count()
    };
    assert_eq!((by_root(&Act::SIGNING_KEY_CREATED), by_root(&Act::SIGNING_KEY_RETIRED)), (2, 1));
}

/// F7, G2: a sign-in that is too old makes and retires no key, which is in the audit log; at its last second it does.
#[rstest]
#[tokio::test]
async fn an_old_sign_in_rotates_no_key(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let kid = published(&app).await.remove(0);
    app.clock.advance(Duration::from_secs(600));
    root.call("POST", &format!("{KEYS}/rotate")).send().await.expect(201);
    app.clock.advance(Duration::from_secs(1));
    for path in [format!("{KEYS}/rotate?now=true"), format!("{KEYS}/{kid}/retire")] {
        let answer = root.call("POST", &path).send().await.expect(401);
        assert_eq!(answer.slug(), "insufficient_user_authentication");
        assert!(answer.header("www-authenticate").contains("max_age=600"));
    }
    root.call("GET", KEYS).send().await.expect(200);
    let events = app.audit().await;
    let refused = events.iter().find(|event| event.act == Act::FRESH_SIGN_IN_ASKED).unwrap();
    assert_eq!(
        (refused.outcome, refused.count, refused.reason.as_deref()),
        (Outcome::Refused, 2, Some("stale"))
    );
    assert_eq!(refused.actor, Actor::Account(root.account_id.parse().unwrap()));
}
