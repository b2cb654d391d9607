//! The suite of `PepperStore`.

use symbolon_domain::{entropy::random_bytes, sealing::SealedBytes};

use super::{
    Stores,
    given::{Drawn, MANY, race},
};

fn candidate() -> SealedBytes {
    SealedBytes::new(random_bytes::<60>(&Drawn).to_vec())
}

/// G10: exactly once, whatever is offered later.
pub(crate) async fn the_first_pepper_of_a_name_stays(stores: &Stores) {
    let first = candidate();
    assert_eq!(stores.peppers.get_or_insert("pii", &first).await.unwrap(), first);
    assert_eq!(stores.peppers.get_or_insert("pii", &candidate()).await.unwrap(), first);
}

pub(crate) async fn peppers_of_different_names_do_not_meet(stores: &Stores) {
    let (one, other) = (candidate(), candidate());
    assert_eq!(stores.peppers.get_or_insert("one", &one).await.unwrap(), one);
    assert_eq!(stores.peppers.get_or_insert("other", &other).await.unwrap(), other);
    assert_eq!(stores.peppers.get_or_insert("one", &other).await.unwrap(), one);
}

/// G10: nodes that start at once agree.
pub(crate) async fn of_many_first_peppers_one_stays(stores: &Stores) {
    let candidates: Vec<_> = (0..MANY).map(|_| candidate()).collect();
    let inserting = candidates.clone().into_iter().map(|candidate| {
        let stores = stores.clone();
        async move { stores.peppers.get_or_insert("pii", &candidate).await.unwrap() }
    });
    let outcomes = race(inserting).await;
    let stays = outcomes.first().unwrap();
    assert!(candidates.contains(stays));
    assert!(outcomes.iter().all(|outcome| outcome == stays));
}
