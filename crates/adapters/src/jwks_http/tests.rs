//! The verifier against a server that counts what it is asked, and against tokens made to deceive.

mod attacks;
mod outages;
mod server;
mod signer;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use serde_json::{Value as Json, json};

use self::{server::Server, signer::Signer};
use super::*;

const ISSUER: &str = "https://issuer.example";

/// A clock that goes on when it is told to.
#[derive(Default)]
struct TestClock(AtomicI64);

impl TestClock {
    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + self.0.load(Ordering::Relaxed))
    }
}

/// One issuer, whose keys a server publishes.
struct Given {
    server: Server,
    clock: Arc<TestClock>,
    keys: JwksHttp,
}

impl Given {
    async fn new(body: Json) -> Self {
        Self::with(body, Algorithm::ALL).await
    }

    async fn with(body: Json, algorithms: &[Algorithm]) -> Self {
        let server = Server::start(body.to_string()).await;
        let clock = Arc::new(TestClock::default());
        let endpoint = IssuerEndpoint {
            issuer: ISSUER.to_owned(),
            jwks_uri: Some(server.url("/keys")),
            algorithms: algorithms.to_vec(),
        };
        let keys = JwksHttp::new(vec![endpoint], clock.clone()).unwrap();
        Self { server, clock, keys }
    }

    async fn fault(&self, token: &str) -> IssuerTokenFault {
        match self.keys.verify(token).await {
            Err(IssuerTokenError::Fault(fault)) => fault,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for what goes on in the background.
    async fn until_asked(&self, times: usize) {
        for _ in 0..400 {
            if self.server.asked("/keys") >= times && self.keys.0.issuers[0].fetching.try_lock().is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("asked {} times", self.server.asked("/keys"));
    }
}

fn set_of(signers: &[&Signer]) -> Json {
    json!({ "keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>() })
}

fn claims() -> Json {
    json!({ "iss": ISSUER, "sub": "ada" })
}

#[tokio::test]
async fn every_algorithm_verifies_what_its_key_signed() {
    let (p256, p384, ed, rsa) =
        (Signer::p256("a"), Signer::p384("b"), Signer::ed25519("c"), Signer::rsa("d"));
    let given = Given::new(set_of(&[&p256, &p384, &ed, &rsa])).await;
    for (signer, algorithms) in [
        (&p256, vec!["ES256"]),
        (&p384, vec!["ES384"]),
        (&ed, vec!["EdDSA"]),
        (&rsa, vec!["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
    ] {
        for algorithm in algorithms {
            let token = signer.sign_as(algorithm, &claims());
            let signed = given.keys.verify(&token).await.unwrap();
            assert_eq!(Json::Object(signed.claims), claims(), "{algorithm}");
            let other = Signer::like(signer).sign_as(algorithm, &claims());
            assert_eq!(given.fault(&other).await, IssuerTokenFault::Signature, "{algorithm}");
        }
    }
    assert_eq!(given.server.asked("/keys"), 1);
}

/// Z2: only what is on the issuer's list passes, whatever the key could do.
#[tokio::test]
async fn an_algorithm_off_the_list_does_not_pass() {
    let (rsa, p256) = (Signer::rsa("a"), Signer::p256("b"));
    let given = Given::with(set_of(&[&rsa, &p256]), &[Algorithm::Rs256, Algorithm::Es256]).await;
    assert!(given.keys.verify(&rsa.sign_as("RS256", &claims())).await.is_ok());
    for algorithm in ["RS384", "RS512", "PS256"] {
        let token = rsa.sign_as(algorithm, &claims());
        assert_eq!(given.fault(&token).await, IssuerTokenFault::Algorithm, "{algorithm}");
    }
}

/// C53: where the JWK names its algorithm, no other passes, though it is on the list.
#[tokio::test]
async fn a_key_is_held_to_the_algorithm_that_it_names() {
    let rsa = Signer::rsa("a");
    let mut jwk = rsa.jwk();
    jwk["alg"] = "PS256".into();
    let given = Given::new(json!({ "keys": [jwk] })).await;
    assert!(given.keys.verify(&rsa.sign_as("PS256", &claims())).await.is_ok());
    assert_eq!(given.fault(&rsa.sign_as("RS256", &claims())).await, IssuerTokenFault::Algorithm);
}

/// C58, C53: what is no key for signatures is passed over, and the rest is good.
#[test]
fn a_set_is_read_as_far_as_it_is_of_use() {
    let good = Signer::p256("good");
    let with = |name: &str, value: Json| {
        let mut jwk = good.jwk();
        jwk["kid"] = format!("{name}={value}").into();
        jwk[name] = value;
        jwk
    };
    let mut nameless = good.jwk();
    nameless.as_object_mut().unwrap().remove("kid");
    let mut short = Signer::rsa("short").jwk();
    // 2,040 bits.
    short["n"] = URL_SAFE_NO_PAD.encode([0xff; 255]).into();
    let keys = json!({ "keys": [
        good.jwk(), good.jwk(), nameless, short, 7, json!({ "kid": "no type" }),
        json!({ "kty": "oct", "kid": "secret", "k": "AAAA" }),
        with("use", "enc".into()), with("alg", "ES384".into()), with("alg", "HS256".into()),
        with("crv", "P-521".into()), with("crv", "secp256k1".into()), with("x", "AAAA".into()),
        with("y", good.jwk()["x"].clone()), with("x", "=".into()), with("kty", "ec".into()),
    ]});
    let set = KeySet::parse(keys.to_string().as_bytes(), Algorithm::ALL).unwrap();
    assert_eq!(set.usable().collect::<Vec<_>>(), [("good", vec![Algorithm::Es256])]);
    assert_eq!(set.refused().len(), 15, "{:?}", set.refused());
    for broken in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[{}],"keys":[]}"#, "<html>"]
    {
        assert!(KeySet::parse(broken.as_bytes(), Algorithm::ALL).is_err(), "{broken}");
    }
}

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
