//! The suites of `PepperStore` and `ResealStore`.

use symbolon_domain::{
    audit::Act,
    device_tokens::{ClaimOutcome, NewDeviceToken, NewTokenRequest},
    effects::Effects,
    entropy::random_bytes,
    id::SigningKeyId,
    outbox::{FinishMessage, LeaseMessages, MessageState},
    sealing::{SealedBytes, SealedKind, SealedRow},
    signing_keys::{KeyLife, SigningAlgorithm, SigningKey},
};

use super::{
    Stores,
    device_tokens::{external, new_claim, new_request, new_token, requested},
    given::{Drawn, MANY, at, count, event, message, race},
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

/// Something of every kind: five messages, one of them delivered, two peppers, a signing key.
async fn something_sealed(stores: &Stores) -> Vec<(SealedKind, SealedRow)> {
    let mut expected = Vec::new();
    for name in ["identifiers", "pii"] {
        let sealed = stores.peppers.get_or_insert(name, &candidate()).await.unwrap();
        expected.push((SealedKind::Pepper, SealedRow { id: name.as_bytes().to_vec(), sealed }));
    }
    let key = SigningKey {
        id: SigningKeyId::new(at(0), &Drawn),
        generation: 1,
        algorithm: SigningAlgorithm::Es256,
        created_at: at(0),
        life: KeyLife { signs_from: at(0), retires_at: None },
        public_jwk: "{}".to_owned(),
        private: candidate(),
    };
    let row = SealedRow { id: key.id.as_bytes().to_vec(), sealed: key.private.clone() };
    let effects = Effects::event(event(Act::SIGNING_KEY_CREATED, at(0)));
    assert!(stores.signing_keys.insert_first(key, effects).await.unwrap());
    expected.push((SealedKind::SigningKey, row));

    let messages: Vec<_> = (0..5).map(|second| message(at(second))).collect();
    stores.sign_ins.refuse(Effects { messages: messages.clone(), events: Vec::new() }).await.unwrap();
    let lease = LeaseMessages { lease: [1; 16], now: at(0), until: at(60), limit: 1 };
    let delivered = stores.outbox.lease(lease).await.unwrap().remove(0).message.id;
    let (lease, state) = ([1; 16], MessageState::Delivered);
    let finish = FinishMessage { id: delivered, lease, state, reason: None, now: at(1) };
    assert!(stores.outbox.finish(finish, Effects::default()).await.unwrap());
    for message in messages.into_iter().filter(|message| message.id != delivered) {
        let row = SealedRow { id: message.id.as_bytes().to_vec(), sealed: message.content };
        expected.push((SealedKind::Message, row));
    }
    let mut tokens = Vec::new();
    for second in 0..3 {
        let (holder, device) = (external(), format!("device-number-{second}"));
        let request =
            NewTokenRequest { effects: Effects::default(), ..new_request(&holder, &device, at(second)) };
        let (request, token) = (requested(stores, request).await.id, new_token(&holder, &device, at(second)));
        let claim = NewDeviceToken { effects: Effects::default(), ..new_claim(request, &token, None) };
        let claim = stores.device_tokens.claim(claim);
        assert_eq!(claim.await.unwrap(), ClaimOutcome::Claimed);
        tokens.push(token);
    }
    for token in tokens {
        let row = SealedRow { id: token.id.as_bytes().to_vec(), sealed: token.secret };
        expected.push((SealedKind::DeviceToken, row));
    }
    expected
}

async fn all_sealed(stores: &Stores, limit: u32) -> Vec<(SealedKind, SealedRow)> {
    let mut found: Vec<(SealedKind, SealedRow)> = Vec::new();
    for kind in [SealedKind::Pepper, SealedKind::SigningKey, SealedKind::Message, SealedKind::DeviceToken] {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = stores.sealed.sealed(kind, after.as_deref(), limit).await.unwrap();
            assert!(rows.len() <= usize::try_from(limit).unwrap());
            let Some(last) = rows.last() else { break };
            after = Some(last.id.clone());
            found.extend(rows.into_iter().map(|row| (kind, row)));
        }
    }
    found
}

/// C64: every kind, in the order of its ids, and nothing of what was erased.
pub(crate) async fn everything_sealed_is_found_page_by_page(stores: &Stores) {
    assert!(all_sealed(stores, 10).await.is_empty());
    let expected = something_sealed(stores).await;
    for limit in [1, 3, 100] {
        assert_eq!(all_sealed(stores, limit).await, expected, "{limit}");
    }
}

/// C64: of each kind only over what was read, and nothing else changes.
pub(crate) async fn sealed_bytes_are_replaced_where_they_are_unchanged(stores: &Stores) {
    for (kind, row) in something_sealed(stores).await {
        let (new, before) = (candidate(), all_sealed(stores, 100).await);
        let other = SealedRow { sealed: candidate(), ..row.clone() };
        assert!(!stores.sealed.reseal(kind, &other, &new).await.unwrap());
        assert_eq!(all_sealed(stores, 100).await, before);
        assert!(stores.sealed.reseal(kind, &row, &new).await.unwrap());
        let changed = SealedRow { sealed: new, ..row.clone() };
        let expected: Vec<_> = before
            .into_iter()
            .map(|found| if found == (kind, row.clone()) { (kind, changed.clone()) } else { found })
            .collect();
        assert_eq!(all_sealed(stores, 100).await, expected);
        let unknown = SealedRow { id: b"0123456789abcdef".to_vec(), sealed: row.sealed };
        assert!(!stores.sealed.reseal(kind, &unknown, &candidate()).await.unwrap());
    }
}

pub(crate) async fn of_many_who_seal_anew_one_does(stores: &Stores) {
    for (kind, row) in something_sealed(stores).await {
        let sealing = (0..16).map(|_| {
            let (stores, row, new) = (stores.clone(), row.clone(), candidate());
            async move { stores.sealed.reseal(kind, &row, &new).await.unwrap() }
        });
        assert_eq!(count(&race(sealing).await, |is_done| *is_done), 1);
    }
}
