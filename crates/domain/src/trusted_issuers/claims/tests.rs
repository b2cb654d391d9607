//! What an issuer's claims must say, and how long one answer about them counts. Signatures are the adapter's business.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::json;

use super::*;
use crate::{
    clock::Clock,
    trusted_issuers::{
        ClaimNames, IssuerKeys, IssuerKeysError, IssuerTokenError, KeySetId, SignedClaims, TrustedIssuers,
    },
};

const NOW: i64 = 1_800_000_000;
const POOL: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc";

fn issuer() -> TrustedIssuer {
    TrustedIssuer {
        issuer: POOL.to_owned(),
        audiences: vec!["app".to_owned(), "other-app".to_owned()],
        token_uses: Vec::new(),
        claims: ClaimNames {
            principal: "sub".to_owned(),
            groups: "cognito:groups".to_owned(),
            scopes: "scope".to_owned(),
            email: "email".to_owned(),
        },
        email_trusted: false,
        leeway: Duration::from_secs(30),
    }
}

fn pool() -> TrustedIssuer {
    TrustedIssuer { token_uses: vec![TokenUse::Access, TokenUse::Id], ..issuer() }
}

fn claims(changes: &Json) -> Json {
    let mut claims = json!({ "iss": POOL, "sub": "ada", "aud": "app", "exp": NOW + 60 });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn read_by(issuer: &TrustedIssuer, changes: &Json) -> Result<ExternalIdentity, IssuerTokenFault> {
    read(issuer, claims(changes).as_object().unwrap())
}

#[test]
fn what_the_issuer_says_is_read() {
    let identity = read_by(
        &issuer(),
        &json!({
            "scope": "read write", "cognito:groups": ["staff", "night shift"], "amr": ["pwd", "mfa"],
            "email": "ada@example.org", "email_verified": true, "nbf": NOW - 1, "iat": 1_799_999_997.5,
        }),
    )
    .unwrap();
    assert_eq!(identity.subject.to_string(), format!("{POOL}|ada"));
    assert_eq!(identity.scopes, ["read", "write"]);
    assert_eq!(identity.groups, ["staff", "night shift"]);
    assert_eq!(identity.amr, ["pwd", "mfa"]);
    assert_eq!(identity.verified_email, Some("ada@example.org".parse().unwrap()));
    assert_eq!(identity.expires_at, Timestamp::from_seconds(NOW + 60));
    assert_eq!(identity.not_before, Some(Timestamp::from_seconds(NOW - 1)));
    assert_eq!(identity.issued_at, Some(Timestamp::from_seconds(NOW - 3)));
    let plain = read_by(&issuer(), &json!({})).unwrap();
    assert_eq!((plain.scopes.len(), plain.groups.len(), plain.amr.len()), (0, 0, 0));
    let lists = read_by(&issuer(), &json!({ "scope": ["a b", "c"], "cognito:groups": "one" })).unwrap();
    assert_eq!((lists.scopes, lists.groups), (vec!["a b".into(), "c".into()], vec!["one".into()]));
}

/// Z1: the claim that names somebody is the one that the operator says.
#[test]
fn claims_have_the_names_that_they_are_given() {
    let mut issuer = issuer();
    issuer.claims = ClaimNames {
        principal: "client_id".to_owned(),
        groups: "roles".to_owned(),
        scopes: "scp".to_owned(),
        email: "mail".to_owned(),
    };
    let changes = json!({
        "client_id": "robot", "roles": ["a"], "scp": "b", "mail": "r@example.org", "email_verified": true,
        "scope": "no", "cognito:groups": ["no"], "email": "no@example.org",
    });
    let identity = read_by(&issuer, &changes).unwrap();
    assert_eq!(identity.subject.principal, "robot");
    assert_eq!((identity.groups, identity.scopes), (vec!["a".to_owned()], vec!["b".to_owned()]));
    assert_eq!(identity.verified_email, Some("r@example.org".parse().unwrap()));
}

/// Z3, C55: a wrong or missing claim is named.
#[test]
fn a_claim_that_is_wrong_or_missing_opens_nothing() {
    use IssuerTokenFault::{Audience, Claims, Issuer};
    for (changes, fault) in [
        (json!({ "iss": null }), Issuer),
        (json!({ "iss": format!("{POOL}/") }), Issuer),
        (json!({ "iss": POOL.to_uppercase() }), Issuer),
        (json!({ "iss": 7 }), Claims),
        (json!({ "aud": null }), Audience),
        (json!({ "aud": "App" }), Audience),
        (json!({ "aud": "app " }), Audience),
        (json!({ "aud": [] }), Audience),
        (json!({ "aud": ["third"] }), Audience),
        (json!({ "aud": null, "client_id": "app" }), Audience),
        (json!({ "aud": ["app", 7] }), Claims),
        (json!({ "aud": { "app": true } }), Claims),
        (json!({ "exp": null }), Claims),
        (json!({ "exp": (NOW + 60).to_string() }), Claims),
        (json!({ "exp": -1 }), Claims),
        (json!({ "exp": 1e300 }), Claims),
        (json!({ "nbf": "now" }), Claims),
        (json!({ "iat": [] }), Claims),
        (json!({ "sub": null }), Claims),
        (json!({ "sub": "" }), Claims),
        (json!({ "sub": 7 }), Claims),
        (json!({ "sub": "a\nb" }), Claims),
        (json!({ "sub": "a".repeat(256) }), Claims),
        (json!({ "scope": 7 }), Claims),
        (json!({ "cognito:groups": [["a"]] }), Claims),
        (json!({ "amr": { "pwd": 1 } }), Claims),
    ] {
        assert_eq!(read_by(&issuer(), &changes), Err(fault), "{changes}");
    }
    for audience in [json!("other-app"), json!(["third", "app"])] {
        assert!(read_by(&issuer(), &json!({ "aud": audience })).is_ok(), "{audience}");
    }
    assert!(read_by(&issuer(), &json!({ "sub": "a".repeat(255) })).is_ok());
}

/// C56: what Cognito's access tokens are for is in `client_id`, and only there; in ID tokens in `aud`, and only there.
#[test]
fn tokens_of_cognito_are_told_by_their_use() {
    use IssuerTokenFault::{Audience, TokenUse as Use};
    let access = json!({ "token_use": "access", "aud": null, "client_id": "app" });
    let id = json!({ "token_use": "id", "aud": "app" });
    assert!(read_by(&pool(), &access).is_ok());
    assert!(read_by(&pool(), &id).is_ok());
    for (changes, fault) in [
        (json!({ "token_use": "access", "aud": "app" }), Audience),
        (json!({ "token_use": "access", "aud": "app", "client_id": "third" }), Audience),
        (json!({ "token_use": "id", "aud": null, "client_id": "app" }), Audience),
        (json!({ "token_use": "id", "aud": "third", "client_id": "app" }), Audience),
        (json!({ "token_use": null }), Use),
        (json!({ "token_use": "refresh" }), Use),
        (json!({ "token_use": "ID" }), Use),
    ] {
        assert_eq!(read_by(&pool(), &changes), Err(fault), "{changes}");
    }
    let only_id = TrustedIssuer { token_uses: vec![TokenUse::Id], ..issuer() };
    assert_eq!(read_by(&only_id, &access), Err(Use));
    assert!(read_by(&only_id, &id).is_ok());
}

/// Z1: an address counts when its issuer vouches for it, by the token or by the operator's word.
#[test]
fn an_address_counts_when_it_is_verified() {
    let email = |issuer: &TrustedIssuer, verified: Json| {
        read_by(issuer, &json!({ "email": "ada@example.org", "email_verified": verified }))
            .unwrap()
            .verified_email
    };
    for verified in [json!(true), json!("true")] {
        assert!(email(&issuer(), verified).is_some());
    }
    for unverified in [json!(false), json!("false"), json!(null), json!(1), json!("TRUE"), json!(["true"])] {
        assert!(email(&issuer(), unverified.clone()).is_none(), "{unverified}");
        let trusted = TrustedIssuer { email_trusted: true, ..issuer() };
        assert!(email(&trusted, unverified).is_some());
    }
    let none = read_by(&issuer(), &json!({ "email_verified": true })).unwrap();
    assert_eq!(none.verified_email, None);
    let odd = read_by(&issuer(), &json!({ "email": "not an address", "email_verified": true })).unwrap();
    assert_eq!(odd.verified_email, None);
}

/// Z3: by the second, with the issuer's leeway.
#[test]
fn a_token_counts_between_its_times() {
    let check = |changes: Json, now: i64| {
        check_time(&issuer(), &read_by(&issuer(), &changes).unwrap(), Timestamp::from_seconds(now))
    };
    assert_eq!(check(json!({}), NOW + 60 + 29), Ok(()));
    assert_eq!(check(json!({}), NOW + 60 + 30), Err(IssuerTokenFault::Expired));
    for begins in ["nbf", "iat"] {
        assert_eq!(check(json!({ begins: NOW + 30 }), NOW), Ok(()));
        assert_eq!(check(json!({ begins: NOW + 31 }), NOW), Err(IssuerTokenFault::NotYetValid), "{begins}");
        let both = json!({ "nbf": NOW, "iat": NOW, begins: NOW + 31 });
        assert_eq!(check(both, NOW), Err(IssuerTokenFault::NotYetValid), "{begins}");
    }
}

/// Keys that take every token for what it is written as, and count how often they are asked.
#[derive(Default)]
struct Keys {
    verified: AtomicUsize,
    set: AtomicU64,
}

#[async_trait]
impl IssuerKeys for Keys {
    async fn verify(&self, token: &str) -> Result<SignedClaims, IssuerTokenError> {
        self.verified.fetch_add(1, Ordering::Relaxed);
        let keys = KeySetId(self.set.load(Ordering::Relaxed));
        Ok(SignedClaims { issuer: 0, keys, claims: serde_json::from_str(token).unwrap() })
    }

    fn current(&self, _: usize, _: Timestamp) -> Option<KeySetId> {
        let set = self.set.load(Ordering::Relaxed);
        (set != 99).then_some(KeySetId(set))
    }

    async fn refresh(&self, _: &str) -> Result<usize, IssuerKeysError> {
        Ok(1)
    }
}

#[derive(Default)]
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(NOW + self.0.load(Ordering::Relaxed))
    }
}

