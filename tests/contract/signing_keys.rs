//! The suite of `SigningKeyStore`.

use symbolon_domain::{
    audit::Act,
    clock::Timestamp,
    effects::Effects,
    entropy::random_bytes,
    id::SigningKeyId,
    sealing::SealedBytes,
    signing_keys::{SigningAlgorithm, SigningKey},
};

use super::{
    Stores,
    given::{Drawn, MANY, at, count, event, events, race, written},
};

fn new_key(algorithm: SigningAlgorithm, now: Timestamp) -> SigningKey {
    SigningKey {
        id: SigningKeyId::new(now, &Drawn),
        algorithm,
        created_at: now,
        public_jwk: r#"{"kty":"EC","crv":"P-256"}"#.to_owned(),
        private: SealedBytes::new(random_bytes::<150>(&Drawn).to_vec()),
    }
}

fn created(now: Timestamp) -> Effects {
    Effects::event(event(Act::SIGNING_KEY_CREATED, now))
}

pub(crate) async fn there_are_no_keys_at_first(stores: &Stores) {
    assert!(stores.signing_keys.list().await.unwrap().is_empty());
}

/// O8, C64, G2: the private half sealed, as it was given.
pub(crate) async fn a_key_is_found_as_it_was_written(stores: &Stores) {
    let key = new_key(SigningAlgorithm::EdDsa, at(3));
    let effects = created(at(3));
    assert!(stores.signing_keys.insert_first(key.clone(), effects.clone()).await.unwrap());
    let keys = stores.signing_keys.list().await.unwrap();
    let [found] = keys.as_slice() else { panic!("{keys:?}") };
    assert_eq!((found.id, found.algorithm, found.created_at), (key.id, key.algorithm, at(3)));
    assert_eq!((&found.public_jwk, &found.private), (&key.public_jwk, &key.private));
    assert_eq!(events(stores).await, effects.events);
}

pub(crate) async fn only_the_first_key_is_a_first_key(stores: &Stores) {
    let first = new_key(SigningAlgorithm::Es256, at(0));
    assert!(stores.signing_keys.insert_first(first.clone(), created(at(0))).await.unwrap());
    let before = written(stores).await;
    for late in [new_key(SigningAlgorithm::Rs256, at(1)), first.clone()] {
        assert!(!stores.signing_keys.insert_first(late, created(at(1))).await.unwrap());
    }
    assert_eq!(written(stores).await, before);
    let keys = stores.signing_keys.list().await.unwrap();
    assert_eq!(keys.iter().map(|key| key.id).collect::<Vec<_>>(), [first.id]);
}

/// Nodes that start at once on one new store.
pub(crate) async fn of_many_first_keys_one_is_written(stores: &Stores) {
    let inserting = (0..MANY).map(|_| {
        let (stores, key) = (stores.clone(), new_key(SigningAlgorithm::Es256, at(0)));
        async move { stores.signing_keys.insert_first(key, created(at(0))).await.unwrap() }
    });
    let outcomes = race(inserting).await;
    assert_eq!(count(&outcomes, |is_first| *is_first), 1);
    assert_eq!(stores.signing_keys.list().await.unwrap().len(), 1);
    assert_eq!(written(stores).await, (1, 0));
}
