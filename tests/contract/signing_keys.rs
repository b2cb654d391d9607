//! The suite of `SigningKeyStore`.

use std::time::Duration;

use symbolon_domain::{
    audit::Act,
    clock::Timestamp,
    effects::Effects,
    entropy::random_bytes,
    id::SigningKeyId,
    sealing::SealedBytes,
    signing_keys::{
        DeleteSigningKey, KeyLife, RetireSigningKey, RotateSigningKey, SigningAlgorithm, SigningKey,
    },
};

use super::{
    Stores,
    given::{Drawn, MANY, MICROSECOND, at, count, event, events, events_of, race, written},
};

fn new_key(algorithm: SigningAlgorithm, now: Timestamp) -> SigningKey {
    SigningKey {
        id: SigningKeyId::new(now, &Drawn),
        generation: 1,
        algorithm,
        created_at: now,
        life: KeyLife { signs_from: now, retires_at: None },
        public_jwk: r#"{"kty":"EC","crv":"P-256"}"#.to_owned(),
        private: SealedBytes::new(random_bytes::<150>(&Drawn).to_vec()),
    }
}

/// The key of this generation, published at `now` and signing from a hundred seconds later on; the one before retires
/// after two hundred.
fn rotation(generation: u32, now: Timestamp) -> RotateSigningKey {
    let life = KeyLife { signs_from: now + Duration::from_secs(100), retires_at: None };
    RotateSigningKey {
        next: SigningKey { generation, life, ..new_key(SigningAlgorithm::Es256, now) },
        predecessor_retires_at: now + Duration::from_secs(200),
        effects: created(now),
    }
}

fn retirement(generation: u32, kept_generation: u32, now: Timestamp) -> RetireSigningKey {
    let effects = Effects::event(event(Act::SIGNING_KEY_RETIRED, now));
    RetireSigningKey { generation, kept_generation, now, effects }
}

fn deletion(generation: u32, retired_by: Timestamp) -> DeleteSigningKey {
    let effects = Effects::event(event(Act::SIGNING_KEY_DELETED, retired_by));
    DeleteSigningKey { generation, retired_by, effects }
}

/// A store with keys of so many generations, one made every thousand seconds.
async fn generations(stores: &Stores, count: u32) -> Vec<SigningKey> {
    stores.signing_keys.insert_first(new_key(SigningAlgorithm::Es256, at(0)), created(at(0))).await.unwrap();
    for generation in 2..=count {
        let command = rotation(generation, at(u64::from(generation) * 1_000));
        assert!(stores.signing_keys.rotate(command).await.unwrap());
    }
    stores.signing_keys.list().await.unwrap()
}

