//! What becomes of tokens while the issuer's server is not what it should be (X8, Z4, C57).

use futures::future::join_all;

use super::{
    server::{Mood, Server},
    *,
};

const HOUR: i64 = 3_600;

async fn unavailable(given: &Given, token: &str) {
    let error = given.keys.verify(token).await.unwrap_err();
    assert_eq!(error, IssuerTokenError::Unavailable { issuer: ISSUER.to_owned() });
}

fn bad_moods() -> Vec<Mood> {
    vec![
        Mood::Status(500, "oh".to_owned()),
        Mood::Status(200, "<html>It is well.</html>".to_owned()),
        Mood::Status(404, String::new()),
        Mood::Well(r#"{"keys":[]}"#.to_owned()),
        Mood::Endless,
        Mood::Not,
        Mood::Never,
    ]
}

/// X8: whatever becomes of the server, known keys go on, and no token waits for it.
#[tokio::test]
async fn known_keys_outlive_their_server() {
    let (known, unknown) = (Signer::p256("a"), Signer::p256("b"));
    for mood in bad_moods() {
        let given = Given::new(set_of(&[&known])).await;
        let token = known.sign_as("ES256", &claims());
        given.keys.verify(&token).await.unwrap();
        given.server.becomes(mood);
        for minute in 0..120 {
            given.clock.advance(60);
            let asked = tokio::time::timeout(Duration::from_secs(1), given.keys.verify(&token));
            asked.await.unwrap_or_else(|_| panic!("waited in minute {minute}")).unwrap();
        }
        unavailable(&given, &unknown.sign_as("ES256", &claims())).await;
        given.clock.advance(24 * HOUR - 120 * 60);
        given.keys.verify(&token).await.unwrap();
        given.clock.advance(1);
        unavailable(&given, &token).await;
        given.server.becomes(Mood::Well(set_of(&[&known, &unknown]).to_string()));
        given.clock.advance(2);
        given.keys.verify(&token).await.unwrap();
        given.keys.verify(&unknown.sign_as("ES256", &claims())).await.unwrap();
    }
}

/// X8: an outage on the first day is no "no", and is over as soon as the server is back.
#[tokio::test]
async fn without_keys_nothing_is_said_of_a_token() {
    let signer = Signer::p256("a");
    let token = signer.sign_as("ES256", &claims());
    let given = Given::new(json!({})).await;
    for mood in bad_moods() {
        given.server.becomes(mood);
        given.clock.advance(2);
        unavailable(&given, &token).await;
        let before = given.server.asked("/keys");
        // Who comes right after is told at once.
        join_all((0..50).map(|_| unavailable(&given, &token))).await;
        assert_eq!(given.server.asked("/keys"), before);
    }
    given.server.becomes(Mood::Well(set_of(&[&signer]).to_string()));
    given.clock.advance(2);
    given.keys.verify(&token).await.unwrap();
}

/// X8, C57: ten thousand made-up names of keys are one fetch a minute.
#[tokio::test]
async fn unknown_keys_are_looked_for_once_a_minute() {
    let signer = Signer::p256("a");
    let given = Given::new(set_of(&[&signer])).await;
    given.keys.verify(&signer.sign_as("ES256", &claims())).await.unwrap();
    for minute in 1..=3 {
        given.clock.advance(60);
        for number in 0..10_000 {
            let header = json!({ "alg": "ES256", "kid": number.to_string() });
            assert_eq!(
                given.fault(&signer.sign_with(&header, &claims())).await,
                IssuerTokenFault::UnknownKey
            );
        }
        assert_eq!(given.server.asked("/keys"), 1 + minute);
        given.keys.verify(&signer.sign_as("ES256", &claims())).await.unwrap();
    }
}

/// C57: who comes while a fetch is under way waits for that one.
#[tokio::test]
async fn there_is_one_fetch_at_a_time() {
    let signer = Signer::p256("a");
    let given = Given::new(set_of(&[&signer])).await;
    let token = signer.sign_as("ES256", &claims());
    for verified in join_all((0..100).map(|_| given.keys.verify(&token))).await {
        verified.unwrap();
    }
    assert_eq!(given.server.asked("/keys"), 1);
}

/// Z4: keys follow each other with nobody waiting: the new one is found when it is first used, the old one goes.
#[tokio::test]
async fn a_rotation_is_followed() {
    let (old, new) = (Signer::p256("old"), Signer::p256("new"));
    let (by_old, by_new) = (old.sign_as("ES256", &claims()), new.sign_as("ES256", &claims()));
    let given = Given::new(set_of(&[&old])).await;
    let first = given.keys.verify(&by_old).await.unwrap().keys;
    given.server.becomes(Mood::Well(set_of(&[&old, &new]).to_string()));
    assert_eq!(given.fault(&by_new).await, IssuerTokenFault::UnknownKey);
    given.clock.advance(60);
    let second = given.keys.verify(&by_new).await.unwrap().keys;
    assert_ne!(first, second);
    given.server.becomes(Mood::Well(set_of(&[&new]).to_string()));
    given.clock.advance(599);
    given.keys.verify(&by_old).await.unwrap();
    assert_eq!(given.server.asked("/keys"), 2);
    given.clock.advance(1);
    // This one asks for the set, and does not wait for it.
    given.keys.verify(&by_old).await.unwrap();
    given.until_asked(3).await;
    assert_eq!(given.fault(&by_old).await, IssuerTokenFault::UnknownKey);
    let third = given.keys.current(0, given.clock.now());
    assert!(third.is_some_and(|third| third != second), "what was known by the old keys is known no more");
    given.clock.advance(600);
    given.keys.current(0, given.clock.now());
    given.until_asked(4).await;
    assert_eq!(given.keys.current(0, given.clock.now()), third, "the same keys are the same set");
}

/// C57: no redirect is followed, neither to keys nor anywhere else.
#[tokio::test]
async fn nobody_is_sent_elsewhere() {
    let signer = Signer::p256("a");
    let given = Given::new(json!({})).await;
    let other = Server::start(set_of(&[&signer]).to_string()).await;
    given.server.becomes(Mood::Elsewhere(other.url("/keys")));
    unavailable(&given, &signer.sign_as("ES256", &claims())).await;
    assert_eq!(other.asked_at_all(), 0);
}

/// Z1: without a `jwks_uri` the issuer says where its keys are, if it says of itself what the operator does.
#[tokio::test]
async fn keys_are_discovered() {
    let signer = Signer::p256("a");
    let server = Server::start(set_of(&[&signer]).to_string()).await;
    let issuer = server.url("/pool");
    let page = "/pool/.well-known/openid-configuration";
    let clock = Arc::new(TestClock::default());
    let endpoint =
        IssuerEndpoint { issuer: issuer.clone(), jwks_uri: None, algorithms: vec![Algorithm::Es256] };
    let keys = JwksHttp::new(vec![endpoint], clock.clone()).unwrap();
    let token = signer.sign_as("ES256", &json!({ "iss": issuer, "sub": "ada" }));
    for wrong in [
        json!({ "issuer": server.url("/other"), "jwks_uri": server.url("/keys") }),
        json!({ "issuer": format!("{issuer}/"), "jwks_uri": server.url("/keys") }),
        json!({ "issuer": issuer, "jwks_uri": "http://issuer.example/keys" }),
        json!({ "issuer": issuer, "jwks_uri": "file:///etc/passwd" }),
        json!({ "issuer": issuer }),
    ] {
        server.page(page, wrong.to_string());
        clock.advance(2);
        assert!(keys.verify(&token).await.is_err(), "{wrong}");
        assert_eq!(server.asked("/keys"), 0, "{wrong}");
    }
    server.page(page, json!({ "issuer": issuer, "jwks_uri": server.url("/keys") }).to_string());
    clock.advance(2);
    keys.verify(&token).await.unwrap();
    assert_eq!(keys.refresh(&issuer).await, Ok(1));
    assert!(keys.refresh("https://other.example").await.is_err());
}