/// G-8, Z2: a token is verified once for as long as its issuer's keys are the same, and never counts past its time.
#[test]
fn a_token_that_was_seen_is_verified_again_when_the_keys_change() {
    futures::executor::block_on(async {
        let (keys, clock) = (Arc::new(Keys::default()), Arc::new(TestClock::default()));
        let issuers = TrustedIssuers::new(vec![issuer()], keys.clone(), clock.clone());
        let token = claims(&json!({})).to_string();
        for _ in 0..3 {
            assert_eq!(issuers.verify(&token).await.unwrap().subject.principal, "ada");
        }
        assert_eq!(keys.verified.load(Ordering::Relaxed), 1);
        let other = claims(&json!({ "sub": "bob" })).to_string();
        assert_eq!(issuers.verify(&other).await.unwrap().subject.principal, "bob");
        keys.set.store(1, Ordering::Relaxed);
        issuers.verify(&token).await.unwrap();
        issuers.verify(&token).await.unwrap();
        assert_eq!(keys.verified.load(Ordering::Relaxed), 3);
        // No keys at all.
        keys.set.store(99, Ordering::Relaxed);
        issuers.verify(&token).await.unwrap();
        assert_eq!(keys.verified.load(Ordering::Relaxed), 4);
        keys.set.store(1, Ordering::Relaxed);
        issuers.verify(&token).await.unwrap();
        clock.0.store(90, Ordering::Relaxed);
        let expired = Err(IssuerTokenError::Fault(IssuerTokenFault::Expired));
        assert_eq!(issuers.verify(&token).await, expired);
        // A token that is not for us is no better the second time.
        clock.0.store(0, Ordering::Relaxed);
        let foreign = claims(&json!({ "aud": "third" })).to_string();
        for _ in 0..2 {
            let refused = Err(IssuerTokenError::Fault(IssuerTokenFault::Audience));
            assert_eq!(issuers.verify(&foreign).await, refused);
        }
    });
}