async fn ends(stores: &Stores) -> Vec<Option<Timestamp>> {
    stores.signing_keys.list().await.unwrap().iter().map(|key| key.life.retires_at).collect()
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
    assert_eq!((found.generation, found.life), (1, key.life));
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

/// O8: the next key is there from its publication on, and the end of the one before with it.
pub(crate) async fn the_next_key_is_written_with_the_end_of_the_one_before(stores: &Stores) {
    let command = rotation(2, at(2_000));
    let first = generations(stores, 1).await.remove(0);
    assert!(stores.signing_keys.rotate(command.clone()).await.unwrap());
    let keys = stores.signing_keys.list().await.unwrap();
    let [old, new] = keys.as_slice() else { panic!("{keys:?}") };
    assert_eq!((old.id, old.life.signs_from), (first.id, at(0)));
    assert_eq!(old.life.retires_at, Some(at(2_200)));
    assert_eq!((new.id, new.generation, new.life), (command.next.id, 2, command.next.life));
    assert_eq!((&new.public_jwk, &new.private), (&command.next.public_jwk, &command.next.private));
    assert_eq!(events_of(stores, Act::SIGNING_KEY_CREATED).await.len(), 2);
}

/// O8: a plan that was made for other keys than there are changes nothing.
pub(crate) async fn a_key_follows_the_newest_only(stores: &Stores) {
    assert!(!stores.signing_keys.rotate(rotation(2, at(0))).await.unwrap(), "there is no first one");
    generations(stores, 3).await;
    let before = (written(stores).await, ends(stores).await);
    for generation in [2, 3, 5] {
        assert!(!stores.signing_keys.rotate(rotation(generation, at(9_000))).await.unwrap(), "{generation}");
    }
    assert_eq!((written(stores).await, ends(stores).await), before);
}

/// An end that is sooner stays: a key that somebody else may have is not revived.
pub(crate) async fn a_rotation_does_not_put_off_an_end(stores: &Stores) {
    generations(stores, 2).await;
    assert!(stores.signing_keys.retire(retirement(2, 1, at(2_100))).await.unwrap());
    assert!(stores.signing_keys.rotate(rotation(3, at(2_150))).await.unwrap());
    assert_eq!(ends(stores).await, [Some(at(2_200)), Some(at(2_100)), None]);
}

/// O8: of many nodes exactly one rotates.
pub(crate) async fn of_many_next_keys_one_is_written(stores: &Stores) {
    generations(stores, 1).await;
    let rotating = (0..MANY).map(|_| {
        let (stores, command) = (stores.clone(), rotation(2, at(2_000)));
        async move { stores.signing_keys.rotate(command).await.unwrap() }
    });
    let outcomes = race(rotating).await;
    assert_eq!(count(&outcomes, |is_next| *is_next), 1);
    assert_eq!(stores.signing_keys.list().await.unwrap().len(), 2);
    assert_eq!(events_of(stores, Act::SIGNING_KEY_CREATED).await.len(), 2);
}

/// At once, with its event, and once.
pub(crate) async fn a_key_is_retired_at_once(stores: &Stores) {
    generations(stores, 3).await;
    assert!(stores.signing_keys.retire(retirement(3, 2, at(3_100))).await.unwrap());
    assert_eq!(ends(stores).await[2], Some(at(3_100)));
    let before = (written(stores).await, ends(stores).await);
    assert!(!stores.signing_keys.retire(retirement(3, 2, at(3_101))).await.unwrap());
    assert!(!stores.signing_keys.retire(retirement(9, 2, at(3_101))).await.unwrap());
    assert_eq!((written(stores).await, ends(stores).await), before);
    assert_eq!(events_of(stores, Act::SIGNING_KEY_RETIRED).await.len(), 1);
}

/// The boundary: a substitute that ends at this very moment signs no more.
pub(crate) async fn nothing_is_retired_without_a_substitute(stores: &Stores) {
    generations(stores, 2).await;
    assert!(!stores.signing_keys.retire(retirement(2, 1, at(2_200))).await.unwrap());
    assert!(!stores.signing_keys.retire(retirement(2, 9, at(2_100))).await.unwrap());
    assert_eq!(ends(stores).await, [Some(at(2_200)), None]);
    assert!(stores.signing_keys.retire(retirement(2, 1, at(2_200) - MICROSECOND)).await.unwrap());
}

/// Two that take each other for the one that goes on: one of them does.
pub(crate) async fn of_two_that_retire_each_others_substitute_one_stays(stores: &Stores) {
    generations(stores, 2).await;
    let retiring = (0..16).map(|turn| {
        let (one, other) = if turn % 2 == 0 { (1, 2) } else { (2, 1) };
        let (stores, command) = (stores.clone(), retirement(one, other, at(2_100)));
        async move { stores.signing_keys.retire(command).await.unwrap() }
    });
    let outcomes = race(retiring).await;
    assert_eq!(count(&outcomes, |is_retired| *is_retired), 1);
    let ended = ends(stores).await.into_iter().flatten().filter(|end| *end == at(2_100)).count();
    assert_eq!(ended, 1);
}

/// Not before its time, and never the newest.
pub(crate) async fn a_key_is_deleted_when_it_has_retired(stores: &Stores) {
    generations(stores, 2).await;
    assert!(!stores.signing_keys.delete(deletion(1, at(2_200) - MICROSECOND)).await.unwrap());
    assert!(stores.signing_keys.retire(retirement(2, 1, at(2_100))).await.unwrap());
    assert!(!stores.signing_keys.delete(deletion(2, at(9_000))).await.unwrap(), "it is the newest");
    assert!(stores.signing_keys.delete(deletion(1, at(2_200))).await.unwrap());
    assert!(!stores.signing_keys.delete(deletion(1, at(2_200))).await.unwrap(), "it is gone");
    let left = stores.signing_keys.list().await.unwrap();
    assert_eq!(left.iter().map(|key| key.generation).collect::<Vec<_>>(), [2]);
    assert_eq!(events_of(stores, Act::SIGNING_KEY_DELETED).await.len(), 1);
    let late = new_key(SigningAlgorithm::Es256, at(9_000));
    assert!(!stores.signing_keys.insert_first(late, created(at(9_000))).await.unwrap());
    assert!(stores.signing_keys.rotate(rotation(3, at(9_000))).await.unwrap());
}
